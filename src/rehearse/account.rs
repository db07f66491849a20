//! The account that is rehearsed in: what a request names, built into an empty world.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::alarms;
use super::scenario::Scenario;
use crate::deployment::ids::SlotName;
use crate::deployment::preflight::{DefinitionWanted, Request, RouteWanted, RoutesWanted};
use crate::sandbox::demo::subnets;
use crate::sandbox::wire::{AwsError, ecs, elbv2};
use crate::sandbox::world::World;
use crate::sandbox::world::app::Behaviour;
use crate::sandbox::world::traffic::{Flow, Mode, Noise, Shape};

/// What the live slot runs.
pub(super) const LIVE: &str = "rehearsed/live:1";
/// A container and its port, where the config names none.
const CONTAINER: (&str, u16) = ("app", 8080);
/// A build-up that takes longer than this is a mistake in the scenario.
const PATIENCE: u32 = 1200;
/// The account is left alone before anybody sees it, so that its metrics are there.
const SETTLE: u32 = 300;

/// Makes a request fit an account in the region: names instead of ARNs, no account, and whatever
/// routes are there.
pub fn fit(request: &mut Request) {
    request.account = None;
    request.routes = RoutesWanted::Auto;
    for slot in SlotName::BOTH {
        for target in &mut request.slots[slot].targets {
            let name = target.group.rsplit(":targetgroup/").next();
            let name = name.and_then(|it| it.split('/').next()).unwrap_or("group");
            target.group = name.to_owned();
        }
    }
}

/// Builds what `request`, as the config says it, names: slot `live` serves everything, the other
/// is idle.
///
/// # Errors
/// When the region refuses it, in its words.
pub fn build(
    request: &Request,
    scenario: &Scenario,
    live: SlotName,
    start: Timestamp,
) -> Result<World, AwsError> {
    let mut world = World::new("123456789012", "eu-west-1", start, 1);
    world.ecs.images.plant(LIVE, behaviour(scenario));
    world.cloudwatch.lag = length(scenario.lag);
    let mut fitting = request.clone();
    fit(&mut fitting);
    let listeners = balancers(&mut world, request, &fitting, scenario, live)?;
    let cluster = request.cluster.as_str();
    ecs::handle(
        &mut world,
        "CreateCluster",
        &json!({ "clusterName": cluster }),
    )?;
    let definition = definition(request);
    ecs::handle(&mut world, "RegisterTaskDefinition", &definition)?;
    let service = service(&world, &fitting, live, scenario);
    ecs::handle(&mut world, "CreateService", &service)?;
    alarms::build(&mut world, &fitting, scenario)?;
    steady(&mut world, cluster, fitting.slots[live].service.as_str())?;
    world.traffic.mode = Mode::On;
    for listener in &listeners {
        let rate = scenario.requests / listeners.len() as f64;
        let shape = match scenario.swing > 0.0 {
            true => Shape::Daily {
                mean: rate,
                swing: scenario.swing,
            },
            false => Shape::Steady(rate),
        };
        let flow = Flow::new(&listener.arn, shape).asking(&listener.host, &listener.path);
        world.traffic.flows.push(flow);
    }
    world.traffic.noise = Noise {
        together: scenario.weather,
        apart: scenario.noise,
        seed: 0,
    };
    let now = world.now;
    world.traffic.leap_from(now);
    world.advance(SETTLE);
    Ok(world)
}

/// How the live version behaves.
pub(super) fn behaviour(scenario: &Scenario) -> Behaviour {
    Behaviour {
        error_rate: f64::from(scenario.errors) / 1e6,
        latency: scenario.latency,
        boot: scenario.start_up,
        ..Behaviour::good()
    }
}

pub(super) fn length(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Where requests come in.
struct Entry {
    arn: String,
    host: String,
    path: String,
}

/// One load balancer for each that the routes name, with a listener or rule for each route.
fn balancers(
    world: &mut World,
    request: &Request,
    fitting: &Request,
    scenario: &Scenario,
    live: SlotName,
) -> Result<Vec<Entry>, AwsError> {
    let count = fitting.slots.a.targets.len();
    let mut pairs = Vec::new();
    for at in 0..count {
        let group = |world: &mut World, slot: SlotName| {
            let target = &fitting.slots[slot].targets[at];
            let port = target.port.unwrap_or(CONTAINER.1);
            group(world, &target.group, port, scenario)
        };
        pairs.push((group(world, SlotName::A)?, group(world, SlotName::B)?));
    }
    let mut places: Vec<(String, u16, Option<String>, Option<String>)> = match &request.routes {
        RoutesWanted::Auto => Vec::new(),
        RoutesWanted::Listed(routes) => routes.iter().enumerate().map(place).collect(),
    };
    let name = request.service.as_str().to_owned();
    for at in places.len()..count {
        places.push((name.clone(), 80 + at as u16, None, None));
    }
    let mut entries = Vec::new();
    for (at, (balancer, port, host, path)) in places.into_iter().enumerate() {
        let (a, b) = &pairs[at % count];
        let weight = |slot| if slot == live { 100 } else { 0 };
        let balancer = match world.elb.load_balancer_named(&balancer) {
            Some(balancer) => balancer.arn.clone(),
            None => load_balancer(world, &balancer)?,
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
                        "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port,
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
            arn: listener,
            host: host
                .unwrap_or_else(|| "localhost".to_owned())
                .replace('*', "x"),
            path: path.unwrap_or_else(|| "/".to_owned()).replace('*', "x"),
        });
    }
    Ok(entries)
}

fn place((at, route): (usize, &RouteWanted)) -> (String, u16, Option<String>, Option<String>) {
    match route {
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
        } => (load_balancer.clone(), *port, host.clone(), path.clone()),
    }
}

fn load_balancer(world: &mut World, name: &str) -> Result<String, AwsError> {
    let made = elbv2::handle(
        world,
        "CreateLoadBalancer",
        &json!({
            "Name": name, "Type": "application", "Scheme": "internet-facing", "Subnets": subnets(),
            "SecurityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
        }),
    )?;
    named(&made, "/LoadBalancers/0/LoadBalancerArn")
}

fn group(
    world: &mut World,
    name: &str,
    port: u16,
    scenario: &Scenario,
) -> Result<String, AwsError> {
    // Two good checks, as far apart as it takes; ELB takes 5 s to 5 minutes.
    let interval = (scenario.healthy_after.as_secs() / 2).clamp(5, 300);
    let made = elbv2::handle(
        world,
        "CreateTargetGroup",
        &json!({
            "Name": name, "Protocol": "HTTP", "Port": port, "VpcId": "vpc-0a0a0a0a0a0a0a0a0",
            "TargetType": "ip", "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": interval,
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

fn named(made: &Value, pointer: &str) -> Result<String, AwsError> {
    let found = made.pointer(pointer).and_then(Value::as_str);
    let missing = || AwsError::client(format!("the region's answer has no {pointer}"));
    found.map(str::to_owned).ok_or_else(missing)
}

/// What the live slot runs: a container for each that the config or the request names.
fn definition(request: &Request) -> Value {
    let mut ports: Vec<(String, u16)> = Vec::new();
    for target in &request.slots.a.targets {
        let name = target.container.as_deref().unwrap_or(CONTAINER.0);
        ports.push((name.to_owned(), target.port.unwrap_or(CONTAINER.1)));
    }
    let mut names: BTreeSet<String> = ports.iter().map(|(name, _)| name.clone()).collect();
    if let DefinitionWanted::Images(changes) = &request.definition {
        names.extend(changes.iter().filter_map(|it| it.container.clone()));
    }
    let containers = names.iter().map(|name| {
        let own = ports.iter().filter(|(of, _)| of == name);
        let mappings = own.map(|(_, port)| json!({ "containerPort": port, "protocol": "tcp" }));
        let mappings: Vec<Value> = mappings.collect();
        json!({
            "name": name, "image": LIVE, "essential": true, "portMappings": mappings,
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": format!("/ecs/{}", request.service),
                "awslogs-region": "eu-west-1", "awslogs-stream-prefix": name,
                "awslogs-create-group": "true",
            } },
        })
    });
    json!({
        "family": request.service, "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "containerDefinitions": containers.collect::<Vec<_>>(),
    })
}

fn service(world: &World, request: &Request, live: SlotName, scenario: &Scenario) -> Value {
    let slot = &request.slots[live];
    let arn = |name: &str| {
        let group = world.elb.groups.values().find(|it| it.name == name);
        group.map(|it| it.arn.clone())
    };
    let balancers = slot.targets.iter().map(|target| {
        json!({
            "targetGroupArn": arn(&target.group),
            "containerName": target.container.as_deref().unwrap_or(CONTAINER.0),
            "containerPort": target.port.unwrap_or(CONTAINER.1),
        })
    });
    json!({
        "cluster": request.cluster, "serviceName": slot.service,
        "taskDefinition": request.service, "desiredCount": scenario.tasks,
        "launchType": "FARGATE", "healthCheckGracePeriodSeconds": 30,
        "loadBalancers": balancers.collect::<Vec<_>>(),
        "networkConfiguration": { "awsvpcConfiguration": {
            "subnets": subnets(), "securityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
            "assignPublicIp": "ENABLED",
        } },
        "deploymentConfiguration": {
            "maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        },
    })
}

/// Lets the world run until the service is steady.
fn steady(world: &mut World, cluster: &str, service: &str) -> Result<(), AwsError> {
    for _ in 0..PATIENCE {
        let service = world.ecs.service(cluster, service);
        if service.is_some_and(|it| it.steady_since.is_some()) {
            return Ok(());
        }
        world.advance(1);
    }
    Err(AwsError::client(format!(
        "the live version isn't steady after {PATIENCE} s: its start-up takes too long"
    )))
}
