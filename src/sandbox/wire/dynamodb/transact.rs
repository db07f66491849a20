//! Several writes, all or none.

use super::items::{Refusal, Write, prepare, shows_what_it_found};
use super::tables::ready;
use super::{AwsError, invalid};
use crate::sandbox::world::World;
use crate::sandbox::world::dynamodb::Key;
use crate::sandbox::world::ecs::json::text;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// DynamoDB's limit.
const MOST: usize = 100;

pub(super) fn write(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let token = text(input, "ClientRequestToken").unwrap_or_default();
    match world.dynamodb.transactions.get(token) {
        Some((_, same)) if same == input => return Ok(json!({})),
        Some(_) => {
            return Err(AwsError::new(
                "IdempotentParameterMismatchException",
                "The client token was used with other parameters before.",
            ));
        }
        None => {}
    }
    let writes = prepare_all(world, input)?;
    for (table, write) in writes {
        if let Some(table) = world.dynamodb.by_name.get_mut(&table) {
            write.apply(table);
        }
    }
    if !token.is_empty() {
        let now = world.now;
        let token = token.to_owned();
        world
            .dynamodb
            .transactions
            .insert(token, (now, input.clone()));
    }
    Ok(json!({}))
}

/// Every write with its table; nothing is changed before all are allowed.
fn prepare_all(world: &World, input: &Value) -> Result<Vec<(String, Write)>, AwsError> {
    let parts = input.get("TransactItems").and_then(Value::as_array);
    let parts = parts.map(Vec::as_slice).unwrap_or_default();
    if parts.is_empty() || parts.len() > MOST {
        return Err(invalid(format!(
            "TransactItems must have 1 to {MOST} items"
        )));
    }
    let mut touched: BTreeSet<(String, Key)> = BTreeSet::new();
    let (mut writes, mut reasons) = (Vec::new(), Vec::new());
    for part in parts {
        let (kind, part) = kind_of(part)?;
        let table = ready(world, part)?;
        let name = text(part, "TableName").unwrap_or_default().to_owned();
        match prepare(table, kind, part) {
            Ok(write) => {
                if !touched.insert((name.clone(), write.key.clone())) {
                    return Err(invalid(
                        "Transaction request cannot include multiple operations on one item",
                    ));
                }
                writes.push((name, write));
                reasons.push(json!({ "Code": "None" }));
            }
            Err(Refusal::Other(error)) => return Err(error),
            Err(Refusal::Condition(found)) => {
                let mut reason = Map::new();
                reason.insert("Code".to_owned(), json!("ConditionalCheckFailed"));
                reason.insert(
                    "Message".to_owned(),
                    json!("The conditional request failed"),
                );
                let found = found.filter(|_| shows_what_it_found(part));
                reason.extend(found.map(|item| ("Item".to_owned(), json!(item))));
                reasons.push(reason.into());
            }
        }
    }
    if writes.len() == parts.len() {
        return Ok(writes);
    }
    let codes: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| text(reason, "Code"))
        .collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    Err(AwsError::new("TransactionCanceledException", message)
        .with_details([("CancellationReasons".to_owned(), json!(reasons))]))
}

fn kind_of(part: &Value) -> Result<(&'static str, &Value), AwsError> {
    ["Put", "Update", "Delete", "ConditionCheck"]
        .into_iter()
        .find_map(|kind| Some((kind, part.get(kind)?)))
        .ok_or_else(|| invalid("Each of TransactItems has one operation"))
}
