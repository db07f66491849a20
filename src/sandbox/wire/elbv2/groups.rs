//! Target groups.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, text, texts};
use super::{arn, check_arn, check_name, new_id, paged, tags};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{
    CheckPort, Codes, GRPC_PATH, HealthCheck, Matcher, TargetGroup, TargetType,
};
use serde_json::{Value, json};

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = ELB.required(input, "Name")?.to_owned();
    check_name(&name, "Target group")?;
    let mut fresh = read(&name, input)?;
    if let Some(known) = world.elb.groups.values().find(|group| group.name == name) {
        let same = known.protocol == fresh.protocol
            && known.port == fresh.port
            && known.target_type == fresh.target_type
            && known.vpc == fresh.vpc;
        if same {
            return Ok(json!({ "TargetGroups": [view(known)] }));
        }
        let message = format!(
            "A target group with the same name '{name}' exists, but with different settings"
        );
        return Err(fail("DuplicateTargetGroupName", message));
    }
    let id = new_id(world);
    let arn = arn(world, &format!("targetgroup/{name}/{id}"));
    fresh.arn.clone_from(&arn);
    let output = json!({ "TargetGroups": [view(&fresh)] });
    world.elb.groups.insert(arn.clone(), fresh);
    tags::store(world, &arn, input);
    Ok(output)
}

fn read(name: &str, input: &Value) -> Result<TargetGroup, AwsError> {
    let invalid = |message: String| fail("ValidationError", message);
    let target_type = text(input, "TargetType").unwrap_or("instance");
    let target_type = TargetType::from_name(target_type)
        .ok_or_else(|| invalid(format!("Target type '{target_type}' is not valid")))?;
    let (mut protocol, mut port, mut vpc) = (None, None, None);
    if target_type != TargetType::Lambda {
        let missing = |what: &str| invalid(format!("A {what} must be specified"));
        let given = text(input, "Protocol").ok_or_else(|| missing("protocol"))?;
        if !["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"].contains(&given) {
            return Err(invalid(format!("Protocol '{given}' is not valid")));
        }
        protocol = Some(given.to_owned());
        port = Some(port_of(input, "Port")?.ok_or_else(|| missing("port"))?);
        vpc = Some(
            text(input, "VpcId")
                .ok_or_else(|| missing("VPC ID"))?
                .to_owned(),
        );
    }
    let http = matches!(protocol.as_deref(), Some("HTTP" | "HTTPS"));
    let version = text(input, "ProtocolVersion").unwrap_or("HTTP1").to_owned();
    let kind = match (http, version.as_str()) {
        (true, "GRPC") => Answers::Grpc,
        (true, _) => Answers::Http,
        (false, _) => Answers::OfNetwork,
    };
    let check = check(&defaults(protocol.as_deref(), target_type), kind, input)?;
    let family = text(input, "IpAddressType").unwrap_or("ipv4").to_owned();
    if !["ipv4", "ipv6"].contains(&family.as_str()) {
        return Err(invalid(format!("IP address type '{family}' is not valid")));
    }
    let mut group = TargetGroup::new(String::new(), name.to_owned(), target_type, check);
    group.protocol = protocol;
    group.port = port;
    group.control_port = port_of(input, "TargetControlPort")?;
    group.vpc = vpc;
    group.ip_address_type = family;
    group.protocol_version = http.then_some(version);
    Ok(group)
}

pub(super) fn port_of(input: &Value, field: &str) -> Result<Option<u16>, AwsError> {
    let Some(port) = ELB.integer(input, field)? else {
        return Ok(None);
    };
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => {
            let message = format!("'{field}' must be between 1 and 65535");
            Err(fail("ValidationError", message))
        }
    }
}

/// AWS's default health check for a kind of group.
fn defaults(protocol: Option<&str>, target_type: TargetType) -> HealthCheck {
    let http = matches!(protocol, Some("HTTP" | "HTTPS"));
    let lambda = target_type == TargetType::Lambda;
    HealthCheck {
        enabled: !lambda,
        protocol: if http || lambda { "HTTP" } else { "TCP" }.to_owned(),
        port: CheckPort::Traffic,
        path: None,
        interval: if lambda { 35 } else { 30 },
        timeout: match (lambda, http) {
            (true, _) => 30,
            (_, true) => 5,
            _ => 10,
        },
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: None,
    }
}

/// What health checks that are no TCP connections look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Http,
    Grpc,
    /// HTTP too, where a network load balancer asks.
    OfNetwork,
}

/// A health check: what the input says, else what was.
fn check(base: &HealthCheck, kind: Answers, input: &Value) -> Result<HealthCheck, AwsError> {
    let invalid = |message: String| Err(fail("ValidationError", message));
    let ranged = |field: &str, old: i64, low: i64, high: i64| match ELB.integer(input, field)? {
        Some(value) if !(low..=high).contains(&value) => Err(fail(
            "ValidationError",
            format!("'{field}' must be between {low} and {high}"),
        )),
        value => Ok(value.unwrap_or(old)),
    };
    let mut check = base.clone();
    check.enabled = ELB
        .flag(input, "HealthCheckEnabled")?
        .unwrap_or(base.enabled);
    if let Some(protocol) = text(input, "HealthCheckProtocol") {
        protocol.clone_into(&mut check.protocol);
    }
    match text(input, "HealthCheckPort") {
        None => {}
        Some("traffic-port") => check.port = CheckPort::Traffic,
        Some(_) => match port_of(input, "HealthCheckPort")? {
            Some(port) => check.port = CheckPort::Fixed(port),
            None => check.port = CheckPort::Traffic,
        },
    }
    check.interval = ranged("HealthCheckIntervalSeconds", base.interval, 5, 300)?;
    check.timeout = ranged("HealthCheckTimeoutSeconds", base.timeout, 2, 120)?;
    let healthy = i64::from(base.healthy_threshold);
    let unhealthy = i64::from(base.unhealthy_threshold);
    check.healthy_threshold = ranged("HealthyThresholdCount", healthy, 2, 10)? as u32;
    check.unhealthy_threshold = ranged("UnhealthyThresholdCount", unhealthy, 2, 10)? as u32;
    if check.protocol == "TCP" {
        check.path = None;
        check.matcher = None;
    } else {
        let given = text(input, "HealthCheckPath").map(str::to_owned);
        let (path, default, field, codes) = match kind {
            Answers::Http => ("/", "200", "HttpCode", Codes::Http),
            Answers::Grpc => (GRPC_PATH, "12", "GrpcCode", Codes::Grpc),
            Answers::OfNetwork => ("/", "200-399", "HttpCode", Codes::Http),
        };
        check.path = given.or(check.path).or_else(|| Some(path.to_owned()));
        let given = text(&input["Matcher"], field);
        let old = check
            .matcher
            .as_ref()
            .map_or(default, Matcher::as_str)
            .to_owned();
        let code = given.unwrap_or(&old);
        let Some(matcher) = Matcher::parse(code, codes) else {
            return invalid(match codes {
                Codes::Http => format!(
                    "Health check matcher HTTP code '{code}' must be within '200-499' inclusive"
                ),
                Codes::Grpc => format!(
                    "Health check matcher GRPC code '{code}' must be within '0-99' inclusive"
                ),
            });
        };
        check.matcher = Some(matcher);
    }
    if check.timeout >= check.interval && check.enabled {
        let (timeout, interval) = (check.timeout, check.interval);
        return invalid(format!(
            "Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
        ));
    }
    Ok(check)
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (arns, names) = (texts(input, "TargetGroupArns"), texts(input, "Names"));
    if let Some(load_balancer) = text(input, "LoadBalancerArn") {
        let load_balancer = super::load_balancers::find(world, load_balancer)?;
        let groups = world.elb.groups_of(&load_balancer.arn);
        return paged(
            input,
            "TargetGroups",
            groups.into_iter().map(view).collect(),
        );
    }
    let mut found = Vec::new();
    for arn in &arns {
        found.push(find(world, arn)?);
    }
    for name in &names {
        let group = world.elb.groups.values().find(|group| group.name == *name);
        found.push(group.ok_or_else(|| not_found("One or more target groups not found"))?);
    }
    if arns.is_empty() && names.is_empty() {
        found.extend(world.elb.groups.values());
    }
    paged(input, "TargetGroups", found.into_iter().map(view).collect())
}

pub(super) fn modify(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let group = find_mut(world, input)?;
    let kind = match (group.protocol.as_deref(), group.protocol_version.as_deref()) {
        (_, Some("GRPC")) => Answers::Grpc,
        (Some("HTTP" | "HTTPS"), _) => Answers::Http,
        _ => Answers::OfNetwork,
    };
    group.check = check(&group.check, kind, input)?;
    Ok(json!({ "TargetGroups": [view(group)] }))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = ELB.required(input, "TargetGroupArn")?;
    check_arn(arn, "target group")?;
    if world.elb.group_is_used(arn) {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(fail("ResourceInUse", message));
    }
    world.elb.groups.remove(arn);
    world.elb.tags.remove(arn);
    Ok(json!({}))
}

pub(super) fn find<'a>(world: &'a World, arn: &str) -> Result<&'a TargetGroup, AwsError> {
    check_arn(arn, "target group")?;
    let found = world.elb.group(arn);
    found.ok_or_else(|| not_found("One or more target groups not found"))
}

pub(super) fn find_mut<'a>(
    world: &'a mut World,
    input: &Value,
) -> Result<&'a mut TargetGroup, AwsError> {
    let arn = ELB.required(input, "TargetGroupArn")?;
    check_arn(arn, "target group")?;
    let found = world.elb.groups.get_mut(arn);
    found.ok_or_else(|| not_found("One or more target groups not found"))
}

fn not_found(message: &str) -> AwsError {
    fail("TargetGroupNotFound", message)
}

fn view(group: &TargetGroup) -> Value {
    let check = &group.check;
    let port = match check.port {
        CheckPort::Traffic => "traffic-port".to_owned(),
        CheckPort::Fixed(port) => port.to_string(),
    };
    let matcher = check.matcher.as_ref();
    json!({
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": port,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "HealthCheckPath": check.path,
        "Matcher": matcher.map(|matcher| match matcher.codes() {
            Codes::Http => json!({ "HttpCode": matcher.as_str() }),
            Codes::Grpc => json!({ "GrpcCode": matcher.as_str() }),
        }),
        "LoadBalancerArns": group.load_balancers,
        "TargetType": group.target_type.as_str(),
        "ProtocolVersion": group.protocol_version,
        "IpAddressType": group.ip_address_type,
        "TargetControlPort": group.control_port,
    })
}
