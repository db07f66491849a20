//! A healthy shop, and a deployment of `shop:v2` into it: everything else is one change away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, LoadBalancerArn, RouteArn, ServiceName,
    SlotName, Slots, TargetGroupArn, TaskDefinitionArn,
};
use crate::deployment::metrics::MetricsFound;
use crate::deployment::observation::Seen;
use crate::deployment::plan::{GreenCapacity, Kind, Limits, Retire, RetireHow, RouteKind};
use crate::deployment::preflight::{
    AlarmWanted, DefinitionWanted, GuardsWanted, Request, RoutesWanted, Side, SlotWanted,
    TargetWanted, WhenUnchanged,
};
use crate::deployment::surroundings::DeadmanFound;
use crate::deployment::surroundings::{AlarmFound, Forward, GroupFound, Surroundings};
use crate::deployment::task_definition::parse_image_flags;
use crate::judge::alarms::AlarmState;
use crate::judge::targets::Share;
use crate::strategy::Strategy;

/// What slot a runs.
pub(super) const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";
const ELB: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";

pub(super) fn group_arn(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(format!("{ELB}:targetgroup/{name}/0123456789abcdef"))
}

pub(super) fn balancer(name: &str) -> LoadBalancerArn {
    LoadBalancerArn::new(format!("{ELB}:loadbalancer/app/{name}/0123456789abcdef"))
}

pub(super) fn group(name: &str) -> GroupFound {
    GroupFound {
        arn: group_arn(name),
        target_type: "ip".to_owned(),
        protocol: "HTTP".to_owned(),
        protocol_version: "HTTP1".to_owned(),
        vpc: "vpc-1".to_owned(),
        load_balancer: Some(balancer("shop")),
        deregistration_delay: Duration::from_secs(60),
        health_check: None,
        healthy_after: Duration::from_secs(20),
        sticky: false,
        settings: BTreeMap::new(),
    }
}

/// A listener's default action with these weights for the slots.
pub(super) fn forward(port: u16, a: u32, b: u32) -> Forward {
    Forward {
        arn: RouteArn::new(format!("{ELB}:listener/app/shop/0123456789abcdef/{port}")),
        kind: RouteKind::Listener,
        load_balancer: balancer("shop"),
        port,
        priority: None,
        hosts: Vec::new(),
        paths: Vec::new(),
        headers: Vec::new(),
        weights: BTreeMap::from([(group_arn("shop-a"), a), (group_arn("shop-b"), b)]),
        sticky: None,
        user_pools: Vec::new(),
    }
}

/// A rule of the listener on port 443.
pub(super) fn rule(path: &str, a: u32, b: u32) -> Forward {
    Forward {
        arn: RouteArn::new(format!(
            "{ELB}:listener-rule/app/shop/0123456789abcdef/443/1"
        )),
        kind: RouteKind::Rule,
        priority: Some("10".to_owned()),
        paths: vec![path.to_owned()],
        headers: Vec::new(),
        ..forward(443, a, b)
    }
}

/// A service of four tasks behind a target group, as DescribeServices prints it.
pub(super) fn service(name: &str, group: &str) -> Value {
    json!({
        "serviceArn": format!("arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}"),
        "serviceName": name,
        "status": "ACTIVE",
        "desiredCount": 4,
        "runningCount": 4,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "taskDefinition": DEFINITION,
        "loadBalancers": [{
            "targetGroupArn": group_arn(group).as_str(),
            "containerName": "app",
            "containerPort": 8080,
        }],
        "deployments": [{
            "status": "PRIMARY", "rolloutState": "COMPLETED", "taskDefinition": DEFINITION,
        }],
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    })
}

/// The shop's task definition, as DescribeTaskDefinition prints it.
pub(super) fn definition(image: &str) -> Value {
    json!({
        "taskDefinition": {
            "taskDefinitionArn": DEFINITION,
            "family": "shop",
            "revision": 7,
            "status": "ACTIVE",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{
                "name": "app",
                "image": image,
                "essential": true,
                "portMappings": [
                    { "containerPort": 8080, "protocol": "tcp" },
                    { "containerPort": 9000, "protocol": "tcp" },
                ],
                "environment": [{ "name": "DB_PASSWORD", "value": "hunter2" }],
            }],
        },
        "tags": [],
    })
}

fn alarm(metric: &str) -> Option<AlarmFound> {
    Some(AlarmFound {
        state: AlarmState::Ok,
        reason: "all is well".to_owned(),
        notices_after: Some(Duration::from_secs(180)),
        metric: Some(metric.to_owned()),
    })
}

/// What a survey of the shop finds.
pub(super) fn shop() -> Surroundings {
    let definitions = [(TaskDefinitionArn::new(DEFINITION), definition("shop:v1"))];
    Surroundings {
        now: Timestamp::constant(1_767_603_600, 0),
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        credentials_from: "profile \"deploys\"".to_owned(),
        credentials_end: None,
        clock_ahead: None,
        cluster_exists: true,
        clusters: Vec::new(),
        services: Slots {
            a: Some(service("shop", "shop-a")),
            b: None,
        },
        service_names: Vec::new(),
        groups: ["shop-a", "shop-b"]
            .map(|name| (name.to_owned(), Some(group(name))))
            .into(),
        dns: Default::default(),
        forwards: vec![forward(443, 100, 0)],
        task_definitions: definitions.into(),
        asked_definition: None,
        alarms: [
            ("shop-latency", alarm("TargetResponseTime")),
            ("shop-a-5xx", alarm("HTTPCode_Target_5XX_Count")),
            ("shop-b-5xx", alarm("HTTPCode_Target_5XX_Count")),
        ]
        .map(|(name, found)| (AlarmName::new(name), found))
        .into(),
        scaling: Seen::Value(Slots::default()),
        running_digests: BTreeMap::new(),
        registry_digests: BTreeMap::new(),
        metrics: MetricsFound::default(),
        before: Vec::new(),
        functions: BTreeMap::new(),
        untaken: BTreeMap::new(),
        images: None,
        healthy: BTreeMap::from([(group_arn("shop-a"), 4), (group_arn("shop-b"), 0)]),
        strangers: BTreeMap::new(),
        deadman: DeadmanFound::default(),
        notes: Vec::new(),
    }
}

fn slot(service: &str, group: &str) -> SlotWanted {
    SlotWanted {
        service: EcsServiceName::new(service),
        targets: vec![target(group)],
    }
}

fn target(group: &str) -> TargetWanted {
    TargetWanted {
        group: group.to_owned(),
        container: None,
        port: None,
    }
}

/// A deployment of `shop:v2` by canary.
pub(super) fn request() -> Request {
    let alarm = |name: &str, side| AlarmWanted {
        name: name.to_owned(),
        side,
        insufficient_data: None,
    };
    Request {
        id: DeploymentId::new("20260105-090000-test"),
        kind: Kind::Deploy,
        service: ServiceName::new("shop"),
        cluster: ClusterName::new("prod"),
        account: None,
        slots: Slots {
            a: slot("shop", "shop-a"),
            b: slot("shop-b", "shop-b"),
        },
        routes: RoutesWanted::Auto,
        test_routes: Vec::new(),
        user_pools: Vec::new(),
        strategy: Strategy::named("canary").expect("it is built in"),
        guards: GuardsWanted {
            metrics: None,
            ready: Share::ALL,
            min: Share::of_percent(75).expect("it is below 100"),
            healthy_for: Duration::from_secs(30),
            alarms: vec![
                alarm("shop-latency", Side::Both),
                alarm("shop-{slot}-5xx", Side::Green),
            ],
        },
        gates: Vec::new(),
        discovery: Default::default(),
        green_capacity: GreenCapacity::Full,
        limits: Limits {
            poll: Duration::from_secs(5),
            healthy_within: Duration::from_secs(600),
            patience: Duration::from_secs(600),
            blind_after: Duration::from_secs(120),
        },
        retire: Retire {
            after: Duration::from_secs(600),
            then: RetireHow::ScaleToZero,
            at_most: Duration::from_secs(3600),
        },
        definition: DefinitionWanted::Images(
            parse_image_flags(&["shop:v2"]).expect("it is a reference"),
        ),
        source: None,
        when_unchanged: WhenUnchanged::Skip,
        deadman: None,
        ignore_alarms: BTreeSet::new(),
    }
}

/// Gives both slots a second target group for the container's port 9000, behind a listener of
/// its own on `port`.
pub(super) fn two_ports(request: &mut Request, found: &mut Surroundings, port: u16) {
    let mut admin = forward(port, 0, 0);
    admin.weights.clear();
    for (slot, name, weight) in [(SlotName::A, "admin-a", 100), (SlotName::B, "admin-b", 0)] {
        request.slots[slot].targets.push(target(name));
        found.groups.insert(name.to_owned(), Some(group(name)));
        found.healthy.insert(group_arn(name), 4);
        admin.weights.insert(group_arn(name), weight);
    }
    let service = found.services.a.as_mut().expect("the shop has slot a");
    let entries = service["loadBalancers"].as_array_mut();
    entries.expect("it is a list").push(json!({
        "targetGroupArn": group_arn("admin-a").as_str(),
        "containerName": "app",
        "containerPort": 9000,
    }));
    found.forwards.push(admin);
}
