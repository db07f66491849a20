//! One item at a time.

use super::expression::{holds, number_of, written};
use super::parse::Parser;
use super::tables::{ready, ready_mut};
use super::{AwsError, invalid, update};
use crate::sandbox::world::World;
use crate::sandbox::world::dynamodb::{Item, Key, Table};
use crate::sandbox::world::ecs::json::text;
use serde_json::{Map, Value, json};

/// DynamoDB's limit for an item, names included.
const MOST: usize = 400 * 1024;

/// The item before and after a write that is allowed.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) before: Option<Item>,
    pub(super) after: Option<Item>,
}

/// What a write is refused by.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Its condition; with the item as it is.
    Condition(Option<Item>),
    /// Anything else.
    Other(AwsError),
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Refusal {
        Refusal::Other(error)
    }
}

/// The attributes under `field`, numbers as DynamoDB gives them back.
fn attributes(input: &Value, field: &str) -> Result<Item, AwsError> {
    let given = input.get(field).and_then(Value::as_object);
    let given = given.ok_or_else(|| invalid(format!("{field} is missing")))?;
    let attribute = |(name, value): (&String, &Value)| {
        let value = match value.get("N") {
            Some(_) => written(number_of(value)?),
            None => value.clone(),
        };
        Ok((name.clone(), value))
    };
    given.iter().map(attribute).collect()
}

/// The key in `item`, which may hold more.
pub(super) fn key_in(table: &Table, item: &Item) -> Result<Key, AwsError> {
    let part = |name: &String| {
        let value = item.get(name).and_then(|value| text(value, "S"));
        value
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| {
                invalid(format!(
                    "One or more parameter values were invalid: Missing the key {name} in the item"
                ))
            })
    };
    let sort = table.sort_key.as_ref().map(part).transpose()?;
    Ok((part(&table.partition_key)?, sort.unwrap_or_default()))
}

/// The key under `field`, which holds nothing else.
pub(super) fn key_under(table: &Table, input: &Value, field: &str) -> Result<Key, AwsError> {
    let item = attributes(input, field)?;
    if item.len() != 1 + usize::from(table.sort_key.is_some()) {
        return Err(invalid(
            "The provided key element does not match the schema",
        ));
    }
    key_in(table, &item)
}

/// Checks a write's condition and works out what it comes to; changes nothing.
pub(super) fn prepare(table: &Table, kind: &str, input: &Value) -> Result<Write, Refusal> {
    let mut parser = Parser::of(input);
    let condition = parser.condition("ConditionExpression")?;
    let changes = parser.changes()?;
    parser.finish()?;
    let (key, new) = match kind {
        "Put" => {
            let item = attributes(input, "Item")?;
            (key_in(table, &item)?, Some(item))
        }
        _ => (key_under(table, input, "Key")?, None),
    };
    let before = table.items.get(&key).cloned();
    if let Some(condition) = condition
        && !holds(&condition, &before.clone().unwrap_or_default())?
    {
        return Err(Refusal::Condition(before));
    }
    let after = match kind {
        "Put" => new,
        "Update" => {
            let start = match &before {
                Some(before) => before.clone(),
                None => attributes(input, "Key")?,
            };
            Some(update::changed(&start, &changes, table)?)
        }
        "Delete" => None,
        _ => before.clone(),
    };
    if after.as_ref().is_some_and(|item| size(item) > MOST) {
        return Err(invalid("Item size has exceeded the maximum allowed size").into());
    }
    Ok(Write { key, before, after })
}

impl Write {
    /// Lets it happen.
    pub(super) fn apply(self, table: &mut Table) {
        match self.after {
            Some(item) => table.items.insert(self.key, item),
            None => table.items.remove(&self.key),
        };
    }
}

/// What DynamoDB counts of an item: names and texts.
pub(super) fn size(item: &Item) -> usize {
    let length = |value: &Value| {
        let text = value.get("S").or_else(|| value.get("N"));
        text.and_then(Value::as_str)
            .map_or_else(|| value.to_string().len(), str::len)
    };
    item.iter()
        .map(|(name, value)| name.len() + length(value))
        .sum()
}

pub(super) fn get(world: &World, input: &Value) -> Result<Value, AwsError> {
    let table = ready(world, input)?;
    let key = key_under(table, input, "Key")?;
    Ok(json!({ "Item": table.items.get(&key) }))
}

pub(super) fn put(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    write(world, "Put", input)
}

pub(super) fn update(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    write(world, "Update", input)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    write(world, "Delete", input)
}

fn write(world: &mut World, kind: &str, input: &Value) -> Result<Value, AwsError> {
    let table = ready_mut(world, input)?;
    let wanted = text(input, "ReturnValues").unwrap_or("NONE");
    let write = match prepare(table, kind, input) {
        Ok(write) => write,
        Err(Refusal::Other(error)) => return Err(error),
        Err(Refusal::Condition(found)) => {
            let shown = found.filter(|_| shows_what_it_found(input));
            return Err(AwsError::new(
                "ConditionalCheckFailedException",
                "The conditional request failed",
            )
            .with_details(shown.map(|item| ("Item".to_owned(), json!(item)))));
        }
    };
    let shown = match (wanted, kind) {
        ("NONE", _) => None,
        ("ALL_OLD", _) => write.before.clone(),
        ("ALL_NEW", "Update") => write.after.clone(),
        _ => {
            return Err(invalid(format!(
                "ReturnValues {wanted} is not played here."
            )));
        }
    };
    write.apply(table);
    let shown = shown.map(|item| ("Attributes".to_owned(), json!(item)));
    Ok(Map::from_iter(shown).into())
}

/// Whether a refusal is to tell what its condition was broken by.
pub(super) fn shows_what_it_found(input: &Value) -> bool {
    text(input, "ReturnValuesOnConditionCheckFailure") == Some("ALL_OLD")
}
