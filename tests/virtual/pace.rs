//! How soon a revert is done, and what looking costs.

use std::sync::{Arc, Mutex};

use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::{Request, TargetWanted};
use bg::sandbox::demo;
use bg::sandbox::region::Call;
use bg::sandbox::wire::{cloudwatch, ecs, elbv2};
use bg::sandbox::{Region, RegionOptions};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

use crate::harness::{Scene, Stage, request};
use crate::{first_bake, later};

const LATENCY: Duration = Duration::from_millis(150);

fn slow_wire() -> RegionOptions {
    RegionOptions {
        latency: LATENCY,
        ..RegionOptions::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_brings_all_weights_back_within_one_poll_and_one_call() {
    // At any moment between two looks.
    for offset in 0..6 {
        let stage = Stage::open(slow_wire(), |_| {});
        let rang_at = Arc::new(Mutex::new(None));
        let bell = Arc::clone(&rang_at);
        let outcome = stage
            .deploy(&request("shop:v2", "canary"), |stage, record| {
                if first_bake(record) {
                    let bell = Arc::clone(&bell);
                    later(stage, 63 + offset, move |region| {
                        *bell.lock().expect("nobody panicked") = Some(region.now());
                        let input = json!({
                            "AlarmName": "shop-b-5xx",
                            "StateValue": "ALARM",
                            "StateReason": "somebody rang it",
                        });
                        region.with_world(|world| {
                            cloudwatch::handle(world, "SetAlarmState", &input).expect("it exists");
                        });
                    });
                }
            })
            .await;
        assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
        let rang_at: Timestamp = rang_at.lock().expect("nobody panicked").expect("it rang");
        let calls = stage.region.calls();
        let back = calls
            .iter()
            .find(|call| call.at > rang_at && call.operation == "ModifyListener")
            .expect("it was reverted");
        let poll = SignedDuration::from_secs(5);
        let call = SignedDuration::try_from(LATENCY).expect("it is short");
        // The look's answer is one call away, and so is the write.
        let took = back.at.duration_since(rang_at);
        assert!(took <= poll + call + call, "{took:?}");
        let looks_between = looks(&calls, rang_at, back.at);
        assert!(looks_between <= 1, "{looks_between} looks before the write");
    }
}

fn looks(calls: &[Call], from: Timestamp, until: Timestamp) -> usize {
    calls
        .iter()
        .filter(|call| call.at > from && call.at <= until && call.operation == "DescribeServices")
        .count()
}

/// Calls and looks in the quiet part of a five minutes' bake.
async fn calls_in_a_bake(change: impl FnOnce(&mut Scene)) -> (u64, u64) {
    calls_of(request("shop:v2", "canary"), change).await
}

async fn calls_of(request: Request, change: impl FnOnce(&mut Scene)) -> (u64, u64) {
    let stage = Stage::open(RegionOptions::default(), change);
    let counted = Arc::new(Mutex::new((0, 0)));
    let counts = Arc::clone(&counted);
    let outcome = stage
        .deploy(&request, |stage, record| {
            if first_bake(record) {
                let counts = Arc::clone(&counts);
                later(stage, 22, Region::forget_calls);
                later(stage, 282, move |region| {
                    let of = region.call_counts();
                    let services = of
                        .iter()
                        .filter(|((_, name), _)| name == "DescribeServices");
                    let looks = services.map(|(_, count)| count).sum();
                    *counts.lock().expect("nobody panicked") = (of.values().sum(), looks);
                });
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let counted = counted.lock().expect("nobody panicked");
    *counted
}

#[tokio::test(start_paused = true)]
async fn a_look_while_baking_is_at_most_five_calls_every_five_seconds() {
    let (calls, looks) = calls_in_a_bake(|_| {}).await;
    assert_eq!(looks, 52, "every 5 s of 260");
    assert!(calls <= 5 * looks, "{calls} calls in {looks} looks");
}

fn listener(scene: &mut Scene, [a, b]: [&str; 2]) {
    let groups = json!([
        { "TargetGroupArn": a, "Weight": 100 },
        { "TargetGroupArn": b, "Weight": 0 },
    ]);
    let input = json!({
        "LoadBalancerArn": scene.balancer.arn,
        "Protocol": "HTTP",
        "Port": 8080,
        "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }],
    });
    elbv2::handle(&mut scene.world, "CreateListener", &input).expect("the port is free");
}

#[tokio::test(start_paused = true)]
async fn further_listeners_are_seen_in_the_same_call() {
    let (calls, looks) = calls_in_a_bake(|scene| {
        let groups = [
            scene.balancer.group_a.clone(),
            scene.balancer.group_b.clone(),
        ];
        listener(scene, [&groups[0], &groups[1]]);
    })
    .await;
    assert!(calls <= 6 * looks, "{calls} calls in {looks} looks");
}

/// A second pair of groups behind a listener of its own; the service registers its tasks there too.
fn second_pair(scene: &mut Scene) {
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
    listener(scene, [&arns[0], &arns[1]]);
    let entry = |group: &str| {
        json!({
            "targetGroupArn": group, "containerName": demo::CONTAINER, "containerPort": demo::PORT,
        })
    };
    let input = json!({
        "cluster": demo::CLUSTER, "service": demo::SERVICE,
        "loadBalancers": [entry(&scene.balancer.group_a), entry(&arns[0])],
    });
    ecs::handle(&mut scene.world, "UpdateService", &input).expect("the groups are in use");
    scene.world.advance(600);
}

#[tokio::test(start_paused = true)]
async fn a_further_pair_of_groups_is_two_calls_more_and_its_listener_one() {
    let mut request = request("shop:v2", "canary");
    let slots = &mut request.slots;
    for (slot, group) in [(&mut slots.a, "admin-a"), (&mut slots.b, "admin-b")] {
        slot.targets.push(TargetWanted {
            group: group.to_owned(),
            container: None,
            port: None,
        });
    }
    let (calls, looks) = calls_of(request, second_pair).await;
    assert!(looks > 50, "{looks} looks");
    assert!(
        calls <= (5 + 2 + 1) * looks,
        "{calls} calls in {looks} looks"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_only_reads() {
    let stage = Stage::open(RegionOptions::default(), |_| {});
    let planning = stage.plan(&request("shop:v2", "canary")).await;
    assert!(planning.plan.is_some(), "{:#?}", planning.problems);
    let asked = stage.region.call_counts();
    assert!(asked.values().sum::<u64>() > 5, "{asked:?}");
    let reads = |name: &str| {
        let verbs = ["Describe", "List", "Get", "BatchGet"];
        verbs.iter().any(|verb| name.starts_with(verb))
    };
    let writes: Vec<_> = asked.keys().filter(|(_, name)| !reads(name)).collect();
    assert!(writes.is_empty(), "{writes:?}");
}
