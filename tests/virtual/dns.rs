//! Weighted record pairs over two load balancers.

use std::pin::pin;
use std::time::Duration;

use bg::deployment::deadman::Deadman;
use bg::deployment::dns::RecordWanted;
use bg::deployment::event::Event;
use bg::deployment::ids::{RecordName, RoleArn, SlotName};
use bg::deployment::metrics::MetricGuards;
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::{Request, RouteWanted, RoutesWanted, TargetWanted};
use bg::deployment::state::Deployment;
use bg::deployment::trip::Trip;
use bg::runner::{Asks, Clock, Run, Until};
use bg::sandbox::RegionOptions;
use bg::sandbox::demo::subnets;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::wire::{ecs, elbv2, route53};
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

fn upsert(record: &Value) -> Value {
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
fn settle(scene: &mut Scene, zone: &str, records: &[Value]) {
    let world = &mut scene.world;
    let changes: Vec<Value> = records.iter().map(upsert).collect();
    let input = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } });
    dns(world, "ChangeResourceRecordSets", &input);
    world.advance(60);
    world.traffic.flows = vec![Flow::by_name(NAME, 80, Shape::Steady(20.0))];
}

/// An A and an AAAA pair of aliases.
fn aliases(scene: &mut Scene) {
    let ([a, b], zone) = apart(scene);
    let pair = |kind| [alias(kind, "one", 255, &a), alias(kind, "two", 0, &b)];
    let pairs: Vec<Value> = ["A", "AAAA"].into_iter().flat_map(pair).collect();
    settle(scene, &zone, &pairs);
}

/// A pair of plain records.
fn cnames(scene: &mut Scene) {
    let ([a, b], zone) = apart(scene);
    let pair = [plain("one", 255, &a), plain("two", 0, &b)];
    settle(scene, &zone, &pair);
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
    let mut request = Request {
        routes: RoutesWanted::Listed(vec![RouteWanted::Record(record)]),
        ..request(image, strategy)
    };
    // The demo's alarms measure slot b behind slot a's load balancer, where it isn't.
    request.guards.alarms.clear();
    request.guards.metrics = Some(MetricGuards::default());
    request
}

/// Every record of the zone that is weighted, as the API shows it.
fn records(stage: &Stage) -> Vec<Value> {
    stage.region.with_world(|world| {
        let zones = world.route53.zones.values();
        let records = zones.flat_map(|zone| zone.records.values());
        records
            .filter(|it| !it["Weight"].is_null())
            .cloned()
            .collect()
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
    let text = |it: &Value| {
        it.to_string()
            .replace(":true", ":\"true\"")
            .replace(":20,", ":\"20\",")
    };
    records
        .iter()
        .map(|it| serde_json::from_str(&text(it)).expect("JSON"))
        .collect()
}

fn at(stage: &Stage, is: impl Fn(&Event) -> bool) -> Vec<Timestamp> {
    let records = stage.records.borrow();
    let found = records.iter().filter(|it| is(&it.event));
    found.map(|it| it.at).collect()
}

fn failed(stage: &Stage) -> u64 {
    stage
        .region
        .with_world(|world| world.traffic.ledger.failed())
}

fn desired(stage: &Stage, service: &str) -> u32 {
    stage.region.with_world(|world| {
        world
            .ecs
            .service("demo", service)
            .map_or(0, |it| it.desired)
    })
}

#[tokio::test(start_paused = true)]
async fn a_good_version_moves_over_aliases_and_over_plain_records() {
    type Set = fn(&mut Scene);
    for (set, ttl, before, middle, after) in [
        (
            aliases as Set,
            TTL,
            vec!["255", "0", "255", "0"],
            vec!["9", "1", "9", "1"],
            vec!["0", "255", "0", "255"],
        ),
        (
            cnames as Set,
            20,
            vec!["255", "0"],
            vec!["9", "1"],
            vec!["0", "255"],
        ),
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
            [
                (
                    middle.iter().map(ToString::to_string).collect(),
                    false,
                    bake
                ),
                (after.iter().map(ToString::to_string).collect(), false, bake)
            ],
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
    assert!(
        back.duration_since(reverting) >= SignedDuration::from_secs(29),
        "INSYNC is waited for"
    );
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

/// Lets a process run until it is at `is`.
async fn run_until(
    stage: &Stage,
    run: &mut (impl Future<Output = Outcome> + Unpin),
    is: fn(&Event) -> bool,
) {
    while at(stage, is).is_empty() {
        let ended = timeout(SECOND, &mut *run).await;
        assert!(ended.is_err(), "it ends before that");
    }
}

/// Another process, which knows nothing but the journal, goes on.
async fn resumed(stage: &Stage, request: &Request) -> Outcome {
    let (service, now) = (&request.service, stage.region.now());
    let journal = stage.store.journal(service, &request.id).await;
    let journal = journal.expect("it is in memory");
    let deployment = Deployment::replay(&journal).expect("it is legal");
    let last = journal.last().expect("it began").at;
    let holder = stage
        .store
        .take_over(service, &stage.holder(&request.id))
        .await;
    let run = Run {
        cloud: &stage.cloud.another(),
        store: &stage.store,
        clock: Clock::starting_at(now, 1.0),
        holder: holder.expect("it is in memory"),
        body: None,
        asks: &mut Asks::default(),
        show: &mut |record| stage.records.borrow_mut().push(record.clone()),
    };
    let deployment = deployment.expect("it began");
    let ended = run
        .resume(deployment, "another".to_owned(), last, Until::End)
        .await;
    ended
        .expect("the journal is in memory")
        .outcome()
        .expect("it has ended")
        .clone()
}

fn of_step(event: &Event) -> bool {
    matches!(event, Event::Shifting { .. })
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_in_mid_shift_waits_until_the_change_must_be_everywhere() {
    let stage = stage(aliases);
    let request = over_dns("shop:v2", "canary:10%:5m");
    {
        let mut run = pin!(stage.deploy(&request, |_, _| {}));
        run_until(&stage, &mut run, of_step).await;
        assert!(timeout(5 * SECOND, &mut run).await.is_err());
    }
    let middle = ["9", "1", "9", "1"].map(str::to_owned);
    assert_eq!(weights(&stage), middle, "it died after the write");
    let shifting = at(&stage, of_step)[0];
    let outcome = resumed(&stage, &request).await;
    assert_eq!(outcome, Outcome::Promoted);
    let baking = at(&stage, |it| matches!(it, Event::Baking { .. }))[0];
    let waited = baking.duration_since(shifting).as_secs();
    assert!(
        (120..130).contains(&waited),
        "{waited} s: nobody knows the change's id"
    );
    assert_eq!(weights(&stage), ["0", "255", "0", "255"].map(str::to_owned));
    assert_eq!(failed(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_never_gets_everywhere_is_taken_back() {
    let stage = stage(|scene| {
        aliases(scene);
        scene.world.route53.everywhere_after = SignedDuration::from_hours(5);
    });
    let mut request = over_dns("shop:v2", "canary:10%:5m");
    request.limits.patience = Duration::from_secs(300);
    let outcome = stage.deploy(&request, |_, _| {}).await;
    let Outcome::Stuck { why } = outcome else {
        panic!("{outcome:?}")
    };
    let why = format!("{why:?}");
    assert!(
        why.contains("RevertNotConfirmed") && why.contains("PENDING"),
        "{why}"
    );
    let back = ["255", "0", "255", "0"].map(str::to_owned);
    assert_eq!(weights(&stage), back);
    assert!(
        desired(&stage, "shop-b") > 0,
        "somebody may still be sent there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hand_that_puts_everything_back_is_heeded() {
    let stage = stage(aliases);
    let mut done = false;
    let outcome = stage
        .deploy(&over_dns("shop:v2", "canary:10%:5m"), |stage, record| {
            if !done && matches!(record.event, Event::Baking { .. }) {
                done = true;
                stage.region.with_world(all_on_one);
            }
        })
        .await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(matches!(trip, Trip::SteppedInByHand { .. }), "{trip:?}");
}

/// An on-call person's change.
fn all_on_one(world: &mut World) {
    let id = world.route53.zones.keys().next().expect("a zone").clone();
    let records = world.route53.zones[&id].records.values();
    let records: Vec<Value> = records
        .filter(|it| !it["Weight"].is_null())
        .cloned()
        .collect();
    let changes = records.into_iter().map(|mut it| {
        it["Weight"] = json!(if it["SetIdentifier"] == "one" { 255 } else { 0 });
        upsert(&it)
    });
    let changes: Vec<Value> = changes.collect();
    let input = json!({ "HostedZoneId": id, "ChangeBatch": { "Changes": changes } });
    dns(world, "ChangeResourceRecordSets", &input);
}

/// A second port, whose pair of groups shares the first load balancer's listener 9000.
fn mixed(scene: &mut Scene) {
    aliases(scene);
    let (world, balancer) = (&mut scene.world, &scene.balancer);
    let group = |world: &mut World, name: &str| {
        let group = json!({
            "Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-0a0a0a0a0a0a0a0a0",
            "TargetType": "ip", "HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2,
        });
        let made = elb(world, "CreateTargetGroup", &group);
        text(&made["TargetGroups"][0]["TargetGroupArn"]).to_owned()
    };
    let [a, b] = ["admin-a", "admin-b"].map(|name| group(world, name));
    let groups = json!([
        { "TargetGroupArn": a, "Weight": 100 }, { "TargetGroupArn": b, "Weight": 0 },
    ]);
    let forward = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }]);
    let listener = json!({
        "LoadBalancerArn": balancer.arn, "Protocol": "HTTP", "Port": 9000,
        "DefaultActions": forward,
    });
    elb(world, "CreateListener", &listener);
    let both = json!([
        { "targetGroupArn": balancer.group_a, "containerName": "app", "containerPort": 8080 },
        { "targetGroupArn": a, "containerName": "app", "containerPort": 8080 },
    ]);
    let input = json!({ "cluster": "demo", "service": "shop", "loadBalancers": both });
    ecs::handle(world, "UpdateService", &input).expect("it is updated");
    world.advance(300);
}

#[tokio::test(start_paused = true)]
async fn a_listener_and_records_move_together() {
    for (image, end) in [
        ("shop:v2", ["0", "255", "0", "255"]),
        ("shop:bad", ["255", "0", "255", "0"]),
    ] {
        let stage = stage(mixed);
        let mut request = over_dns(image, "canary:10%:5m");
        for slot in SlotName::BOTH {
            request.slots[slot].targets.push(TargetWanted {
                group: format!("admin-{slot}"),
                container: None,
                port: None,
            });
        }
        let RoutesWanted::Listed(routes) = &mut request.routes else {
            panic!("they are listed")
        };
        routes.push(RouteWanted::Place {
            load_balancer: "shop".to_owned(),
            port: 9000,
            host: None,
            path: None,
            header: None,
        });
        let mut seen = Vec::new();
        let outcome = stage
            .deploy(&request, |stage, record| {
                if matches!(record.event, Event::Baking { .. }) {
                    seen.push((weights(stage)[..2].to_vec(), admin(stage)));
                }
            })
            .await;
        assert_eq!(
            outcome == Outcome::Promoted,
            image == "shop:v2",
            "{outcome:?}"
        );
        let middle = (["9", "1"].map(str::to_owned).to_vec(), vec![90, 10]);
        assert_eq!(seen[0], middle);
        assert_eq!(weights(&stage), end.map(str::to_owned));
        let all = if image == "shop:v2" {
            vec![0, 100]
        } else {
            vec![100, 0]
        };
        assert_eq!(admin(&stage), all);
    }
}

/// The weights of the listener on port 9000.
fn admin(stage: &Stage) -> Vec<u16> {
    stage.region.with_world(|world| {
        let mut listeners = world.elb.listeners.values();
        let listener = listeners.find(|it| it.port == 9000).expect("it is there");
        let forward = listener.actions.forward().expect("it forwards");
        let mut groups = forward.groups.clone();
        groups.sort_by_key(|(arn, _)| arn.contains("admin-b"));
        groups.into_iter().map(|(_, weight)| weight).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn the_dead_man_switch_puts_records_back() {
    let stage = stage(aliases);
    let others = but_weights(&stage);
    let mut request = over_dns("shop:v2", "canary:10%:15m");
    request.deadman = Some(Deadman {
        after: Duration::from_secs(300),
        role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
        leftovers: Vec::new(),
    });
    {
        let mut run = pin!(stage.deploy(&request, |_, _| {}));
        run_until(&stage, &mut run, |it| matches!(it, Event::Baking { .. })).await;
    }
    assert_eq!(weights(&stage)[..2], ["9", "1"].map(str::to_owned));
    sleep(Duration::from_secs(361)).await;
    assert_eq!(weights(&stage), ["255", "0", "255", "0"].map(str::to_owned));
    assert_eq!(but_weights(&stage), others);
}

#[tokio::test(start_paused = true)]
async fn throttling_by_route_53_delays_a_shift_and_a_revert_and_no_more() {
    for image in ["shop:v2", "shop:bad"] {
        let stage = stage(aliases);
        let throttled = FaultRule::new("route53:*", FaultKind::Throttle, When::Chance(0.3));
        let mut begun = false;
        let outcome = stage
            .deploy(&over_dns(image, "canary:10%:5m"), |stage, record| {
                if !begun && of_step(&record.event) {
                    begun = true;
                    stage.region.fault(throttled.clone());
                }
            })
            .await;
        assert_eq!(
            outcome == Outcome::Promoted,
            image == "shop:v2",
            "{outcome:?}"
        );
    }
}
