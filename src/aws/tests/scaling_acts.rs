//! Autoscaling under the real SDK: carried over, held back, put to sleep, put back.

use super::*;
use crate::deployment::scaling::{From, HELD_TAG, ScalableTarget, Scaling};
use crate::sandbox::wire::cloudwatch;

/// What Application Auto Scaling has of a service, and the alarms with its name in theirs.
#[derive(Debug, PartialEq)]
struct Shown {
    target: Value,
    policies: Vec<Value>,
    schedules: Vec<Value>,
    alarms: Vec<String>,
}

impl Scene {
    fn scaling(&self, operation: &str, service: &str, others: &Value) -> Value {
        let mut input = json!({
            "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": format!("service/demo/{service}"),
        });
        if operation == "DescribeScalableTargets" {
            input = json!({ "ServiceNamespace": "ecs",
                "ResourceIds": [format!("service/demo/{service}")] });
        }
        let fields = input.as_object_mut().unwrap();
        fields.extend(others.as_object().unwrap().clone());
        self.region
            .with_world(|world| scaling::handle(world, operation, &input).unwrap())
    }

    fn tags(&self, service: &str) -> Value {
        let arn = &self.scaled(service).target["ScalableTargetARN"];
        let shown = self.scaling(
            "ListTagsForResource",
            service,
            &json!({ "ResourceARN": arn }),
        );
        shown["Tags"].clone()
    }

    fn alarm(&self, operation: &str, input: &Value) -> Value {
        self.region
            .with_world(|world| cloudwatch::handle(world, operation, input).unwrap())
    }

    fn scaled(&self, service: &str) -> Shown {
        let list = |operation: &str, key: &str| {
            let shown = self.scaling(operation, service, &json!({}));
            shown[key].as_array().unwrap().clone()
        };
        let alarms = self.alarm("DescribeAlarms", &json!({}));
        let alarms = alarms["MetricAlarms"].as_array().unwrap().iter();
        let names = alarms.map(|it| it["AlarmName"].as_str().unwrap().to_owned());
        let needle = format!("/{service}/");
        Shown {
            target: list("DescribeScalableTargets", "ScalableTargets")
                .pop()
                .unwrap_or_default(),
            policies: list("DescribeScalingPolicies", "ScalingPolicies"),
            schedules: list("DescribeScheduledActions", "ScheduledActions"),
            alarms: names.filter(|name| name.contains(&needle)).collect(),
        }
    }

    /// Blue scales by CPU, by requests and by steps, and has a night.
    fn autoscaled() -> Scene {
        let scene = Scene::new();
        let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 6, "Tags": { "team": "shop" } });
        scene.scaling("RegisterScalableTarget", "shop", &bounds);
        let arn = |arn: &str| arn.rsplit(':').next().unwrap().to_owned();
        let label = format!(
            "{}/{}",
            arn(&scene.balancer.arn).trim_start_matches("loadbalancer/"),
            arn(&scene.balancer.group_a)
        );
        for (name, metric) in [
            (
                "cpu",
                json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" }),
            ),
            (
                "requests",
                json!({ "PredefinedMetricType": "ALBRequestCountPerTarget",
                    "ResourceLabel": label }),
            ),
        ] {
            let policy = json!({ "PolicyName": name, "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration":
                    { "TargetValue": 50.0, "PredefinedMetricSpecification": metric } });
            scene.scaling("PutScalingPolicy", "shop", &policy);
        }
        let steps = json!({ "PolicyName": "out", "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": { "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 }] } });
        let out = scene.scaling("PutScalingPolicy", "shop", &steps);
        let night = json!({ "ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)",
            "ScalableTargetAction": { "MinCapacity": 1 } });
        scene.scaling("PutScheduledAction", "shop", &night);
        let busy = json!({
            "AlarmName": "busy", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
            "Statistic": "Average", "Period": 60, "EvaluationPeriods": 2, "Threshold": 80.0,
            "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [out["PolicyARN"]],
            "Dimensions": [{ "Name": "ClusterName", "Value": "demo" },
                { "Name": "ServiceName", "Value": "shop" }],
        });
        scene.alarm("PutMetricAlarm", &busy);
        scene
    }

    /// Plans to carry over what a survey finds.
    async fn planned(mut self) -> Scene {
        let now = self.region.now();
        let found = self.cloud.survey(&self.ask(), now).await.unwrap();
        let blue = found.scaling.value().unwrap().a.clone().unwrap();
        assert_eq!(blue.unreadable, None);
        let from = From {
            cluster: &self.plan.cluster,
            slots: &self.plan.slots,
            blue: SlotName::A,
            now,
        };
        self.plan.scaling = Some(Scaling::carried(&from, &blue, None).0);
        self
    }

    async fn provision(&self) -> Result<Done, super::super::AwsError> {
        let task_definition = self.register().await;
        self.act(Action::ProvisionGreen { task_definition }).await
    }

    async fn held(&self) -> Vec<bool> {
        let names = [&self.plan.slots.a.service, &self.plan.slots.b.service];
        let found = self.cloud.services(&self.plan.cluster, &names).await;
        let held = |service: &Option<Value>| {
            let service = service.as_ref().unwrap();
            crate::aws::ecs::tag(crate::aws::ecs::list(service, "tags"), HELD_TAG).is_some()
        };
        found.unwrap().iter().map(held).collect()
    }
}

fn suspended(shown: &Shown) -> [bool; 3] {
    let state = &shown.target["SuspendedState"];
    [
        "DynamicScalingInSuspended",
        "DynamicScalingOutSuspended",
        "ScheduledScalingSuspended",
    ]
    .map(|it| state[it] == true)
}

/// Only what the two slots have in common: settings with blue's names in place of green's.
fn settings(scene: &Scene, of: &[Value], name: &str) -> Vec<Value> {
    let (a, b) = (&scene.balancer.group_a, &scene.balancer.group_b);
    let dimension = |arn: &str| arn.rsplit(':').next().unwrap().to_owned();
    let own = [
        "ResourceId",
        "PolicyARN",
        "ScheduledActionARN",
        "Alarms",
        "CreationTime",
    ];
    let same = |value: &Value| {
        let text = value.to_string().replace(&dimension(b), &dimension(a));
        let mut value: Value = serde_json::from_str(&text).unwrap();
        own.iter().for_each(|field| {
            value.as_object_mut().unwrap().remove(*field);
        });
        value
    };
    let mut all: Vec<Value> = of.iter().map(same).collect();
    all.sort_by_key(|it| it[name].to_string());
    all
}

#[tokio::test(start_paused = true)]
async fn green_gets_everything_and_neither_side_is_scaled_in() {
    let scene = Scene::autoscaled().planned().await;
    let before = scene.scaled("shop");
    scene.provision().await.unwrap();
    let (blue, green) = (scene.scaled("shop"), scene.scaled("shop-b"));
    assert_eq!(suspended(&blue), [true, false, false]);
    assert_eq!(suspended(&green), [true, false, false]);
    assert_eq!(scene.held().await, [true, true]);
    for bound in ["MinCapacity", "MaxCapacity"] {
        assert_eq!(green.target[bound], before.target[bound]);
    }
    for (green, blue, name) in [
        (&green.policies, &before.policies, "PolicyName"),
        (&green.schedules, &before.schedules, "ScheduledActionName"),
    ] {
        assert_eq!(settings(&scene, green, name), settings(&scene, blue, name));
    }
    assert_eq!(scene.tags("shop-b"), json!({ "team": "shop" }));
    let label = green
        .policies
        .iter()
        .find(|it| it["PolicyName"] == "requests");
    let label = label.unwrap().to_string();
    assert!(
        label.contains(scene.balancer.group_b.rsplit(':').next().unwrap()),
        "{label}"
    );
    assert_eq!(green.alarms, ["bg/demo/shop-b/busy"]);
    let busy = scene.alarm("DescribeAlarms", &json!({ "AlarmNames": green.alarms }));
    let busy = &busy["MetricAlarms"][0];
    let out = green.policies.iter().find(|it| it["PolicyName"] == "out");
    assert_eq!(busy["AlarmActions"], json!([out.unwrap()["PolicyARN"]]));
    assert_eq!(busy["Dimensions"][1]["Value"], "shop-b");
    assert_eq!(busy["Threshold"], 80.0);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_does_not_show_yet_is_waited_for() {
    let scene = Scene::new();
    let input = json!({ "ServiceNamespace": "ecs", "ResourceId": "service/demo/shop-b",
        "ScalableDimension": "ecs:service:DesiredCount", "PolicyName": "late",
        "PolicyType": "StepScaling", "StepScalingPolicyConfiguration":
            { "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [] } });
    let put = scene
        .cloud
        .soon(|| scene.cloud.put_scaling_policy(input.clone()));
    let shows = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.region.with_world(|world| {
            let idle = demo::service("shop-b", &scene.balancer.group_b, 0);
            ecs::handle(world, "CreateService", &idle).unwrap();
        });
        let bounds = json!({ "MinCapacity": 0, "MaxCapacity": 6 });
        scene.scaling("RegisterScalableTarget", "shop-b", &bounds);
    };
    let (put, ()) = tokio::join!(put, shows);
    put.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_is_not_ours_before_its_autoscaling_is_whole() {
    let scene = Scene::autoscaled().planned().await;
    scene.fault("PutScheduledAction", FaultKind::ResetBefore, When::Always);
    scene.provision().await.unwrap_err();
    let green = scene.observe().await.services.b;
    let green = green.value().unwrap().as_ref().unwrap().clone();
    assert_eq!(green.deployment, None);
    scene.region.clear_faults();
    scene.provision().await.unwrap();
    assert_eq!(scene.scaled("shop-b").schedules.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_success_green_scales_as_blue_did_and_blue_keeps_its_tasks() {
    let scene = Scene::autoscaled().planned().await;
    scene.provision().await.unwrap();
    let serving = SlotName::B;
    scene
        .act(Action::RestoreSettings { serving })
        .await
        .unwrap();
    assert_eq!(suspended(&scene.scaled("shop-b")), [false; 3]);
    assert_eq!(suspended(&scene.scaled("shop")), [true, false, false]);
    assert_eq!(scene.held().await, [true, false]);
    let sleep = Action::SleepScaling { slot: SlotName::A };
    scene.act(sleep).await.unwrap();
    let asleep = scene.scaled("shop");
    assert_eq!(
        (&asleep.target["MinCapacity"], suspended(&asleep)),
        (&json!(0), [true; 3])
    );
    assert_eq!(scene.held().await, [false, false]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_slot_that_keeps_its_own_is_woken_with_it_and_blue_s_is_only_held() {
    let mut scene = Scene::autoscaled();
    scene.region.with_world(|world| {
        let idle = demo::service("shop-b", &scene.balancer.group_b, 0);
        ecs::handle(world, "CreateService", &idle).unwrap();
    });
    let bounds = json!({ "MinCapacity": 2, "MaxCapacity": 9, "SuspendedState": {
        "DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": true,
        "ScheduledScalingSuspended": true } });
    scene.scaling("RegisterScalableTarget", "shop-b", &bounds);
    let night = json!({ "ScheduledActionName": "own", "Schedule": "cron(0 22 * * ? *)",
        "ScalableTargetAction": { "MinCapacity": 2 } });
    scene.scaling("PutScheduledAction", "shop-b", &night);
    let (before, blue) = (scene.scaled("shop-b"), scene.scaled("shop"));
    let own = |min, max| ScalableTarget {
        min,
        max,
        ..ScalableTarget::default()
    };
    scene.plan.scaling = Some(Scaling::own(&own(2, 9), Some(&own(1, 6))));
    let source = SlotName::B;
    scene.plan.green = GreenService::Update { source };
    scene.provision().await.unwrap();
    let green = scene.scaled("shop-b");
    assert_eq!(suspended(&green), [true, false, false]);
    assert_eq!(green.schedules, before.schedules);
    assert_eq!(green.policies, before.policies);
    assert_eq!(suspended(&scene.scaled("shop")), [true, false, false]);
    assert_eq!(scene.held().await, [true, true]);
    for serving in [SlotName::B, SlotName::A] {
        scene
            .act(Action::RestoreSettings { serving })
            .await
            .unwrap();
        let green = scene.scaled("shop-b").target;
        let is_green = serving == SlotName::B;
        let min = if is_green { 2 } else { 0 };
        let bounds = (&green["MinCapacity"], &green["MaxCapacity"]);
        assert_eq!(bounds, (&json!(min), &json!(9)));
        assert_eq!(suspended(&scene.scaled("shop-b")), [!is_green; 3]);
    }
    assert_eq!(scene.scaled("shop"), blue, "blue's is as it was");
}

#[tokio::test(start_paused = true)]
async fn a_blue_that_is_kept_gets_its_own_back_too() {
    let mut scene = Scene::autoscaled().planned().await;
    scene.plan.retire.then = RetireHow::Keep;
    let before = scene.scaled("shop");
    scene.provision().await.unwrap();
    let serving = SlotName::B;
    scene
        .act(Action::RestoreSettings { serving })
        .await
        .unwrap();
    assert_eq!(scene.scaled("shop"), before);
}

#[tokio::test(start_paused = true)]
async fn a_revert_leaves_blue_as_it_was_and_green_asleep() {
    let scene = Scene::autoscaled().planned().await;
    let before = scene.scaled("shop");
    let serving = SlotName::A;
    let restore = Action::RestoreSettings { serving };
    scene.act(restore.clone()).await.unwrap();
    assert_eq!(
        scene.scaled("shop-b").target,
        Value::Null,
        "nothing was there to put away"
    );
    scene.provision().await.unwrap();
    for _ in 0..2 {
        scene.act(restore.clone()).await.unwrap();
        assert_eq!(scene.scaled("shop"), before);
        let asleep = scene.scaled("shop-b");
        assert_eq!(asleep.target["MinCapacity"], 0);
        assert_eq!(suspended(&asleep), [true; 3]);
        assert_eq!(asleep.alarms, [] as [String; 0]);
        assert_eq!(scene.held().await, [false, false]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_has_suspended_stays_so() {
    let scene = Scene::autoscaled();
    let off = json!({ "SuspendedState": { "DynamicScalingInSuspended": true } });
    scene.scaling("RegisterScalableTarget", "shop", &off);
    let scene = scene.planned().await;
    scene.provision().await.unwrap();
    let serving = SlotName::B;
    scene
        .act(Action::RestoreSettings { serving })
        .await
        .unwrap();
    assert_eq!(suspended(&scene.scaled("shop-b")), [true, false, false]);
    assert_eq!(scene.held().await, [false, false]);
}

#[tokio::test(start_paused = true)]
async fn green_loses_what_blue_has_not() {
    let scene = Scene::autoscaled().planned().await;
    scene.provision().await.unwrap();
    let other = json!({ "PolicyName": "old", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 5.0,
            "PredefinedMetricSpecification":
                { "PredefinedMetricType": "ECSServiceAverageMemoryUtilization" } } });
    scene.scaling("PutScalingPolicy", "shop-b", &other);
    let old = json!({ "ScheduledActionName": "old", "Schedule": "rate(1 day)",
        "ScalableTargetAction": { "MinCapacity": 1 } });
    scene.scaling("PutScheduledAction", "shop-b", &old);
    let mut leftover = scene.alarm("DescribeAlarms", &json!({ "AlarmNames": ["busy"] }));
    let leftover = &mut leftover["MetricAlarms"][0];
    leftover["AlarmName"] = json!("bg/demo/shop-b/old");
    scene.alarm("PutMetricAlarm", leftover);
    let scaling = scene.plan.scaling.clone().unwrap();
    scene
        .cloud
        .carry_scaling(&scene.plan, &scaling)
        .await
        .unwrap();
    let green = scene.scaled("shop-b");
    assert_eq!((green.policies.len(), green.schedules.len()), (3, 1));
    assert_eq!(green.alarms, ["bg/demo/shop-b/busy"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_deleted_leaves_no_autoscaling_behind() {
    let scene = Scene::autoscaled().planned().await;
    scene.provision().await.unwrap();
    let (cluster, service) = (&scene.plan.cluster, &scene.plan.slots.b.service);
    for action in [
        Action::SleepScaling { slot: SlotName::B },
        Action::Scale {
            slot: SlotName::B,
            desired: 0,
        },
        Action::Delete { slot: SlotName::B },
        Action::Delete { slot: SlotName::B },
    ] {
        scene
            .cloud
            .act_on_service(cluster, service, &action)
            .await
            .unwrap();
    }
    let left = scene.scaled("shop-b");
    let nothing = Shown {
        target: Value::Null,
        policies: vec![],
        schedules: vec![],
        alarms: vec![],
    };
    assert_eq!(left, nothing);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_may_not_be_read_is_said_with_its_target() {
    let scene = Scene::autoscaled();
    scene.fault("DescribeScalingPolicies", FaultKind::Denied, When::Always);
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    let blue = found.scaling.value().unwrap().a.clone().unwrap();
    let why = blue.unreadable.unwrap();
    assert!(
        why.contains("application-autoscaling:DescribeScalingPolicies"),
        "{why}"
    );
}
