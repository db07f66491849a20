//! The same additions for Terraform's AWS provider.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::facts::{Group, RouteFound};
use super::hcl::{Body, Item, identifier, literal, one, quoted};
use super::proposal::{Pair, Proposal, Twin, is_named};
use super::texts::{members, needs, one_line, place_of, to_align};
use crate::deployment::bare;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::plan::RouteKind;
use crate::deployment::retire;
use crate::deployment::scaling::HELD_TAG;

/// The tags that bg keeps on a service.
const TAGS: [&str; 5] = [
    DEPLOYMENT_TAG,
    bare::LIVE_TAG,
    retire::SERVED_TAG,
    retire::TAG,
    HELD_TAG,
];

/// Terraform's text. What it creates stands as resources; what belongs into resources that are
/// there already stands in comments, so that the whole can be applied as it is.
pub fn terraform(proposal: &Proposal) -> String {
    let service = &proposal.services.a;
    let mut text = needs(proposal);
    let _ = writeln!(
        text,
        "# Slot b's ECS service, {}, is bg's: it creates it from slot a's, and it must not stand \
         in\n# Terraform.",
        proposal.services.b
    );
    for pair in &proposal.pairs {
        match &pair.b {
            Twin::New { name } => {
                text.push('\n');
                let head = format!("resource \"aws_lb_target_group\" \"{}\"", identifier(name));
                one(&head, group(&pair.a, name)).write(&mut text, 0);
            }
            Twin::There { group, attributes } => {
                to_align(&mut text, &pair.a, group, attributes);
            }
        }
    }
    for route in &proposal.routes {
        if let Some(pair) = proposal.pair_of(route) {
            text.push('\n');
            commented(&mut text, &of_route(proposal, route, pair));
        }
    }
    text.push('\n');
    commented(&mut text, &of_service(service.as_str()));
    if proposal.scales {
        text.push('\n');
        commented(&mut text, &of_scaling(service.as_str()));
    }
    text
}

fn commented(text: &mut String, written: &str) {
    for line in written.lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}

/// Settings of CreateTargetGroup and what the provider calls them.
const SETTINGS: [(&str, &str); 7] = [
    ("Port", "port"),
    ("Protocol", "protocol"),
    ("ProtocolVersion", "protocol_version"),
    ("VpcId", "vpc_id"),
    ("TargetType", "target_type"),
    ("TargetControlPort", "target_control_port"),
    ("IpAddressType", "ip_address_type"),
];
const HEALTH_CHECK: [(&str, &str); 9] = [
    ("HealthCheckEnabled", "enabled"),
    ("HealthCheckProtocol", "protocol"),
    ("HealthCheckPort", "port"),
    ("HealthCheckPath", "path"),
    ("HealthCheckIntervalSeconds", "interval"),
    ("HealthCheckTimeoutSeconds", "timeout"),
    ("HealthyThresholdCount", "healthy_threshold"),
    ("UnhealthyThresholdCount", "unhealthy_threshold"),
    ("Matcher.HttpCode", "matcher"),
];
const GRPC_CODE: (&str, &str) = ("Matcher.GrpcCode", "matcher");
const ATTRIBUTES: [(&str, &str); 8] = [
    (
        "deregistration_delay.timeout_seconds",
        "deregistration_delay",
    ),
    (
        "deregistration_delay.connection_termination.enabled",
        "connection_termination",
    ),
    ("slow_start.duration_seconds", "slow_start"),
    (
        "load_balancing.algorithm.type",
        "load_balancing_algorithm_type",
    ),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        "load_balancing_anomaly_mitigation",
    ),
    (
        "load_balancing.cross_zone.enabled",
        "load_balancing_cross_zone_enabled",
    ),
    ("preserve_client_ip.enabled", "preserve_client_ip"),
    ("proxy_protocol_v2.enabled", "proxy_protocol_v2"),
];
const HEALTH_STATE: [(&str, &str); 2] = [
    (
        "target_health_state.unhealthy.connection_termination.enabled",
        "enable_unhealthy_connection_termination",
    ),
    (
        "target_health_state.unhealthy.draining_interval_seconds",
        "unhealthy_draining_interval",
    ),
];
const GROUP_HEALTH: [&str; 2] = ["dns_failover", "unhealthy_state_routing"];

fn group(like: &Group, name: &str) -> Body {
    let mut settings = like.settings.clone();
    let mut attributes = like.attributes.clone();
    // What is not set has no value to give.
    attributes.retain(|_, value| !value.is_empty());
    let mut body = Body::default();
    body.argument("name", quoted(name));
    take(&mut body, &mut settings, &SETTINGS);
    take(&mut body, &mut attributes, &ATTRIBUTES);
    let mut check = Body::default();
    take(&mut check, &mut settings, &HEALTH_CHECK);
    take(&mut check, &mut settings, &[GRPC_CODE]);
    add(&mut body, "health_check", check);
    add(&mut body, "stickiness", stickiness(&mut attributes));
    let mut health = Body::default();
    for part in GROUP_HEALTH {
        let of = |end| format!("target_group_health.{part}.minimum_healthy_targets.{end}");
        let mut inner = Body::default();
        for end in ["count", "percentage"] {
            if let Some(value) = attributes.remove(&of(end)) {
                inner.argument(&format!("minimum_healthy_targets_{end}"), literal(&value));
            }
        }
        add(&mut health, part, inner);
    }
    add(&mut body, "target_group_health", health);
    let mut state = Body::default();
    take(&mut state, &mut attributes, &HEALTH_STATE);
    add(&mut body, "target_health_state", state);
    if !like.tags.is_empty() {
        body.argument("tags", tags(&like.tags));
    }
    for (key, value) in settings.into_iter().chain(attributes) {
        let words = format!(
            "{} has {key} = {value}: bg knows no argument for it",
            like.name
        );
        body.0.push(Item::Comment(one_line(&words)));
    }
    body
}

/// Moves what the provider has an argument for into `body`.
fn take(body: &mut Body, from: &mut BTreeMap<String, String>, names: &[(&str, &str)]) {
    for (key, argument) in names {
        if let Some(value) = from.remove(*key) {
            body.argument(argument, literal(&value));
        }
    }
}

fn add(body: &mut Body, name: &str, block: Body) {
    if !block.0.is_empty() {
        body.block(name, block);
    }
}

/// The provider has one block for both kinds of cookie.
fn stickiness(attributes: &mut BTreeMap<String, String>) -> Body {
    let mut body = Body::default();
    let mut of = |key: &str| attributes.remove(&format!("stickiness.{key}"));
    let (enabled, kind) = (of("enabled"), of("type"));
    let (app, lb) = (
        of("app_cookie.duration_seconds"),
        of("lb_cookie.duration_seconds"),
    );
    let name = of("app_cookie.cookie_name");
    let Some(kind) = kind else { return body };
    body.argument(
        "enabled",
        literal(&enabled.unwrap_or_else(|| "false".to_owned())),
    );
    body.argument("type", quoted(&kind));
    let duration = if kind == "app_cookie" { app } else { lb };
    if let Some(duration) = duration.filter(|_| kind.ends_with("cookie")) {
        body.argument("cookie_duration", duration);
    }
    if let Some(name) = name.filter(|_| kind == "app_cookie") {
        body.argument("cookie_name", quoted(&name));
    }
    body
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    let mut text = "{\n".to_owned();
    let keys: Vec<String> = tags.keys().map(|key| quoted(key)).collect();
    let width = keys.iter().map(String::len).max().unwrap_or(0);
    for (key, value) in keys.iter().zip(tags.values()) {
        let _ = writeln!(text, "    {key:<width$} = {}", quoted(value));
    }
    text + "  }"
}

/// A listener or rule: what its resource has to say of the action.
fn of_route(proposal: &Proposal, route: &RouteFound, pair: &Pair) -> String {
    let forward = &route.forward;
    let (resource, action) = match &forward.kind {
        RouteKind::Listener => ("aws_lb_listener", "default_action"),
        RouteKind::Rule => ("aws_lb_listener_rule", "action"),
        RouteKind::Record(_) => return of_records(route),
    };
    let mut text = place_of(proposal, route, pair, resource).join("\n") + "\n";
    if !is_named(route, pair) && !proposal.is_put_back(route) {
        text.push_str(&in_two_steps(proposal, pair, action));
    }
    let mut groups = Body::default();
    let made = |name: &str| format!("aws_lb_target_group.{}.arn", identifier(name));
    for (arn, weight) in members(route, pair, quoted, made) {
        let mut member = Body::default();
        member.argument("arn", arn);
        member.argument("weight", weight.to_string());
        groups.block("target_group", member);
    }
    if let Some(sticky) = forward.sticky {
        let mut stickiness = Body::default();
        stickiness.argument("enabled", "true");
        stickiness.argument("duration", sticky.as_secs().to_string());
        groups.block("stickiness", stickiness);
    }
    let mut actions = Body::default();
    actions.argument("type", quoted("forward"));
    actions.block("forward", groups);
    let mut body = Body::default();
    body.block(action, actions);
    body.block("lifecycle", leaves(action));
    body.write(&mut text, 0);
    text
}

/// How an action is changed of which Terraform is to leave alone what it is.
fn in_two_steps(proposal: &Proposal, pair: &Pair, action: &str) -> String {
    let (cluster, service) = (&proposal.cluster, &proposal.services.a);
    format!(
        "ignore_changes holds back this very change too. So apply twice: first without {action} in \
         ignore_changes,\nthen with it. Or apply once with it, and have bg put {b} into the action at \
         weight 0:\nbg init --cluster {cluster} --service {service} --apply\n",
        b = pair.b_name()
    )
}

/// Two records: nothing is added to them, and their weights are bg's.
fn of_records(route: &RouteFound) -> String {
    let label = one_line(&route.forward.label());
    let mut text =
        format!("{label}:\nPut this into both aws_route53_record that you have for it:\n");
    one("lifecycle", leaves("weighted_routing_policy")).write(&mut text, 0);
    text
}

/// What keeps Terraform from putting weights back.
fn leaves(what: &str) -> Body {
    let mut lifecycle = Body::default();
    lifecycle.0.push(Item::Comment(
        "bg moves the weights: without this every apply would put them back, in mid-deployment too"
            .to_owned(),
    ));
    lifecycle.argument("ignore_changes", format!("[{what}]"));
    lifecycle
}

fn of_service(name: &str) -> String {
    let mut lifecycle = Body::default();
    let tags = TAGS.map(|tag| format!("tags[{}]", quoted(tag)));
    let tags = tags
        .iter()
        .flat_map(|tag| [tag.clone(), tag.replacen("tags", "tags_all", 1)]);
    let ignored: Vec<String> = ["task_definition".to_owned(), "desired_count".to_owned()]
        .into_iter()
        .chain(tags)
        .collect();
    lifecycle.argument(
        "ignore_changes",
        format!("[\n    {},\n  ]", ignored.join(",\n    ")),
    );
    let mut text = format!("Put this into the aws_ecs_service that you have for {name}:\n");
    one("lifecycle", lifecycle).write(&mut text, 0);
    text.push_str(
        "bg keeps tags of its own on both services: when the old version goes, and what served \
         last.\nWithout the above an apply takes them off. `ignore_tags { key_prefixes = \
         [\"bg:\"] }` in provider\n\"aws\" says the same for every service.\n\
         The slots take turns, so the service that Terraform knows may be the idle one, at 0 \
         tasks.\n`bg plan` shows what Terraform changed there; `--service-from a` takes it.\n",
    );
    text
}

/// What bg moves of a scalable target while it deploys, and while the slot is idle.
fn of_scaling(name: &str) -> String {
    let mut lifecycle = Body::default();
    lifecycle.argument("ignore_changes", "[min_capacity, suspended_state]");
    let mut text =
        format!("Put this into the aws_appautoscaling_target that you have for {name}:\n");
    one("lifecycle", lifecycle).write(&mut text, 0);
    text.push_str(
        "While slot a is idle its scaling is asleep: min_capacity is 0, and all of it is suspended. \
         Without the\nabove an apply lifts the idle slot to its minimum, and amid a deployment puts \
         scale-in back on. A new\nmaximum or policy on an idle slot a is shown by `bg plan`, and \
         taken by `--service-from a` (with the\nlive slot's minimum); change the minimum on the \
         live slot's target. Slot b's target and policies are\nbg's, and must not stand in \
         Terraform.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::proposal::propose;
    use super::super::testing::{facts, listener, rule, shop_a, twin};
    use super::*;

    #[test]
    fn a_place_that_ignore_changes_would_hold_back_is_said_to_take_two_applies() {
        let mut facts = facts();
        let (a, b) = (shop_a(), twin());
        facts.groups.push(b.clone());
        facts.routes = vec![listener(&[(&a, 1)]), rule(&[(&a, 100), (&b, 0)])];
        let text = terraform(&propose(&facts).unwrap());
        let (listener, rule) = text.split_once("aws_lb_listener_rule").expect("two routes");
        let said = "\n# ignore_changes holds back this very change too. So apply twice: first \
                    without default_action in ignore_changes,\n# then with it. Or apply once with \
                    it, and have bg put shop-b into the action at weight 0:\n# bg init --cluster \
                    prod --service shop --apply\n# default_action {\n";
        assert!(listener.contains(said), "{listener}");
        assert!(!rule.contains("twice"), "it names both already: {rule}");
    }

    #[test]
    fn a_whole_service_as_terraform() {
        insta::assert_snapshot!(terraform(&propose(&facts()).unwrap()));
    }
}
