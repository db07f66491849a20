use super::*;
use crate::sandbox::demo;
use crate::sandbox::wire::{cloudwatch, scaling};
use crate::sandbox::world::traffic::{Flow, Mode, Shape};
use jiff::SignedDuration;

const RESOURCE: &str = "service/demo/shop";

/// The demo account with so many requests a second, and autoscaling of 2 to 10 tasks.
struct Scene {
    world: World,
    group: String,
}

impl Scene {
    fn new(requests: f64) -> Scene {
        let start: Timestamp = "2026-03-02T10:00:20Z".parse().unwrap();
        let mut world = World::new("123456789012", "eu-west-1", start, 1);
        let balancer = demo::build(&mut world).unwrap();
        world.traffic.flows = vec![Flow::new(&balancer.listener, Shape::Steady(requests))];
        world.traffic.mode = Mode::On;
        let mut scene = Scene {
            world,
            group: balancer.group_a,
        };
        scene
            .world
            .advance_to("2026-03-02T10:20:20Z".parse().unwrap());
        let bounds = json!({ "MinCapacity": 2, "MaxCapacity": 10 });
        scene.ok("RegisterScalableTarget", bounds);
        scene
    }

    fn ask(&mut self, operation: &str, mut input: Value) -> Result<Value, String> {
        input["ServiceNamespace"] = json!("ecs");
        input["ResourceId"] = json!(RESOURCE);
        input["ScalableDimension"] = json!("ecs:service:DesiredCount");
        scaling::handle(&mut self.world, operation, &input).map_err(|error| error.to_string())
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.ask(operation, input).unwrap()
    }

    /// Minutes.
    fn pass(&mut self, minutes: i64) {
        let to = self.world.now + SignedDuration::from_mins(minutes);
        self.world.advance_to(to);
    }

    fn flow(&mut self, times: f64) {
        self.world.traffic.flows[0].scale(times);
    }

    fn desired(&self) -> u32 {
        desired(&self.world, RESOURCE).unwrap()
    }

    /// Keeps so many requests a minute on each task.
    fn by_requests(&mut self, target: f64) -> Value {
        let group = self.group.rsplit(':').next().unwrap().to_owned();
        let balancer = self.world.elb.load_balancers.values().next().unwrap();
        let label = format!("{}/{group}", balancer.dimension());
        self.ok(
            "PutScalingPolicy",
            json!({ "PolicyName": "requests", "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": target,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "ALBRequestCountPerTarget",
                        "ResourceLabel": label } } }),
        )
    }

    fn by_cpu(&mut self, target: f64) {
        self.ok(
            "PutScalingPolicy",
            json!({ "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": target, "ScaleInCooldown": 60,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "ECSServiceAverageCPUUtilization" } } }),
        );
    }
}

#[test]
fn target_tracking_follows_the_load_out_and_in_again() {
    let mut scene = Scene::new(20.0);
    let made = scene.by_requests(700.0);
    assert_eq!(made["Alarms"].as_array().map(Vec::len), Some(2));
    scene.pass(10);
    assert_eq!(
        scene.desired(),
        2,
        "600 a minute on each are fewer than is asked for"
    );
    scene.flow(3.0);
    scene.pass(8);
    assert!((5..=7).contains(&scene.desired()), "{}", scene.desired());
    let told = scene.ok("DescribeScalingActivities", json!({}));
    let cause = told["ScalingActivities"][0]["Cause"].as_str().unwrap();
    assert!(
        cause.contains("AlarmHigh") && cause.contains("requests"),
        "{cause}"
    );
    scene.flow(0.2);
    scene.pass(12);
    assert!(scene.desired() >= 5, "scaling in takes fifteen minutes");
    scene.pass(15);
    assert!(scene.desired() <= 3, "{}", scene.desired());
}

#[test]
fn a_suspended_direction_is_left_alone_until_it_is_resumed() {
    let mut scene = Scene::new(60.0);
    scene.by_cpu(20.0);
    let suspend =
        |state: bool| json!({ "SuspendedState": { "DynamicScalingOutSuspended": state } });
    scene.ok("RegisterScalableTarget", suspend(true));
    scene.pass(15);
    assert_eq!(scene.desired(), 2);
    scene.ok("RegisterScalableTarget", suspend(false));
    scene.pass(2);
    assert_eq!(scene.desired(), 4, "two tasks at 32 % make four at 20 %");
}

#[test]
fn steps_go_by_how_far_somebody_s_alarm_is_breached() {
    let mut scene = Scene::new(60.0);
    let policy = scene.ok(
        "PutScalingPolicy",
        json!({ "PolicyName": "steps", "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity", "Cooldown": 600,
                "StepAdjustments": [
                    { "MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0,
                      "ScalingAdjustment": 1 },
                    { "MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3 } ] } }),
    );
    let alarm = json!({ "AlarmName": "busy", "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60,
        "Dimensions": [{ "Name": "ClusterName", "Value": "demo" },
                       { "Name": "ServiceName", "Value": "shop" }],
        "EvaluationPeriods": 1, "Threshold": 20.0,
        "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [policy["PolicyARN"]] });
    cloudwatch::handle(&mut scene.world, "PutMetricAlarm", &alarm).unwrap();
    scene.pass(5);
    assert_eq!(
        scene.desired(),
        5,
        "12 above the line: the second step, once"
    );
}

#[test]
fn schedules_set_the_bounds_when_they_are_due() {
    let mut scene = Scene::new(1.0);
    let at = |schedule: &str, min: u32| {
        json!({ "ScheduledActionName": schedule, "Schedule": schedule,
            "ScalableTargetAction": { "MinCapacity": min } })
    };
    scene.ok("PutScheduledAction", at("at(2026-03-02T10:24:00)", 4));
    scene.ok("PutScheduledAction", at("cron(28 11 ? 3 MON-FRI *)", 6));
    let mut in_paris = at("cron(31 11 * * ? *)", 7);
    in_paris["Timezone"] = json!("Europe/Paris");
    scene.ok("PutScheduledAction", in_paris);
    scene.pass(2);
    assert_eq!(scene.desired(), 2);
    scene.pass(2);
    assert_eq!(scene.desired(), 4);
    scene.pass(8);
    assert_eq!(scene.desired(), 7, "11:31 in Paris is 10:31 in UTC");
    let suspended = json!({ "SuspendedState": { "ScheduledScalingSuspended": true },
        "MinCapacity": 2 });
    scene.ok("RegisterScalableTarget", suspended);
    scene.pass(65);
    let shown = scene.ok("DescribeScalableTargets", json!({}));
    assert_eq!(shown["ScalableTargets"][0]["MinCapacity"], 2);
    for wrong in [
        "cron(1 2 3)",
        "at(noon)",
        "rate(0 minutes)",
        "cron(61 * * * ? *)",
    ] {
        assert!(
            scene.ask("PutScheduledAction", at(wrong, 1)).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn what_is_deregistered_takes_its_alarms_along() {
    let mut scene = Scene::new(1.0);
    scene.by_cpu(50.0);
    let own = |scene: &Scene| {
        let names = scene.world.cloudwatch.alarms().keys();
        names
            .filter(|name| name.starts_with("TargetTracking-"))
            .count()
    };
    assert_eq!(own(&scene), 2);
    scene.ok("DeregisterScalableTarget", json!({}));
    assert_eq!(own(&scene), 0);
    assert!(scene.world.scaling.policies.is_empty());
}
