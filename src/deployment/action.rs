//! What `decide` wants done: plain data, each of them safe to repeat.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gate::Point;
use super::ids::{SlotName, TaskDefinitionArn};
use crate::strategy::Weight;

/// One act on AWS. The plan says on which resources; the performer repeats none of what is
/// already so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Register the body that travels beside the plan, tagged `bg:deployment`; where the family's
    /// newest revisions already carry this deployment's tag, that one is taken.
    RegisterTaskDefinition,
    /// Put green's group into every route's forward action at weight 0, where it is missing.
    AddGreenToRoutes,
    /// Create green's service (client token: the deployment's id), or set it to the source slot's
    /// settings, with this task definition and the plan's desired count, ECS's own rollbacks off.
    ProvisionGreen {
        /// What it is to run.
        task_definition: TaskDefinitionArn,
    },
    /// Give everything on the test routes to a slot.
    PointTestRoutes {
        /// Which.
        to: SlotName,
    },
    /// Write a split to all routes.
    WriteWeights(WeightWrite),
    /// Set a slot's desired count.
    Scale {
        /// Whose.
        slot: SlotName,
        /// To what.
        desired: u32,
    },
    /// Give green back the circuit-breaker and alarm settings that the deployment took from it, and
    /// both sides their autoscaling: as before where it serves, asleep where green is put away.
    RestoreSettings {
        /// The side that serves from now on.
        serving: SlotName,
    },
    /// Keep autoscaling from starting an idle slot's tasks again.
    SleepScaling {
        /// Whose.
        slot: SlotName,
    },
    /// Set and remove tags on a slot's service.
    Tag {
        /// Whose.
        slot: SlotName,
        /// Key to value; `None` removes the tag.
        tags: BTreeMap<String, Option<String>>,
    },
    /// Take the other slot's group out of every sticky route's action.
    Unpin {
        /// Whose group goes.
        slot: SlotName,
    },
    /// Delete a slot's service, which has to be scaled to zero.
    Delete {
        /// Whose.
        slot: SlotName,
    },
    /// Have a schedule for each route put everything back on blue at a moment; one that is there
    /// already is pushed out to it.
    ArmDeadman {
        /// That moment, in whole seconds.
        until: Timestamp,
    },
    /// Delete every such schedule of the service, this deployment's and earlier ones', and see
    /// that they are gone.
    DisarmDeadman,
    /// Ask a gate; its answer comes as an ask, however long it takes.
    AskGate {
        /// Its position among the plan's.
        gate: usize,
        /// Where.
        point: Point,
        /// The how manieth time.
        asked: u32,
    },
}

/// Weights to write on every route of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightWrite {
    /// Green gets a larger share, blue the rest. Reads each action again right before.
    Raise {
        /// Green's share so far: a route that shows another is somebody else's to explain.
        from: Weight,
        /// Green's share from then on.
        to: Weight,
    },
    /// Everything to blue, at once, from the actions as last seen; green's group is taken out
    /// of sticky routes, because pinned clients would stay on it at weight 0.
    AllBlue,
}

impl Action {
    /// What it is called in events and messages.
    pub fn name(&self) -> ActName {
        match self {
            Action::RegisterTaskDefinition => ActName::RegisterTaskDefinition,
            Action::AddGreenToRoutes => ActName::AddGreenToRoutes,
            Action::ProvisionGreen { .. } => ActName::ProvisionGreen,
            Action::PointTestRoutes { .. } => ActName::PointTestRoutes,
            Action::WriteWeights(WeightWrite::Raise { .. }) => ActName::Shift,
            Action::WriteWeights(WeightWrite::AllBlue) => ActName::Revert,
            Action::Scale { .. } => ActName::Scale,
            Action::RestoreSettings { .. } => ActName::RestoreSettings,
            Action::SleepScaling { .. } => ActName::SleepScaling,
            Action::Tag { .. } => ActName::Tag,
            Action::Unpin { .. } => ActName::Unpin,
            Action::Delete { .. } => ActName::Delete,
            Action::ArmDeadman { .. } => ActName::ArmDeadman,
            Action::DisarmDeadman => ActName::DisarmDeadman,
            Action::AskGate { .. } => ActName::AskGate,
        }
    }
}

/// An action without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActName {
    /// [`Action::RegisterTaskDefinition`]
    RegisterTaskDefinition,
    /// [`Action::AddGreenToRoutes`]
    AddGreenToRoutes,
    /// [`Action::ProvisionGreen`]
    ProvisionGreen,
    /// [`Action::PointTestRoutes`]
    PointTestRoutes,
    /// [`WeightWrite::Raise`]
    Shift,
    /// [`WeightWrite::AllBlue`]
    Revert,
    /// [`Action::Scale`]
    Scale,
    /// [`Action::RestoreSettings`]
    RestoreSettings,
    /// [`Action::SleepScaling`]
    SleepScaling,
    /// [`Action::Tag`]
    Tag,
    /// [`Action::Unpin`]
    Unpin,
    /// [`Action::Delete`]
    Delete,
    /// [`Action::ArmDeadman`]
    ArmDeadman,
    /// [`Action::DisarmDeadman`]
    DisarmDeadman,
    /// [`Action::AskGate`]
    AskGate,
}

impl fmt::Display for ActName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ActName::RegisterTaskDefinition => "register the task definition",
            ActName::AddGreenToRoutes => "add green's target group to the routes",
            ActName::ProvisionGreen => "create or update green's service",
            ActName::PointTestRoutes => "move the test routes",
            ActName::Shift => "shift traffic",
            ActName::Revert => "put traffic back to blue",
            ActName::Scale => "set the desired count",
            ActName::RestoreSettings => "restore the service's settings",
            ActName::SleepScaling => "put the idle slot's autoscaling to sleep",
            ActName::Tag => "tag the service",
            ActName::Unpin => "take the idle group out of sticky routes",
            ActName::Delete => "delete the service",
            ActName::ArmDeadman => "arm the dead-man switch or push it out",
            ActName::DisarmDeadman => "take the dead-man switch away",
            ActName::AskGate => "ask a gate",
        })
    }
}

/// How an act failed, as far as decisions need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// AWS said: slow down. Nothing happened.
    Throttled,
    /// A conflict with something under way. Worth another try.
    Conflict,
    /// May or may not have happened: look, then decide.
    Ambiguous,
    /// Never sent: no network, no name, refused.
    NotSent,
    /// The machine's clock is off. Nothing happened.
    Skewed,
    /// Credentials ran out.
    Expired,
    /// Not allowed.
    Denied,
    /// Wrong, or missing: the same call will fail again.
    Invalid,
    /// What it takes is gone with the process that had it; AWS was not asked.
    Lost,
}

impl FailureClass {
    /// Whether the same call may succeed later.
    pub fn is_worth_repeating(self) -> bool {
        !matches!(
            self,
            FailureClass::Denied | FailureClass::Invalid | FailureClass::Lost
        )
    }
}
