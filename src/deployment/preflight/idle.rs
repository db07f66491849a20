//! What the idle slot has otherwise than the live one beside its service's settings, or than what
//! it served last, and what becomes of that. Infrastructure as code, which knows one of the two
//! slots, changes that one whether or not it is live.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Planning;
use super::definition::Definition;
use crate::deployment::bare;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::ids::{SlotName, Slots, TargetGroupArn, TaskDefinitionArn};
use crate::deployment::plan::{NewTaskDefinition, SlotPlan};
use crate::deployment::retire;
use crate::deployment::surroundings::{GroupFound, Surroundings};
use crate::deployment::task_definition::{self as taskdef, Change};

/// The task definition that somebody set in the idle slot after another one had served there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleDefinition {
    /// The slot.
    pub slot: SlotName,
    /// What its service is set to run.
    pub set: TaskDefinitionArn,
    /// What served there last.
    pub served: TaskDefinitionArn,
    /// How the one that is set differs from that; null where that can't be read any more.
    pub changes: Option<Vec<Change>>,
    /// Whether green is to run it.
    pub is_deployed: bool,
}

/// The target groups of both slots for one port, where they differ: each keeps what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlikeGroups {
    /// Green's.
    pub green: TargetGroupArn,
    /// Blue's.
    pub blue: TargetGroupArn,
    /// In what, by name.
    pub settings: Vec<UnlikeSetting>,
}

/// A setting in which two target groups differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlikeSetting {
    /// As ELBv2 calls it: `HealthCheckPath`, `deregistration_delay.timeout_seconds`.
    pub name: String,
    /// Green's; null where it has none.
    pub green: Option<String>,
    /// Blue's.
    pub blue: Option<String>,
}

pub(super) fn check(
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    definition: Option<&Definition>,
    planning: &mut Planning,
) {
    planning.idle_definition = set_by_somebody(found, live.other(), definition);
    let pairs = slots[live].targets.iter().zip(&slots[live.other()].targets);
    for (blue, green) in pairs {
        let settings = unlike(found.group(&blue.group), found.group(&green.group));
        if !settings.is_empty() {
            planning.groups.push(UnlikeGroups {
                green: green.group.clone(),
                blue: blue.group.clone(),
                settings,
            });
        }
    }
}

/// What the idle slot's service is set to run, where that is not what served there last, and no
/// deployment registered it: one that was reverted leaves its own there.
fn set_by_somebody(
    found: &Surroundings,
    idle: SlotName,
    definition: Option<&Definition>,
) -> Option<IdleDefinition> {
    let service = found.services[idle].as_ref()?;
    let served = TaskDefinitionArn::new(bare::tag(service, retire::SERVED_TAG)?);
    let set = TaskDefinitionArn::new(service.get("taskDefinition")?.as_str()?);
    let described = found.task_definitions.get(&set)?;
    if set == served || bare::tag(described, DEPLOYMENT_TAG).is_some() {
        return None;
    }
    let before = found.task_definitions.get(&served);
    Some(IdleDefinition {
        slot: idle,
        changes: before.map(|before| taskdef::diff(before, described)),
        is_deployed: definition.is_some_and(|it| runs(it, &set, described)),
        set,
        served,
    })
}

/// Whether green is to run just this.
fn runs(definition: &Definition, set: &TaskDefinitionArn, described: &Value) -> bool {
    match &definition.new {
        NewTaskDefinition::Existing { arn } => arn == set,
        NewTaskDefinition::Register { .. } => definition
            .body
            .as_ref()
            .is_some_and(|body| taskdef::same(body, described)),
    }
}

fn unlike(blue: Option<&GroupFound>, green: Option<&GroupFound>) -> Vec<UnlikeSetting> {
    let (Some(blue), Some(green)) = (blue, green) else {
        return Vec::new();
    };
    let names: BTreeSet<&String> = blue.settings.keys().chain(green.settings.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| blue.settings.get(*name) != green.settings.get(*name));
    let settings = differing.map(|name| UnlikeSetting {
        name: name.clone(),
        green: green.settings.get(name).cloned(),
        blue: blue.settings.get(name).cloned(),
    });
    settings.collect()
}
