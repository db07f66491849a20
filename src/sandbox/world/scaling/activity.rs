//! What scaling has done, for DescribeScalingActivities.

use serde_json::json;

use super::super::{World, ids};
use crate::sandbox::wire::time;

/// How many are kept of a resource.
const KEPT: usize = 50;

/// Remembers that the desired count was set.
pub(super) fn note(world: &mut World, resource: &str, desired: u32, cause: &str) {
    let activity = json!({
        "ActivityId": ids::uuid(&mut world.rng),
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount",
        "Description": format!("Setting desired count to {desired}."),
        "Cause": cause,
        "StartTime": time(world.now),
        "EndTime": time(world.now),
        "StatusCode": "Successful",
        "StatusMessage": format!(
            "Successfully set desired count to {desired}. Change successfully fulfilled by ecs."
        ),
    });
    let activities = &mut world.scaling.activities;
    let activities = activities.entry(resource.to_owned()).or_default();
    activities.insert(0, activity);
    activities.truncate(KEPT);
}
