//! Identity and Access Management, read only: every role exists, trusts ECS and EventBridge
//! Scheduler, and may do everything, unless a name says otherwise: `missing`, `untrusted`, `denied`.

use super::AwsError;
use crate::sandbox::world::{World, ecs::json::text};
use serde_json::{Value, json};

const TRUSTED: [&str; 3] = [
    "ecs-tasks.amazonaws.com",
    "ecs.amazonaws.com",
    "scheduler.amazonaws.com",
];
const OTHER: &str = "ec2.amazonaws.com";

/// Answers one operation.
///
/// # Errors
/// `NoSuchEntity` for a role that doesn't exist; `InvalidAction` for what isn't known here.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "GetRole" => get_role(world, input),
        "SimulatePrincipalPolicy" => simulate(input),
        _ => Err(AwsError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2010-05-08"),
        )),
    }
}

fn check_exists(name: &str) -> Result<(), AwsError> {
    if !name.contains("missing") {
        return Ok(());
    }
    let message = format!("The role with name {name} cannot be found.");
    Err(AwsError::new("NoSuchEntity", message).with_status(404))
}

fn get_role(world: &World, input: &Value) -> Result<Value, AwsError> {
    let name = text(input, "RoleName").unwrap_or_default();
    check_exists(name)?;
    let trusted = match name.contains("untrusted") {
        true => json!(OTHER),
        false => json!(TRUSTED),
    };
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": trusted },
            "Action": "sts:AssumeRole",
        }],
    });
    let policy = policy.to_string();
    Ok(json!({ "Role": {
        "Path": "/",
        "RoleName": name,
        "RoleId": "AROASANDBOXEXAMPLE000",
        "Arn": format!("arn:aws:iam::{}:role/{name}", world.account),
        "CreateDate": "2026-01-05T08:00:00Z",
        "AssumeRolePolicyDocument": encoded(&policy),
        "MaxSessionDuration": 3600,
    } }))
}

/// As RFC 3986 has it.
fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

fn simulate(input: &Value) -> Result<Value, AwsError> {
    let role = text(input, "PolicySourceArn").unwrap_or_default();
    check_exists(role.rsplit('/').next().unwrap_or(role))?;
    let texts = |key: &str| -> Vec<String> {
        let list = input.get(key).and_then(Value::as_array);
        let list = list.into_iter().flatten().filter_map(Value::as_str);
        list.map(str::to_owned).collect()
    };
    let (actions, mut resources) = (texts("ActionNames"), texts("ResourceArns"));
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let decide = |resource: &str| match role.contains("denied") || resource.contains("denied") {
        true => "implicitDeny",
        false => "allowed",
    };
    let results = actions.iter().flat_map(|action| {
        resources.iter().map(move |resource| {
            json!({
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decide(resource),
            })
        })
    });
    let results: Vec<Value> = results.collect();
    Ok(json!({ "EvaluationResults": results, "IsTruncated": false }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_name_says_what_is_wrong_with_a_role() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 1);
        let mut role = |name: &str| handle(&mut world, "GetRole", &json!({ "RoleName": name }));
        let trusted = |role: Value| {
            let policy = role["Role"]["AssumeRolePolicyDocument"].to_string();
            policy.contains("ecs-tasks.amazonaws.com")
        };
        assert!(trusted(role("exec").unwrap()));
        assert!(!trusted(role("untrusted").unwrap()));
        let error = role("missing").unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("NoSuchEntity", 404));
    }
}
