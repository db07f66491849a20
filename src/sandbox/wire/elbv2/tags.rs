//! Tags.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, list, text, texts};
use crate::sandbox::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keeps the `Tags` of a create call.
pub(super) fn store(world: &mut World, arn: &str, input: &Value) {
    let given = read(input);
    if !given.is_empty() {
        world
            .elb
            .tags
            .entry(arn.to_owned())
            .or_default()
            .extend(given);
    }
}

fn read(input: &Value) -> BTreeMap<String, String> {
    let tags = list(input, "Tags").iter();
    tags.filter_map(|tag| {
        let value = text(tag, "Value").unwrap_or_default();
        Some((text(tag, "Key")?.to_owned(), value.to_owned()))
    })
    .collect()
}

pub(super) fn add(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    for arn in arns(world, input)? {
        store(world, &arn, input);
    }
    Ok(json!({}))
}

pub(super) fn remove(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let keys = texts(input, "TagKeys");
    for arn in arns(world, input)? {
        if let Some(tags) = world.elb.tags.get_mut(&arn) {
            tags.retain(|key, _| !keys.contains(key));
        }
    }
    Ok(json!({}))
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let mut views = Vec::new();
    for arn in arns(world, input)? {
        let tags = world.elb.tags.get(&arn).into_iter().flatten();
        let tags: Vec<Value> = tags
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        views.push(json!({ "ResourceArn": arn, "Tags": tags }));
    }
    Ok(json!({ "TagDescriptions": views }))
}

/// The resources named, all of which must exist.
fn arns(world: &World, input: &Value) -> Result<Vec<String>, AwsError> {
    let arns = texts(input, "ResourceArns");
    if arns.is_empty() {
        ELB.required(input, "ResourceArns")?;
    }
    if arns.len() > 20 {
        let message = "The maximum number of resources that can be described at once is '20'";
        return Err(fail("ValidationError", message));
    }
    let elb = &world.elb;
    for arn in &arns {
        let (code, what, found) = if arn.contains(":targetgroup/") {
            (
                "TargetGroupNotFound",
                "target groups",
                elb.groups.contains_key(arn),
            )
        } else if arn.contains(":loadbalancer/") {
            (
                "LoadBalancerNotFound",
                "load balancers",
                elb.load_balancers.contains_key(arn),
            )
        } else if arn.contains(":listener-rule/") {
            let default = elb.listeners.values().any(|l| l.default_rule_arn() == *arn);
            (
                "RuleNotFound",
                "rules",
                default || elb.rules.contains_key(arn),
            )
        } else if arn.contains(":listener/") {
            (
                "ListenerNotFound",
                "listeners",
                elb.listeners.contains_key(arn),
            )
        } else {
            let message = format!("'{arn}' is not a valid ARN");
            return Err(fail("ValidationError", message));
        };
        if !found {
            return Err(fail(code, format!("One or more {what} not found")));
        }
    }
    Ok(arns)
}
