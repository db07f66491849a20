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

    /// The policy that keeps what these metrics and expressions return at a target.
    fn by_math(&self, target: f64, expressions: &Value) -> Value {
        let group = self.group.rsplit(':').next().unwrap();
        let balancer = self.world.elb.load_balancers.values().next().unwrap();
        let dimensions = |pairs: [(&str, &str); 2]| {
            let pairs = pairs.iter();
            json!(
                pairs
                    .map(|(name, value)| json!({ "Name": name, "Value": value }))
                    .collect::<Vec<_>>()
            )
        };
        let balancer = balancer.dimension();
        let mut metrics = vec![
            json!({ "Id": "requests", "ReturnData": false, "MetricStat": { "Stat": "Sum", "Metric": {
                "Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount",
                "Dimensions": dimensions([("LoadBalancer", balancer), ("TargetGroup", group)]) } } }),
            json!({ "Id": "tasks", "ReturnData": false, "MetricStat": { "Stat": "Average", "Metric": {
                "Namespace": "ECS/ContainerInsights", "MetricName": "RunningTaskCount",
                "Dimensions": dimensions([("ClusterName", "demo"), ("ServiceName", "shop")]) } } }),
        ];
        metrics.extend(expressions.as_array().unwrap().clone());
        json!({ "PolicyName": "math", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": target,
                "CustomizedMetricSpecification": { "Metrics": metrics } } })
    }

    fn own_alarms(&mut self) -> Vec<Value> {
        let asked = json!({ "AlarmNamePrefix": "TargetTracking-" });
        let shown = cloudwatch::handle(&mut self.world, "DescribeAlarms", &asked).unwrap();
        shown["MetricAlarms"].as_array().unwrap().clone()
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
fn target_tracking_by_metric_math_follows_what_comes_out_of_it() {
    let mut scene = Scene::new(20.0);
    let insights = json!([{ "name": "containerInsights", "value": "enabled" }]);
    let cluster = scene.world.ecs.clusters.get_mut("demo").unwrap();
    cluster.settings.insert("settings".to_owned(), insights);
    let policy = scene.by_math(
        700.0,
        &json!([
            { "Id": "all", "Expression": "SUM(FILL(METRICS(\"req\"), 0))", "ReturnData": false },
            { "Id": "each", "Label": "a task's", "Expression": "IF(tasks > 0, all / tasks, 0)" },
        ]),
    );
    scene.ok("PutScalingPolicy", policy.clone());
    let shown = scene.ok("DescribeScalingPolicies", json!({}));
    let kept = "TargetTrackingScalingPolicyConfiguration";
    assert_eq!(shown["ScalingPolicies"][0][kept], policy[kept]);
    let alarms = scene.own_alarms();
    assert_eq!(alarms.len(), 2);
    for alarm in alarms {
        assert!(alarm.get("MetricName").is_none(), "{alarm}");
        assert!(alarm.get("Dimensions").is_none(), "{alarm}");
        assert_eq!(alarm["Metrics"][0]["MetricStat"]["Period"], 60);
        assert_eq!(alarm["Metrics"][3]["Label"], "a task's");
    }
    scene.pass(10);
    assert_eq!(scene.desired(), 2, "600 a minute on each");
    scene.flow(3.0);
    scene.pass(8);
    assert!((5..=7).contains(&scene.desired()), "{}", scene.desired());
    scene.flow(0.2);
    scene.pass(30);
    assert!(scene.desired() <= 3, "{}", scene.desired());
}

#[test]
fn metric_math_that_is_not_played_is_refused_and_named() {
    let mut scene = Scene::new(1.0);
    let one = |expression: &str| json!([{ "Id": "e", "Expression": expression }]);
    for (expressions, told) in [
        (
            one("ANOMALY_DETECTION_BAND(requests)"),
            "Unknown function 'ANOMALY_DETECTION_BAND': played here are FILL, IF,",
        ),
        (one("requests / instances"), "Unknown metric id 'instances'"),
        (one("requests /"), "the expression's end"),
        (one("METRICS()"), "a list of time series"),
        (json!([]), "Exactly one element"),
        (
            json!([{ "Id": "e", "Expression": "1 * requests" },
                   { "Id": "f", "Expression": "2 * requests" }]),
            "Exactly one element",
        ),
        (one("e + 1"), "in a circle"),
    ] {
        let policy = scene.by_math(700.0, &expressions);
        let refused = scene.ask("PutScalingPolicy", policy).unwrap_err();
        assert!(refused.starts_with("ValidationException"), "{refused}");
        assert!(refused.contains(told), "{refused}");
    }
    let mut both = scene.by_math(700.0, &one("requests / tasks"));
    let metric = &mut both["TargetTrackingScalingPolicyConfiguration"];
    metric["CustomizedMetricSpecification"]["MetricName"] = json!("Queue");
    let refused = scene.ask("PutScalingPolicy", both).unwrap_err();
    assert!(
        refused.contains("MetricName exclude each other"),
        "{refused}"
    );
    assert!(scene.world.scaling.policies.is_empty());
    assert!(scene.own_alarms().is_empty());
}

#[test]
fn a_policy_that_no_longer_scales_in_takes_its_low_alarm_back() {
    let mut scene = Scene::new(1.0);
    let mut policy = scene.by_math(
        9.0,
        &json!([{ "Id": "e", "Expression": "requests / tasks" }]),
    );
    scene.ok("PutScalingPolicy", policy.clone());
    assert_eq!(scene.own_alarms().len(), 2);
    policy["TargetTrackingScalingPolicyConfiguration"]["DisableScaleIn"] = json!(true);
    scene.ok("PutScalingPolicy", policy);
    let left = scene.own_alarms();
    assert_eq!(left.len(), 1, "{left:?}");
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
