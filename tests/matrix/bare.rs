//! Workers without a load balancer, and services that are found in Cloud Map.

use serde_json::{Value, json};

use crate::scaled::{scaled, tracking};
use crate::team::Team;
use crate::{Variant, fails_with, unwilling, variant};

/// What people write into the config, where both slots may be found at once.
const CONSENT: (&str, &str) = ("# discovery: shared", "discovery: shared");

pub(crate) const VARIANTS: &[Variant] = &[
    fails_with("a worker", "crash", worker),
    variant("a worker with a health check", |team| {
        worker(team);
        team.app()["healthCheck"] = json!({
            "command": ["CMD-SHELL", "test -e /tmp/well"], "interval": 10, "timeout": 3,
            "retries": 2, "startPeriod": 5,
        });
    }),
    fails_with("a worker, autoscaled", "crash", |team| {
        worker(team);
        scaled(team, 2, 6);
        team.scaling["Tags"] = json!({ "team": "mail" });
        let cpu = json!({
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization",
            },
        });
        team.policies.push(tracking("cpu", cpu));
        team.schedules.push(json!({
            "ScheduledActionName": "busy", "Schedule": "cron(0 8 1 1 ? 2098)",
            "ScalableTargetAction": { "MinCapacity": 4 },
        }));
    }),
    fails_with("a worker in Cloud Map", "crash", |team| {
        worker(team);
        in_cloud_map(team);
        team.edits.push(CONSENT);
    }),
    variant("in Cloud Map, behind a load balancer", |team| {
        let ports = json!([{ "Type": "SRV", "TTL": 10 }]);
        team.registries.push(registry(&ports));
        team.service["serviceRegistries"] = json!([
            { "registryArn": "@found", "containerName": "app", "containerPort": 8080 },
        ]);
        team.edits.push(CONSENT);
    }),
    unwilling(
        "in Cloud Map without consent",
        "discovery: shared",
        in_cloud_map,
    ),
    unwilling(
        "a worker in Cloud Map without consent",
        "discovery: shared",
        |team| {
            worker(team);
            in_cloud_map(team);
        },
    ),
];

/// Nobody asks it anything.
fn worker(team: &mut Team) {
    team.bare();
    team.app()["portMappings"] = json!([]);
}

fn in_cloud_map(team: &mut Team) {
    let addresses = json!([{ "Type": "A", "TTL": 10 }]);
    team.registries.push(registry(&addresses));
    team.service["serviceRegistries"] = json!([{ "registryArn": "@found" }]);
}

fn registry(records: &Value) -> Value {
    json!({
        "Name": "found", "Description": "by others",
        "DnsConfig": { "RoutingPolicy": "MULTIVALUE", "DnsRecords": records },
        "HealthCheckCustomConfig": { "FailureThreshold": 1 },
    })
}
