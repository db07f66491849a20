//! DynamoDB, as far as a table of small items with text keys goes: no indexes, no scans, no
//! streams. Conditions, updates and transactions are the real thing.

mod expression;
mod items;
mod number;
mod parse;
mod query;
mod reserved;
mod tables;
#[cfg(test)]
mod tests;
mod transact;
mod update;

use super::AwsError;
use crate::sandbox::world::{World, dynamodb};
use serde_json::Value;

/// Answers one operation.
///
/// # Errors
/// As AWS does for this operation.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    dynamodb::catch_up(world);
    match operation {
        "CreateTable" => tables::create(world, input),
        "DescribeTable" => tables::describe(world, input),
        "UpdateTimeToLive" => tables::update_time_to_live(world, input),
        "DescribeTimeToLive" => tables::describe_time_to_live(world, input),
        "GetItem" => items::get(world, input),
        "PutItem" => items::put(world, input),
        "UpdateItem" => items::update(world, input),
        "DeleteItem" => items::delete(world, input),
        "Query" => query::query(world, input),
        "TransactWriteItems" => transact::write(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationException", message)
}

fn not_found(message: impl Into<String>) -> AwsError {
    AwsError::new("ResourceNotFoundException", message)
}
