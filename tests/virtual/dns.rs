//! Weighted record pairs over two load balancers.

use std::time::Duration;

use bg::deployment::deadman::Deadman;
use bg::deployment::dns::RecordWanted;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, RecordName, RoleArn, SlotName};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::{Request, RouteWanted, RoutesWanted};
use bg::sandbox::RegionOptions;
use bg::sandbox::demo::subnets;
use bg::sandbox::wire::{elbv2, route53};
use bg::sandbox::world::World;
use bg::sandbox::world::traffic::{Flow, Shape};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::harness::{Scene, Stage, request};

const SECOND: Duration = Duration::from_secs(1);
const NAME: &str = "shop.example.com";
/// Of an alias to a load balancer.
const TTL: i64 = 60;

fn elb(world: &mut World, operation: &str, input: &Value) -> Value {
    elbv2::handle(world, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn dns(world: &mut World, operation: &str, input: &Value) -> Value {
    route53::handle(world, operation, input)
        .unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

fn upsert(record: Value) -> Value {
    json!({ "Action": "UPSERT", "ResourceRecordSet": record })
}

/// An alias to a load balancer, with everything that must stay as it is.
fn alias(kind: &str, set: &str, weight: u32, to: &str) -> Value {
    json!({
        "Name": NAME, "Type": kind, "SetIdentifier": set, "Weight": weight,
        "HealthCheckId": format!("check-of-{set}"),
        "AliasTarget": {
            "HostedZoneId": "Z32O12XQLNTSW2", "DNSName": format!("dualstack.{to}"),
            "EvaluateTargetHealth": true,
        },
    })
}

fn plain(set: &str, weight: u32, to: &str) -> Value {
    json!({
        "Name": NAME, "Type": "CNAME", "SetIdentifier": set, "Weight": weight, "TTL": 20,
        "ResourceRecords": [{ "Value": to }],
    })
}

/// Gives slot b a load balancer of its own: each slot's forwards to that slot alone. The names of
/// both, and the hosted zone.
fn apart(scene: &mut Scene) -> ([String; 2], String) {
    let (world, balancer) = (&mut scene.world, &scene.balancer);
    let only = |group: &str| json!([{ "Type": "forward", "TargetGroupArn": group }]);
    let listener = json!({
        "ListenerArn": balancer.listener, "DefaultActions": only(&balancer.group_a),
    });
    elb(world, "ModifyListener", &listener);
    let other = json!({
        "Name": "shop-b", "Type": "application", "Scheme": "internet-facing",
        "Subnets": subnets(), "SecurityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
    });
    let made = elb(world, "CreateLoadBalancer", &other);
    let other = text(&made["LoadBalancers"][0]["LoadBalancerArn"]).to_owned();
    let listener = json!({
        "LoadBalancerArn": other, "Protocol": "HTTP", "Port": 80,
        "DefaultActions": only(&balancer.group_b),
    });
    elb(world, "CreateListener", &listener);
    let names = [&balancer.arn, &other].map(|arn| world.elb.load_balancers[arn].dns_name.clone());
    let zone = dns(
        world,
        "CreateHostedZone",
        &json!({ "Name": "example.com", "CallerReference": "1" }),
    );
    (names, text(&zone["HostedZone"]["Id"]).to_owned())
}

/// Writes records, and has the users come by their name once they are everywhere.
fn settle(scene: &mut Scene, zone: &str, records: Vec<Value>) {
    let world = &mut scene.world;
    let changes: Vec<Value> = records.into_iter().map(upsert).collect();
    let input = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } });
    dns(world, "ChangeResourceRecordSets", &input);
    world.advance(60);
    world.traffic.flows = vec![Flow::by_name(NAME, 80, Shape::Steady(20.0))];
}

/// An A and an AAAA pair of aliases.
fn aliases(scene: &mut Scene) {
    let ([a, b], zone) = apart(scene);
    let pair = |kind| [alias(kind, "one", 255, &a), alias(kind, "two", 0, &b)];
    settle(scene, &zone, ["A", "AAAA"].into_iter().flat_map(pair).collect());
}

/// A pair of plain records.
fn cnames(scene: &mut Scene) {
    let ([a, b], zone) = apart(scene);
    settle(scene, &zone, vec![plain("one", 255, &a), plain("two", 0, &b)]);
}

fn stage(change: impl FnOnce(&mut Scene)) -> Stage {
    Stage::open(RegionOptions::default(), change)
}

fn over_dns(image: &str, strategy: &str) -> Request {
    let record = RecordWanted {
        name: RecordName::new(NAME),
        zone: None,
        kind: None,
        sets: None,
    };
    Request {
        routes: RoutesWanted::Listed(vec![RouteWanted::Record(record)]),
        ..request(image, strategy)
    }
}

/// Every record of the zone that is weighted, as the API shows it.
fn records(stage: &Stage) -> Vec<Value> {
    stage.region.with_world(|world| {
        let zones = world.route53.zones.values();
        let records = zones.flat_map(|zone| zone.records.values());
        records.filter(|it| !it["Weight"].is_null()).cloned().collect()
    })
}

fn weights(stage: &Stage) -> Vec<String> {
    let records = records(stage).into_iter();
    let weight = |it: &Value| it["Weight"].to_string().trim_matches('"').to_owned();
    records.map(|it| weight(&it)).collect()
}

/// All but the weights.
fn but_weights(stage: &Stage) -> Vec<Value> {
    let mut records = records(stage);
    records.iter_mut().for_each(|it| it["Weight"] = json!("?"));
    // Written back, everything is text.
    let text = |it: &Value| it.to_string().replace(":true", ":\"true\"").replace(":20,", ":\"20\",");
    records.iter().map(|it| serde_json::from_str(&text(it)).expect("JSON")).collect()
}

fn at(stage: &Stage, is: impl Fn(&Event) -> bool) -> Vec<Timestamp> {
    let records = stage.records.borrow();
    let found = records.iter().filter(|it| is(&it.event));
    found.map(|it| it.at).collect()
}

fn failed(stage: &Stage) -> u64 {
    stage.region.with_world(|world| world.traffic.ledger.failed())
}

fn desired(stage: &Stage, service: &str) -> u32 {
    stage.region.with_world(|world| world.ecs.service("demo", service).map_or(0, |it| it.desired))
}

#[tokio::test(start_paused = true)]
async fn a_good_version_moves_over_aliases_and_over_plain_records() {
    type Set = fn(&mut Scene);
    for (set, ttl, before, middle, after) in [
        (aliases as Set, TTL, vec!["255", "0", "255", "0"], vec!["9", "1", "9", "1"], vec!["0", "255", "0", "255"]),
        (cnames as Set, 20, vec!["255", "0"], vec!["9", "1"], vec!["0", "255"]),
    ] {
        let stage = stage(set);
        assert_eq!(weights(&stage), before);
        let others = but_weights(&stage);
        let mut seen = Vec::new();
        let outcome = stage
            .deploy(&over_dns("shop:v2", "canary:10%:5m"), |stage, record| {
                if let Event::Baking { until, .. } = &record.event {
                    let pending = stage.region.with_world(|world| {
                        let mut changes = world.route53.changes.values();
                        changes.any(|it| it.everywhere_at > world.now)
                    });
                    let length = until.duration_since(record.at).as_secs();
                    seen.push((weights(stage), pending, length));
                }
            })
            .await;
        assert_eq!(outcome, Outcome::Promoted);
        let bake = 300 + ttl;
        assert_eq!(
            seen,
            [(middle.iter().map(ToString::to_string).collect(), false, bake),
             (after.iter().map(ToString::to_string).collect(), false, bake)],
            "each bake begins when the change is everywhere, and lasts a TTL longer"
        );
        assert_eq!(but_weights(&stage), others);
        assert_eq!(failed(&stage), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_taken_back_and_keeps_its_tasks_for_a_ttl() {
    let stage = stage(aliases);
    let others = but_weights(&stage);
    let mut gone = None;
    let outcome = stage
        .deploy(&over_dns("shop:bad", "canary:10%:5m"), |stage, record| {
            if matches!(record.event, Event::PuttingGreenAway) {
                gone = Some((desired(stage, "shop-b"), weights(stage)));
            }
        })
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let reverting = at(&stage, |it| matches!(it, Event::Reverting { .. }))[0];
    let back = at(&stage, |it| matches!(it, Event::TrafficReverted))[0];
    let away = at(&stage, |it| matches!(it, Event::PuttingGreenAway))[0];
    assert!(back.duration_since(reverting) >= SignedDuration::from_secs(29), "INSYNC is waited for");
    assert!(away.duration_since(back) >= SignedDuration::from_secs(TTL));
    let back: Vec<String> = ["255", "0", "255", "0"].map(str::to_owned).to_vec();
    assert_eq!(gone, Some((2, back)));
    assert_eq!(but_weights(&stage), others);
    let answered = stage.region.with_world(|world| {
        let lost = world.traffic.ledger.load_balancers.values();
        lost.map(|it| it.unavailable).sum::<u64>()
    });
    assert_eq!(answered, 0, "nobody found an empty green");
}
