//! The load balancers of a rehearsal's account: their listeners, rules and groups.

use serde_json::{Value, json};

use super::account::CONTAINER;
use super::records;
use super::scenario::Scenario;
use crate::deployment::ids::SlotName;
use crate::deployment::preflight::{Request, RouteWanted, RoutesWanted};
use crate::sandbox::demo::subnets;
use crate::sandbox::wire::{AwsError, elbv2};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::Kind;

/// Where requests come in.
pub(super) struct Entry {
    /// The listener, or the name that leads to one.
    pub(super) at: At,
    /// The host that they ask for.
    pub(super) host: String,
    /// And the path.
    pub(super) path: String,
}

/// What clients know.
pub(super) enum At {
    /// A listener, by its ARN.
    Listener(String),
    /// A name, which records answer for.
    Name(String),
}

/// A listener's default action, or the rule with a host and a path.
type Place = (String, u16, Option<String>, Option<String>);

/// The routes that are no records, and one for each pair of groups that has none: those behind
/// records are the first pair.
pub(super) fn places(request: &Request) -> Vec<Place> {
    let listed = match &request.routes {
        RoutesWanted::Auto => &[][..],
        RoutesWanted::Listed(routes) => routes,
    };
    let mut places: Vec<Place> = listed.iter().enumerate().filter_map(place).collect();
    let pairs = request.slots.a.targets.len() - behind_records(request);
    for at in places.len()..pairs {
        let name = request.service.as_str().to_owned();
        places.push((name, 80 + at as u16, None, None));
    }
    places.truncate(if pairs == 0 { 0 } else { usize::MAX });
    places
}

/// How many pairs of groups stand behind records.
fn behind_records(request: &Request) -> usize {
    usize::from(request.routes.records().next().is_some())
}

/// One load balancer for each that the routes name, with a listener or rule for each route.
pub(super) fn build(
    world: &mut World,
    request: &Request,
    fitting: &Request,
    scenario: &Scenario,
    live: SlotName,
) -> Result<Vec<Entry>, AwsError> {
    let kind = kind(request, scenario);
    let count = fitting.slots.a.targets.len();
    let mut pairs = Vec::new();
    for at in 0..count {
        let group = |world: &mut World, slot: SlotName| {
            let target = &fitting.slots[slot].targets[at];
            let port = target.port.unwrap_or(CONTAINER.1);
            group(world, &target.group, port, kind, scenario)
        };
        pairs.push((group(world, SlotName::A)?, group(world, SlotName::B)?));
    }
    let behind = behind_records(request);
    let mut entries = Vec::new();
    if let Some(pair) = pairs.first().filter(|_| behind > 0) {
        entries.extend(records::build(world, request, pair, kind, live)?);
    }
    for (at, (balancer, port, host, path)) in places(request).into_iter().enumerate() {
        let (a, b) = &pairs[behind + at % (count - behind)];
        let weight = |slot| if slot == live { 100 } else { 0 };
        let balancer = match world.elb.load_balancer_named(&balancer) {
            Some(balancer) => balancer.arn.clone(),
            None => load_balancer(world, &balancer, kind)?,
        };
        let forward = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
            { "TargetGroupArn": a, "Weight": weight(SlotName::A) }, { "TargetGroupArn": b, "Weight": weight(SlotName::B) },
        ] } }]);
        let nothing =
            json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }]);
        let is_rule = host.is_some() || path.is_some();
        let listener = match world.elb.listener_on(&balancer, port) {
            Some(listener) => listener.arn.clone(),
            None => {
                let actions = if is_rule { &nothing } else { &forward };
                let made = elbv2::handle(
                    world,
                    "CreateListener",
                    &json!({
                        "LoadBalancerArn": balancer, "Protocol": protocol(kind), "Port": port,
                        "DefaultActions": actions,
                    }),
                )?;
                named(&made, "/Listeners/0/ListenerArn")?
            }
        };
        if is_rule {
            let values = |field: &str, value: &Option<String>| {
                value
                    .as_ref()
                    .map(|it| json!({ "Field": field, "Values": [it] }))
            };
            let conditions: Vec<Value> =
                [values("host-header", &host), values("path-pattern", &path)]
                    .into_iter()
                    .flatten()
                    .collect();
            elbv2::handle(
                world,
                "CreateRule",
                &json!({
                    "ListenerArn": listener, "Priority": at + 1, "Conditions": conditions,
                    "Actions": forward,
                }),
            )?;
        }
        entries.push(Entry {
            at: At::Listener(listener),
            host: host
                .unwrap_or_else(|| "localhost".to_owned())
                .replace('*', "x"),
            path: path.unwrap_or_else(|| "/".to_owned()).replace('*', "x"),
        });
    }
    Ok(entries)
}

/// Network load balancers where the service is behind nothing else: then nothing counts requests.
fn kind(request: &Request, scenario: &Scenario) -> Kind {
    let is_network = |it: &RouteWanted| matches!(it, RouteWanted::Arn(arn) if arn.split('/').nth(1) == Some(Kind::Network.arn_part()));
    match &request.routes {
        RoutesWanted::Listed(routes) if !routes.is_empty() && routes.iter().all(is_network) => {
            Kind::Network
        }
        _ => scenario.load_balancer,
    }
}

pub(super) fn protocol(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "HTTP",
        Kind::Network => "TCP",
    }
}

fn place((at, route): (usize, &RouteWanted)) -> Option<Place> {
    Some(match route {
        RouteWanted::Record(_) => return None,
        // `…:listener/app/NAME/ID/ID` and `…:listener-rule/app/NAME/…`.
        RouteWanted::Arn(arn) => {
            let name = arn.split('/').nth(2).unwrap_or("rehearsed");
            (name.to_owned(), 80 + at as u16, None, None)
        }
        RouteWanted::Place {
            load_balancer,
            port,
            host,
            path,
            header: _,
        } => (load_balancer.clone(), *port, host.clone(), path.clone()),
    })
}

pub(super) fn load_balancer(world: &mut World, name: &str, kind: Kind) -> Result<String, AwsError> {
    let made = elbv2::handle(
        world,
        "CreateLoadBalancer",
        &json!({
            "Name": name, "Type": kind.as_str(), "Scheme": "internet-facing", "Subnets": subnets(),
            "SecurityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
        }),
    )?;
    named(&made, "/LoadBalancers/0/LoadBalancerArn")
}

fn group(
    world: &mut World,
    name: &str,
    port: u16,
    kind: Kind,
    scenario: &Scenario,
) -> Result<String, AwsError> {
    // Two good checks, as far apart as it takes; ELB takes 5 s to 5 minutes.
    let interval = (scenario.healthy_after.as_secs() / 2).clamp(5, 300);
    let made = elbv2::handle(
        world,
        "CreateTargetGroup",
        &json!({
            "Name": name, "Protocol": protocol(kind), "Port": port,
            "VpcId": "vpc-0a0a0a0a0a0a0a0a0", "TargetType": "ip", "HealthCheckProtocol": "HTTP",
            "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": interval,
            "HealthCheckTimeoutSeconds": interval.min(5), "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
        }),
    )?;
    let arn = named(&made, "/TargetGroups/0/TargetGroupArn")?;
    let delay = scenario.deregistration_delay.as_secs().to_string();
    elbv2::handle(
        world,
        "ModifyTargetGroupAttributes",
        &json!({
            "TargetGroupArn": arn,
            "Attributes": [{ "Key": "deregistration_delay.timeout_seconds", "Value": delay }],
        }),
    )?;
    Ok(arn)
}

pub(super) fn named(made: &Value, pointer: &str) -> Result<String, AwsError> {
    let found = made.pointer(pointer).and_then(Value::as_str);
    let missing = || AwsError::client(format!("the region's answer has no {pointer}"));
    found.map(str::to_owned).ok_or_else(missing)
}
