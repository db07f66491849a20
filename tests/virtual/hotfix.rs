//! Repairing a production that burns already.

use bg::deployment::outcome::Outcome;
use bg::deployment::plan::Kind;
use bg::sandbox::RegionOptions;
use bg::sandbox::wire::{cloudwatch, elbv2};
use serde_json::{Value, json};

use crate::harness::{Scene, Stage, request};

/// Blue's targets are gone and its error alarm rings.
fn burning(scene: &mut Scene) {
    let group = scene.balancer.group_a.clone();
    let world = &mut scene.world;
    let shown = elbv2::handle(
        world,
        "DescribeTargetHealth",
        &json!({ "TargetGroupArn": group }),
    )
    .expect("it exists");
    let targets: Vec<Value> = shown["TargetHealthDescriptions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|target| target["Target"].clone())
        .collect();
    let input = json!({ "TargetGroupArn": group, "Targets": targets });
    elbv2::handle(world, "DeregisterTargets", &input).expect("they are registered");
    let input = json!({
        "AlarmName": "shop-a-5xx",
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "breaching",
    });
    cloudwatch::handle(world, "PutMetricAlarm", &input).expect("it is well formed");
    world.advance(300);
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_deployment_is_refused_while_production_burns() {
    let stage = Stage::open(RegionOptions::default(), burning);
    let planning = stage.plan(&request("shop:v2", "canary")).await;
    let problems: Vec<String> = planning.problems.iter().map(ToString::to_string).collect();
    let says = |words: &str| problems.iter().any(|problem| problem.contains(words));
    assert!(says("shop-a-5xx is already in ALARM"), "{problems:#?}");
    assert!(says("blue has 0 of 2 healthy targets"), "{problems:#?}");
    assert!(says("--hotfix --reason"), "{problems:#?}");
    assert!(planning.plan.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hotfix_repairs_it() {
    let stage = Stage::open(RegionOptions::default(), burning);
    let mut request = request("shop:v2", "all-at-once");
    request.kind = Kind::Hotfix {
        reason: "everything is down".to_owned(),
    };
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    assert_eq!(stage.weights(), (0, 100));
    assert_eq!(stage.counts("shop-b"), Some((2, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_hotfix_that_never_gets_healthy_gets_no_traffic() {
    let stage = Stage::open(RegionOptions::default(), burning);
    let mut request = request("shop:unhealthy", "all-at-once");
    request.kind = Kind::Hotfix {
        reason: "everything is down".to_owned(),
    };
    let outcome = stage.deploy(&request, |_, _| {}).await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    assert_eq!(stage.weights(), (100, 0));
}
