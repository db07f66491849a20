//! Behind a network load balancer: no rules, no request counts, stickiness by source address.

use bg::deployment::deadman;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{EcsServiceName, ServiceName, SlotName, Slots};
use bg::deployment::metrics::{MetricGuards, ThresholdGuard};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::{Request, SlotWanted, TargetWanted};
use bg::deployment::retire::{Retirement, due};
use bg::deployment::state::{Deployment, Phase};
use bg::judge::guards::{LatencyGuard, Limit, MetricStat, MissingData, Source};
use bg::runner::{Asks, Retired, Retiring};
use bg::sandbox::RegionOptions;
use bg::sandbox::demo::{self, Balancer};
use bg::sandbox::wire::{ecs, elbv2};
use bg::sandbox::world::World;
use bg::sandbox::world::traffic::{Flow, Shape};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::first_bake;
use crate::harness::{Scene, Stage, request};

fn elb(world: &mut World, operation: &str, input: &Value) -> Value {
    elbv2::handle(world, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn arn(made: &Value, pointer: &str) -> String {
    let arn = made.pointer(pointer).and_then(Value::as_str);
    arn.expect("it was created").to_owned()
}

/// A group of its tasks' addresses, checked as the demo's are; a client stays with one target.
fn group(world: &mut World, name: &str) -> String {
    let input = json!({
        "Name": name, "Protocol": "TCP", "Port": demo::PORT, "VpcId": "vpc-0a0a0a0a0a0a0a0a0",
        "TargetType": "ip", "HealthCheckProtocol": "HTTP", "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
    });
    let made = elb(world, "CreateTargetGroup", &input);
    let group = arn(&made, "/TargetGroups/0/TargetGroupArn");
    let attributes = json!([
        { "Key": "deregistration_delay.timeout_seconds", "Value": "60" },
        { "Key": "stickiness.enabled", "Value": "true" },
        { "Key": "stickiness.type", "Value": "source_ip" },
    ]);
    let input = json!({ "TargetGroupArn": group, "Attributes": attributes });
    elb(world, "ModifyTargetGroupAttributes", &input);
    group
}

/// The service `relay` in slot a, behind a TCP and a TLS listener that take weights.
fn behind_a_network_load_balancer(scene: &mut Scene) {
    let world = &mut scene.world;
    let input = json!({ "Name": "relay", "Type": "network", "Subnets": demo::subnets() });
    let made = elb(world, "CreateLoadBalancer", &input);
    let load_balancer = arn(&made, "/LoadBalancers/0/LoadBalancerArn");
    let (group_a, group_b) = (group(world, "relay-a"), group(world, "relay-b"));
    let groups = json!([
        { "TargetGroupArn": group_a, "Weight": 100 },
        { "TargetGroupArn": group_b, "Weight": 0 },
    ]);
    let actions = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }]);
    let certificate = json!([{ "CertificateArn":
        "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000" }]);
    let tls = json!({
        "LoadBalancerArn": load_balancer, "Protocol": "TLS", "Port": 443,
        "Certificates": certificate, "AlpnPolicy": ["HTTP2Preferred"], "DefaultActions": actions,
    });
    elb(world, "CreateListener", &tls);
    let tcp = json!({
        "LoadBalancerArn": load_balancer, "Protocol": "TCP", "Port": 80, "DefaultActions": actions,
    });
    let made = elb(world, "CreateListener", &tcp);
    let listener = arn(&made, "/Listeners/0/ListenerArn");
    let service = demo::service("relay", &group_a, demo::TASKS);
    ecs::handle(world, "CreateService", &service).expect("the name is free");
    let flow = Flow::new(&listener, Shape::Steady(demo::RATE));
    world.traffic.flows.push(flow);
    world.advance(180);
    scene.balancer = Balancer {
        arn: load_balancer,
        listener,
        group_a,
        group_b,
    };
}

fn stage() -> Stage {
    Stage::open(RegionOptions::default(), behind_a_network_load_balancer)
}

fn relay(image: &str, strategy: &str) -> Request {
    let slot = |name: &str, group: &str| SlotWanted {
        service: EcsServiceName::new(name),
        targets: vec![TargetWanted {
            group: group.to_owned(),
            container: None,
            port: None,
        }],
    };
    let mut request = request(image, strategy);
    request.service = ServiceName::new("relay");
    request.slots = Slots {
        a: slot("relay", "relay-a"),
        b: slot("relay-b", "relay-b"),
    };
    request.guards.alarms.clear();
    request
}

/// The slots' weights on every listener.
fn weights(stage: &Stage) -> Vec<(u64, u64)> {
    let input = json!({ "LoadBalancerArn": stage.balancer.arn });
    let shown = stage.elb("DescribeListeners", &input);
    let listeners = shown["Listeners"].as_array().expect("it has some");
    let actions = listeners
        .iter()
        .map(|listener| &listener["DefaultActions"][0]);
    actions.map(|action| stage.split(action)).collect()
}

/// Everything about its listeners but the weights. No quotation marks: what a client sent as a
/// number or a truth value may have come back from another one as a text.
fn all_but_weights(stage: &Stage) -> String {
    let input = json!({ "LoadBalancerArn": stage.balancer.arn });
    let mut shown = stage.elb("DescribeListeners", &input);
    for listener in shown["Listeners"].as_array_mut().expect("it has some") {
        let groups = &mut listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"];
        for group in groups.as_array_mut().expect("it forwards") {
            group["Weight"] = Value::Null;
        }
    }
    shown.to_string().replace('"', "")
}

#[tokio::test(start_paused = true)]
async fn a_good_version_is_promoted_on_all_listeners_together() {
    let stage = stage();
    let before = all_but_weights(&stage);
    let mut seen = Vec::new();
    let outcome = stage
        .deploy(&relay("shop:v2", "canary"), |stage, record| {
            if matches!(record.event, Event::Baking { .. }) {
                seen.push(weights(stage));
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    assert_eq!(seen, [[(90, 10); 2], [(0, 100); 2]]);
    assert_eq!(weights(&stage), [(0, 100); 2]);
    assert_eq!(all_but_weights(&stage), before);
    let asked = stage.region.call_counts();
    let rules = asked.keys().any(|(_, name)| name.contains("Rule"));
    assert!(!rules, "its listeners have none");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_never_gets_healthy_gets_no_traffic() {
    let stage = stage();
    let outcome = stage
        .deploy(&relay("shop:unhealthy", "canary"), |_, _| {})
        .await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("not reverted: {outcome:?}");
    };
    let words = format!("{trip} {:?}", trip.stopped());
    assert!(words.contains("503"), "{words}");
    assert_eq!(weights(&stage), [(100, 0); 2]);
    let shifted = |record: &Record| matches!(record.event, Event::Shifting { .. });
    assert!(!stage.records.borrow().iter().any(shifted));
    assert_eq!(stage.counts("relay"), Some((2, 2)));
    assert_eq!(stage.counts("relay-b").map(|(desired, _)| desired), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_dies_while_baking_is_reverted_on_all_listeners() {
    let stage = stage();
    let mut baked = false;
    let outcome = stage
        .deploy(&relay("shop:crash", "canary:10%:30m"), |_, record| {
            baked |= first_bake(record);
        })
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    assert!(baked, "it was healthy first");
    assert_eq!(weights(&stage), [(100, 0); 2]);
}

#[tokio::test(start_paused = true)]
async fn limits_are_judged_where_no_answers_are_counted() {
    let stage = stage();
    let mut request = relay("shop:v2", "canary:10%:6m");
    request.guards.metrics = Some(MetricGuards::default());
    let refused = stage.plan(&request).await;
    let problem = refused
        .problems
        .first()
        .expect("there are no answers to count");
    assert!(
        problem.what.contains("network load balancer"),
        "{}",
        problem.what
    );
    let dimensions = [
        ("LoadBalancer", "{load_balancer}"),
        ("TargetGroup", "{target_group}"),
    ];
    let flows = MetricStat {
        namespace: "AWS/NetworkELB".to_owned(),
        name: "NewFlowCount".to_owned(),
        dimensions: dimensions.map(|(name, it)| (name.into(), it.into())).into(),
        stat: "Sum".to_owned(),
    };
    request.guards.metrics = Some(MetricGuards {
        thresholds: vec![ThresholdGuard {
            name: "flows".to_owned(),
            source: Source::of(flows),
            limit: Limit::Above("1000000".parse().expect("a number")),
            crossed: 1,
            of: 1,
            missing: MissingData::Hold,
        }],
        ..MetricGuards::default()
    });
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    let read = |record: &Record| match &record.event {
        Event::ValuesRead { values } => values.iter().filter(|it| it.green.is_some()).count(),
        _ => 0,
    };
    let read: usize = stage.records.borrow().iter().map(read).sum();
    assert!(read >= 5, "{read} values");
}

#[tokio::test(start_paused = true)]
async fn what_counts_answers_is_refused_where_it_was_asked_for_and_left_out_otherwise() {
    let stage = stage();
    let planned = async |metrics| {
        let mut request = relay("shop:v2", "canary:10%:6m");
        request.guards.metrics = Some(metrics);
        stage.plan(&request).await
    };
    let off = MetricGuards {
        load_balancer: None,
        ..MetricGuards::default()
    };
    let planning = planned(off.clone()).await;
    assert_eq!(planning.problems, []);
    let note = "a network load balancer counts no HTTP answers: no metric is judged";
    assert!(planning.notes.iter().any(|it| it == note), "{planning:?}");
    assert_eq!(planning.plan.expect("it is planned").guards.metrics, None);
    let slow = MetricGuards {
        latency: Some(LatencyGuard::default()),
        ..off
    };
    let planning = planned(slow).await;
    let problem = planning.problems.first().expect("nothing times answers");
    let what = "guards.metrics counts HTTP answers (latency), and";
    assert!(problem.what.starts_with(what), "{}", problem.what);
}

#[tokio::test(start_paused = true)]
async fn blue_is_retired_by_time_alone() {
    let stage = stage();
    let request = relay("shop:v2", "canary:10%:1m");
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    let ended = Deployment::replay(&*stage.records.borrow()).expect("it is legal");
    let ended = ended.expect("it has records");
    let (at, mut retiring) = retiring(&stage, &ended);
    stage.region.forget_calls();
    let retired = retiring.wait(&mut Asks::default()).await;
    assert_eq!(retired, Retired::Done);
    let took = stage.region.now().duration_since(at);
    assert!(
        took < SignedDuration::from_secs(30),
        "{took} after its time"
    );
    assert_eq!(stage.counts("relay").map(|(desired, _)| desired), Some(0));
    assert_eq!(stage.counts("relay-b"), Some((2, 2)));
    let asked = stage.region.call_counts();
    let metrics = asked.keys().any(|(_, name)| name == "GetMetricData");
    assert!(!metrics, "there is no request count to ask for");
}

/// The duty to retire blue after `ended`, and when it is due.
fn retiring<'a>(stage: &'a Stage, ended: &Deployment) -> (Timestamp, Retiring<'a>) {
    let plan = &ended.plan;
    let Phase::Ended { retire_at, .. } = &ended.phase else {
        panic!("it goes on: {:?}", ended.phase);
    };
    let at = retire_at.expect("blue is to be retired");
    let mut due = due(plan, at).expect("blue isn't kept");
    due.at = at;
    let blue = &plan.slots[SlotName::A];
    let retiring = Retiring {
        cloud: &stage.cloud,
        store: &stage.store,
        holder: stage.holder(&plan.id),
        clock: stage.clock(),
        service: plan.service.clone(),
        cluster: plan.cluster.clone(),
        retirement: Retirement {
            slot: SlotName::A,
            service: blue.service.clone(),
            groups: blue.targets.iter().map(|it| it.group.clone()).collect(),
            other: plan.slots[SlotName::B].service.clone(),
            is_bare: false,
            due,
            at_most: plan.retire.at_most,
            deadman: plan
                .deadman
                .as_ref()
                .map(|_| deadman::prefix(&plan.cluster, &plan.service)),
            records: Vec::new(),
        },
        log: None,
    };
    (at, retiring)
}
