//! What each event does to a deployment's state.

use jiff::{SignedDuration, Timestamp};

use super::{Deployment, Failure, Held, HeldBefore, Phase, Waiting};
use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::deadman::DeadmanState;
use crate::deployment::event::Event;
use crate::deployment::handover::{Drive, Handover};
use crate::deployment::outcome::Outcome;
use crate::deployment::trip::{Hold, Trip};
use crate::judge::alarms::AlarmState;
use crate::strategy::Weight;

/// How long after its record an act can still be under way.
const REGISTERS_WITHIN: SignedDuration = SignedDuration::from_secs(30);

impl Deployment {
    /// One flat match: what each event does in each phase; everything else is illegal.
    pub(super) fn follow(&mut self, event: &Event, at: Timestamp) -> Result<(), &'static str> {
        match (&mut self.phase, event) {
            (
                Phase::Ended {
                    outcome: Outcome::Promoted,
                    retire_at,
                },
                Event::Retired { .. } | Event::RetireCancelled { .. },
            ) => *retire_at = None,
            (
                Phase::Ended {
                    outcome: Outcome::Promoted,
                    ..
                },
                Event::RetireWaiting { .. } | Event::Retiring | Event::ActFailed { .. },
            ) => {}
            (
                Phase::Ended { .. },
                Event::Resumed {
                    unwatched_since,
                    drive,
                    ..
                },
            ) => {
                self.phase = *self.left.take().ok_or("it had ended")?;
                self.resume(*unwatched_since, *drive, at);
            }
            (Phase::Ended { .. }, _) => return Err("it had ended"),
            (
                _,
                Event::Resumed {
                    unwatched_since,
                    drive,
                    ..
                },
            ) => self.resume(*unwatched_since, *drive, at),
            (_, Event::GateOpened { gate, point, until }) => {
                self.hold = None;
                self.gates.open(*gate, *point, *until);
            }
            (_, Event::GateAsked { .. }) => self.gates.ask(),
            (_, Event::GateAnswered { answer, .. }) => self.gates.take(answer, at),
            (_, Event::Paused { by }) => self.paused = Some(by.clone()),
            (_, Event::GoingOn { full, .. }) => self.go_on(*full, at),
            (_, Event::ArmingDeadman { .. }) => self.deadman.may_exist = true,
            (_, Event::DeadmanArmed { until }) => {
                self.deadman.armed_until = Some(*until);
                self.deadman.failure = None;
            }
            (_, Event::DisarmingDeadman) => {}
            (_, Event::DeadmanDisarmed) => self.deadman = DeadmanState::default(),
            (Phase::Registering, Event::RegisteringTaskDefinition) => {
                self.changed_at = at;
                self.registering_until = Some(at + REGISTERS_WITHIN);
            }
            (Phase::Registering, Event::TaskDefinitionReady { task_definition }) => {
                self.task_definition = Some(task_definition.clone());
                self.failures.clear();
                self.phase = Phase::Provisioning {
                    since: at,
                    provisioned_at: None,
                    healthy_since: None,
                };
            }
            (Phase::Provisioning { .. }, Event::ProvisioningGreen) => {
                self.green_touched = true;
                self.changed_at = at;
            }
            (Phase::Provisioning { provisioned_at, .. }, Event::GreenProvisioned) => {
                *provisioned_at = Some(at);
                self.failures.clear();
                self.changed_at = at;
            }
            (Phase::Provisioning { healthy_since, .. }, Event::GreenHealthy) => {
                *healthy_since = Some(at);
            }
            (Phase::Provisioning { healthy_since, .. }, Event::GreenUnhealthy { .. }) => {
                *healthy_since = None;
            }
            (Phase::Provisioning { .. }, Event::GreenReady) => self.phase = Phase::Ready,
            (Phase::Ready | Phase::Baking { .. }, Event::SizingGreen { desired }) => {
                self.sizing = Some(*desired);
                self.changed_at = at;
            }
            (_, Event::PointingTestRoutes { to }) => {
                self.test_routes_on = Some(*to);
                self.changed_at = at;
            }
            (Phase::Ready | Phase::Baking { .. }, Event::Shifting { step, weight }) => {
                if *weight <= self.set {
                    return Err("a shift never lowers green's weight");
                }
                self.set_before = self.set;
                self.set = *weight;
                self.traffic_touched = true;
                self.changed_at = at;
                self.held_before = None;
                self.failures.clear();
                if let Some(evidence) = &mut self.evidence {
                    evidence.end_step(at);
                }
                self.phase = Phase::Shifting {
                    step: *step,
                    since: at,
                };
            }
            (
                Phase::Shifting { step: now, .. },
                Event::Baking {
                    step,
                    weight,
                    until,
                },
            ) if now == step => {
                self.failures.clear();
                if let Some(evidence) = &mut self.evidence {
                    evidence.begin_step(*step, *weight, at);
                }
                self.phase = Phase::Baking {
                    step: *step,
                    until: *until,
                };
            }
            (Phase::Baking { .. }, Event::Promoted { retire_at }) => {
                self.hold = None;
                self.changed_at = at;
                self.phase = Phase::Promoted {
                    at,
                    retire_at: *retire_at,
                    restored: false,
                };
            }
            (
                Phase::Promoted { restored, .. } | Phase::Reverting { restored, .. },
                Event::SettingsRestored,
            ) => {
                *restored = true;
                // It comes last after a promotion, when the tags are there.
                self.failures.remove(&ActName::Tag);
                self.failures.remove(&ActName::RestoreSettings);
            }
            (Phase::Reverting { .. } | Phase::Promoted { .. }, Event::Reverting { .. }) => {
                return Err("it can't revert any more");
            }
            (_, Event::Reverting { trip }) => {
                self.hold = None;
                self.failures.clear();
                self.changed_at = at;
                self.set_before = self.set;
                self.set = Weight::ZERO;
                self.phase = Phase::Reverting {
                    trip: trip.clone(),
                    since: at,
                    hurried_at: matches!(trip, Trip::Interrupted { .. }).then_some(at),
                    traffic_back_at: None,
                    putting_away_since: None,
                    put_away: false,
                    restored: false,
                };
            }
            (Phase::Reverting { .. }, Event::Diagnosed { .. }) => self.diagnosed = true,
            (Phase::Reverting { hurried_at, .. }, Event::Hurrying { .. }) => {
                hurried_at.get_or_insert(at);
            }
            (
                Phase::Reverting {
                    traffic_back_at, ..
                },
                Event::TrafficReverted,
            ) => {
                *traffic_back_at = Some(at);
                self.failures.clear();
            }
            (
                Phase::Reverting {
                    putting_away_since, ..
                },
                Event::PuttingGreenAway,
            ) => {
                putting_away_since.get_or_insert(at);
                self.changed_at = at;
            }
            (Phase::Reverting { put_away, .. }, Event::GreenPutAway) => {
                *put_away = true;
                self.failures.remove(&ActName::Scale);
            }
            (_, Event::Holding { reasons, until }) => self.hold_on(reasons, *until, at),
            (_, Event::HoldOver) => {
                self.held_before = self.hold.take().map(|held| HeldBefore {
                    over_at: at,
                    until: held.until,
                });
                self.blind_since = None;
            }
            (
                _,
                Event::ActFailed {
                    act,
                    class,
                    message,
                },
            ) => {
                self.note_failure(*act, *class, message, at);
            }
            (
                _,
                Event::MinuteJudged {
                    minute,
                    step,
                    served,
                },
            ) => {
                let evidence = self.evidence.as_mut().ok_or("no metric is judged")?;
                evidence.judge(*minute, *step, served);
            }
            (_, Event::MinuteRevised { minute, served }) => {
                let evidence = self.evidence.as_mut().ok_or("no metric is judged")?;
                evidence.revise(*minute, served);
            }
            (_, Event::MinuteSkipped { minute, step, .. }) => {
                let evidence = self.evidence.as_mut().ok_or("no metric is judged")?;
                evidence.skip(*minute, *step);
            }
            (_, Event::ValuesRead { values }) => {
                let evidence = self.evidence.as_mut().ok_or("no metric is judged")?;
                values.iter().for_each(|value| evidence.take(value));
            }
            (_, Event::Compared(judgement)) => {
                let evidence = self.evidence.as_mut().ok_or("no metric is judged")?;
                evidence.note(judgement);
            }
            (Phase::Baking { step: now, until }, Event::EnoughEvidence { step, .. })
                if now == step =>
            {
                *until = at.min(*until);
            }
            (Phase::Baking { step: now, .. }, Event::WaitingForRequests { step, until, .. })
                if now == step =>
            {
                self.waiting = Some(Waiting {
                    step: *step,
                    until: *until,
                });
            }
            (_, Event::Looked(look)) => {
                self.failed_tasks = self.failed_tasks.max(look.green.failed.unwrap_or(0));
                if look.green.reason.is_some() {
                    self.target_reason.clone_from(&look.green.reason);
                }
                let clear = |state: &Option<AlarmState>| {
                    state.is_some_and(|state| state != AlarmState::Alarm)
                };
                let clear = look.alarms.iter().filter(|(_, state)| clear(state));
                self.clear_alarms
                    .extend(clear.map(|(name, _)| name.clone()));
                self.look = look.clone();
            }
            (_, Event::Ended { outcome }) => {
                let retire_at = match (&self.phase, outcome) {
                    (Phase::Promoted { retire_at, .. }, Outcome::Promoted) => *retire_at,
                    _ => None,
                };
                self.hold = None;
                self.held_before = None;
                self.driven = Drive::Through;
                let ended = Phase::Ended {
                    outcome: outcome.clone(),
                    retire_at,
                };
                let left = std::mem::replace(&mut self.phase, ended);
                self.left = outcome.is_in_the_middle().then(|| Box::new(left));
            }
            _ => return Err("it does not fit the phase"),
        }
        Ok(())
    }

    fn resume(&mut self, unwatched_since: Timestamp, drive: Drive, at: Timestamp) {
        self.gates.forget_answer();
        self.hand_over(&Handover {
            from: self.driven,
            to: drive,
            since: unwatched_since,
            at,
        });
    }

    fn go_on(&mut self, full: bool, at: Timestamp) {
        self.paused = None;
        let last = self.plan.steps.len().saturating_sub(1);
        let at_last = matches!(self.phase, Phase::Baking { step, .. } if step >= last);
        self.straight_to_full |= full;
        if let Phase::Baking { step, until } = &mut self.phase
            && !(full && at_last)
        {
            *until = at.min(*until);
            self.waived = Some(*step);
        }
    }

    fn hold_on(&mut self, reasons: &[Hold], until: Timestamp, at: Timestamp) {
        let since = self.hold.as_ref().map_or(at, |held| held.since);
        let blind = reasons
            .iter()
            .any(|hold| matches!(hold, Hold::Unreadable { .. }) || hold.is_of_credentials());
        self.blind_since = blind.then(|| self.blind_since.unwrap_or(at));
        self.hold = Some(Held {
            reasons: reasons.to_vec(),
            since,
            until,
        });
    }

    pub(in crate::deployment) fn note_failure(
        &mut self,
        act: ActName,
        class: FailureClass,
        message: &str,
        at: Timestamp,
    ) {
        if act == ActName::RegisterTaskDefinition {
            self.registering_until = (class == FailureClass::Ambiguous).then_some(at);
        }
        let failure = Failure::after(self.failure_of(act), class, message, at);
        match act {
            ActName::ArmDeadman | ActName::DisarmDeadman => {
                self.deadman.failure = Some((act, failure));
            }
            _ => {
                self.failures.insert(act, failure);
            }
        }
    }
}
