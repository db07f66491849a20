//! What a slot's ECS service needs to be like another slot's. Pure, over the JSON that
//! DescribeServices prints, so that fields this program doesn't know are carried along.

use serde_json::Value;

use super::ids::{ClusterName, DeploymentId, EcsServiceName, TaskDefinitionArn};
use super::plan::TargetPlan;

/// What a service is to be, beside the settings that it takes from its source.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Where.
    pub cluster: &'a ClusterName,
    /// Its name.
    pub service: &'a EcsServiceName,
    /// Its load-balancer entries.
    pub targets: &'a [TargetPlan],
    /// What it is to run.
    pub task_definition: &'a TaskDefinitionArn,
    /// How many tasks.
    pub desired: u32,
    /// Tagged `bg:deployment` with this, and created with this as its client token.
    pub deployment: &'a DeploymentId,
}

/// The body of CreateService for a clone of `source`, ECS's own rollbacks off.
pub fn create_request(source: &Value, target: &Target<'_>) -> Value {
    let _ = (source, target);
    Value::Null
}

/// The body of UpdateService that gives a service the settings of `source` wherever
/// UpdateService can, ECS's own rollbacks off.
pub fn update_request(source: &Value, target: &Target<'_>) -> Value {
    let _ = (source, target);
    Value::Null
}

/// The `deploymentConfiguration` of `service` outside of deployments.
pub fn settings(service: &Value) -> Value {
    service.get("deploymentConfiguration").cloned().unwrap_or(Value::Null)
}
