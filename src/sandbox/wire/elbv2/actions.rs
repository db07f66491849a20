//! Checks an action list as AWS does and brings it into the form that AWS gives back.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, has, list, text};
use super::check_arn;
use crate::sandbox::world::World;
use crate::sandbox::world::elb::Kind;
use crate::sandbox::world::elb::{Actions, LoadBalancer};
use serde_json::{Value, json};

/// Forward actions take up to five target groups.
const MAX_GROUPS: usize = 5;
/// "The weight. The range is 0 to 999."
const MAX_WEIGHT: i64 = 999;
/// Stickiness lasts at most seven days.
const MAX_STICKINESS: i64 = 604_800;

/// Reads the action list in `field`. `previous` is the list that it replaces, for client secrets
/// that may be kept.
pub(super) fn read(
    world: &World,
    load_balancer: &LoadBalancer,
    input: &Value,
    field: &str,
    previous: Option<&Actions>,
) -> Result<Actions, AwsError> {
    let actions = list(input, field);
    if actions.is_empty() {
        return invalid(format!("{field} must contain at least one action"));
    }
    check_order(actions)?;
    check_kinds(load_balancer, actions)?;
    let mut raw = Vec::with_capacity(actions.len());
    for action in actions {
        raw.push(match text(action, "Type") {
            Some("forward") => forward(world, load_balancer, action)?,
            Some("fixed-response") => fixed_response(action)?,
            Some("authenticate-oidc") => oidc(action, previous)?,
            _ => action.clone(),
        });
    }
    Ok(Actions::new(raw))
}

fn invalid<T>(message: impl Into<String>) -> Result<T, AwsError> {
    Err(fail("ValidationError", message))
}

/// A network load balancer does nothing but forward.
fn check_kinds(lb: &LoadBalancer, actions: &[Value]) -> Result<(), AwsError> {
    let forwards = |action: &Value| text(action, "Type") == Some("forward");
    if lb.kind == Kind::Network && !actions.iter().all(forwards) {
        return Err(fail(
            "InvalidLoadBalancerAction",
            "Only forward actions are supported for listeners of network load balancers",
        ));
    }
    Ok(())
}

/// The last action routes, and none before it does.
fn check_order(actions: &[Value]) -> Result<(), AwsError> {
    let mut sorted: Vec<(i64, &str)> = Vec::with_capacity(actions.len());
    for (index, action) in actions.iter().enumerate() {
        let order = ELB.integer(action, "Order")?.unwrap_or(index as i64 + 1);
        sorted.push((order, ELB.required(action, "Type")?));
    }
    sorted.sort_by_key(|(order, _)| *order);
    let routes = |kind: &str| matches!(kind, "forward" | "redirect" | "fixed-response");
    let authenticates = |kind: &str| kind.starts_with("authenticate-") || kind == "jwt-validation";
    let routing = sorted.iter().filter(|(_, kind)| routes(kind)).count();
    let last_authenticates = sorted.last().is_some_and(|(_, kind)| authenticates(kind));
    if routing > 1 || last_authenticates {
        return Err(fail(
            "InvalidLoadBalancerAction",
            "The action list must end with exactly one action of type forward, redirect or \
             fixed-response",
        ));
    }
    Ok(())
}

/// Checks a forward and completes it: weights, stickiness off where nothing is said, and for a
/// single group both the old and the new form.
fn forward(world: &World, lb: &LoadBalancer, action: &Value) -> Result<Value, AwsError> {
    let config = &action["ForwardConfig"];
    let simple = text(action, "TargetGroupArn");
    let mut tuples = list(config, "TargetGroups").to_vec();
    if let (Some(simple), [_, _, ..]) = (simple, tuples.as_slice()) {
        return invalid(format!(
            "You can specify only one of TargetGroupArn '{simple}' and a ForwardConfig with \
             multiple target groups"
        ));
    }
    match (simple, tuples.first()) {
        (Some(simple), None) => tuples.push(json!({ "TargetGroupArn": simple })),
        (Some(simple), Some(only)) if text(only, "TargetGroupArn") != Some(simple) => {
            return invalid("TargetGroupArn and ForwardConfig must name the same target group");
        }
        (None, None) => return invalid("A forward action must specify a target group"),
        _ => {}
    }
    if tuples.len() > MAX_GROUPS {
        return Err(fail(
            "TooManyTargetGroups",
            format!("A forward action can have at most {MAX_GROUPS} target groups"),
        ));
    }
    check_tuples(world, lb, &mut tuples)?;

    let mut action = action.clone();
    match tuples.as_slice() {
        [only] => action["TargetGroupArn"] = only["TargetGroupArn"].clone(),
        _ => {
            if let Some(fields) = action.as_object_mut() {
                fields.remove("TargetGroupArn");
            }
        }
    }
    let mut config = if config.is_object() {
        config.clone()
    } else {
        json!({})
    };
    config["TargetGroups"] = Value::Array(tuples);
    config["TargetGroupStickinessConfig"] = stickiness(&config["TargetGroupStickinessConfig"])?;
    action["ForwardConfig"] = config;
    Ok(action)
}

fn check_tuples(world: &World, lb: &LoadBalancer, tuples: &mut [Value]) -> Result<(), AwsError> {
    let mut sum = 0;
    let mut seen: Vec<String> = Vec::new();
    for tuple in tuples {
        let arn = ELB.required(tuple, "TargetGroupArn")?.to_owned();
        check_group(world, lb, &arn)?;
        if seen.contains(&arn) {
            return invalid(format!("Target group '{arn}' is specified more than once"));
        }
        seen.push(arn);
        let weight = ELB.integer(tuple, "Weight")?;
        if weight.is_some_and(|weight| !(0..=MAX_WEIGHT).contains(&weight)) {
            return invalid(format!("Weight must be between 0 and {MAX_WEIGHT}"));
        }
        if weight.is_none() {
            tuple["Weight"] = json!(1);
        }
        sum += weight.unwrap_or(1);
    }
    if sum == 0 {
        return invalid("At least one target group must have a weight greater than 0");
    }
    Ok(())
}

fn check_group(world: &World, lb: &LoadBalancer, arn: &str) -> Result<(), AwsError> {
    check_arn(arn, "target group")?;
    let Some(group) = world.elb.group(arn) else {
        let message = format!("Target groups '[{arn}]' not found");
        return Err(fail("TargetGroupNotFound", message));
    };
    if group.load_balancers.iter().any(|user| *user != lb.arn) {
        return Err(fail(
            "TargetGroupAssociationLimit",
            format!(
                "The following target groups cannot be associated with more than one load \
                 balancer: {arn}"
            ),
        ));
    }
    let fits = match (lb.kind, group.protocol.as_deref()) {
        (Kind::Application, protocol) => matches!(protocol, None | Some("HTTP" | "HTTPS")),
        (Kind::Network, protocol) => !matches!(protocol, None | Some("HTTP" | "HTTPS")),
    };
    if !fits {
        let protocol = group.protocol.as_deref().unwrap_or("none");
        let kind = lb.kind.as_str();
        return Err(fail(
            "IncompatibleProtocols",
            format!(
                "Target group '{arn}' with protocol '{protocol}' can't be used by a load balancer of type '{kind}'"
            ),
        ));
    }
    Ok(())
}

fn stickiness(config: &Value) -> Result<Value, AwsError> {
    let enabled = ELB.flag(config, "Enabled")?.unwrap_or(false);
    let duration = ELB.integer(config, "DurationSeconds")?;
    if duration.is_some_and(|seconds| !(1..=MAX_STICKINESS).contains(&seconds)) {
        let message = format!("DurationSeconds must be between 1 and {MAX_STICKINESS}");
        return invalid(message);
    }
    if enabled && duration.is_none() {
        return invalid("DurationSeconds is required when stickiness is enabled");
    }
    let mut config = if config.is_object() {
        config.clone()
    } else {
        json!({})
    };
    if !has(&config, "Enabled") {
        config["Enabled"] = json!(false);
    }
    Ok(config)
}

fn fixed_response(action: &Value) -> Result<Value, AwsError> {
    let status = ELB.required(&action["FixedResponseConfig"], "StatusCode")?;
    let fits = matches!(status.as_bytes(), [b'2' | b'4' | b'5', a, b] if a.is_ascii_digit() && b.is_ascii_digit());
    if !fits {
        return invalid(format!(
            "The status code '{status}' must match ^(2|4|5)\\d\\d$"
        ));
    }
    Ok(action.clone())
}

/// Takes the client secret out, which is never given back; without one, the previous list must
/// hold an action whose secret may be kept.
fn oidc(action: &Value, previous: Option<&Actions>) -> Result<Value, AwsError> {
    let config = &action["AuthenticateOidcConfig"];
    let given = text(config, "ClientSecret").is_some_and(|secret| !secret.is_empty());
    let keep = ELB
        .flag(config, "UseExistingClientSecret")?
        .unwrap_or(false);
    let existing = previous.is_some_and(|actions| {
        let raw = actions.raw().iter();
        raw.map(|action| text(action, "Type"))
            .any(|kind| kind == Some("authenticate-oidc"))
    });
    if given && keep {
        return invalid("You cannot specify both ClientSecret and UseExistingClientSecret");
    }
    let kept = keep && existing;
    if !given && !kept {
        return invalid(
            "A client secret is required: specify ClientSecret, or UseExistingClientSecret when modifying an action that has one",
        );
    }
    let mut action = action.clone();
    if let Some(config) = action["AuthenticateOidcConfig"].as_object_mut() {
        config.remove("ClientSecret");
        config.remove("UseExistingClientSecret");
    }
    Ok(action)
}
