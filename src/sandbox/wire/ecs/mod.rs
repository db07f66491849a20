//! Elastic Container Service: requests to the world's clusters, services and tasks.

mod check_fits;
mod check_service;
mod clusters;
mod definitions;
mod fargate;
mod instances;
mod lookup;
mod revisions;
mod service_view;
mod services;
mod tags;
mod tasks;
#[cfg(test)]
mod tests;
mod validate;

use super::AwsError;
use crate::sandbox::world::World;
use serde_json::Value;

/// Answers one operation.
///
/// # Errors
/// As AWS does for this operation.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "CreateCluster" => clusters::create(world, input),
        "DescribeClusters" => clusters::describe(world, input),
        "ListClusters" => clusters::list(world, input),
        "PutClusterCapacityProviders" => clusters::put_providers(world, input),
        "DeleteCluster" => clusters::delete(world, input),
        "RegisterContainerInstance" => instances::register(world, input),
        "ListContainerInstances" => instances::list(world, input),
        "RegisterTaskDefinition" => definitions::register(world, input),
        "DescribeTaskDefinition" => definitions::describe(world, input),
        "ListTaskDefinitions" => definitions::list_all(world, input),
        "ListTaskDefinitionFamilies" => definitions::list_families(world, input),
        "DeregisterTaskDefinition" => definitions::deregister(world, input),
        "CreateService" => services::create(world, input),
        "UpdateService" => services::update(world, input),
        "DeleteService" => services::delete(world, input),
        "DescribeServices" => services::describe(world, input),
        "ListServices" => services::list_all(world, input),
        "DescribeServiceRevisions" => revisions::describe_revisions(world, input),
        "DescribeServiceDeployments" => revisions::describe_deployments(world, input),
        "ListServiceDeployments" => revisions::list_deployments(world, input),
        "ListTasks" => tasks::list_all(world, input),
        "DescribeTasks" => tasks::describe(world, input),
        "StopTask" => tasks::stop(world, input),
        "RunTask" => tasks::run(world, input),
        "TagResource" => tags::tag(world, input),
        "UntagResource" => tags::untag(world, input),
        "ListTagsForResource" => tags::list_tags(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}
