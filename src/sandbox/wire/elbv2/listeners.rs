//! Listeners.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, list, text, texts};
use super::{actions, arn, check_arn, groups, load_balancers, new_id, other_fields, paged, tags};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{Kind, Listener, LoadBalancer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Input fields that aren't simply kept and given back.
const HANDLED: [&str; 6] = [
    "ListenerArn",
    "LoadBalancerArn",
    "Port",
    "Protocol",
    "DefaultActions",
    "Tags",
];

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let lb = load_balancers::find(world, ELB.required(input, "LoadBalancerArn")?)?.clone();
    let port = groups::port_of(input, "Port")?;
    let port = port.ok_or_else(|| fail("ValidationError", "A listener port must be specified"))?;
    let protocol = ELB.required(input, "Protocol")?.to_owned();
    check_protocol(&lb, &protocol, input)?;
    if world.elb.listener_on(&lb.arn, port).is_some() {
        let message = format!(
            "A listener already exists on this port for this load balancer '{}'",
            lb.arn
        );
        return Err(fail("DuplicateListener", message));
    }
    let actions = actions::read(world, &lb, input, "DefaultActions", None)?;
    let id = new_id(world);
    let lb_id = lb.arn.rsplit('/').next().unwrap_or_default();
    let path = format!("listener/{}/{}/{lb_id}/{id}", lb.kind.arn_part(), lb.name);
    let arn = arn(world, &path);
    let listener = Listener {
        arn: arn.clone(),
        load_balancer: lb.arn,
        port,
        protocol,
        actions,
        other: other_fields(input, &HANDLED),
        attributes: BTreeMap::new(),
    };
    let output = json!({ "Listeners": [view(&listener)] });
    world.elb.listeners.insert(arn.clone(), listener);
    world.elb.relink(world.now);
    tags::store(world, &arn, input);
    Ok(output)
}

fn check_protocol(lb: &LoadBalancer, protocol: &str, input: &Value) -> Result<(), AwsError> {
    let allowed: &[&str] = match lb.kind {
        Kind::Application => &["HTTP", "HTTPS"],
        Kind::Network => &["TCP", "TLS", "UDP", "TCP_UDP"],
    };
    if !allowed.contains(&protocol) {
        let message = format!(
            "Listener protocol '{protocol}' must be one of '{}'",
            allowed.join(", ")
        );
        return Err(fail("ValidationError", message));
    }
    if matches!(protocol, "HTTPS" | "TLS") && list(input, "Certificates").is_empty() {
        let message = format!("A certificate must be specified for {protocol} listeners");
        return Err(fail("ValidationError", message));
    }
    Ok(())
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let arns = texts(input, "ListenerArns");
    let listeners: Vec<&Listener> = match text(input, "LoadBalancerArn") {
        Some(lb) => {
            let lb = load_balancers::find(world, lb)?;
            let all = world.elb.listeners.values();
            all.filter(|listener| listener.load_balancer == lb.arn)
                .collect()
        }
        None if arns.is_empty() => {
            let message = "You must specify either listener ARNs or a load balancer ARN";
            return Err(fail("ValidationError", message));
        }
        None => {
            let found = arns.iter().map(|arn| find(world, arn));
            found.collect::<Result<_, _>>()?
        }
    };
    paged(
        input,
        "Listeners",
        listeners.into_iter().map(view).collect(),
    )
}

pub(super) fn modify(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let mut listener = find(world, ELB.required(input, "ListenerArn")?)?.clone();
    let lb = load_balancers::find(world, &listener.load_balancer)?;
    if let Some(port) = groups::port_of(input, "Port")? {
        let taken = world.elb.listener_on(&lb.arn, port);
        if taken.is_some_and(|other| other.arn != listener.arn) {
            let message = format!(
                "A listener already exists on this port for this load balancer '{}'",
                lb.arn
            );
            return Err(fail("DuplicateListener", message));
        }
        listener.port = port;
    }
    listener.other.extend(other_fields(input, &HANDLED));
    if let Some(protocol) = text(input, "Protocol") {
        check_protocol(lb, protocol, &Value::Object(listener.other.clone()))?;
        protocol.clone_into(&mut listener.protocol);
    }
    if !list(input, "DefaultActions").is_empty() {
        let previous = Some(&listener.actions);
        listener.actions = actions::read(world, lb, input, "DefaultActions", previous)?;
    }
    let output = json!({ "Listeners": [view(&listener)] });
    world.elb.listeners.insert(listener.arn.clone(), listener);
    world.elb.relink(world.now);
    Ok(output)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = find(world, ELB.required(input, "ListenerArn")?)?
        .arn
        .clone();
    world.elb.listeners.remove(&arn);
    world.elb.rules.retain(|_, rule| rule.listener != arn);
    world.elb.tags.remove(&arn);
    world.elb.relink(world.now);
    Ok(json!({}))
}

pub(super) fn find<'a>(world: &'a World, arn: &str) -> Result<&'a Listener, AwsError> {
    check_arn(arn, "listener")?;
    let not_found = || fail("ListenerNotFound", "One or more listeners not found");
    world.elb.listeners.get(arn).ok_or_else(not_found)
}

fn view(listener: &Listener) -> Value {
    let mut view = Value::Object(listener.other.clone());
    view["ListenerArn"] = json!(listener.arn);
    view["LoadBalancerArn"] = json!(listener.load_balancer);
    view["Port"] = json!(listener.port);
    view["Protocol"] = json!(listener.protocol);
    view["DefaultActions"] = Value::Array(listener.actions.raw().to_vec());
    view
}
