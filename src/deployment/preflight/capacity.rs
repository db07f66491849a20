//! How many tasks, and whether blue is well.

use serde_json::Value;

use super::{Planning, Request};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::plan::{Kind, SlotPlan};
use crate::deployment::surroundings::Surroundings;

/// Green's desired count: blue's now.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Option<u32> {
    let service = found.services[live].as_ref()?;
    let desired = service.get("desiredCount").and_then(Value::as_u64)?;
    let desired = u32::try_from(desired).ok()?;
    if desired == 0 {
        planning.problem(
            format!(
                "the live service {} has desired count 0",
                slots[live].service
            ),
            "scale it up first: green gets as many tasks as blue has",
        );
        return None;
    }
    for target in &slots[live].targets {
        let healthy = found.healthy.get(&target.group).copied().unwrap_or(0);
        let needed = request.guards.ready.needed(desired).max(1);
        if healthy >= needed {
            continue;
        }
        let what = format!(
            "blue has {healthy} of {needed} healthy targets in {}: it could not take everything back",
            target.group.name()
        );
        if matches!(request.kind, Kind::Deploy) {
            planning.problem(
                what,
                "make it healthy first, or repair production with `--hotfix --reason TEXT`",
            );
        } else {
            planning.warn(what);
        }
    }
    Some(desired)
}
