//! Where a service stands: which slot is live, both sides' tasks, the weights, what is under way.

mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use text::{how_far, text};

use super::read_to::ReadTo;
use super::values::NewestValue;
use super::view::{Phase, View};
use crate::deployment::ids::{
    ClusterName, DeploymentId, EcsServiceName, RouteArn, ServiceName, SlotName, Slots,
    TaskDefinitionArn,
};
use crate::deployment::outcome::Outcome;
use crate::deployment::problem::Problem;
use crate::strategy::{TooFew, Weight};

/// The document of `bg status --output json`. Weights are shares as text (`"10%"`), moments
/// RFC 3339, and what could not be read is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// When it was seen.
    pub at: Timestamp,
    /// The logical service.
    pub service: ServiceName,
    /// Its cluster.
    pub cluster: ClusterName,
    /// What is wrong, and stays so until somebody puts it right; empty where all is well.
    #[serde(default)]
    pub problems: Vec<ProblemStatus>,
    /// The slot that serves production: the one with more traffic, or where neither has more on
    /// every route, blue of the deployment under way; null where nothing says, or the slots are
    /// mixed up.
    pub live: Option<SlotStatus>,
    /// The other slot; null where nothing says which that is.
    pub idle: Option<SlotStatus>,
    /// Both slots, where nothing says which of them is live, and they are not mixed up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<SlotStatus>,
    /// What splits traffic.
    pub routes: Vec<RouteStatus>,
    /// The test routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_routes: Vec<RouteStatus>,
    /// The deployment that is under way; null where none is.
    pub deployment: Option<DeploymentStatus>,
    /// What AWS alone shows to have no end; null where nothing does, or the store knows it.
    pub unknown: Option<UnknownStatus>,
    /// The retirement that is due; null where none is.
    pub retire: Option<RetireStatus>,
    /// Why the store couldn't be read; null where it could.
    pub store: Option<StoreStatus>,
    /// The deployment whose end alone says which slot is live: AWS shows both at work, without the
    /// tags that would tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_journal: Option<DeploymentId>,
    /// The deployment that made the idle slot live, where somebody has moved traffic since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<DeploymentId>,
}

/// What is wrong, and what puts it right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemStatus {
    /// Of what kind.
    pub kind: ProblemKind,
    /// What is wrong, and where.
    pub what: String,
    /// What to change or run next.
    pub fix: String,
}

impl ProblemStatus {
    /// In the words of a plan.
    pub fn new(kind: ProblemKind, Problem { what, fix }: Problem) -> Self {
        ProblemStatus { kind, what, fix }
    }
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A record of the config can't be a route: its weights aren't among those that are told.
    NoRoute,
    /// The config gives the slots each other's target groups: no slot's name says who serves, and
    /// no weight is told.
    MixedUp,
    /// A route is not one slot's alone, or the routes are not all the same one's, and no deployment
    /// has made it so.
    Split,
    /// A deployment that nobody knows any more has left autoscaling without scale-in.
    HeldScaleIn,
}

/// A deployment of which the store knows no end, and AWS shows none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownStatus {
    /// Which, as a tag says.
    pub id: DeploymentId,
    /// The slot that runs its tasks.
    pub slot: SlotName,
}

/// A store that couldn't be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Why.
    pub trouble: String,
    /// What to do about it.
    pub next: Vec<String>,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// `a` or `b`.
    pub slot: SlotName,
    /// Its ECS service.
    pub service: EcsServiceName,
    /// What it is set to run; null where the service doesn't exist.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Container to image.
    pub images: BTreeMap<String, String>,
    /// Tasks asked for.
    pub desired: Option<u32>,
    /// Tasks that run.
    pub running: Option<u32>,
    /// Healthy targets, in the group with the fewest.
    pub healthy: Option<u32>,
    /// Its share of traffic; null where the routes disagree.
    pub weight: Option<Weight>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// What people call it.
    pub label: String,
    /// The listener's or rule's ARN.
    pub arn: RouteArn,
    /// Each slot's share.
    pub weights: Slots<Option<Weight>>,
}

/// A deployment under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// Which.
    pub id: DeploymentId,
    /// The slot that carried production when it started.
    pub blue: Option<SlotName>,
    /// Where it is.
    pub phase: Phase,
    /// The present step, from 1; null before the first.
    pub step: Option<usize>,
    /// How many steps there are.
    pub steps: usize,
    /// Green's share as it was last set.
    pub weight: Option<Weight>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When the present bake ends.
    pub bake_until: Option<Timestamp>,
    /// The requests that the present step asks for; null where it asks for none.
    pub requests: Option<RequestsStatus>,
    /// The newest minute of metrics that was judged or passed over, while it bakes; null where
    /// none is judged.
    pub metrics: Option<ReadTo>,
    /// The newest values of the config's own metrics, while it bakes.
    pub values: Vec<NewestValue>,
    /// The gate that is in the way, in words; null where none is.
    pub gate: Option<String>,
    /// What keeps it from moving on, in words.
    pub holds: Vec<String>,
    /// Who asked to stay at the present weight; null where nobody did.
    pub paused: Option<String>,
    /// Why it reverts, in words.
    pub trip: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// When its dead-man switch puts everything on blue; null where it isn't armed.
    pub deadman: Option<Timestamp>,
    /// Its process is gone, and nobody watches it.
    pub abandoned: bool,
}

impl DeploymentStatus {
    /// The slot that carried production when it started, while it is under way.
    pub fn blue_under_way(&self) -> Option<SlotName> {
        let outcome = self.outcome.as_ref();
        let under_way = outcome.is_none_or(Outcome::is_in_the_middle);
        self.blue.filter(|_| under_way)
    }

    /// Of the deployment that `view` shows; `None` of a view without records.
    pub fn of(view: &View) -> Option<Self> {
        Some(DeploymentStatus {
            id: view.id.clone()?,
            blue: view.plan.as_ref().map(|plan| plan.blue),
            phase: view.phase,
            step: view.step.map(|step| step.saturating_add(1)),
            steps: view.steps(),
            weight: view.set,
            started_at: view.started_at,
            bake_until: view.bake_until.filter(|_| view.phase == Phase::Baking),
            requests: RequestsStatus::of(view),
            metrics: view.read_to.filter(|_| view.phase == Phase::Baking),
            values: match view.phase {
                Phase::Baking => NewestValue::all(view),
                _ => Vec::new(),
            },
            gate: view.gate_told(),
            holds: view
                .hold
                .iter()
                .flat_map(|hold| &hold.reasons)
                .map(ToString::to_string)
                .collect(),
            paused: view.paused.clone(),
            trip: view.trip.as_ref().map(ToString::to_string),
            outcome: view.outcome.clone(),
            deadman: view.deadman,
            abandoned: false,
        })
    }
}

/// The requests that a step asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestsStatus {
    /// So many.
    pub wanted: u64,
    /// Green's at this weight so far, in minutes that were judged.
    pub served: u64,
    /// How long the rest is waited for; null while the bake goes on.
    pub until: Option<Timestamp>,
    /// What follows where they have not come by then.
    pub then: TooFew,
}

impl RequestsStatus {
    fn of(view: &View) -> Option<Self> {
        let step = view.plan.as_ref()?.steps.get(view.step?)?;
        let until = step.until.filter(|_| view.phase == Phase::Baking)?;
        Some(RequestsStatus {
            wanted: until.requests,
            served: view.green_requests,
            until: view.wanted.map(|wanted| wanted.until),
            then: until.too_few,
        })
    }
}

/// A retirement that is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetireStatus {
    /// Whose.
    pub slot: SlotName,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests;
