//! CloudWatch (stand-in).

use super::AwsError;
use crate::sandbox::world::World;
use serde_json::{Value, json};

/// Answers one operation.
pub fn handle(_world: &mut World, _operation: &str, _input: &Value) -> Result<Value, AwsError> {
    Ok(json!({}))
}
