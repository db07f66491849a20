//! Autoscaling: what blue's service has of it, and what green's gets. Pure.
//!
//! Application Auto Scaling owns a service's desired count by three things: a scalable target with
//! its bounds, policies, and scheduled actions. All three are carried over to green, with the
//! alarms that call step policies; while traffic is split, neither side is scaled in, so that blue
//! keeps what the way back takes.

mod alarms;
mod carry;
mod names;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use alarms::{MADE_FOR_TAG, StepAlarm, alarm_prefix};
pub use carry::From;

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

    /// The names of its policies of a type, `StepScaling`.
    pub fn policies_of(&self, kind: &str) -> Vec<&str> {
        let of_kind = self.policies.iter().filter(|it| it["PolicyType"] == kind);
        of_kind.filter_map(|it| it["PolicyName"].as_str()).collect()
    }
}

/// What green gets, and blue keeps, of blue's autoscaling.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
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

#[cfg(test)]
mod tests;
