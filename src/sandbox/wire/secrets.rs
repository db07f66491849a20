//! Secrets Manager, descriptions only: every secret exists, unless its name says otherwise:
//! `missing`, `deleted`, `empty`.

use super::{AwsError, time};
use crate::sandbox::world::{World, ecs::json::text};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What stands behind a name in its ARN.
const APPENDED: &str = "-a1B2c3";
/// The only version of each.
const VERSION: &str = "3f0b8c2a-5d1e-4c7f-9a6b-0d2e4f6a8c10";

/// Answers one operation.
///
/// # Errors
/// `ResourceNotFoundException` for a secret that doesn't exist.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "DescribeSecret" => describe(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

/// The ARN that an id stands for, itself or by name.
pub fn arn(account: &str, region: &str, id: &str) -> String {
    match id.starts_with("arn:") {
        true => id.to_owned(),
        false => format!("arn:aws:secretsmanager:{region}:{account}:secret:{id}{APPENDED}"),
    }
}

fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let id = text(input, "SecretId").unwrap_or_default();
    if id.contains("missing") {
        let message = "Secrets Manager can't find the specified secret.";
        return Err(AwsError::new("ResourceNotFoundException", message));
    }
    let arn = arn(&world.account, &world.region, id);
    let name = arn.rsplit(':').next().unwrap_or_default();
    let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
    let mut described = json!({ "ARN": arn, "Name": name });
    if !id.contains("empty") {
        described["VersionIdsToStages"] = json!({ VERSION: ["AWSCURRENT"] });
    }
    if id.contains("deleted") {
        described["DeletedDate"] = time(world.now - SignedDuration::from_hours(1));
    }
    Ok(described)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_name_says_what_is_wrong_with_a_secret() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 1);
        let mut secret =
            |id: &str| handle(&mut world, "DescribeSecret", &json!({ "SecretId": id }));
        let shop = secret("shop").unwrap();
        assert_eq!(shop["Name"], "shop");
        assert_eq!(shop["VersionIdsToStages"][VERSION], json!(["AWSCURRENT"]));
        assert!(secret("deleted").unwrap()["DeletedDate"].is_object());
        assert!(secret("empty").unwrap()["VersionIdsToStages"].is_null());
        let error = secret("missing").unwrap_err();
        assert_eq!(error.code, "ResourceNotFoundException");
    }
}
