//! What a screen or a report needs to know of a deployment: a fold over its records.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::read_to::ReadTo;
use super::say::{Said, say};
use super::words;
use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::diagnosis::Diagnosis;
use crate::deployment::event::{Counts, Event, Look, Record};
use crate::deployment::gate::{Gate, GateAnswer, Point};
use crate::deployment::handover::{Drive, Handover};
use crate::deployment::ids::{DeploymentId, SlotName, TaskDefinitionArn};
use crate::deployment::metrics::{Served, ValueRead};
use crate::deployment::observation::StoppedTask;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::trip::{Hold, Trip};
use crate::strategy::Weight;

/// How many things that happened are remembered for the screen.
const REMEMBERED: usize = 50;

/// Where a deployment is, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing was changed yet.
    #[default]
    Starting,
    /// Green's task definition is being registered.
    Registering,
    /// Green's service is being created or updated.
    Provisioning,
    /// Green has its service, and not all that it needs to be healthy.
    BecomingHealthy,
    /// Green is healthy, and has to stay so for a while.
    Settling,
    /// Weights are being written.
    Shifting,
    /// Green stays at a weight while the guards watch.
    Baking,
    /// Green serves everything; the deployment has succeeded.
    Promoted,
    /// All traffic is going back to blue.
    Reverting,
    /// Traffic is back on blue, and green is being scaled to zero.
    PuttingGreenAway,
    /// Over.
    Ended,
}

/// One of the two roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Carries production when the deployment starts.
    Blue,
    /// Gets the new version.
    Green,
}

impl Role {
    /// `blue` or `green`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Blue => "blue",
            Role::Green => "green",
        }
    }
}

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

/// How long a deployment may still take to its promotion, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLeft {
    /// This long, holds aside.
    About(Duration),
    /// This long from the moment that green is healthy, which nobody knows.
    AfterHealthy(Duration),
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

impl Judged {
    fn add(&mut self, served: &Served) {
        self.minutes += 1;
        self.served.add(served);
    }
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

    /// Takes one more record in.
    pub fn apply(&mut self, record: &Record) {
        self.remember(record);
        self.last_at = Some(record.at);
        self.id = Some(record.deployment.clone());
        if let Some(phase) = phase_after(&record.event) {
            if phase == Phase::Ended {
                self.left = Some(self.phase);
            }
            self.phase = phase;
            self.phase_since = Some(record.at);
        }
        let by_side = self.plan.as_ref().is_none_or(Plan::counts_requests);
        self.read_to = ReadTo::after(self.read_to, &record.event, by_side);
        self.fold(record.at, &record.event);
    }

    fn remember(&mut self, record: &Record) {
        if let Some(said) = say(self, record).filter(Said::is_news) {
            self.notes.push_back(Note {
                at: record.at,
                said,
            });
            if self.notes.len() > REMEMBERED {
                self.notes.pop_front();
            }
        }
    }

    fn fold(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Started { plan } => {
                self.plan = Some((**plan).clone());
                self.started_at = Some(at);
                self.set = Some(Weight::ZERO);
            }
            Event::TaskDefinitionReady { task_definition } => {
                self.task_definition = Some(task_definition.clone());
            }
            Event::GreenProvisioned => self.provisioned_at = Some(at),
            Event::Shifting { step, weight } => self.weight_set(*step, *weight),
            Event::Baking {
                step,
                weight,
                until,
            } => {
                self.weight_set(*step, *weight);
                self.bake_until = Some(*until);
            }
            Event::Holding { reasons, until } => {
                let since = self.hold.as_ref().map_or(at, |hold| hold.since);
                self.hold = Some(Holding {
                    reasons: reasons.clone(),
                    since,
                    until: *until,
                });
            }
            Event::HoldOver => self.hold = None,
            Event::WaitingForRequests {
                requests,
                wanted,
                until,
                ..
            } => {
                self.green_requests = *requests;
                self.wanted = Some(Wanted {
                    wanted: *wanted,
                    until: *until,
                });
            }
            Event::Promoted { retire_at } => {
                self.promoted_at = Some(at);
                self.retire_at = *retire_at;
                self.hold = None;
            }
            Event::Reverting { trip } => {
                self.trip = Some(trip.clone());
                self.tripped_at = Some(at);
                self.set = Some(Weight::ZERO);
                self.hold = None;
                self.gate = None;
            }
            Event::TrafficReverted => self.reverted_at = Some(at),
            Event::Diagnosed { diagnosis } => self.diagnosis = Some(diagnosis.clone()),
            Event::GreenPutAway => self.put_away_at = Some(at),
            Event::ActFailed {
                act,
                class,
                message,
            } => {
                let message = message.clone();
                self.trouble = Some(Trouble {
                    at,
                    act: *act,
                    class: *class,
                    message,
                });
            }
            Event::MinuteJudged { served, step, .. } => {
                if self.step == Some(*step) {
                    self.green_requests += served.green.requests;
                }
                self.judged.get_or_insert_default().add(served);
            }
            Event::ValuesRead { values } => {
                for value in values {
                    let newest = self.values.entry(value.metric).or_insert(*value);
                    if newest.at <= value.at {
                        *newest = *value;
                    }
                }
            }
            Event::GateOpened { gate, point, until } => {
                self.hold = None;
                self.gate = Some(AtGate {
                    gate: *gate,
                    point: *point,
                    until: *until,
                    since: at,
                    said: None,
                });
            }
            Event::GateAnswered { answer, .. } => match answer {
                GateAnswer::Again { why, .. } => {
                    if let Some(gate) = &mut self.gate {
                        gate.said = Some(why.clone());
                    }
                }
                GateAnswer::Passed { .. } | GateAnswer::Failed { .. } => self.gate = None,
            },
            Event::Looked(look) => {
                self.look = Some(look.clone());
                if look.green.stopped.is_some() {
                    self.failed_task.clone_from(&look.green.stopped);
                }
                self.look_at = Some(at);
            }
            Event::Ended { outcome } => {
                self.outcome = Some(outcome.clone());
                self.driven = Drive::Through;
            }
            Event::Paused { by } => self.paused = Some(by.clone()),
            Event::GoingOn { full, .. } => {
                self.paused = None;
                self.go_on(*full, at);
            }
            Event::Resumed {
                unwatched_since,
                drive,
                ..
            } => self.resume(&Handover {
                from: self.driven,
                to: *drive,
                since: *unwatched_since,
                at,
            }),
            Event::DeadmanArmed { until } => self.deadman = Some(*until),
            Event::DeadmanDisarmed => self.deadman = None,
            Event::ProvisioningGreen => {
                let scaling = self.plan.as_ref().and_then(|plan| plan.scaling.as_ref());
                self.scale_in_held = scaling.is_some_and(|it| !it.suspended.scale_in);
            }
            Event::SettingsRestored => self.scale_in_held = false,
            Event::GateAsked { .. }
            | Event::MinuteSkipped { .. }
            | Event::MinuteRevised { .. }
            | Event::Compared(_)
            | Event::EnoughEvidence { .. }
            | Event::RegisteringTaskDefinition
            | Event::ArmingDeadman { .. }
            | Event::DisarmingDeadman
            | Event::GreenHealthy
            | Event::GreenUnhealthy { .. }
            | Event::GreenReady
            | Event::SizingGreen { .. }
            | Event::PointingTestRoutes { .. }
            | Event::Hurrying { .. }
            | Event::RetireWaiting { .. }
            | Event::Retiring
            | Event::Retired { .. }
            | Event::RetireCancelled { .. }
            | Event::PuttingGreenAway => {}
        }
    }

    fn go_on(&mut self, full: bool, at: Timestamp) {
        let last = self.step.is_some_and(|step| step + 1 >= self.steps());
        if self.phase == Phase::Baking && !(full && last) {
            self.wanted = None;
            self.bake_until = self.bake_until.map(|until| until.min(at));
        }
    }

    /// What ended in the middle goes on; a bake gets back the time in which nobody watched.
    fn resume(&mut self, handover: &Handover) {
        if let Some(phase) = self.left.take() {
            self.phase = phase;
            self.outcome = None;
        }
        if !handover.is_next_round() {
            self.hold = None;
        }
        self.driven = handover.to;
        if let (Phase::Baking, Some(until), Some(plan)) = (self.phase, self.bake_until, &self.plan)
        {
            let unwatched = handover.unwatched(&plan.limits);
            self.bake_until = until.checked_add(unwatched).ok();
        }
    }

    fn weight_set(&mut self, step: usize, weight: Weight) {
        if self.step != Some(step) {
            self.wanted = None;
            self.green_requests = 0;
        }
        self.step = Some(step);
        self.set = Some(weight);
        self.peak = self.peak.max(Some(weight));
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
        let (place, until) = (at.point.told(plan), words::clock(at.until));
        let said = at.said.as_ref();
        let said = said.map_or_else(String::new, |said| format!("; it said: {said}"));
        let Gate { name, check, .. } = gate;
        Some(format!("{name} {place}: {check}; until {until}{said}"))
    }

    /// Which slot has a role.
    pub fn slot(&self, role: Role) -> Option<SlotName> {
        self.plan.as_ref().map(|plan| match role {
            Role::Blue => plan.blue,
            Role::Green => plan.green_slot(),
        })
    }

    /// What a side runs, or is to run, in short.
    pub fn runs(&self, role: Role) -> Option<&str> {
        let plan = self.plan.as_ref()?;
        match role {
            Role::Blue => Some(plan.blue_task_definition.short()),
            Role::Green => self.task_definition.as_ref().map(TaskDefinitionArn::short),
        }
    }

    /// `blue (slot a, shop:7)`, as far as that is known.
    pub fn side(&self, role: Role) -> String {
        match (self.slot(role), self.runs(role)) {
            (Some(slot), Some(runs)) => format!("{} (slot {slot}, {runs})", role.as_str()),
            (Some(slot), None) => format!("{} (slot {slot})", role.as_str()),
            (None, _) => role.as_str().to_owned(),
        }
    }

    /// Whether a slot is blue or green.
    pub fn role_of(&self, slot: SlotName) -> Role {
        match self.slot(Role::Blue) == Some(slot) {
            true => Role::Blue,
            false => Role::Green,
        }
    }

    /// A side's figures in the last look.
    pub fn counts(&self, role: Role) -> Option<&Counts> {
        self.look.as_ref().map(|look| match role {
            Role::Blue => &look.blue,
            Role::Green => &look.green,
        })
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

    /// How long it may still take until green is promoted; `None` where that will not happen or
    /// has happened.
    pub fn time_left(&self, now: Timestamp) -> Option<TimeLeft> {
        let plan = self.plan.as_ref()?;
        let bakes = |from: usize| {
            let rest = plan.steps.iter().skip(from);
            let rest = rest.map(|step| step.bake.saturating_add(plan.ttl()));
            rest.fold(Duration::ZERO, Duration::saturating_add)
        };
        let settling = |spent: Duration| plan.guards.healthy_for.saturating_sub(spent);
        match self.phase {
            Phase::Starting | Phase::Registering | Phase::Provisioning | Phase::BecomingHealthy => {
                Some(TimeLeft::AfterHealthy(
                    settling(Duration::ZERO).saturating_add(bakes(0)),
                ))
            }
            Phase::Settling => {
                let spent = words::between(self.phase_since.unwrap_or(now), now);
                Some(TimeLeft::About(settling(spent).saturating_add(bakes(0))))
            }
            Phase::Shifting => Some(TimeLeft::About(bakes(self.step.unwrap_or(0)))),
            Phase::Baking => {
                let bake = words::between(now, self.bake_until.unwrap_or(now));
                let next = self.step.unwrap_or(0).saturating_add(1);
                Some(TimeLeft::About(bake.saturating_add(bakes(next))))
            }
            Phase::Promoted | Phase::Reverting | Phase::PuttingGreenAway | Phase::Ended => None,
        }
    }
}

/// The phase that an event begins, where it begins one.
fn phase_after(event: &Event) -> Option<Phase> {
    Some(match event {
        Event::Started { .. } => Phase::Starting,
        Event::RegisteringTaskDefinition => Phase::Registering,
        Event::ProvisioningGreen => Phase::Provisioning,
        Event::GreenProvisioned | Event::GreenUnhealthy { .. } => Phase::BecomingHealthy,
        Event::GreenHealthy => Phase::Settling,
        Event::Shifting { .. } => Phase::Shifting,
        Event::Baking { .. } => Phase::Baking,
        Event::Promoted { .. } => Phase::Promoted,
        Event::Reverting { .. } => Phase::Reverting,
        Event::TrafficReverted | Event::PuttingGreenAway => Phase::PuttingGreenAway,
        Event::Ended { .. } => Phase::Ended,
        Event::TaskDefinitionReady { .. }
        | Event::GreenReady
        | Event::SizingGreen { .. }
        | Event::PointingTestRoutes { .. }
        | Event::ArmingDeadman { .. }
        | Event::DeadmanArmed { .. }
        | Event::DisarmingDeadman
        | Event::DeadmanDisarmed
        | Event::Holding { .. }
        | Event::HoldOver
        | Event::SettingsRestored
        | Event::GreenPutAway
        | Event::ActFailed { .. }
        | Event::Diagnosed { .. }
        | Event::Hurrying { .. }
        | Event::RetireWaiting { .. }
        | Event::Retiring
        | Event::Retired { .. }
        | Event::RetireCancelled { .. }
        | Event::Paused { .. }
        | Event::GoingOn { .. }
        | Event::Resumed { .. }
        | Event::GateOpened { .. }
        | Event::GateAsked { .. }
        | Event::GateAnswered { .. }
        | Event::MinuteJudged { .. }
        | Event::MinuteSkipped { .. }
        | Event::MinuteRevised { .. }
        | Event::ValuesRead { .. }
        | Event::Compared(_)
        | Event::EnoughEvidence { .. }
        | Event::WaitingForRequests { .. }
        | Event::Looked(_) => return None,
    })
}
