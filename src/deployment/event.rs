//! What happens in a deployment: the one stream that the journal, the terminal, the JSON log and
//! the reports are made from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::action::{ActName, FailureClass};
use super::diagnosis::Diagnosis;
use super::gate::{GateAnswer, Point};
use super::handover::Drive;
use super::ids::{AlarmName, DeploymentId, SlotName, TaskDefinitionArn};
use super::metrics::{Judgement, Served, ValueRead};
use super::observation::StoppedTask;
use super::outcome::Outcome;
use super::plan::{Plan, RetireHow};
use super::trip::{Hold, Trip};
use crate::judge::alarms::AlarmState;
use crate::judge::minute::Quality;
use crate::strategy::{TooFew, Weight};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the record's shape.
    pub v: u16,
    /// Position in the deployment's journal, from 0.
    pub seq: u64,
    /// When it was decided or learnt.
    pub at: Timestamp,
    /// Whose.
    pub deployment: DeploymentId,
    /// What.
    pub event: Event,
}

impl Record {
    /// The version that this program writes; it reads all earlier ones.
    pub const VERSION: u16 = 1;

    /// Reads a line of a journal.
    ///
    /// # Errors
    /// When the line is no record, or one of a later version than this program knows.
    pub fn from_line(line: &str) -> Result<Record, UnreadableLine> {
        #[derive(Deserialize)]
        struct Version {
            v: u16,
        }
        let later = |v| UnreadableLine::LaterVersion { v };
        match serde_json::from_str::<Record>(line) {
            Ok(record) if record.v > Record::VERSION => Err(later(record.v)),
            Ok(record) => Ok(record),
            // What another version wrote may look broken: that it is another comes first.
            Err(error) => match serde_json::from_str(line) {
                Ok(Version { v }) if v > Record::VERSION => Err(later(v)),
                _ => Err(UnreadableLine::NoRecord(error)),
            },
        }
    }
}

/// Why a line of a journal can't be read.
#[derive(Debug, Error)]
pub enum UnreadableLine {
    /// It is none of this version's records.
    #[error(transparent)]
    NoRecord(#[from] serde_json::Error),
    /// A later program wrote it.
    #[error(
        "written by a later bg (version {v} of the journal; this one reads up to {})",
        Record::VERSION
    )]
    LaterVersion {
        /// The version of its shape.
        v: u16,
    },
}

/// What was decided (an intent, before its act) or learnt (a fact, after it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The deployment began; nothing was changed yet.
    Started {
        /// What is going to happen.
        plan: Box<Plan>,
    },
    /// Intent: a task definition is going to be registered.
    RegisteringTaskDefinition,
    /// Fact: this is what green is to run.
    TaskDefinitionReady {
        /// The revision.
        task_definition: TaskDefinitionArn,
    },
    /// Intent: green's service is going to be created or updated.
    ProvisioningGreen,
    /// Fact: ECS took the service.
    GreenProvisioned,
    /// Fact: green has everything that it needs; it has to stay so for a while.
    GreenHealthy,
    /// Fact: it hasn't any more, before its time was up.
    GreenUnhealthy {
        /// What is missing.
        why: Hold,
    },
    /// Fact: green was healthy for long enough.
    GreenReady,
    /// Intent: green gets the tasks that its next weight takes: its part of them, or as many as
    /// autoscaling has given blue meanwhile.
    SizingGreen {
        /// To what.
        desired: u32,
    },
    /// Intent: the test routes go to a slot: green before production does, blue again before
    /// green is put away.
    PointingTestRoutes {
        /// Which.
        to: SlotName,
    },
    /// Intent: green's share is going to be raised to a step's weight.
    Shifting {
        /// Position in the ladder, from 0.
        step: usize,
        /// Green's share.
        weight: Weight,
    },
    /// Fact: all routes show the step's weight; the bake begins.
    Baking {
        /// Position in the ladder, from 0.
        step: usize,
        /// Green's share.
        weight: Weight,
        /// When the bake ends.
        until: Timestamp,
    },
    /// Fact: something keeps the deployment from moving on.
    Holding {
        /// What.
        reasons: Vec<Hold>,
        /// When patience ends.
        until: Timestamp,
    },
    /// Fact: nothing does any more.
    HoldOver,
    /// Intent: a schedule for each route is going to put everything back on blue then, unless it
    /// is pushed out.
    ArmingDeadman {
        /// When.
        until: Timestamp,
    },
    /// Fact: the schedules of all routes are there, or were pushed out.
    DeadmanArmed {
        /// When they put everything back.
        until: Timestamp,
    },
    /// Intent: the service's schedules are going to be deleted.
    DisarmingDeadman,
    /// Fact: none of them is there any more.
    DeadmanDisarmed,
    /// Green serves everything and the last bake is over: the deployment has succeeded.
    Promoted {
        /// When blue is to be retired; `None` keeps it.
        retire_at: Option<Timestamp>,
    },
    /// Fact: green has its own settings back.
    SettingsRestored,
    /// Intent: all traffic goes back to blue.
    Reverting {
        /// Why.
        trip: Trip,
    },
    /// Fact: why green failed, as far as could be found out before its tasks go.
    Diagnosed {
        /// What was found, the root cause first.
        diagnosis: Diagnosis,
    },
    /// Fact: a signal came while traffic was being put back: no more waiting than needed.
    Hurrying {
        /// Its name.
        signal: String,
    },
    /// Fact: all routes show everything on blue.
    TrafficReverted,
    /// Intent: green is going to be scaled to zero.
    PuttingGreenAway,
    /// Fact: green's desired count is zero.
    GreenPutAway,
    /// An act failed; whether it is repeated depends on its class.
    ActFailed {
        /// Which.
        act: ActName,
        /// How.
        class: FailureClass,
        /// AWS's words.
        message: String,
    },
    /// Fact: somebody asked to stay at the present weight until somebody says to go on.
    Paused {
        /// Who.
        by: String,
    },
    /// Fact: somebody asked to go on, past a pause or the present bake.
    GoingOn {
        /// Who.
        by: String,
        /// Whether all steps but the last are left out.
        full: bool,
    },
    /// Fact: another process drives the deployment from here on. What the time did meanwhile
    /// doesn't count where nobody watched.
    Resumed {
        /// Who.
        by: String,
        /// Since when nobody did.
        unwatched_since: Timestamp,
        /// How it drives it.
        #[serde(default, skip_serializing_if = "Drive::is_through")]
        drive: Drive,
    },
    /// Fact: a gate is in the way.
    GateOpened {
        /// Its position among the plan's.
        gate: usize,
        /// Where.
        point: Point,
        /// When it has to have passed.
        until: Timestamp,
    },
    /// Intent: it is asked.
    GateAsked {
        /// Its position among the plan's.
        gate: usize,
        /// Where.
        point: Point,
    },
    /// Fact: what it answered, or somebody for it.
    GateAnswered {
        /// Its position among the plan's.
        gate: usize,
        /// Where.
        point: Point,
        /// The answer.
        answer: GateAnswer,
    },
    /// Fact: a minute of a step's bake was judged by what both sides served in it.
    MinuteJudged {
        /// Its start.
        minute: Timestamp,
        /// Position in the ladder, from 0.
        step: usize,
        /// By both sides.
        served: Served,
    },
    /// Fact: CloudWatch shows other figures of a minute than it was judged by. It is not judged
    /// again.
    MinuteRevised {
        /// Its start.
        minute: Timestamp,
        /// By both sides, as it is shown now.
        served: Served,
    },
    /// Fact: a minute has no figures, and is passed over.
    MinuteSkipped {
        /// Its start.
        minute: Timestamp,
        /// Position in the ladder, from 0.
        step: usize,
        /// What it has instead.
        why: Quality,
    },
    /// Fact: the bake is over, and green has not served as many requests as the step asks for.
    WaitingForRequests {
        /// Position in the ladder, from 0.
        step: usize,
        /// Served at this weight so far.
        requests: u64,
        /// Asked for.
        wanted: u64,
        /// How long they are waited for.
        until: Timestamp,
        /// What is done if they have not come by then.
        then: TooFew,
    },
    /// Fact: these are the values of the config's own metrics in the periods that have become
    /// final.
    ValuesRead {
        /// Each.
        values: Vec<ValueRead>,
    },
    /// Fact: both sides' values of a step were compared.
    Compared(Judgement),
    /// Fact: green is shown not to be worse, so that the bake ends early.
    EnoughEvidence {
        /// Position in the ladder, from 0.
        step: usize,
        /// How many minutes were judged so far.
        minutes: u32,
    },
    /// What a look showed, where it differs from the last.
    Looked(Look),
    /// Fact, after the end: blue can't be retired yet.
    RetireWaiting {
        /// When to look again.
        until: Timestamp,
        /// What is waited for.
        why: String,
    },
    /// Intent, after the end: blue is going to be scaled to zero or deleted.
    Retiring,
    /// Fact, after the end: blue is retired.
    Retired {
        /// How.
        then: RetireHow,
    },
    /// Fact, after the end: blue stays, because it must not be retired any more.
    RetireCancelled {
        /// Why.
        why: String,
    },
    /// The end.
    Ended {
        /// How it stands.
        outcome: Outcome,
    },
}

impl Event {
    /// Whether the deployment goes no further after it.
    pub fn gives_up(&self) -> bool {
        matches!(self, Event::Reverting { .. } | Event::Ended { .. })
    }
}

/// The figures of a look, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Blue's counts.
    pub blue: Counts,
    /// Green's counts.
    pub green: Counts,
    /// Green's share of each route by its label; `None` where it can't be read or isn't a share.
    pub weights: BTreeMap<String, Option<Weight>>,
    /// Each alarm; `None` where it can't be read.
    pub alarms: BTreeMap<AlarmName, Option<AlarmState>>,
}

/// A slot's counts; `None` where they can't be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Whose.
    pub slot: Option<SlotName>,
    /// Tasks asked for.
    pub desired: Option<u32>,
    /// Tasks that run.
    pub running: Option<u32>,
    /// Healthy targets, in the group with the fewest.
    pub healthy: Option<u32>,
    /// Failed tasks of the running rollout.
    pub failed: Option<u32>,
    /// Whether tasks of what green's service ran before are still there: it isn't ready before
    /// they are gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replacing: bool,
    /// Why targets of that group aren't healthy: what most of them have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Green's newest failed task: a guard may trip before ECS says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Box<StoppedTask>>,
}
