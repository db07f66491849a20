//! What has to follow from what is seen, and at once.

use std::time::Duration;

use bg::deployment::action::{Action, WeightWrite};
use bg::deployment::decide::Decision;
use bg::deployment::event::Event;
use bg::deployment::observation::{Ask, LostTo, Observation, OnInterrupt};
use bg::deployment::plan::AlarmWeight;
use bg::deployment::state::{Deployment, Phase};
use bg::deployment::trip::Hold;
use bg::judge::alarms::{AlarmState, InsufficientData};
use jiff::SignedDuration;

use super::Checks;

impl Checks {
    /// A signal, a request or a tripped guard is answered by this very decision.
    pub(super) fn check_reaction(
        &self,
        deployment: &Deployment,
        seen: &Observation,
        decision: &Decision,
    ) {
        let reverts = decision
            .events
            .iter()
            .any(|event| matches!(event, Event::Reverting { .. }));
        if !self.forward() {
            return;
        }
        let keep = |ask: &Ask| {
            matches!(
                ask,
                Ask::Interrupt {
                    then: OnInterrupt::Keep,
                    ..
                }
            )
        };
        // What a gate answers is taken first; the next look comes at once.
        let gate = |ask: &Ask| matches!(ask, Ask::Gate { .. });
        if !seen.asks.is_empty() && seen.asks.iter().all(gate) {
            return;
        }
        if !seen.asks.is_empty() {
            assert!(
                reverts || seen.asks.iter().any(keep),
                "an ask is answered at once"
            );
        } else if !matches!(deployment.phase, Phase::Registering) && self.tripped(seen) {
            assert!(reverts, "a tripped guard reverts at once: {decision:?}");
        }
    }

    /// Another process has the lock: nothing is written but all-blue, and that only over weights
    /// that this deployment itself set.
    pub(super) fn check_without_the_lock(&self, seen: &Observation, decision: &Decision) {
        let ends = |event: &Event| matches!(event, Event::Reverting { .. } | Event::Ended { .. });
        assert!(
            !self.forward() || decision.events.iter().any(ends),
            "it goes no further"
        );
        if decision.actions.is_empty() {
            return;
        }
        let takes_traffic = |lost: &LostTo| lost.took_traffic;
        assert!(
            !seen.lock_lost_to.as_ref().is_some_and(takes_traffic),
            "traffic is another's"
        );
        assert_eq!(
            decision.actions,
            [Action::WriteWeights(WeightWrite::AllBlue)]
        );
        let readable: Vec<u16> = self.shown(seen).into_iter().flatten().collect();
        assert!(readable.iter().any(|share| *share > 0));
        for share in readable {
            let back = self.reverting_since.is_some() && share == 0;
            assert!(share == self.set || back, "somebody else set {share}");
        }
    }

    /// A process died before it could record that it sees nothing: the next one counts from its own
    /// first look. One that lived on has it on record, see [`Checks::check_blindness`].
    pub(crate) fn died(&mut self, left: &Deployment) {
        self.blind_since = self.blind_since.filter(|_| left.blind_since.is_some());
    }

    /// Traffic does not stay split for long while nobody can see what becomes of it.
    pub(super) fn check_blindness(
        &mut self,
        deployment: &Deployment,
        seen: &Observation,
        decision: &Decision,
    ) {
        let green = self.plan.green_slot();
        let groups = self.plan.slots[green]
            .targets
            .iter()
            .map(|target| &target.group);
        let of_green = seen.services[green].trouble().is_some()
            || groups
                .into_iter()
                .any(|group| seen.groups[group].trouble().is_some());
        let hole = of_green || seen.routes.values().any(|route| route.trouble().is_some());
        self.blind_since = hole.then(|| self.blind_since.unwrap_or(seen.now));
        let Some(since) = self.blind_since.filter(|_| self.touched && self.forward()) else {
            return;
        };
        // What is not confirmed within a minute is taken back anyway.
        let limit = self.plan.limits.blind_after + 2 * self.plan.limits.poll;
        let limit = limit + Duration::from_secs(65);
        let limit = SignedDuration::try_from(limit).expect("short");
        let ends = |event: &Event| matches!(event, Event::Reverting { .. } | Event::Ended { .. });
        let blind = seen.now.duration_since(since);
        let ends = decision.events.iter().any(ends);
        assert!(blind < limit || ends, "blind since {since}");
        // Else each process that dies would begin to count anew. Test routes carry nobody.
        let mut routes = self.plan.routes.iter();
        let hole = of_green || routes.any(|route| seen.routes[&route.arn].trouble().is_some());
        assert!(
            !hole
                || ends
                || !seen.asks.is_empty()
                || moves_on(decision)
                || is_being_confirmed(deployment, seen)
                || is_on_record(deployment, decision),
            "nothing on record says that it sees nothing: {decision:?}"
        );
    }

    /// An alarm that counts, or green below its minimum while it has traffic.
    fn tripped(&self, seen: &Observation) -> bool {
        let alarm = self.plan.guards.alarms.iter().any(|guard| {
            let state = seen.alarms[&guard.name].value().map(|alarm| alarm.state);
            let policy = guard.insufficient_data;
            let no_data = self.touched && policy == InsufficientData::Revert;
            let counts = match guard.weight {
                AlarmWeight::Guards => true,
                AlarmWeight::GuardsOnceClear => self.clear.contains(&guard.name),
                AlarmWeight::LiftedAtStart => false,
            };
            counts
                && (state == Some(AlarmState::Alarm)
                    || (state == Some(AlarmState::InsufficientData) && no_data))
        });
        let empty = self.plan.slots[self.plan.green_slot()]
            .targets
            .iter()
            .any(|target| {
                seen.groups[&target.group]
                    .value()
                    .is_some_and(|counts| counts.healthy == 0)
            });
        let nobody =
            self.plan.routes.is_empty() && self.fewest(seen, self.plan.green_slot()) == Some(0);
        alarm || (self.touched && (empty || nobody))
    }

    pub(super) fn check_first_act_of_revert(&self, seen: &Observation, decision: &Decision) {
        let green = self.plan.green_slot();
        if self.plan.routes.is_empty() {
            assert_eq!(decision.actions, [], "there is no traffic to put back");
            return;
        }
        let blue_is_down = self.fewest(seen, self.plan.blue) == Some(0)
            && self.fewest(seen, green).is_some_and(|healthy| healthy > 0);
        if self.touched && !blue_is_down {
            let all_blue = [Action::WriteWeights(WeightWrite::AllBlue)];
            assert_eq!(
                decision.actions, all_blue,
                "traffic goes back first, and at once"
            );
        }
    }
}

/// Whether new weights may still show: then that is what is waited for, a minute at most, and the
/// next process knows since when.
fn is_being_confirmed(deployment: &Deployment, seen: &Observation) -> bool {
    let minute = SignedDuration::from_secs(60);
    matches!(deployment.phase, Phase::Shifting { since, .. } if seen.now.duration_since(since) < minute)
}

/// Whether a bake or a gate begins with it: the next look says what it sees.
fn moves_on(decision: &Decision) -> bool {
    decision.events.iter().any(|event| {
        matches!(
            event,
            Event::Baking { .. } | Event::GateOpened { .. } | Event::GateAsked { .. }
        )
    })
}

/// Whether the journal tells, after a decision, that it sees nothing.
fn is_on_record(deployment: &Deployment, decision: &Decision) -> bool {
    let before = deployment.blind_since.is_some();
    let events = decision.events.iter();
    events.fold(before, |told, event| match event {
        Event::Holding { reasons, .. } => {
            let unreadable = |hold: &Hold| matches!(hold, Hold::Unreadable { .. });
            reasons.iter().any(unreadable)
        }
        Event::HoldOver => false,
        _ => told,
    })
}
