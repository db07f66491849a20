//! What a view says of blue and of green.

use super::View;
use crate::deployment::event::Counts;
use crate::deployment::ids::{SlotName, TaskDefinitionArn};

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

impl View {
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
}
