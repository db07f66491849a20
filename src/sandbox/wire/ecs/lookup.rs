//! Finding what a request names: by name, id or ARN.

use crate::sandbox::{
    wire::AwsError,
    world::{
        World,
        ecs::{
            Cluster,
            json::{list, text},
            services::Service,
        },
    },
};
use serde_json::{Value, json};

/// The name at the end of an ARN, or the text itself where it is none.
pub(super) fn short(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The cluster's name that a request means; `default` where it names none.
pub(super) fn cluster_name(input: &Value) -> &str {
    text(input, "cluster").map_or("default", short)
}

/// The cluster that a request means.
pub(super) fn cluster<'a>(world: &'a World, input: &Value) -> Result<&'a Cluster, AwsError> {
    world
        .ecs
        .clusters
        .get(cluster_name(input))
        .ok_or_else(|| AwsError::new("ClusterNotFoundException", "Cluster not found."))
}

/// The service that a request means in its field `service`.
pub(super) fn service<'a>(world: &'a World, input: &Value) -> Result<&'a Service, AwsError> {
    let cluster = cluster(world, input)?;
    let name = text(input, "service").map_or("", short);
    cluster
        .services
        .get(name)
        .ok_or_else(|| AwsError::new("ServiceNotFoundException", "Service not found."))
}

/// What `failures` says about something that is not there.
pub(super) fn missing(arn: &str) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}

/// The texts of a list field.
pub(super) fn texts<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    list(input, name).iter().filter_map(Value::as_str).collect()
}

/// Whether `include` asks for tags.
pub(super) fn wants_tags(input: &Value) -> bool {
    list(input, "include").iter().any(|one| one == "TAGS")
}

/// An ARN of ECS: `resource` is what stands after the account.
pub(super) fn arn(world: &World, resource: &str) -> String {
    format!("arn:aws:ecs:{}:{}:{resource}", world.region, world.account)
}
