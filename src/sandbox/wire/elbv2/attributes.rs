//! Attributes of target groups and load balancers.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, list, text};
use super::{groups, listeners, load_balancers};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{GROUP_DEFAULTS, Kind, LOAD_BALANCER_DEFAULTS};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn describe_group(world: &World, input: &Value) -> Result<Value, AwsError> {
    let group = groups::find(world, ELB.required(input, "TargetGroupArn")?)?;
    let http = matches!(group.protocol.as_deref(), Some("HTTP" | "HTTPS"));
    let fits = |key: &str| {
        let http_only = key.starts_with("stickiness.app_cookie")
            || key.starts_with("stickiness.lb_cookie")
            || key.starts_with("slow_start")
            || key.starts_with("load_balancing.algorithm");
        let network_only = key.starts_with("target_health_state");
        if http { !network_only } else { !http_only }
    };
    let network = if http { &[][..] } else { &NETWORK_DEFAULTS };
    let defaults = GROUP_DEFAULTS.iter().filter(|(key, _)| fits(key));
    Ok(view(defaults.chain(network), &group.attributes))
}

/// What a group behind a network load balancer has besides, or otherwise.
const NETWORK_DEFAULTS: [(&str, &str); 4] = [
    (
        "deregistration_delay.connection_termination.enabled",
        "false",
    ),
    ("preserve_client_ip.enabled", "false"),
    ("proxy_protocol_v2.enabled", "false"),
    ("stickiness.type", "source_ip"),
];

pub(super) fn modify_group(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let given = read(input)?;
    for (key, value) in &given {
        check_group_attribute(key, value)?;
    }
    groups::find_mut(world, input)?.attributes.extend(given);
    describe_group(world, input)
}

fn check_group_attribute(key: &str, value: &str) -> Result<(), AwsError> {
    let range = match key {
        "deregistration_delay.timeout_seconds" => 0..=3600,
        "stickiness.lb_cookie.duration_seconds" | "stickiness.app_cookie.duration_seconds" => {
            1..=604_800
        }
        // 0 switches slow start off; otherwise 30–900.
        "slow_start.duration_seconds" if value != "0" => 30..=900,
        _ => return Ok(()),
    };
    if value.parse().is_ok_and(|value: i64| range.contains(&value)) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    let message =
        format!("'{value}' is not valid for '{key}': it must be between {low} and {high}");
    Err(fail("InvalidConfigurationRequest", message))
}

pub(super) fn describe_load_balancer(world: &World, input: &Value) -> Result<Value, AwsError> {
    let lb = load_balancers::find(world, ELB.required(input, "LoadBalancerArn")?)?;
    let network = lb.kind == Kind::Network;
    let defaults = LOAD_BALANCER_DEFAULTS
        .iter()
        .filter(|(key, _)| !network || !(key.starts_with("routing.") || key.starts_with("idle")));
    Ok(view(defaults, &lb.attributes))
}

pub(super) fn modify_load_balancer(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let given = read(input)?;
    let arn = ELB.required(input, "LoadBalancerArn")?;
    load_balancers::find(world, arn)?;
    if let Some(lb) = world.elb.load_balancers.get_mut(arn) {
        lb.attributes.extend(given);
    }
    describe_load_balancer(world, input)
}

/// What an HTTP or HTTPS listener has of its own accord, and what a TCP listener has.
const LISTENER_DEFAULTS: [(&str, &str); 2] = [
    ("routing.http.response.server.enabled", "true"),
    ("tcp.idle_timeout.seconds", "350"),
];

pub(super) fn describe_listener(world: &World, input: &Value) -> Result<Value, AwsError> {
    let listener = listeners::find(world, ELB.required(input, "ListenerArn")?)?;
    let own = match listener.protocol.as_str() {
        "HTTP" | "HTTPS" => &LISTENER_DEFAULTS[..1],
        "TCP" => &LISTENER_DEFAULTS[1..],
        _ => &[],
    };
    Ok(view(own.iter(), &listener.attributes))
}

pub(super) fn modify_listener(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let given = read(input)?;
    let arn = listeners::find(world, ELB.required(input, "ListenerArn")?)?
        .arn
        .clone();
    if let Some(listener) = world.elb.listeners.get_mut(&arn) {
        listener.attributes.extend(given);
    }
    describe_listener(world, input)
}

fn read(input: &Value) -> Result<BTreeMap<String, String>, AwsError> {
    let mut given = BTreeMap::new();
    for attribute in list(input, "Attributes") {
        let key = ELB.required(attribute, "Key")?.to_owned();
        given.insert(key, text(attribute, "Value").unwrap_or_default().to_owned());
    }
    Ok(given)
}

fn view<'a>(
    defaults: impl Iterator<Item = &'a (&'a str, &'a str)>,
    given: &BTreeMap<String, String>,
) -> Value {
    let mut all: BTreeMap<&str, &str> = defaults.copied().collect();
    all.extend(
        given
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    let attributes = all.into_iter();
    let attributes: Vec<Value> = attributes
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    json!({ "Attributes": attributes })
}
