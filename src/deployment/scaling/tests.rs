//! What of blue's green gets.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::names::dimension;
use super::*;
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName, Slots, TargetGroupArn};
use crate::deployment::plan::{SlotPlan, TargetPlan};

fn slots() -> Slots<SlotPlan> {
    Slots::from_fn(|slot| {
        let (name, id) = match slot {
            SlotName::A => ("shop", "0a"),
            SlotName::B => ("shop-b", "0b"),
        };
        let group = format!(
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-{slot}/{id}"
        );
        SlotPlan {
            service: EcsServiceName::new(name),
            targets: vec![TargetPlan {
                group: TargetGroupArn::new(group),
                container: "app".to_owned(),
                port: 8080,
                deregistration_delay: Duration::from_secs(300),
                health_check: None,
            }],
        }
    })
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn carried(
    blue: SlotName,
    found: &ScalableTarget,
    green: Option<&ScalableTarget>,
) -> (Scaling, Vec<String>) {
    let (cluster, slots) = (ClusterName::new("prod"), slots());
    let from = From {
        cluster: &cluster,
        slots: &slots,
        blue,
        now: now(),
    };
    Scaling::carried(&from, found, green)
}

fn policy(name: &str, kind: &str, settings: &Value) -> Value {
    json!({ "PolicyName": name, "PolicyType": kind,
        format!("{kind}PolicyConfiguration"): settings })
}

fn shown(mut policy: Value, of: &str) -> Value {
    policy["PolicyARN"] = json!(arn(of, policy["PolicyName"].as_str().unwrap()));
    policy["CreationTime"] = json!(1.0);
    policy["Alarms"] = json!([]);
    policy["ResourceId"] = json!(format!("service/prod/{of}"));
    policy
}

fn arn(of: &str, policy: &str) -> String {
    format!("arn:aws:autoscaling:r:1:scalingPolicy:1:resource/ecs/{of}:policyName/{policy}")
}

#[test]
fn labels_and_dimensions_name_green_afterwards() {
    let label = |slot: SlotName| {
        let group = &slots()[slot].targets[0].group;
        json!({ "TargetValue": 10.0, "PredefinedMetricSpecification":
            { "ResourceLabel": format!("app/shop/1/{}", dimension(group)) } })
    };
    let service = |name: &str| {
        json!({ "TargetValue": 1.0, "CustomizedMetricSpecification": { "Dimensions": [
            { "Name": "ServiceName", "Value": name }, { "Name": "Other", "Value": "shop" } ] } })
    };
    let tracking = |name, settings| policy(name, "TargetTrackingScaling", &settings);
    let found = ScalableTarget {
        min: 2,
        max: 9,
        policies: vec![
            shown(tracking("requests", label(SlotName::A)), "shop"),
            shown(tracking("queue", service("shop")), "shop"),
            shown(policy("ahead", "PredictiveScaling", &json!({})), "shop"),
        ],
        ..ScalableTarget::default()
    };
    let (scaling, _) = carried(SlotName::A, &found, None);
    assert_eq!((scaling.min, scaling.max), (2, 9));
    assert_eq!(
        scaling.policies,
        [
            tracking("requests", label(SlotName::B)),
            tracking("queue", service("shop-b"))
        ]
    );
}

#[test]
fn schedules_are_carried_but_for_those_that_are_over() {
    let schedule = |name: &str, when: &str, end: Option<f64>| {
        let mut schedule = json!({ "ScheduledActionName": name, "Schedule": when,
            "Timezone": "Europe/Zurich", "ScalableTargetAction": { "MinCapacity": 1 } });
        if let Some(end) = end {
            schedule["EndTime"] = json!(end);
        }
        schedule
    };
    let last_year = now().as_second() as f64 - 3e7;
    let kept = [
        schedule("night", "cron(0 22 * * ? *)", None),
        schedule("sale", "at(2026-03-02T00:00:00)", None),
        // West of Greenwich this is still to come.
        schedule("today", "at(2026-03-01T09:00:00)", None),
    ];
    let over = [
        schedule("was", "at(2026-02-01T00:00:00)", None),
        schedule("ended", "rate(1 day)", Some(last_year)),
    ];
    let mut found = ScalableTarget::default();
    for schedule in kept.iter().chain(&over) {
        let mut schedule = schedule.clone();
        schedule["CreationTime"] = json!(1.0);
        found.schedules.push(schedule);
    }
    let (scaling, _) = carried(SlotName::A, &found, None);
    assert_eq!(scaling.schedules, kept);
}

fn step(name: &str) -> Value {
    let steps = json!([{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2 }]);
    policy(
        name,
        "StepScaling",
        &json!({ "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps }),
    )
}

/// An alarm on a metric of `of`, or of nobody's, that calls its policy `out` and tells a topic.
fn alarm(name: &str, of: &str, dimensions: &Value) -> Value {
    json!({
        "AlarmName": name, "AlarmArn": "arn", "StateValue": "OK", "StateReason": "fine",
        "ActionsEnabled": true, "MetricName": "CPUUtilization", "Namespace": "AWS/ECS",
        "Statistic": "Average", "Dimensions": dimensions, "Period": 60, "EvaluationPeriods": 2,
        "Threshold": 80.0, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": ["arn:aws:sns:r:1:people", arn(of, "out"), arn("other", "out")],
        "OKActions": [], "Metrics": [], "NewSetting": { "A": 1 },
    })
}

fn of_service(name: &str) -> Value {
    json!([{ "Name": "ServiceName", "Value": name }, { "Name": "ClusterName", "Value": "prod" }])
}

fn stepped(of: &str, alarms: Vec<Value>) -> ScalableTarget {
    ScalableTarget {
        policies: vec![shown(step("out"), of)],
        alarms,
        ..ScalableTarget::default()
    }
}

#[test]
fn a_step_policy_s_alarm_measures_green_and_calls_green_s_policy() {
    let blue = stepped("shop", vec![alarm("busy", "shop", &of_service("shop"))]);
    let (scaling, _) = carried(SlotName::A, &blue, None);
    assert_eq!(scaling.policies, [step("out")]);
    let [made] = &scaling.alarms[..] else {
        panic!("{:?}", scaling.alarms);
    };
    assert_eq!(made.policy, "out");
    let mut expected = alarm("bg/prod/shop-b/busy", "shop-b", &of_service("shop-b"));
    let fields = expected.as_object_mut().unwrap();
    for shown in ["AlarmArn", "StateValue", "StateReason", "Metrics"] {
        fields.remove(shown);
    }
    // Another service is scaled by its own alarm.
    expected["AlarmActions"].as_array_mut().unwrap().pop();
    expected["InsufficientDataActions"] = json!([]);
    expected["Tags"] = json!([{ "Key": "bg:made-for", "Value": "prod/shop-b" }]);
    assert_eq!(made.calling(&arn("shop-b", "out")), expected);
}

#[test]
fn what_both_slots_share_is_told_once() {
    let queue = json!([{ "Name": "QueueName", "Value": "orders" }]);
    let blue = stepped("shop", vec![alarm("long", "shop", &queue)]);
    let (scaling, _) = carried(SlotName::A, &blue, None);
    let made = scaling.alarms[0].calling("green's");
    assert_eq!(made["AlarmActions"], json!(["green's"]));
}

#[test]
fn the_way_back_finds_the_first_slot_s_own_alarm_in_its_place() {
    let own = alarm("busy", "shop", &of_service("shop"));
    let a = stepped("shop", vec![own.clone()]);
    let made = alarm("bg/prod/shop-b/busy", "shop-b", &of_service("shop-b"));
    let b = stepped("shop-b", vec![made]);
    let (scaling, others) = carried(SlotName::B, &b, Some(&a));
    assert_eq!((scaling.alarms, others), (vec![], vec![]));

    let mut moved = own;
    moved["Threshold"] = json!(60.0);
    let a = stepped("shop", vec![moved]);
    let (scaling, others) = carried(SlotName::B, &b, Some(&a));
    assert_eq!((scaling.alarms.len(), others), (0, vec!["busy".to_owned()]));

    let gone = stepped("shop", vec![]);
    let (scaling, _) = carried(SlotName::B, &b, Some(&gone));
    assert_eq!(scaling.alarms[0].name(), "bg/prod/shop/busy");
}

#[test]
fn a_name_that_would_be_too_long_keeps_its_end() {
    let name = format!("{}-busy", "x".repeat(250));
    let blue = stepped("shop", vec![alarm(&name, "shop", &of_service("shop"))]);
    let (scaling, _) = carried(SlotName::A, &blue, None);
    let name = scaling.alarms[0].name();
    assert_eq!(name.len(), 255);
    assert!(
        name.starts_with("bg/prod/shop-b/x") && name.ends_with("x-busy"),
        "{name}"
    );
}
