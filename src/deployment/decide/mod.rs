//! `decide`: from what a deployment is and what was just seen to what is recorded, done, and
//! when to look again. Pure: the same inputs give the same decision.

mod credentials;
mod deadman;
mod dns;
mod enough;
mod gates;
mod guards;
mod looked;
mod metrics;
mod promote;
mod provision;
mod revert;
mod shift;
mod takeover;
mod test_route;
mod values;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::action::Action;
use super::event::Event;
use super::metrics::Evidence;
use super::observation::{Ask, Observation, OnInterrupt};
use super::outcome::{Outcome, Stuck};
use super::state::{Deployment, Phase};
use super::trip::{Hold, Trip};

/// How soon to look again after an own change.
const QUICK: Duration = Duration::from_secs(1);
/// How long after an own change looks come quickly: ECS and ELB show most changes within this.
const QUICK_FOR: Duration = Duration::from_secs(15);

/// What to record, what to do, and when to look again.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// For the journal, in order, before the actions are performed.
    pub events: Vec<Event>,
    /// For AWS. Only a write of all weights to blue goes ahead of its record.
    pub actions: Vec<Action>,
    /// When to look again, unless something is asked earlier.
    pub wake_at: Timestamp,
}

/// Decides.
pub fn decide(deployment: &Deployment, observation: &Observation) -> Decision {
    let mut draft = Draft::new(deployment, observation);
    if deployment.outcome().is_some() {
        return draft.finish();
    }
    draft.note_look();
    if let Some(lost) = &observation.lock_lost_to {
        draft.without_the_lock(lost);
        return draft.finish();
    }
    match &deployment.phase {
        Phase::Ended { .. } => {}
        Phase::Promoted { .. } => draft.promoted(),
        Phase::Reverting { .. } => draft.revert_further(),
        _ => {
            if !draft.heed_asks() && !draft.heed_guards() {
                if !draft.wait_for_credentials() {
                    draft.go_on();
                }
                draft.push_out_deadman();
            }
        }
    }
    draft.finish()
}

/// A decision being made.
struct Draft<'a> {
    deployment: &'a Deployment,
    seen: &'a Observation,
    now: Timestamp,
    events: Vec<Event>,
    actions: Vec<Action>,
    wake_at: Timestamp,
    /// What the judge knows with this look's minutes, once they were judged.
    evidence: Option<Evidence>,
}

impl<'a> Draft<'a> {
    fn new(deployment: &'a Deployment, seen: &'a Observation) -> Self {
        let now = seen.now;
        let quick = now < after(deployment.changed_at, QUICK_FOR);
        let poll = deployment.plan.limits.poll;
        let wake_at = after(now, if quick { poll.min(QUICK) } else { poll });
        Draft {
            deployment,
            seen,
            now,
            events: Vec::new(),
            actions: Vec::new(),
            wake_at,
            evidence: None,
        }
    }

    fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
        self.look_by(after(self.now, QUICK));
    }

    /// Looks again at `at` at the latest; a moment that has passed is no reason to.
    fn look_by(&mut self, at: Timestamp) {
        if at > self.now {
            self.wake_at = self.wake_at.min(at);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.record(Event::Ended { outcome });
        self.wake_at = self.now;
    }

    /// Signals and requests, before anything else. True when they decided.
    fn heed_asks(&mut self) -> bool {
        let seen = self.seen;
        let steered = seen.asks.iter().filter(|ask| self.steer(ask)).count();
        if steered > 0 {
            self.wake_at = self.now;
        }
        let paused = self.deployment.paused.is_some();
        let ends = |ask: &&Ask| match ask {
            Ask::Pause { .. }
            | Ask::GoOn { .. }
            | Ask::Gate { .. }
            | Ask::Approve { .. }
            | Ask::Reject { .. } => false,
            Ask::Interrupt { then, .. } => *then != OnInterrupt::Pause || paused,
            Ask::Abort { .. } | Ask::Leave { .. } => true,
        };
        let Some(ask) = seen.asks.iter().find(ends) else {
            return seen.asks.iter().any(|ask| self.heed_gate(ask)) || steered > 0;
        };
        match ask {
            Ask::Pause { .. }
            | Ask::GoOn { .. }
            | Ask::Gate { .. }
            | Ask::Approve { .. }
            | Ask::Reject { .. } => {}
            Ask::Leave { why } => self.end(Outcome::Kept {
                signal: why.clone(),
            }),
            Ask::Interrupt {
                signal,
                then: OnInterrupt::Keep,
            } => {
                self.end(Outcome::Kept {
                    signal: signal.clone(),
                });
            }
            Ask::Interrupt {
                signal,
                then: OnInterrupt::Revert | OnInterrupt::Pause,
            } => {
                self.begin_revert(Trip::Interrupted {
                    signal: signal.clone(),
                });
            }
            Ask::Abort { by } => self.begin_revert(Trip::Aborted { by: by.clone() }),
        }
        true
    }

    /// The name of a signal that came since the last look, whatever else was asked.
    fn signal(&self) -> Option<String> {
        self.seen.asks.iter().find_map(|ask| match ask {
            Ask::Interrupt { signal, .. } => Some(signal.clone()),
            _ => None,
        })
    }

    /// Records what only changes the pace; true for such an ask.
    fn steer(&mut self, ask: &Ask) -> bool {
        match ask {
            Ask::Pause { by } => self.record(Event::Paused { by: by.clone() }),
            Ask::Interrupt {
                signal,
                then: OnInterrupt::Pause,
            } if self.deployment.paused.is_none() => {
                let by = signal.clone();
                self.record(Event::Paused { by });
            }
            Ask::GoOn { by, full } => self.record(Event::GoingOn {
                by: by.clone(),
                full: *full,
            }),
            _ => return false,
        }
        true
    }

    fn go_on(&mut self) {
        if let Some(refused) = self.deployment.gates.refused() {
            return self.revert_for(refused);
        }
        match &self.deployment.phase {
            Phase::Registering => {
                if !self.remove_leftovers() {
                    self.register();
                }
            }
            Phase::Provisioning {
                since,
                provisioned_at,
                healthy_since,
            } => {
                self.provision(*since, *provisioned_at, *healthy_since);
            }
            Phase::Ready => self.raise_from(None),
            Phase::Shifting { step, since } => self.confirm(*step, *since),
            Phase::Baking { step, until } => self.bake(*step, *until),
            Phase::Promoted { .. } | Phase::Reverting { .. } | Phase::Ended { .. } => {}
        }
    }

    /// Records what keeps the deployment from moving on, where that is news; true when patience
    /// is over.
    fn hold(&mut self, reasons: Vec<Hold>) -> bool {
        let held = self.deployment.hold.as_ref();
        let until = held.map_or_else(|| self.patience_ends(), |held| held.until);
        if reasons.is_empty() {
            if held.is_some() {
                self.record(Event::HoldOver);
            }
            return false;
        }
        self.look_by(until);
        if held.is_none_or(|held| held.reasons != reasons) {
            self.record(Event::Holding { reasons, until });
        }
        held.is_some() && self.now >= until
    }

    /// When a hold that begins now has lasted too long. Patience is used up by every hold, and
    /// comes back as slowly where nothing holds: two troubles that take turns are no rest.
    fn patience_ends(&self) -> Timestamp {
        let whole = after(self.now, self.deployment.plan.limits.patience);
        let Some(before) = self.deployment.held_before else {
            return whole;
        };
        let rested = self.now.duration_since(before.over_at) * 2;
        let left = before.until.checked_add(rested);
        left.map_or(whole, |left| left.min(whole))
    }

    /// Holds, and acts by policy when patience ends. What somebody else did is left as it is, and
    /// so is traffic that blue could not take back: an operator decides. Anything else reverts.
    fn hold_or_give_up(&mut self, holds: Vec<Hold>) {
        if !self.hold(holds.clone()) {
            return;
        }
        let split = self.deployment.traffic_touched;
        let for_a_person =
            |hold: &Hold| hold.is_drift() || (split && matches!(hold, Hold::BlueNotReady { .. }));
        if holds.iter().any(for_a_person) {
            self.end(Outcome::Stuck {
                why: Stuck::PatienceOver { waited_for: holds },
            });
        } else {
            self.begin_revert(Trip::PatienceOver { waited_for: holds });
        }
    }

    fn finish(self) -> Decision {
        Decision {
            events: self.events,
            actions: self.actions,
            wake_at: self.wake_at,
        }
    }
}

/// `at` and so much later.
pub(super) fn after(at: Timestamp, later: Duration) -> Timestamp {
    SignedDuration::try_from(later)
        .ok()
        .and_then(|later| at.checked_add(later).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
