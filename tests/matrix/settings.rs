//! What a service has beside its tasks: deployment configuration, tags, network, volumes.

use serde_json::json;

use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("a circuit breaker that rolls back", |team| {
        team.service["deploymentConfiguration"] =
            json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
    }),
    fails_with("a circuit breaker that stops", "crash", |team| {
        team.service["deploymentConfiguration"] =
            json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false } });
    }),
    variant("minimum and maximum percent", |team| {
        team.service["deploymentConfiguration"] =
            json!({ "minimumHealthyPercent": 50, "maximumPercent": 150 });
    }),
    variant("deployment alarms", |team| {
        team.alarms.push(json!({
            "AlarmName": "shop-5xx", "Namespace": "AWS/ApplicationELB",
            "MetricName": "HTTPCode_Target_5XX_Count", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 2, "Threshold": 10, "TreatMissingData": "notBreaching",
            "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [
                { "Name": "LoadBalancer", "Value": "#web" },
                { "Name": "TargetGroup", "Value": "#shop" },
            ],
        }));
        team.service["deploymentConfiguration"] = json!({
            "alarms": { "alarmNames": ["shop-5xx"], "enable": true, "rollback": true },
        });
    }),
    variant("tags that tasks get from the service", |team| {
        team.service["tags"] = json!([
            { "key": "team", "value": "checkout" }, { "key": "cost/centre", "value": "" },
        ]);
        team.service["propagateTags"] = json!("SERVICE");
        team.service["enableECSManagedTags"] = json!(true);
    }),
    variant("tags that tasks get from the task definition", |team| {
        team.definition["tags"] = json!([{ "key": "team", "value": "checkout" }]);
        team.service["tags"] = json!([{ "key": "owner", "value": "shop" }]);
        team.service["propagateTags"] = json!("TASK_DEFINITION");
    }),
    variant("availability zone rebalancing off", |team| {
        team.service["availabilityZoneRebalancing"] = json!("DISABLED");
    }),
    variant("availability zone rebalancing on", |team| {
        team.service["availabilityZoneRebalancing"] = json!("ENABLED");
    }),
    variant("a health check grace period", |team| {
        team.service["healthCheckGracePeriodSeconds"] = json!(45);
    }),
    variant("exec enabled", |team| {
        team.service["enableExecuteCommand"] = json!(true);
        team.definition["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/shop");
    }),
    variant("a client of service connect", |team| {
        team.service["serviceConnectConfiguration"] = json!({
            "enabled": true, "namespace": "internal",
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/shop/connect", "awslogs-region": "eu-west-1",
            } },
        });
    }),
    variant("an EBS volume for each task", |team| {
        team.definition["volumes"] = json!([{ "name": "data", "configuredAtLaunch": true }]);
        team.app()["mountPoints"] =
            json!([{ "sourceVolume": "data", "containerPath": "/data", "readOnly": false }]);
        team.service["volumeConfigurations"] = json!([{ "name": "data", "managedEBSVolume": {
            "sizeInGiB": 20, "volumeType": "gp3", "iops": 3000, "encrypted": true,
            "filesystemType": "xfs",
            "roleArn": "arn:aws:iam::123456789012:role/ecsInfrastructureRole",
            "tagSpecifications": [
                { "resourceType": "volume", "propagateTags": "SERVICE" },
            ],
        } }]);
    }),
    fails_with("public addresses in three subnets", "missing", |team| {
        team.service["networkConfiguration"]["awsvpcConfiguration"] = json!({
            "subnets": [
                "subnet-0c000000000000003", "subnet-0a000000000000001", "subnet-0b000000000000002",
            ],
            "securityGroups": ["sg-0c0c0c0c0c0c0c0c0", "sg-0b0b0b0b0b0b0b0b0"],
            "assignPublicIp": "ENABLED",
        });
        let subnets = [
            "subnet-0a000000000000001",
            "subnet-0b000000000000002",
            "subnet-0c000000000000003",
        ];
        team.balancers[0]["Subnets"] = json!(subnets);
    }),
    variant("metrics at a higher resolution", |team| {
        team.service["monitoring"] = json!({ "metricConfigurations": [
            { "metricNames": ["CPUUtilization", "MemoryUtilization"], "resolutionSeconds": 20 },
        ] });
    }),
    variant("a single task", |team| {
        team.service["desiredCount"] = json!(1);
    }),
];
