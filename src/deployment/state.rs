//! A deployment's state: a fold over its events, and nothing else.

mod follow;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use thiserror::Error;

use super::action::ActName;
use super::deadman::DeadmanState;
use super::event::{Event, Look, Record};
use super::gate::Passing;
use super::handover::Drive;
use super::ids::{AlarmName, SlotName, TaskDefinitionArn};
use super::metrics::{Evidence, MetricsWanted};
use super::outcome::Outcome;
use super::plan::Plan;
use super::trip::{Blames, Trip};
pub use super::waits::{Failure, Held, HeldBefore, Waiting};
use crate::strategy::Weight;

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
