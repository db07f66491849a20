//! What happens in mid-bake: alarms, people at the console, blue falling ill.

use bg::deployment::event::{Event, Record};
use bg::deployment::observation::{Ask, OnInterrupt};
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::trip::{Hold, Trip};
use bg::runner::Asks;
use bg::sandbox::demo::Balancer;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::wire::{cloudwatch, ecs, elbv2};
use bg::sandbox::world::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Stage, request};
use crate::{first_bake, in_first_bake, later, stage};

/// ModifyListener's input that gives the slots these weights.
fn weights(balancer: &Balancer, a: u32, b: u32) -> Value {
    let groups = json!([
        { "TargetGroupArn": balancer.group_a, "Weight": a },
        { "TargetGroupArn": balancer.group_b, "Weight": b },
    ]);
    json!({
        "ListenerArn": balancer.listener,
        "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }],
    })
}

/// Deploys a good version while somebody sets weights by hand a minute into the first bake.
async fn with_weights_by_hand(a: u32, b: u32) -> (Stage, Outcome) {
    let stage = stage();
    let input = weights(&stage.balancer, a, b);
    let by_hand = in_first_bake(move |world| {
        elbv2::handle(world, "ModifyListener", &input).expect("it is well formed");
    });
    let outcome = stage.deploy(&request("shop:v2", "canary"), by_hand).await;
    (stage, outcome)
}

fn ring(world: &mut World, alarm: &str) {
    let input = json!({
        "AlarmName": alarm, "StateValue": "ALARM", "StateReason": "somebody rang it",
    });
    cloudwatch::handle(world, "SetAlarmState", &input).expect("it exists");
}

/// The reasons of every hold.
fn holds(stage: &Stage) -> Vec<Hold> {
    let of = |record: &Record| match &record.event {
        Event::Holding { reasons, .. } => reasons.clone(),
        _ => Vec::new(),
    };
    stage.records.borrow().iter().flat_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn weights_that_somebody_moved_hold_the_deployment_and_are_named() {
    let (stage, outcome) = with_weights_by_hand(50, 50).await;
    let Outcome::Stuck {
        why: Stuck::PatienceOver { waited_for },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        waited_for[0].to_string(),
        "drift: shop:80 was set to 10% green, and now shows 50% green"
    );
    assert_eq!(stage.weights(), (50, 50), "what a person did stays");
}

#[tokio::test(start_paused = true)]
async fn everything_put_back_to_blue_by_hand_is_an_abort() {
    let (stage, outcome) = with_weights_by_hand(100, 0).await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(trip, Trip::SteppedInByHand { .. }), "{trip}");
    assert_eq!(stage.weights(), (100, 0));
    assert_eq!(stage.counts("shop-b").expect("it was created").0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tripped_guard_under_drift_still_writes_everything_to_blue() {
    let stage = stage();
    let input = weights(&stage.balancer, 40, 60);
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if first_bake(record) {
                let input = input.clone();
                later(stage, 20, move |region| {
                    region.with_world(|world| {
                        elbv2::handle(world, "ModifyListener", &input).expect("it is well formed");
                    });
                });
                later(stage, 47, |region| {
                    region.with_world(|world| ring(world, "shop-b-5xx"));
                });
            }
        })
        .await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(trip, Trip::Alarm { .. }), "{trip}");
    assert_eq!(stage.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn green_gets_no_more_while_blue_could_not_take_everything_back() {
    let stage = stage();
    let group = stage.balancer.group_a.clone();
    let ill = in_first_bake(move |world| {
        let shown = elbv2::handle(
            world,
            "DescribeTargetHealth",
            &json!({ "TargetGroupArn": group }),
        )
        .expect("it exists");
        let targets = shown["TargetHealthDescriptions"].as_array();
        let targets: Vec<Value> = targets
            .into_iter()
            .flatten()
            .map(|target| target["Target"].clone())
            .collect();
        let input = json!({ "TargetGroupArn": group, "Targets": targets });
        elbv2::handle(world, "DeregisterTargets", &input).expect("they are registered");
    });
    let outcome = stage.deploy(&request("shop:v2", "canary"), ill).await;
    let Outcome::Stuck {
        why: Stuck::PatienceOver { waited_for },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(
        waited_for
            .iter()
            .any(|hold| matches!(hold, Hold::BlueNotReady { healthy: 0, .. })),
        "{waited_for:?}"
    );
    assert_eq!(stage.weights(), (90, 10), "neither raised nor reverted");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_somebody_deletes_holds_and_then_reverts() {
    let stage = stage();
    let deleted = in_first_bake(|world| {
        let input = json!({ "AlarmNames": ["shop-b-latency"] });
        cloudwatch::handle(world, "DeleteAlarms", &input).expect("it exists");
    });
    let outcome = stage.deploy(&request("shop:v2", "canary"), deleted).await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    let words = trip.to_string();
    assert!(words.contains("shop-b-latency"), "{words}");
    assert!(matches!(trip, Trip::PatienceOver { .. }), "{words}");
    assert_eq!(stage.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn alarms_that_cannot_be_read_for_a_while_hold_the_next_step_only() {
    let stage = stage();
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if first_bake(record) {
                let at = |seconds| record.at + SignedDuration::from_secs(seconds);
                let when = When::Between(at(270), at(400));
                let rule = FaultRule::new("DescribeAlarms", FaultKind::Denied, when);
                stage.region.fault(rule);
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let held = holds(&stage);
    assert!(
        held.iter()
            .any(|it| matches!(it, Hold::AlarmUnclear { .. })),
        "{held:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn green_s_own_service_scaled_by_hand_holds_and_is_named() {
    let stage = stage();
    let scaled = in_first_bake(|world| {
        let input = json!({ "cluster": "demo", "service": "shop-b", "desiredCount": 1 });
        ecs::handle(world, "UpdateService", &input).expect("it exists");
    });
    let outcome = stage.deploy(&request("shop:v2", "canary"), scaled).await;
    // One of two targets is below `min`: that is a guard, and the drift is on record before it.
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(trip, Trip::TooFewHealthyTargets { .. }), "{trip}");
    assert_eq!(stage.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_signal_in_mid_bake_reverts_within_six_seconds() {
    let stage = stage();
    let mut asks = Asks::default();
    let sender = asks.sender();
    let mut asked_at = None;
    let outcome = stage
        .deploy_asked(&request("shop:v2", "canary"), &mut asks, |stage, record| {
            if first_bake(record) {
                asked_at = Some(record.at + SignedDuration::from_secs(61));
                let sender = sender.clone();
                later(stage, 61, move |_| {
                    let ask = Ask::Interrupt {
                        signal: "SIGTERM".to_owned(),
                        then: OnInterrupt::Revert,
                    };
                    sender.send(ask).expect("it still runs");
                });
            }
        })
        .await;
    assert!(matches!(
        outcome,
        Outcome::Reverted {
            trip: Trip::Interrupted { .. }
        }
    ));
    assert_eq!(stage.weights(), (100, 0));
    let took = stage
        .region
        .now()
        .duration_since(asked_at.expect("it baked"));
    assert!(took <= SignedDuration::from_secs(6), "{took:?}");
}

/// Deploys a good version while somebody sets weights by hand right after its promotion.
async fn with_weights_moved_after_promotion(a: u32, b: u32) -> (Stage, Outcome) {
    let stage = stage();
    let input = weights(&stage.balancer, a, b);
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if matches!(record.event, Event::Promoted { .. }) {
                stage.elb("ModifyListener", &input);
            }
        })
        .await;
    (stage, outcome)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_promoted_whose_traffic_somebody_moved_before_the_end() {
    for (a, b, shown) in [(100, 0, "0% green"), (30, 70, "70% green")] {
        let (stage, outcome) = with_weights_moved_after_promotion(a, b).await;
        let Outcome::Stuck {
            why: Stuck::Moved { drift },
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            drift[0].to_string(),
            format!("drift: shop:80 was set to 100% green, and now shows {shown}")
        );
        assert_eq!(
            stage.weights(),
            (a.into(), b.into()),
            "what a person did stays"
        );
        assert_eq!(stage.counts("shop"), Some((2, 2)), "blue keeps its tasks");
    }
}
