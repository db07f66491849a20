//! Items of one partition, in order and in pages.

use super::expression::holds;
use super::items::{key_under, size};
use super::parse::{Comparison, Condition, Operand, Parser};
use super::tables::ready;
use super::{AwsError, invalid};
use crate::sandbox::world::World;
use crate::sandbox::world::dynamodb::{Item, Key, Table};
use crate::sandbox::world::ecs::json::count;
use serde_json::{Map, Value, json};

/// A page has at most so much.
const PAGE: usize = 1024 * 1024;

pub(super) fn query(world: &World, input: &Value) -> Result<Value, AwsError> {
    let table = ready(world, input)?;
    let mut parser = Parser::of(input);
    let condition = parser.condition("KeyConditionExpression")?;
    parser.finish()?;
    let condition = condition.ok_or_else(|| invalid("KeyConditionExpression is missing"))?;
    if !names_a_partition(&condition, table) {
        return Err(invalid("Query condition missed key schema element"));
    }
    let after = match input.get("ExclusiveStartKey") {
        Some(_) => Some(key_under(table, input, "ExclusiveStartKey")?),
        None => None,
    };
    let backwards = input.get("ScanIndexForward").and_then(Value::as_bool) == Some(false);
    let mut found: Vec<(&Key, &Item)> = table.items.iter().collect();
    if backwards {
        found.reverse();
    }
    let is_later = |key: &Key| match &after {
        None => true,
        Some(after) if backwards => key < after,
        Some(after) => key > after,
    };
    let limit = count(input, "Limit").map_or(usize::MAX, |limit| limit as usize);
    let (mut page, mut bytes, mut last) = (Vec::new(), 0, None);
    for (key, item) in found {
        if !is_later(key) || !holds(&condition, item)? {
            continue;
        }
        if page.len() == limit || bytes > PAGE {
            let next = last.map(|key| key_item(table, key));
            return Ok(answer(&page, next));
        }
        bytes += size(item);
        page.push(item);
        last = Some(key);
    }
    Ok(answer(&page, None))
}

/// Whether the condition has `partition = value` among what must hold.
fn names_a_partition(condition: &Condition, table: &Table) -> bool {
    match condition {
        Condition::Compare(Operand::Attribute(name), Comparison::Equal, Operand::Value(_)) => {
            *name == table.partition_key
        }
        Condition::And(left, right) => {
            names_a_partition(left, table) || names_a_partition(right, table)
        }
        _ => false,
    }
}

fn answer(page: &[&Item], next: Option<Value>) -> Value {
    let mut answer = Map::new();
    answer.insert("Items".to_owned(), json!(page));
    answer.insert("Count".to_owned(), json!(page.len()));
    answer.insert("ScannedCount".to_owned(), json!(page.len()));
    answer.extend(next.map(|next| ("LastEvaluatedKey".to_owned(), next)));
    answer.into()
}

fn key_item(table: &Table, (partition, sort): &Key) -> Value {
    let mut key = Map::new();
    key.insert(table.partition_key.clone(), json!({ "S": partition }));
    if let Some(name) = &table.sort_key {
        key.insert(name.clone(), json!({ "S": sort }));
    }
    key.into()
}
