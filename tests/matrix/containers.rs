//! What a task is made of.

use serde_json::json;

use crate::parts::container;
use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("sidecars", |team| {
        let proxy = json!({
            "name": "envoy", "image": "envoy:v1", "essential": true, "user": "1337",
            "healthCheck": { "command": ["CMD-SHELL", "curl -s localhost:9901/ready"],
                             "interval": 5, "timeout": 2, "retries": 3, "startPeriod": 10 },
        });
        let migrations = json!({
            "name": "migrate", "image": "app:v1", "essential": false,
            "entryPoint": ["sh", "-c"], "command": ["true"],
        });
        let agent = json!({
            "name": "agent", "image": "agent:v7", "essential": false, "cpu": 32,
            "memoryReservation": 64, "dockerLabels": { "com.example.role": "agent" },
        });
        team.app()["dependsOn"] = json!([{ "containerName": "envoy", "condition": "HEALTHY" }]);
        let all = team.definition["containerDefinitions"].as_array_mut();
        all.expect("a list").extend([proxy, migrations, agent]);
    }),
    variant("logs through firelens", |team| {
        team.app()["logConfiguration"] = json!({
            "logDriver": "awsfirelens",
            "options": { "Name": "datadog", "Host": "http-intake.logs.datadoghq.eu", "TLS": "on" },
            "secretOptions": [{
                "name": "apikey",
                "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:datadog-AbCdEf",
            }],
        });
        let router = json!({
            "name": "log-router", "image": "fluent-bit:v2", "essential": true,
            "firelensConfiguration": {
                "type": "fluentbit", "options": { "enable-ecs-log-metadata": "true" },
            },
        });
        let all = team.definition["containerDefinitions"].as_array_mut();
        all.expect("a list").push(router);
        team.definition["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/execution");
    }),
    variant("secrets and environment", |team| {
        team.app()["secrets"] = json!([
            { "name": "DB", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:url::" },
            { "name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key" },
        ]);
        team.app()["environment"] =
            json!([{ "name": "STAGE", "value": "prod" }, { "name": "EMPTY", "value": "" }]);
        team.app()["environmentFiles"] =
            json!([{ "value": "arn:aws:s3:::shop-config/prod.env", "type": "s3" }]);
        team.app()["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
            "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "app",
            "mode": "non-blocking", "max-buffer-size": "25m",
        } });
        team.definition["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/execution");
    }),
    variant("arm64", |team| {
        team.definition["runtimePlatform"] =
            json!({ "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" });
    }),
    variant("ephemeral storage", |team| {
        team.definition["ephemeralStorage"] = json!({ "sizeInGiB": 100 });
    }),
    fails_with("a hardened container", "oom", |team| {
        let app = team.app();
        app["readonlyRootFilesystem"] = json!(true);
        app["user"] = json!("1000:1000");
        app["ulimits"] = json!([{ "name": "nofile", "softLimit": 65536, "hardLimit": 65536 }]);
        app["stopTimeout"] = json!(5);
        app["linuxParameters"] = json!({
            "initProcessEnabled": true, "capabilities": { "drop": ["ALL"] },
        });
        app["restartPolicy"] = json!({ "enabled": false });
        app["versionConsistency"] = json!("enabled");
    }),
    variant("an EFS volume", |team| {
        team.definition["volumes"] = json!([{ "name": "media", "efsVolumeConfiguration": {
            "fileSystemId": "fs-0123456789abcdef0", "rootDirectory": "/",
            "transitEncryption": "ENABLED",
            "authorizationConfig": { "accessPointId": "fsap-0123456789abcdef0", "iam": "ENABLED" },
        } }]);
        team.app()["mountPoints"] =
            json!([{ "sourceVolume": "media", "containerPath": "/media", "readOnly": true }]);
    }),
    variant("a container health check", |team| {
        team.app()["healthCheck"] = json!({
            "command": ["CMD", "/bin/healthy"], "interval": 10, "timeout": 5, "retries": 2,
            "startPeriod": 5,
        });
    }),
    variant(
        "shared namespaces and several ports of one container",
        |team| {
            team.definition["pidMode"] = json!("task");
            team.app()["portMappings"] = json!([
                { "containerPort": 8080, "protocol": "tcp", "name": "web", "appProtocol": "http" },
                { "containerPort": 9090, "protocol": "tcp", "name": "metrics" },
            ]);
            let all = team.definition["containerDefinitions"].as_array_mut();
            all.expect("a list").push(container("cache", 6379));
        },
    ),
];
