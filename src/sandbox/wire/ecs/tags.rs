//! Tags of clusters, services, tasks and task definitions.

use super::lookup::texts;
use crate::sandbox::{
    wire::AwsError,
    world::{
        World,
        ecs::json::{list, text},
    },
};
use serde_json::{Value, json};

const MOST_TAGS: usize = 50;

pub(super) fn tag(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let added = list(input, "tags");
    let tags = tags_of(world, input)?;
    let mut result = tags.clone();
    for one in added {
        result.retain(|known| known.get("key") != one.get("key"));
        result.push(one.clone());
    }
    check(&result)?;
    *tags = result;
    Ok(json!({}))
}

/// That there are no more than ECS takes.
pub(super) fn check(tags: &[Value]) -> Result<(), AwsError> {
    if tags.len() > MOST_TAGS {
        return Err(AwsError::invalid_parameter(format!(
            "Tags can not be more than {MOST_TAGS}."
        )));
    }
    Ok(())
}

pub(super) fn untag(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let keys = texts(input, "tagKeys");
    tags_of(world, input)?
        .retain(|known| text(known, "key").is_none_or(|key| !keys.contains(&key)));
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    Ok(json!({ "tags": tags_of(world, input)? }))
}

fn tags_of<'a>(world: &'a mut World, input: &Value) -> Result<&'a mut Vec<Value>, AwsError> {
    let arn = text(input, "resourceArn").unwrap_or_default();
    let resource = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.splitn(5, ':').nth(4))
        .ok_or_else(|| AwsError::invalid_parameter("The specified resource ARN is not valid."))?;
    let ecs = &mut world.ecs;
    let parts: Vec<&str> = resource.split('/').collect();
    let found = match parts[..] {
        ["cluster", name] => ecs.clusters.get_mut(name).map(|one| &mut one.tags),
        ["service", cluster, name] => ecs
            .clusters
            .get_mut(cluster)
            .and_then(|cluster| cluster.services.get_mut(name))
            .map(|one| &mut one.tags),
        ["task", cluster, id] => ecs
            .clusters
            .get_mut(cluster)
            .and_then(|cluster| cluster.tasks.get_mut(id))
            .map(|one| &mut one.tags),
        ["task-definition", name] => ecs.definitions.find_mut(name).map(|one| &mut one.tags),
        _ => None,
    };
    found.ok_or_else(|| AwsError::invalid_parameter("The specified resource could not be found."))
}
