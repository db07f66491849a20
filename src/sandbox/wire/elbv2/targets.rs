//! Targets and their health.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, list, text};
use super::groups;
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{
    CheckPort, Health, Reason, TargetGroup, TargetId, TargetState, TargetType,
};
use serde_json::{Value, json};
use std::net::IpAddr;

pub(super) fn register(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = groups::find_mut(world, input)?.arn.clone();
    for target in read(world, &arn, input)? {
        world.elb.register(&arn, target, world.now);
    }
    Ok(json!({}))
}

pub(super) fn deregister(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = groups::find_mut(world, input)?.arn.clone();
    for target in read(world, &arn, input)? {
        world.elb.deregister(&arn, &target, world.now);
    }
    Ok(json!({}))
}

fn read(world: &World, arn: &str, input: &Value) -> Result<Vec<TargetId>, AwsError> {
    let group = groups::find(world, arn)?;
    let given = list(input, "Targets").iter();
    let targets: Vec<TargetId> = given
        .map(|target| target_of(group, target))
        .collect::<Result<_, _>>()?;
    if targets.is_empty() {
        return Err(fail(
            "ValidationError",
            "At least one target must be specified",
        ));
    }
    Ok(targets)
}

fn target_of(group: &TargetGroup, target: &Value) -> Result<TargetId, AwsError> {
    let id = ELB.required(target, "Id")?;
    if group.target_type == TargetType::Ip && id.parse::<IpAddr>().is_err() {
        let message = format!("The IP address '{id}' is not a valid IPv4 or IPv6 address");
        return Err(fail("ValidationError", message));
    }
    if group.target_type == TargetType::Instance && !id.starts_with("i-") {
        let message = format!("Instance ID '{id}' is not valid");
        return Err(fail("InvalidTarget", message));
    }
    let port = groups::port_of(target, "Port")?;
    Ok(TargetId {
        id: id.to_owned(),
        port: port.or(group.port).unwrap_or(80),
        zone: text(target, "AvailabilityZone").map(str::to_owned),
    })
}

pub(super) fn describe_health(world: &World, input: &Value) -> Result<Value, AwsError> {
    let group = groups::find(world, ELB.required(input, "TargetGroupArn")?)?;
    let mut views = Vec::new();
    if list(input, "Targets").is_empty() {
        let targets = group.targets.iter();
        views.extend(targets.map(|target| view(group, &target.id, target.health)));
    } else {
        for target in list(input, "Targets") {
            let id = target_of(group, target)?;
            let known = group.targets.iter().find(|known| known.id.same_as(&id));
            let missing = Health::because(TargetState::Unused, Reason::NotRegistered);
            views.push(match known {
                Some(known) => view(group, &known.id, known.health),
                None => view(group, &id, missing),
            });
        }
    }
    Ok(json!({ "TargetHealthDescriptions": views }))
}

fn view(group: &TargetGroup, id: &TargetId, health: Health) -> Value {
    let port = match group.check.port {
        CheckPort::Traffic => id.port,
        CheckPort::Fixed(port) => port,
    };
    json!({
        "Target": { "Id": id.id, "Port": id.port, "AvailabilityZone": id.zone },
        "HealthCheckPort": port.to_string(),
        "TargetHealth": {
            "State": health.state.as_str(),
            "Reason": health.reason.map(Reason::code),
            "Description": health.reason.map(Reason::description),
        },
    })
}
