//! Application Auto Scaling of ECS services: targets, policies and schedules as stored data.

use serde_json::Value;
use std::collections::BTreeMap;

/// What is registered, by resource id (`service/CLUSTER/SERVICE`). Nothing here scales by
/// itself: registering a target only clamps the service's desired count, as AWS does.
#[derive(Debug, Clone, Default)]
pub struct Scaling {
    /// Scalable targets.
    pub targets: BTreeMap<String, Value>,
    /// Scaling policies by resource id and policy name.
    pub policies: BTreeMap<(String, String), Value>,
    /// Scheduled actions by resource id and action name.
    pub schedules: BTreeMap<(String, String), Value>,
    /// What it did, or didn't, by resource id, the newest first.
    pub activities: BTreeMap<String, Vec<Value>>,
}
