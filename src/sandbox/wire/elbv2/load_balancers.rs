//! Load balancers.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, list, page, text, texts, time_value};
use super::{arn, check_arn, check_name, new_id, tags};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{Kind, LoadBalancer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Stands for whatever VPC the subnets are in.
const VPC: &str = "vpc-0a1b2c3d4e5f60718";

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = ELB.required(input, "Name")?.to_owned();
    check_name(&name, "Load balancer")?;
    let kind = match text(input, "Type") {
        None | Some("application") => Kind::Application,
        Some("network") => Kind::Network,
        Some(other) => {
            let message = format!("Load balancer type '{other}' is not supported");
            return Err(fail("ValidationError", message));
        }
    };
    let scheme = text(input, "Scheme")
        .unwrap_or("internet-facing")
        .to_owned();
    if let Some(known) = world.elb.load_balancer_named(&name) {
        if known.kind == kind && known.scheme == scheme {
            return Ok(json!({ "LoadBalancers": [view(known)] }));
        }
        let message = format!(
            "A load balancer with the same name '{name}' exists, but with different settings"
        );
        return Err(fail("DuplicateLoadBalancerName", message));
    }
    let zones = zones(world, kind, input)?;
    let id = new_id(world);
    let part = kind.arn_part();
    let arn = arn(world, &format!("loadbalancer/{part}/{name}/{id}"));
    let number = world.rng.u32(100_000_000..);
    let load_balancer = LoadBalancer {
        dns_name: format!("{name}-{number}.{}.elb.amazonaws.com", world.region),
        arn: arn.clone(),
        name,
        kind,
        scheme,
        created: world.now,
        zones,
        security_groups: texts(input, "SecurityGroups"),
        ip_address_type: text(input, "IpAddressType").unwrap_or("ipv4").to_owned(),
        attributes: BTreeMap::new(),
    };
    let output = json!({ "LoadBalancers": [view(&load_balancer)] });
    world.elb.load_balancers.insert(arn.clone(), load_balancer);
    tags::store(world, &arn, input);
    Ok(output)
}

/// Each subnet stands for a zone of its own, in order: the sandbox has no VPC to look them up in.
fn zones(world: &World, kind: Kind, input: &Value) -> Result<Vec<(String, String)>, AwsError> {
    let mut subnets = texts(input, "Subnets");
    let mappings = list(input, "SubnetMappings").iter();
    subnets.extend(mappings.filter_map(|mapping| text(mapping, "SubnetId").map(str::to_owned)));
    if subnets.is_empty() || (kind == Kind::Application && subnets.len() < 2) {
        let message = "At least two subnets in two different Availability Zones must be specified";
        return Err(fail("ValidationError", message));
    }
    let zone = |letter: u8| format!("{}{}", world.region, char::from(letter));
    Ok((b'a'..=b'z').map(zone).zip(subnets).collect())
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (arns, names) = (texts(input, "LoadBalancerArns"), texts(input, "Names"));
    if arns.len() + names.len() > 20 {
        let message = "The maximum number of load balancers that can be described at once is '20'";
        return Err(fail("ValidationError", message));
    }
    let mut found = Vec::new();
    for arn in &arns {
        found.push(find(world, arn)?);
    }
    for name in &names {
        let load_balancer = world.elb.load_balancer_named(name);
        found.push(load_balancer.ok_or_else(|| not_found(name))?);
    }
    if arns.is_empty() && names.is_empty() {
        found.extend(world.elb.load_balancers.values());
    }
    let views = found.into_iter().map(view).collect();
    let size = ELB.integer(input, "PageSize")?.unwrap_or(400).clamp(1, 400);
    let (views, next) = page(
        views,
        text(input, "Marker"),
        size as usize,
        "ValidationError",
    )?;
    let mut output = json!({ "LoadBalancers": views });
    if let Some(next) = next {
        output["NextMarker"] = Value::String(next);
    }
    Ok(output)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = ELB.required(input, "LoadBalancerArn")?;
    check_arn(arn, "load balancer")?;
    let protection = "deletion_protection.enabled";
    let protected = world.elb.load_balancers.get(arn).is_some_and(|lb| {
        lb.attributes
            .get(protection)
            .is_some_and(|value| value == "true")
    });
    if protected {
        let message = format!(
            "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        );
        return Err(fail("OperationNotPermitted", message));
    }
    let elb = &mut world.elb;
    elb.load_balancers.remove(arn);
    elb.listeners
        .retain(|_, listener| listener.load_balancer != arn);
    let listeners = &elb.listeners;
    elb.rules
        .retain(|_, rule| listeners.contains_key(&rule.listener));
    elb.tags.remove(arn);
    elb.relink(world.now);
    Ok(json!({}))
}

/// The load balancer with an ARN.
pub(super) fn find<'a>(world: &'a World, arn: &str) -> Result<&'a LoadBalancer, AwsError> {
    check_arn(arn, "load balancer")?;
    let found = world.elb.load_balancers.get(arn);
    found.ok_or_else(|| not_found(arn))
}

fn not_found(name: &str) -> AwsError {
    fail(
        "LoadBalancerNotFound",
        format!("Load balancers '[{name}]' not found"),
    )
}

fn view(lb: &LoadBalancer) -> Value {
    let zones: Vec<Value> = lb
        .zones
        .iter()
        .map(|(zone, subnet)| json!({ "ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": [] }))
        .collect();
    let zone_id = match lb.kind {
        Kind::Application => "Z32O12XQLNTSW2",
        Kind::Network => "Z2IFOLAFXWLO4F",
    };
    json!({
        "LoadBalancerArn": lb.arn,
        "DNSName": lb.dns_name,
        "CanonicalHostedZoneId": zone_id,
        "CreatedTime": time_value(lb.created),
        "LoadBalancerName": lb.name,
        "Scheme": lb.scheme,
        "VpcId": VPC,
        "State": { "Code": "active" },
        "Type": lb.kind.as_str(),
        "AvailabilityZones": zones,
        "SecurityGroups": lb.security_groups,
        "IpAddressType": lb.ip_address_type,
    })
}
