//! Elastic Load Balancing, version 2015-12-01: operations over [`crate::sandbox::world::elb`].

mod actions;
mod attributes;
mod groups;
mod listeners;
mod load_balancers;
mod rules;
#[cfg(test)]
mod sdk_tests;
mod tags;
mod targets;
#[cfg(test)]
mod tests;

use super::AwsError;
use super::query::input::{fail, page, text};
use crate::sandbox::world::World;
use serde_json::{Map, Value, json};

/// Answers one ELBv2 operation. Input may be typed or, from the Query protocol, all strings.
///
/// # Errors
/// AWS's codes and messages; `InvalidAction` for an operation that isn't there.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "CreateLoadBalancer" => load_balancers::create(world, input),
        "DescribeLoadBalancers" => load_balancers::describe(world, input),
        "DeleteLoadBalancer" => load_balancers::delete(world, input),
        "DescribeLoadBalancerAttributes" => attributes::describe_load_balancer(world, input),
        "ModifyLoadBalancerAttributes" => attributes::modify_load_balancer(world, input),
        "CreateTargetGroup" => groups::create(world, input),
        "DescribeTargetGroups" => groups::describe(world, input),
        "ModifyTargetGroup" => groups::modify(world, input),
        "DeleteTargetGroup" => groups::delete(world, input),
        "DescribeTargetGroupAttributes" => attributes::describe_group(world, input),
        "ModifyTargetGroupAttributes" => attributes::modify_group(world, input),
        "CreateListener" => listeners::create(world, input),
        "DescribeListeners" => listeners::describe(world, input),
        "ModifyListener" => listeners::modify(world, input),
        "DeleteListener" => listeners::delete(world, input),
        "DescribeListenerAttributes" => attributes::describe_listener(world, input),
        "ModifyListenerAttributes" => attributes::modify_listener(world, input),
        "CreateRule" => rules::create(world, input),
        "DescribeRules" => rules::describe(world, input),
        "ModifyRule" => rules::modify(world, input),
        "DeleteRule" => rules::delete(world, input),
        "SetRulePriorities" => rules::set_priorities(world, input),
        "RegisterTargets" => targets::register(world, input),
        "DeregisterTargets" => targets::deregister(world, input),
        "DescribeTargetHealth" => targets::describe_health(world, input),
        "AddTags" => tags::add(world, input),
        "RemoveTags" => tags::remove(world, input),
        "DescribeTags" => tags::describe(world, input),
        "DescribeAccountLimits" => Ok(account_limits()),
        _ => Err(fail(
            "InvalidAction",
            format!("The action {operation} is not valid for this web service."),
        )),
    }
}

fn account_limits() -> Value {
    let limit = |name: &str, max: &str| json!({ "Name": name, "Max": max });
    json!({ "Limits": [
        limit("application-load-balancers", "50"),
        limit("listeners-per-application-load-balancer", "50"),
        limit("rules-per-application-load-balancer", "100"),
        limit("target-groups", "3000"),
        limit("target-groups-per-action-on-application-load-balancer", "5"),
    ]})
}

/// Sixteen hexadecimal digits for an ARN.
fn new_id(world: &mut World) -> String {
    format!("{:016x}", world.rng.u64(..))
}

/// An ARN of this account and region.
fn arn(world: &World, resource: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:{}:{}:{resource}",
        world.region, world.account
    )
}

/// Refuses names that AWS refuses: over 32 characters, not alphanumeric or hyphen.
fn check_name(name: &str, what: &str) -> Result<(), AwsError> {
    let allowed = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let refusal = if name.len() > 32 {
        "cannot be longer than '32' characters"
    } else if !allowed {
        "can only contain characters that are alphanumeric characters and hyphens(-)"
    } else if name.starts_with('-') || name.ends_with('-') {
        "cannot begin or end with a hyphen(-)"
    } else {
        return Ok(());
    };
    Err(fail(
        "ValidationError",
        format!("{what} name '{name}' {refusal}"),
    ))
}

/// Refuses what isn't an ARN at all; what is one but unknown is a matter of NotFound.
fn check_arn(arn: &str, what: &str) -> Result<(), AwsError> {
    if arn.starts_with("arn:") && arn.contains(":elasticloadbalancing:") {
        return Ok(());
    }
    Err(fail(
        "ValidationError",
        format!("'{arn}' is not a valid {what} ARN"),
    ))
}

/// One page of descriptions under `field`, with `NextMarker` if more follow.
fn paged(input: &Value, field: &str, items: Vec<Value>) -> Result<Value, AwsError> {
    /// "The maximum number of results to return": 1–400, 400 by default.
    const PAGE: i64 = 400;
    let size = super::query::input::ELB.integer(input, "PageSize")?;
    let size = size.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        let message = format!("Page size must be between 1 and {PAGE}");
        return Err(fail("ValidationError", message));
    }
    let marker = text(input, "Marker");
    let (items, next) = page(items, marker, size as usize, "ValidationError")?;
    let mut output = json!({ field: items });
    if let Some(next) = next {
        output["NextMarker"] = Value::String(next);
    }
    Ok(output)
}

/// The fields of an input that aren't handled by name, to be given back as they came.
fn other_fields(input: &Value, handled: &[&str]) -> Map<String, Value> {
    let fields = input.as_object().into_iter().flatten();
    fields
        .filter(|(key, _)| !handled.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
