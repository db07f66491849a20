//! What whole deployments in virtual time cost: wall time, calls, and the way back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bg::deployment::event::Event;
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::TargetWanted;
use bg::runner::Asks;
use bg::sandbox::region::Call;
use bg::sandbox::wire::{cloudwatch, elbv2};
use bg::sandbox::{Region, RegionOptions, demo};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Scene, Stage, request};
use crate::{Figure, TIMES, median, timed};

pub(crate) fn figures() -> Vec<Figure> {
    vec![
        an_hour_s_canary(),
        look("one pair of groups, one listener", "at most 5", |_| {
            Pairs::One
        }),
        look("two pairs of groups, two listeners", "at most 8", two_pairs),
        look(
            "one pair of groups, two listeners",
            "at most 6",
            two_listeners,
        ),
        way_back(),
    ]
}

pub(crate) fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("it needs nothing from the machine")
        .block_on(work)
}

fn an_hour_s_canary() -> Figure {
    let canary = || {
        in_virtual_time(async {
            let stage = Stage::open(RegionOptions::default(), |_| {});
            let request = request("shop:v2", "canary:5%:55m");
            let mut asks = Asks::default();
            let outcome = stage.deploy_asked(&request, &mut asks, |_, _| {}).await;
            assert_eq!(outcome, Outcome::Promoted);
            stage.region.call_counts().values().sum::<u64>()
        })
    };
    // The account is built once, and not what is measured.
    canary();
    let runs: Vec<(Duration, u64)> = (0..TIMES).map(|_| timed(canary)).collect();
    let calls = runs[0].1;
    let took = median(runs.into_iter().map(|(time, _)| time).collect());
    let build = if cfg!(debug_assertions) {
        " (not optimised)"
    } else {
        ""
    };
    Figure::new(
        format!("an hour's canary in virtual time, {calls} calls to AWS{build}"),
        format!("{:.2} s", took.as_secs_f64()),
        "under 0.5 s",
    )
}

/// How many target groups each slot has.
enum Pairs {
    One,
    Two,
}

fn forward(a: &str, b: &str) -> Value {
    let groups = json!([
        { "TargetGroupArn": a, "Weight": 100 },
        { "TargetGroupArn": b, "Weight": 0 },
    ]);
    json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }])
}

fn listener(scene: &mut Scene, port: u16, actions: &Value) {
    let input = json!({
        "LoadBalancerArn": scene.balancer.arn,
        "Protocol": "HTTP",
        "Port": port,
        "DefaultActions": actions,
    });
    elbv2::handle(&mut scene.world, "CreateListener", &input).expect("the port is free");
}

fn two_listeners(scene: &mut Scene) -> Pairs {
    let actions = forward(&scene.balancer.group_a, &scene.balancer.group_b);
    listener(scene, 8080, &actions);
    Pairs::One
}

/// A second container port with groups and a listener of its own. The service registers its
/// tasks there too.
fn two_pairs(scene: &mut Scene) -> Pairs {
    let arns = ["admin-a", "admin-b"].map(|name| {
        let input = json!({
            "Name": name, "Protocol": "HTTP", "Port": demo::PORT, "TargetType": "ip",
            "VpcId": "vpc-0a0a0a0a0a0a0a0a0", "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
        });
        let made = elbv2::handle(&mut scene.world, "CreateTargetGroup", &input);
        let made = made.expect("the name is free");
        let arn = made["TargetGroups"][0]["TargetGroupArn"].as_str();
        arn.expect("it has one").to_owned()
    });
    let actions = forward(&arns[0], &arns[1]);
    listener(scene, 8080, &actions);
    let entry = |group: &str| {
        json!({
            "targetGroupArn": group,
            "containerName": demo::CONTAINER,
            "containerPort": demo::PORT,
        })
    };
    let input = json!({
        "cluster": demo::CLUSTER, "service": demo::SERVICE,
        "loadBalancers": [entry(&scene.balancer.group_a), entry(&arns[0])],
    });
    bg::sandbox::wire::ecs::handle(&mut scene.world, "UpdateService", &input)
        .expect("the groups have a load balancer");
    scene.world.advance(600);
    Pairs::Two
}

/// AWS calls per look in the quiet part of a five minutes' bake.
fn look(of: &str, goal: &'static str, change: impl FnOnce(&mut Scene) -> Pairs) -> Figure {
    let counted = Arc::new(Mutex::new((0.0, 0.0)));
    let counts = Arc::clone(&counted);
    in_virtual_time(async move {
        let mut pairs = Pairs::One;
        let stage = Stage::open(RegionOptions::default(), |scene| pairs = change(scene));
        let mut request = request("shop:v2", "canary");
        if let Pairs::Two = pairs {
            for (slot, group) in [
                (&mut request.slots.a, "admin-a"),
                (&mut request.slots.b, "admin-b"),
            ] {
                slot.targets.push(TargetWanted {
                    group: group.to_owned(),
                    container: None,
                    port: None,
                });
            }
        }
        let mut asks = Asks::default();
        let outcome = stage.deploy_asked(&request, &mut asks, |stage, record| {
            if matches!(record.event, Event::Baking { step: 0, .. }) {
                later(stage, 22, Region::forget_calls);
                let counts = Arc::clone(&counts);
                later(stage, 282, move |region| {
                    let of = region.call_counts();
                    let looks = of
                        .iter()
                        .filter(|((_, name), _)| name == "DescribeServices");
                    let looks: u64 = looks.map(|(_, count)| count).sum();
                    let all: u64 = of.values().sum();
                    *counts.lock().unwrap_or_else(PoisonError::into_inner) =
                        (all as f64, looks as f64);
                });
            }
        });
        assert_eq!(outcome.await, Outcome::Promoted);
    });
    let (calls, looks) = *counted.lock().unwrap_or_else(PoisonError::into_inner);
    Figure::new(
        format!("AWS calls per look while baking: {of}"),
        format!("{:.2}", calls / looks),
        goal,
    )
}

fn later(stage: &Stage, seconds: u64, act: impl FnOnce(&Region) + Send + 'static) {
    let region = stage.region.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        act(&region);
    });
}

/// From an alarm's change to all weights back, with 100 ms for each call: the worst of a second's
/// steps through the time between two looks.
fn way_back() -> Figure {
    let worst = (0..6).map(way_back_from).max().expect("there are six");
    let (took, looks) = worst;
    Figure::new(
        "alarm changes until all weights are back, looks every 5 s, 0.1 s a call",
        format!("{:.1} s, {looks} look and 1 write", took.as_secs_f64()),
        "one poll plus one call: 5.2 s",
    )
}

fn way_back_from(offset: u64) -> (Duration, usize) {
    in_virtual_time(async {
        let options = RegionOptions {
            latency: Duration::from_millis(100),
            ..RegionOptions::default()
        };
        let stage = Stage::open(options, |_| {});
        let rang_at = Arc::new(Mutex::new(None));
        let bell = Arc::clone(&rang_at);
        let mut asks = Asks::default();
        let request = request("shop:v2", "canary");
        let outcome = stage.deploy_asked(&request, &mut asks, |stage, record| {
            if matches!(record.event, Event::Baking { step: 0, .. }) {
                let bell = Arc::clone(&bell);
                later(stage, 63 + offset, move |region| {
                    *bell.lock().unwrap_or_else(PoisonError::into_inner) = Some(region.now());
                    region.with_world(|world| {
                        let input = json!({
                            "AlarmName": "shop-b-5xx", "StateValue": "ALARM", "StateReason": "now",
                        });
                        cloudwatch::handle(world, "SetAlarmState", &input).expect("it exists");
                    });
                });
            }
        });
        assert!(matches!(outcome.await, Outcome::Reverted { .. }));
        assert_eq!(stage.weights(), (100, 0));
        let rang_at: Option<Timestamp> = *rang_at.lock().unwrap_or_else(PoisonError::into_inner);
        let rang_at = rang_at.expect("it rang");
        back_after(&stage.region.calls(), rang_at)
    })
}

fn back_after(calls: &[Call], rang_at: Timestamp) -> (Duration, usize) {
    let mut since = calls.iter().filter(|call| call.at > rang_at);
    let write = since.find(|call| call.operation == "ModifyListener");
    let write = write.expect("it was reverted");
    let looks = calls.iter().filter(|call| {
        call.at > rang_at && call.at <= write.at && call.operation == "DescribeAlarms"
    });
    let took: SignedDuration = write.at.duration_since(rang_at);
    (took.unsigned_abs(), looks.count())
}
