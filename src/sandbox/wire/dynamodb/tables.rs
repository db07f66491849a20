//! Making and describing tables.

use super::{AwsError, invalid, not_found};
use crate::sandbox::wire::time;
use crate::sandbox::world::World;
use crate::sandbox::world::dynamodb::Table;
use crate::sandbox::world::ecs::json::text;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The table that a request names, ready or not.
fn named<'a>(world: &'a World, input: &Value) -> Result<(&'a str, &'a Table), AwsError> {
    let name = text(input, "TableName").unwrap_or_default();
    let found = world.dynamodb.by_name.get_key_value(name);
    found
        .map(|(name, table)| (name.as_str(), table))
        .ok_or_else(|| {
            not_found(format!(
                "Requested resource not found: Table: {name} not found"
            ))
        })
}

/// The name of the table that a request is about, once that is ready.
pub(super) fn ready<'a>(world: &'a World, input: &Value) -> Result<&'a Table, AwsError> {
    let (_, table) = named(world, input)?;
    match table.is_active(world.now) {
        true => Ok(table),
        false => Err(not_found("Requested resource not found")),
    }
}

/// The same, to be changed.
pub(super) fn ready_mut<'a>(
    world: &'a mut World,
    input: &Value,
) -> Result<&'a mut Table, AwsError> {
    ready(world, input)?;
    let name = text(input, "TableName").unwrap_or_default();
    let table = world.dynamodb.by_name.get_mut(name);
    table.ok_or_else(|| not_found("Requested resource not found"))
}

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = text(input, "TableName").unwrap_or_default();
    if world.dynamodb.by_name.contains_key(name) {
        let message = format!("Table already exists: {name}");
        return Err(AwsError::new("ResourceInUseException", message));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !((3..=255).contains(&name.len()) && name.bytes().all(allowed)) {
        return Err(invalid(format!("TableName can't be {name:?}")));
    }
    if text(input, "BillingMode") != Some("PAY_PER_REQUEST") {
        return Err(invalid("Only BillingMode PAY_PER_REQUEST is played here."));
    }
    let entries = |field: &str| input.get(field).and_then(Value::as_array).cloned();
    let types = entries("AttributeDefinitions").unwrap_or_default();
    let is_text = |key: &str| {
        let definition = types
            .iter()
            .find(|definition| text(definition, "AttributeName") == Some(key));
        definition.and_then(|definition| text(definition, "AttributeType")) == Some("S")
    };
    let key_of = |kind: &str| {
        let keys = entries("KeySchema").unwrap_or_default();
        let key = keys.iter().find(|key| text(key, "KeyType") == Some(kind));
        key.and_then(|key| text(key, "AttributeName").map(str::to_owned))
    };
    let partition_key = key_of("HASH").ok_or_else(|| invalid("No Hash Key specified in schema"))?;
    let sort_key = key_of("RANGE");
    let others_are_text = sort_key.as_deref().is_none_or(is_text);
    if !(is_text(&partition_key) && others_are_text) {
        return Err(invalid("Only keys of type S are played here."));
    }
    let table = Table {
        partition_key,
        sort_key,
        created: world.now,
        expires_by: None,
        items: BTreeMap::new(),
    };
    let shown = view(world, name, &table);
    world.dynamodb.by_name.insert(name.to_owned(), table);
    Ok(json!({ "TableDescription": shown }))
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (name, table) = named(world, input)?;
    Ok(json!({ "Table": view(world, name, table) }))
}

fn view(world: &World, name: &str, table: &Table) -> Value {
    let mut keys = vec![(&table.partition_key, "HASH")];
    keys.extend(table.sort_key.as_ref().map(|key| (key, "RANGE")));
    let schema = |(name, kind): &(&String, &str)| json!({"AttributeName": name, "KeyType": kind});
    let attribute =
        |(name, _): &(&String, &str)| json!({"AttributeName": name, "AttributeType": "S"});
    let status = match table.is_active(world.now) {
        true => "ACTIVE",
        false => "CREATING",
    };
    json!({
        "TableName": name,
        "TableStatus": status,
        "TableArn": format!("arn:aws:dynamodb:{}:{}:table/{name}", world.region, world.account),
        "CreationDateTime": time(table.created),
        "KeySchema": keys.iter().map(schema).collect::<Vec<_>>(),
        "AttributeDefinitions": keys.iter().map(attribute).collect::<Vec<_>>(),
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "ItemCount": table.items.len(),
    })
}

pub(super) fn update_time_to_live(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let table = ready_mut(world, input)?;
    let wanted = input.get("TimeToLiveSpecification").unwrap_or(input);
    let name = text(wanted, "AttributeName").unwrap_or_default();
    if name.is_empty() {
        return Err(invalid("TimeToLiveSpecification.AttributeName is missing"));
    }
    let enable = wanted.get("Enabled").and_then(Value::as_bool) == Some(true);
    match (enable, &table.expires_by) {
        (true, Some(_)) => return Err(invalid("TimeToLive is already enabled")),
        (false, None) => return Err(invalid("TimeToLive is already disabled")),
        (true, None) => table.expires_by = Some(name.to_owned()),
        (false, Some(_)) => table.expires_by = None,
    }
    Ok(json!({ "TimeToLiveSpecification": wanted }))
}

pub(super) fn describe_time_to_live(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (_, table) = named(world, input)?;
    let shown = match &table.expires_by {
        Some(name) => json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": name }),
        None => json!({ "TimeToLiveStatus": "DISABLED" }),
    };
    Ok(json!({ "TimeToLiveDescription": shown }))
}
