//! A deployment's state: a fold over its events, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::action::{ActName, FailureClass};
use super::deadman::DeadmanState;
use super::event::{Event, Look, Record};
use super::gate::Passing;
use super::handover::{Drive, Handover};
use super::ids::{AlarmName, SlotName, TaskDefinitionArn};
use super::metrics::{Evidence, MetricsWanted};
use super::outcome::Outcome;
use super::plan::Plan;
use super::trip::{Blames, Hold, Trip};
pub use super::waits::{Failure, Held, HeldBefore, Waiting};
use crate::judge::alarms::AlarmState;
use crate::strategy::Weight;

/// How long after its record an act can still be under way.
const REGISTERS_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// What was planned.
    pub plan: Plan,
    /// When it began.
    pub started_at: Timestamp,
    /// What it is at.
    pub phase: Phase,
    /// What green is to run, once that is known.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Whether green's service may have been changed.
    pub green_touched: bool,
    /// Whether green's share may have been raised since traffic was last all on blue.
    pub traffic_touched: bool,
    /// Green's share as last decided.
    pub set: Weight,
    /// Green's share before that.
    pub set_before: Weight,
    /// Who asked to stay at the present weight, if somebody did.
    pub paused: Option<String>,
    /// Whether the next shift goes to the last step.
    pub straight_to_full: bool,
    /// What it was at when it was left in the middle.
    pub left: Option<Box<Phase>>,
    /// How the process that drove it last did so.
    pub driven: Drive,
    /// What keeps it from moving on.
    pub hold: Option<Held>,
    /// The last hold that was over, as long as nothing has moved on since.
    pub held_before: Option<HeldBefore>,
    /// Since when AWS can't be read.
    pub blind_since: Option<Timestamp>,
    /// The acts whose last try failed.
    pub failures: BTreeMap<ActName, Failure>,
    /// The most failed tasks of green that were seen.
    pub failed_tasks: u32,
    /// The alarms that were seen out of ALARM.
    pub clear_alarms: BTreeSet<AlarmName>,
    /// Why targets of green were last not healthy.
    pub target_reason: Option<String>,
    /// How many tasks green was last given, where that was more than it began with.
    pub sizing: Option<u32>,
    /// The slot that the test routes were sent to.
    pub test_routes_on: Option<SlotName>,
    /// The last own change, after which looks come quickly.
    pub changed_at: Timestamp,
    /// Whether the journal says what was found out about green's failure.
    pub diagnosed: bool,
    /// Its dead-man switch.
    pub deadman: DeadmanState,
    /// How far it has come through its gates.
    pub gates: Passing,
    /// What the judge knows, where metrics are judged.
    pub evidence: Option<Evidence>,
    /// The step whose bake is over and whose requests are waited for.
    pub waiting: Option<Waiting>,
    /// The step that somebody goes on from whatever it asks for.
    pub waived: Option<usize>,
    /// The figures of the last look.
    pub look: Look,
    /// Until when a try to register the task definition that may have worked can have reached AWS.
    pub registering_until: Option<Timestamp>,
    /// How many records were folded: the next one's position.
    pub next_seq: u64,
}

/// What a deployment is at.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// The task definition is to be registered.
    Registering,
    /// Green is to exist and become healthy.
    Provisioning {
        /// When the deadline began to run.
        since: Timestamp,
        /// When ECS last took the service.
        provisioned_at: Option<Timestamp>,
        /// Since when green has all that it needs.
        healthy_since: Option<Timestamp>,
    },
    /// Green was healthy for long enough; the first shift is next.
    Ready,
    /// A step's weight is decided and not confirmed yet.
    Shifting {
        /// Position in the ladder.
        step: usize,
        /// When it was decided first.
        since: Timestamp,
    },
    /// All routes showed the step's weight.
    Baking {
        /// Position in the ladder.
        step: usize,
        /// When the bake ends.
        until: Timestamp,
    },
    /// The outcome is fixed: green serves everything.
    Promoted {
        /// Since when.
        at: Timestamp,
        /// When blue is to be retired.
        retire_at: Option<Timestamp>,
        /// Whether green has its own settings back.
        restored: bool,
    },
    /// Traffic goes back to blue, then green is put away.
    Reverting {
        /// Why.
        trip: Trip,
        /// Since when.
        since: Timestamp,
        /// When a signal asked for haste.
        hurried_at: Option<Timestamp>,
        /// When all routes showed everything on blue.
        traffic_back_at: Option<Timestamp>,
        /// When green was first scaled to zero.
        putting_away_since: Option<Timestamp>,
        /// Whether green's desired count is zero.
        put_away: bool,
        /// Whether green has its own settings back.
        restored: bool,
    },
    /// Over.
    Ended {
        /// How it stands.
        outcome: Outcome,
        /// When blue is to be retired.
        retire_at: Option<Timestamp>,
    },
}

/// An event that can't follow what came before: the journal is damaged, or of another program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("record {seq} of deployment {deployment} can't follow what came before it: {what}")]
pub struct IllegalRecord {
    /// Its position.
    pub seq: u64,
    /// Whose.
    pub deployment: String,
    /// What is wrong.
    pub what: String,
}

impl Deployment {
    /// Folds a whole journal; `None` for an empty one.
    pub fn replay<'a>(
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<Option<Deployment>, IllegalRecord> {
        records.into_iter().try_fold(None, |state, record| {
            Deployment::apply(state, record).map(Some)
        })
    }

    /// The state after one more record.
    pub fn apply(state: Option<Deployment>, record: &Record) -> Result<Deployment, IllegalRecord> {
        let illegal = |what: &str| IllegalRecord {
            seq: record.seq,
            deployment: record.deployment.to_string(),
            what: what.to_owned(),
        };
        match (state, &record.event) {
            (None, Event::Started { plan }) => Ok(Deployment::begin((**plan).clone(), record)),
            (None, _) => Err(illegal("a journal begins with `started`")),
            (Some(_), Event::Started { .. }) => Err(illegal("it had started already")),
            (Some(state), _) if state.next_seq != record.seq => Err(illegal("a record is missing")),
            (Some(mut state), event) => {
                state.next_seq += 1;
                state.follow(event, record.at).map_err(illegal)?;
                Ok(state)
            }
        }
    }

    fn begin(plan: Plan, record: &Record) -> Deployment {
        let left = plan.deadman.as_ref();
        let deadman = DeadmanState {
            may_exist: left.is_some_and(|deadman| !deadman.leftovers.is_empty()),
            ..DeadmanState::default()
        };
        Deployment {
            evidence: plan
                .guards
                .metrics
                .as_ref()
                .map(|guards| Evidence::new(guards).counting(plan.counts_requests())),
            deadman,
            plan,
            started_at: record.at,
            phase: Phase::Registering,
            task_definition: None,
            green_touched: false,
            traffic_touched: false,
            set: Weight::ZERO,
            set_before: Weight::ZERO,
            paused: None,
            straight_to_full: false,
            left: None,
            driven: Drive::Through,
            hold: None,
            held_before: None,
            gates: Passing::default(),
            waiting: None,
            waived: None,
            blind_since: None,
            failures: BTreeMap::new(),
            failed_tasks: 0,
            clear_alarms: BTreeSet::new(),
            target_reason: None,
            diagnosed: false,
            sizing: None,
            test_routes_on: None,
            changed_at: record.at,
            look: Look::default(),
            registering_until: None,
            next_seq: record.seq + 1,
        }
    }

    /// One flat match: what each event does in each phase; everything else is illegal.
    fn follow(&mut self, event: &Event, at: Timestamp) -> Result<(), &'static str> {
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

    pub(super) fn note_failure(
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

    /// From when on metrics are wanted: as long as traffic may go to green, and they are judged.
    pub fn metrics_wanted(&self) -> Option<MetricsWanted> {
        let judged = matches!(self.phase, Phase::Shifting { .. } | Phase::Baking { .. });
        self.evidence.as_ref().filter(|_| judged)?.wanted()
    }

    /// Whether it is the moment to find out why green failed: users are safe again, its tasks and
    /// targets are still there (stopped ones, without a load balancer), and nobody asked for haste.
    pub fn is_to_be_diagnosed(&self) -> bool {
        let Phase::Reverting {
            trip,
            hurried_at: None,
            traffic_back_at: Some(_),
            putting_away_since,
            put_away,
            ..
        } = &self.phase
        else {
            return false;
        };
        // Without a load balancer green works until it is gone.
        let is_time = match self.plan.is_bare() {
            true => *put_away,
            false => putting_away_since.is_none(),
        };
        is_time && !self.diagnosed && self.green_touched && trip.blames() != Blames::NotGreen
    }

    /// Since when green's own words are evidence, whatever AWS shows of it: where green is why it
    /// reverts.
    pub fn suspects_green_since(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Reverting { trip, .. } if trip.blames() == Blames::Green => {
                Some(self.started_at)
            }
            _ => None,
        }
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Whether something is left for a process to do: it has not ended, or was left in the middle.
    pub fn can_go_on(&self) -> bool {
        self.outcome().is_none() || self.left.is_some()
    }

    /// The failure of `act`, if its last try failed.
    pub fn failure_of(&self, act: ActName) -> Option<&Failure> {
        match &self.deadman.failure {
            Some((failed, failure)) if *failed == act => Some(failure),
            _ => self.failures.get(&act),
        }
    }
}
