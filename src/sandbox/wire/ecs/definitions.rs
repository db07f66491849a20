//! Task definitions.

use super::{
    lookup::{arn, wants_tags},
    tags, validate,
};
use crate::sandbox::{
    wire::{
        AwsError,
        page::{Paging, page},
        time,
    },
    world::{
        World,
        ecs::{
            definitions::{Definition, DefinitionStatus},
            json::{list, text},
        },
    },
};
use serde_json::{Map, Value, json};

const PAGING: Paging = Paging {
    default: 100,
    limit: 100,
};

pub(super) fn register(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    validate::check(input)?;
    tags::check(list(input, "tags"))?;
    let family = text(input, "family").unwrap_or_default().to_owned();
    let revision = world.ecs.definitions.next_revision(&family);
    let definition = world.ecs.definitions.add(Definition {
        arn: arn(world, &format!("task-definition/{family}:{revision}")),
        family,
        revision,
        body: validate::with_defaults(input),
        tags: list(input, "tags").to_vec(),
        status: DefinitionStatus::Active,
        registered_at: world.now,
        deregistered_at: None,
    });
    let mut answer = json!({ "taskDefinition": view(world, &definition) });
    if !definition.tags.is_empty() {
        answer["tags"] = definition.tags.clone().into();
    }
    Ok(answer)
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let definition = find(world, input)?;
    let mut answer = json!({ "taskDefinition": view(world, definition) });
    if wants_tags(input) {
        answer["tags"] = definition.tags.clone().into();
    }
    Ok(answer)
}

fn find<'a>(world: &'a World, input: &Value) -> Result<&'a Definition, AwsError> {
    text(input, "taskDefinition")
        .and_then(|reference| world.ecs.definitions.find(reference))
        .map(AsRef::as_ref)
        .ok_or_else(|| AwsError::client("Unable to describe task definition."))
}

pub(super) fn deregister(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let now = world.now;
    let reference = text(input, "taskDefinition").unwrap_or_default();
    if !reference.contains("task-definition/") && !reference.contains(':') {
        return Err(AwsError::invalid_parameter(format!(
            "Invalid revision number. Number: {reference}"
        )));
    }
    let arn = {
        let definition = world
            .ecs
            .definitions
            .find_mut(reference)
            .ok_or_else(|| AwsError::client("The specified task definition does not exist."))?;
        definition.status = DefinitionStatus::Inactive;
        definition.deregistered_at.get_or_insert(now);
        definition.arn.clone()
    };
    describe(world, &json!({ "taskDefinition": arn }))
}

pub(super) fn list_all(world: &World, input: &Value) -> Result<Value, AwsError> {
    let wanted = text(input, "status").unwrap_or("ACTIVE");
    let family = text(input, "familyPrefix");
    let mut arns: Vec<&str> = world
        .ecs
        .definitions
        .all()
        .filter(|one| one.status.as_str() == wanted)
        .filter(|one| family.is_none_or(|family| family == one.family))
        .map(|one| one.arn.as_str())
        .collect();
    if text(input, "sort") == Some("DESC") {
        arns.reverse();
    }
    let (shown, next) = page(arns, input, PAGING)?;
    Ok(json!({ "taskDefinitionArns": shown, "nextToken": next }))
}

pub(super) fn list_families(world: &World, input: &Value) -> Result<Value, AwsError> {
    let wanted = text(input, "status").unwrap_or("ALL");
    let prefix = text(input, "familyPrefix").unwrap_or_default();
    let names = world
        .ecs
        .definitions
        .families()
        .filter(|(name, status)| {
            name.starts_with(prefix) && (wanted == "ALL" || wanted == status.as_str())
        })
        .map(|(name, _)| name)
        .collect();
    let (shown, next) = page(names, input, PAGING)?;
    Ok(json!({ "families": shown, "nextToken": next }))
}

fn view(world: &World, definition: &Definition) -> Value {
    let mut fields: Map<String, Value> = definition.body.clone();
    let own = [
        ("taskDefinitionArn", json!(definition.arn)),
        ("revision", json!(definition.revision)),
        ("status", json!(definition.status.as_str())),
        ("registeredAt", time(definition.registered_at)),
        (
            "registeredBy",
            json!(format!("arn:aws:iam::{}:user/sandbox", world.account)),
        ),
    ];
    fields.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(at) = definition.deregistered_at {
        fields.insert("deregisteredAt".to_owned(), time(at));
    }
    fields.into()
}
