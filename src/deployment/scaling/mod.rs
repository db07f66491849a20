//! Autoscaling: what blue's service has of it, and what green's gets. Pure.
//!
//! Application Auto Scaling owns a service's desired count by three things: a scalable target with
//! its bounds, policies, and scheduled actions. All three are carried over to green, with the
//! alarms that call step policies; while traffic is split, neither side is scaled in, so that blue
//! keeps what the way back takes.

mod alarms;
mod carry;
mod differences;
mod names;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use alarms::{MADE_FOR_TAG, StepAlarm, alarm_prefix};
pub use carry::From;
pub use differences::{ScalingDifference, differences};

/// The tag on a service whose scale-in was on before a deployment suspended it; its value names
/// that deployment. Without it a later one could not tell whether somebody wants it suspended.
pub const HELD_TAG: &str = "bg:scale-in-held";

/// What of a service's scaling is switched off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspended {
    /// Policies that take tasks away.
    pub scale_in: bool,
    /// Policies that add some.
    pub scale_out: bool,
    /// Scheduled actions.
    pub scheduled: bool,
}

impl Suspended {
    /// All of it: an idle slot's tasks stay away.
    pub const ALL: Suspended = Suspended {
        scale_in: true,
        scale_out: true,
        scheduled: true,
    };

    /// The same, and nothing is taken away.
    #[must_use]
    pub fn without_scale_in(self) -> Suspended {
        Suspended {
            scale_in: true,
            ..self
        }
    }
}

/// A service's autoscaling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScalableTarget {
    /// Its resource id: `service/CLUSTER/SERVICE`.
    pub resource: String,
    /// Its own ARN.
    pub arn: String,
    /// Its tags, where they may be read.
    pub tags: BTreeMap<String, String>,
    /// The fewest tasks that it lets the service have.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// What of it is switched off.
    pub suspended: Suspended,
    /// Its policies, as DescribeScalingPolicies prints them.
    pub policies: Vec<Value>,
    /// Its scheduled actions, as DescribeScheduledActions prints them.
    pub schedules: Vec<Value>,
    /// The metric alarms that call its step policies, as DescribeAlarms prints them.
    pub alarms: Vec<Value>,
    /// Why policies, schedules or alarms could not be read, where they may not be.
    pub unreadable: Option<String>,
}

impl ScalableTarget {
    /// Whether it leaves a service without tasks alone.
    pub fn is_asleep(&self) -> bool {
        self.min == 0 && self.suspended == Suspended::ALL
    }

    /// How much there is of it: `1 to 6 tasks, 2 policies, 1 schedule`.
    pub fn in_words(&self) -> String {
        let (policies, schedules) = carry::parts(self);
        let counts = [policies.len(), schedules.len(), self.alarms.len()];
        in_words((self.min, self.max), counts)
    }

    /// The names of its policies of a type, `StepScaling`.
    pub fn policies_of(&self, kind: &str) -> Vec<&str> {
        let of_kind = self.policies.iter().filter(|it| it["PolicyType"] == kind);
        of_kind.filter_map(|it| it["PolicyName"].as_str()).collect()
    }
}

/// Whose autoscaling green gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Whose {
    /// Blue's.
    #[default]
    Blue,
    /// Its own service's, whose policies and schedules are there; so are its alarms, unless it
    /// slept.
    Own {
        /// What of blue's own is switched off outside of deployments, if it has any.
        blue: Option<Suspended>,
    },
}

impl Whose {
    fn is_blue(&self) -> bool {
        *self == Whose::Blue
    }
}

/// What green gets of blue's autoscaling, and blue keeps; or what it keeps of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Whose::is_blue")]
    pub whose: Whose,
    /// The fewest tasks.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// What was switched off before, and is afterwards on the side that serves.
    #[serde(default)]
    pub suspended: Suspended,
    /// The tags of green's target, if it has none yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Green's policies, as PutScalingPolicy takes them.
    pub policies: Vec<Value>,
    /// Its scheduled actions, as PutScheduledAction takes them.
    pub schedules: Vec<Value>,
    /// The alarms that call its step policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<StepAlarm>,
}

impl Scaling {
    /// What green's own service has, beside a blue with or without any.
    pub fn own(green: &ScalableTarget, blue: Option<&ScalableTarget>) -> Scaling {
        Scaling {
            whose: Whose::Own {
                blue: blue.map(|it| it.suspended),
            },
            min: green.min,
            max: green.max,
            suspended: green.suspended,
            ..Scaling::default()
        }
    }

    /// What of blue's own is switched off outside of deployments; `None` where it has none.
    pub fn of_blue(&self) -> Option<Suspended> {
        match self.whose {
            Whose::Blue => Some(self.suspended),
            Whose::Own { blue } => blue,
        }
    }

    /// How much there is of it: `1 to 6 tasks, 2 policies, 1 schedule`.
    pub fn in_words(&self) -> String {
        let counts = [self.policies.len(), self.schedules.len(), self.alarms.len()];
        in_words((self.min, self.max), counts)
    }
}

fn in_words((min, max): (u32, u32), [policies, schedules, alarms]: [usize; 3]) -> String {
    let of = |count: usize, one: &str, more: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {more}")),
    };
    let bounds = Some(format!("{min} to {max} tasks"));
    let parts = [
        bounds,
        of(policies, "policy", "policies"),
        of(schedules, "schedule", "schedules"),
        of(alarms, "alarm", "alarms"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
