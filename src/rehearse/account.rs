//! The account that is rehearsed in: what a request names, built into an empty world.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::balancers::At;
use super::scenario::Scenario;
use super::{alarms, balancers, records};
use crate::deployment::ids::SlotName;
use crate::deployment::preflight::{DefinitionWanted, Request, RouteWanted, RoutesWanted};
use crate::sandbox::demo::subnets;
use crate::sandbox::wire::{AwsError, ecs};
use crate::sandbox::world::World;
use crate::sandbox::world::app::Behaviour;
use crate::sandbox::world::traffic::{Flow, Mode, Noise, Shape};

/// What the live slot runs.
pub(super) const LIVE: &str = "rehearsed/live:1";
/// A container and its port, where the config names none.
pub(super) const CONTAINER: (&str, u16) = ("app", 8080);
/// A build-up that takes longer than this is a mistake in the scenario.
const PATIENCE: u32 = 1200;
/// The account is left alone before anybody sees it, so that its metrics are there.
const SETTLE: u32 = 300;

/// Makes a request fit an account in the region: names instead of ARNs, no account, and whatever
/// routes are there.
pub fn fit(request: &mut Request) {
    request.account = None;
    request.routes = routes(request);
    request.test_routes.clear();
    for slot in SlotName::BOTH {
        for target in &mut request.slots[slot].targets {
            let name = target.group.rsplit(":targetgroup/").next();
            let name = name.and_then(|it| it.split('/').next()).unwrap_or("group");
            target.group = name.to_owned();
        }
    }
}

/// Whatever routes are there; records have to be listed, and everything beside them.
fn routes(request: &Request) -> RoutesWanted {
    let records = request.routes.records().map(records::fitting);
    let records: Vec<_> = records.map(RouteWanted::Record).collect();
    if records.is_empty() {
        return RoutesWanted::Auto;
    }
    let place = |(load_balancer, port, host, path)| RouteWanted::Place {
        load_balancer,
        port,
        host,
        path,
        header: None,
    };
    let places = balancers::places(request).into_iter().map(place);
    RoutesWanted::Listed(records.into_iter().chain(places).collect())
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
    let entries = balancers::build(&mut world, request, &fitting, scenario, live)?;
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
    for entry in &entries {
        let rate = scenario.requests / entries.len() as f64;
        let shape = match scenario.swing > 0.0 {
            true => Shape::Daily {
                mean: rate,
                swing: scenario.swing,
            },
            false => Shape::Steady(rate),
        };
        let flow = match &entry.at {
            At::Listener(listener) => Flow::new(listener, shape),
            At::Name(name) => Flow::by_name(name, 80, shape),
        };
        let flow = flow.asking(&entry.host, &entry.path);
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

/// What the live slot runs: a container for each that the config or the request names.
fn definition(request: &Request) -> Value {
    let mut ports: Vec<(String, u16)> = Vec::new();
    for target in &request.slots.a.targets {
        let name = target.container.as_deref().unwrap_or(CONTAINER.0);
        let own = (name.to_owned(), target.port.unwrap_or(CONTAINER.1));
        // One port may be behind several load balancers.
        if !ports.contains(&own) {
            ports.push(own);
        }
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
