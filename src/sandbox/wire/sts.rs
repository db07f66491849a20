//! Security Token Service: who am I?

use super::AwsError;
use crate::sandbox::world::World;
use serde_json::{Value, json};

/// Answers one operation.
///
/// # Errors
/// `InvalidAction` for anything but GetCallerIdentity.
pub fn handle(world: &mut World, operation: &str, _input: &Value) -> Result<Value, AwsError> {
    match operation {
        "GetCallerIdentity" => Ok(json!({
            "Account": world.account,
            "Arn": format!("arn:aws:iam::{}:user/sandbox", world.account),
            "UserId": "AIDASANDBOXEXAMPLE00",
        })),
        _ => Err(AwsError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2011-06-15"),
        )),
    }
}
