//! What a screen or a report needs to know of a deployment: a fold over its records.

mod fold;
mod phase;
mod sides;
mod time_left;

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

pub use self::phase::Phase;
pub use self::sides::Role;
pub use self::time_left::TimeLeft;
use super::read_to::ReadTo;
use super::say::Said;
use super::words;
use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::diagnosis::Diagnosis;
use crate::deployment::event::{Look, Record};
use crate::deployment::gate::{Gate, Point};
use crate::deployment::handover::Drive;
use crate::deployment::ids::{DeploymentId, TaskDefinitionArn};
use crate::deployment::metrics::{Served, ValueRead};
use crate::deployment::observation::StoppedTask;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::trip::{Hold, Trip};
use crate::strategy::Weight;

/// The requests that a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Asked for.
    pub wanted: u64,
    /// How long they are waited for.
    pub until: Timestamp,
}

/// What keeps a deployment from moving on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// What.
    pub reasons: Vec<Hold>,
    /// Since when.
    pub since: Timestamp,
    /// When patience ends.
    pub until: Timestamp,
}

/// An act that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// When.
    pub at: Timestamp,
    /// Which act.
    pub act: ActName,
    /// How.
    pub class: FailureClass,
    /// AWS's words.
    pub message: String,
}

/// Something that happened, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What.
    pub said: Said,
}

/// A gate that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtGate {
    /// Its position among the plan's.
    pub gate: usize,
    /// Where.
    pub point: Point,
    /// When it has to have passed.
    pub until: Timestamp,
    /// Since when it is asked.
    pub since: Timestamp,
    /// Why it wants to be asked again.
    pub said: Option<String>,
}

/// What both sides served in all minutes that were judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// How many minutes.
    pub minutes: u32,
    /// The sum of their figures.
    pub served: Served,
}

/// Everything that the records so far say. Records may come in any order and twice; what was
/// never said is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// What was planned: service, cluster, slots, routes, steps, guards.
    pub plan: Option<Plan>,
    /// Whose records these are.
    pub id: Option<DeploymentId>,
    /// Where it is.
    pub phase: Phase,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When the present phase began.
    pub phase_since: Option<Timestamp>,
    /// The newest record's time.
    pub last_at: Option<Timestamp>,
    /// What green runs, once that is known.
    pub task_definition: Option<TaskDefinitionArn>,
    /// When ECS took green's service: the time to become healthy runs from here.
    pub provisioned_at: Option<Timestamp>,
    /// Position in the ladder, from 0, once the first shift began.
    pub step: Option<usize>,
    /// When the present bake ends.
    pub bake_until: Option<Timestamp>,
    /// Green's share as it was last set, or is being set.
    pub set: Option<Weight>,
    /// The largest share that green was ever to have.
    pub peak: Option<Weight>,
    /// The last look's figures: counts, weights seen, alarms.
    pub look: Option<Look>,
    /// The gate that is in the way.
    pub gate: Option<AtGate>,
    /// What both sides served in the minutes that were judged.
    pub judged: Option<Judged>,
    /// The newest values of the config's own metrics, by their position.
    pub values: BTreeMap<usize, ValueRead>,
    /// The newest minute of them, or one that was passed over.
    pub read_to: Option<ReadTo>,
    /// When they were seen.
    pub look_at: Option<Timestamp>,
    /// Green's newest failed task, of all looks.
    pub failed_task: Option<Box<StoppedTask>>,
    /// Green's requests at the present step, in minutes that were judged.
    pub green_requests: u64,
    /// The requests that the present step waits for.
    pub wanted: Option<Wanted>,
    /// What it waits for, and why.
    pub hold: Option<Holding>,
    /// Why it reverts.
    pub trip: Option<Trip>,
    /// When that was noticed.
    pub tripped_at: Option<Timestamp>,
    /// Why green's tasks or targets failed, where that was found out.
    pub diagnosis: Option<Diagnosis>,
    /// When all routes showed everything on blue.
    pub reverted_at: Option<Timestamp>,
    /// The last act that failed.
    pub trouble: Option<Trouble>,
    /// When green was promoted.
    pub promoted_at: Option<Timestamp>,
    /// When blue is to be retired.
    pub retire_at: Option<Timestamp>,
    /// When green's desired count was zero.
    pub put_away_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Where it was when it ended.
    left: Option<Phase>,
    /// How the process that drove it last did so.
    driven: Drive,
    /// When the dead-man switch puts everything on blue, if it is armed.
    pub deadman: Option<Timestamp>,
    /// Whether autoscaling is still kept from taking tasks away.
    pub scale_in_held: bool,
    /// Who asked to stay at the present weight, if somebody did.
    pub paused: Option<String>,
    /// When they did.
    pub paused_at: Option<Timestamp>,
    /// The newest things that happened, oldest first.
    pub notes: VecDeque<Note>,
}

impl View {
    /// Of no records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of these records.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut view = Self::new();
        records.into_iter().for_each(|record| view.apply(record));
        view
    }

    /// The gate that is in the way.
    pub fn gate_name(&self) -> Option<&str> {
        let gates = &self.plan.as_ref()?.gates;
        Some(gates.get(self.gate.as_ref()?.gate)?.name.as_str())
    }

    /// The same with where it is asked, what, until when, and what it said last.
    pub fn gate_told(&self) -> Option<String> {
        let (at, plan) = (self.gate.as_ref()?, self.plan.as_ref()?);
        let gate = plan.gates.get(at.gate)?;
        let (place, until) = (at.point.told(plan), words::moment(at.until, at.since));
        let said = at.said.as_ref();
        let said = said.map_or_else(String::new, |said| format!("; it said: {said}"));
        let Gate { name, check, .. } = gate;
        Some(format!("{name} {place}: {check}; until {until}{said}"))
    }

    /// How many steps the ladder has.
    pub fn steps(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.steps.len())
    }

    /// `step 1 of 2`, as far as there are steps.
    pub fn step_of(&self) -> Option<String> {
        self.step
            .map(|step| format!("step {} of {}", step.saturating_add(1), self.steps()))
    }

    /// Whether the service has no load balancer: then green works as soon as its tasks run.
    pub fn is_bare(&self) -> bool {
        self.plan.as_ref().is_some_and(Plan::is_bare)
    }

    /// Whether green ever was to have traffic.
    pub fn had_traffic(&self) -> bool {
        self.peak.is_some_and(|peak| peak > Weight::ZERO)
    }
}
