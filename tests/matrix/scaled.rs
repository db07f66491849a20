//! Services whose desired count Application Auto Scaling owns.

use serde_json::{Value, json};

use crate::team::Team;
use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("autoscaled by CPU", |team| {
        scaled(team, 2, 6);
        team.policies.push(tracking(
            "cpu",
            json!({
                "TargetValue": 60.0, "ScaleInCooldown": 120, "ScaleOutCooldown": 30,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageCPUUtilization",
                },
            }),
        ));
    }),
    variant("autoscaled by requests for each target", |team| {
        scaled(team, 1, 4);
        team.policies.push(tracking(
            "requests",
            json!({
                "TargetValue": 1000.0, "DisableScaleIn": true,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ALBRequestCountPerTarget",
                    "ResourceLabel": "#web/#shop",
                },
            }),
        ));
    }),
    variant("autoscaled by metric math", |team| {
        scaled(team, 2, 6);
        team.cluster["settings"] = json!([{ "name": "containerInsights", "value": "enabled" }]);
        team.policies.push(tracking(
            "backlog",
            json!({
                "TargetValue": 100.0,
                "CustomizedMetricSpecification": { "Metrics": [
                    { "Id": "waiting", "ReturnData": false, "MetricStat": { "Stat": "Sum",
                        "Metric": { "Namespace": "Shop", "MetricName": "Waiting" } } },
                    { "Id": "tasks", "ReturnData": false, "MetricStat": { "Stat": "Average",
                        "Metric": {
                            "Namespace": "ECS/ContainerInsights",
                            "MetricName": "RunningTaskCount",
                            "Dimensions": [
                                { "Name": "ClusterName", "Value": "demo" },
                                { "Name": "ServiceName", "Value": "shop" },
                            ],
                        } } },
                    { "Id": "each", "Label": "waiting for each task",
                      "Expression": "FILL(waiting, 0) / tasks", "ReturnData": true },
                ] },
            }),
        ));
    }),
    fails_with("autoscaled in steps", "crash", |team| {
        scaled(team, 2, 8);
        team.policies.push(json!({
            "PolicyName": "steps", "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity", "Cooldown": 60,
                "MetricAggregationType": "Average",
                "StepAdjustments": [
                    { "MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0,
                      "ScalingAdjustment": 1 },
                    { "MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 3 },
                ],
            },
        }));
        team.alarms.push(json!({
            "AlarmName": "shop-busy", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
            "Statistic": "Average", "Period": 60, "EvaluationPeriods": 3, "Threshold": 70,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
            "AlarmActions": ["@steps"],
            "Dimensions": [
                { "Name": "ClusterName", "Value": "demo" }, { "Name": "ServiceName", "Value": "shop" },
            ],
        }));
    }),
    variant("autoscaled by the clock", |team| {
        scaled(team, 2, 10);
        let action = |name: &str, schedule: &str, min: u32, max: u32| {
            json!({
                "ScheduledActionName": name, "Schedule": schedule, "Timezone": "Europe/Berlin",
                "ScalableTargetAction": { "MinCapacity": min, "MaxCapacity": max },
            })
        };
        team.schedules = vec![
            action("busy", "cron(0 8 1 1 ? 2098)", 4, 20),
            action("quiet", "cron(0 20 1 1 ? 2098)", 2, 10),
        ];
    }),
    variant("autoscaled by everything, with tags", |team| {
        scaled(team, 2, 5);
        team.scaling["Tags"] = json!({ "team": "checkout" });
        team.scaling["SuspendedState"] = json!({ "ScheduledScalingSuspended": true });
        let predefined = |kind: &str| {
            json!({
                "TargetValue": 75.0,
                "PredefinedMetricSpecification": { "PredefinedMetricType": kind },
            })
        };
        team.policies.push(tracking(
            "cpu",
            predefined("ECSServiceAverageCPUUtilization"),
        ));
        team.policies.push(tracking(
            "memory",
            predefined("ECSServiceAverageMemoryUtilization"),
        ));
        team.schedules.push(json!({
            "ScheduledActionName": "once", "Schedule": "at(2098-01-01T08:00:00)",
            "ScalableTargetAction": { "MinCapacity": 3 },
        }));
    }),
];

pub(crate) fn scaled(team: &mut Team, min: u32, max: u32) {
    team.scaling = json!({ "MinCapacity": min, "MaxCapacity": max });
}

pub(crate) fn tracking(name: &str, configuration: Value) -> Value {
    let mut policy = json!({ "PolicyName": name, "PolicyType": "TargetTrackingScaling" });
    policy["TargetTrackingScalingPolicyConfiguration"] = configuration;
    policy
}
