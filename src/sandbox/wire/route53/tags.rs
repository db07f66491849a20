//! Tags of hosted zones and health checks.

use serde_json::{Value, json};

use super::super::AwsError;
use super::super::query::input::text;
use crate::sandbox::world::World;

/// Answers one operation on tags.
///
/// # Errors
/// AWS's codes and messages.
pub(super) fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    let of = |key: &str| text(input, key).unwrap_or_default().to_owned();
    let (kind, id) = (of("ResourceType"), of("ResourceId"));
    check(world, &kind, &id)?;
    let tags = world
        .route53
        .tags
        .entry((kind.clone(), id.clone()))
        .or_default();
    if operation == "ListTagsForResource" {
        let tag = |(key, value): (&String, &String)| json!({ "Key": key, "Value": value });
        let tags: Vec<Value> = tags.iter().map(tag).collect();
        return Ok(json!({ "ResourceTagSet": {
            "ResourceType": kind, "ResourceId": id, "Tags": tags,
        } }));
    }
    let list = |key: &str| input[key].as_array().into_iter().flatten();
    for key in list("RemoveTagKeys").filter_map(Value::as_str) {
        tags.remove(key);
    }
    tags.extend(list("AddTags").filter_map(|tag| {
        let value = text(tag, "Value").unwrap_or_default();
        Some((text(tag, "Key")?.to_owned(), value.to_owned()))
    }));
    Ok(json!({}))
}

fn check(world: &World, kind: &str, id: &str) -> Result<(), AwsError> {
    let missing = |code: &str| {
        let message = format!("No {kind} found with ID: {id}");
        Err(AwsError::new(code, message).with_status(404))
    };
    match kind {
        "hostedzone" if !world.route53.zones.contains_key(id) => missing("NoSuchHostedZone"),
        "healthcheck" if !world.route53.health_checks.contains_key(id) => {
            missing("NoSuchHealthCheck")
        }
        "hostedzone" | "healthcheck" => Ok(()),
        _ => Err(AwsError::new(
            "InvalidInput",
            format!("unknown resource type {kind}"),
        )),
    }
}
