//! Parts of what a team makes, with what most of them have.

use serde_json::{Value, json};

pub(crate) fn container(name: &str, port: u16) -> Value {
    json!({
        "name": name, "image": format!("{name}:v1"), "essential": true,
        "portMappings": [{ "containerPort": port, "protocol": "tcp" }],
    })
}

pub(crate) fn balancer(name: &str, kind: &str) -> Value {
    let subnets = ["subnet-0a000000000000001", "subnet-0b000000000000002"];
    json!({ "Name": name, "Type": kind, "Subnets": subnets })
}

/// Checked often, so that nobody waits for it, and drained soon.
pub(crate) fn group(name: &str, port: u16) -> Value {
    json!({
        "Name": name, "Protocol": "HTTP", "Port": port, "VpcId": "vpc-1", "TargetType": "ip",
        "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
        "Attributes": { "deregistration_delay.timeout_seconds": "30" },
    })
}

/// One called after its port, that forwards to a group.
pub(crate) fn listener(balancer: &str, port: u16, protocol: &str, group: &str) -> Value {
    json!({
        "Called": port.to_string(), "LoadBalancerArn": format!("@{balancer}"),
        "Protocol": protocol, "Port": port, "DefaultActions": [forward(group)],
    })
}

pub(crate) fn forward(group: &str) -> Value {
    json!({ "Type": "forward", "TargetGroupArn": format!("@{group}") })
}

/// A rule of the listener on a port; a condition is `{ "Field": ... }` as AWS has it.
pub(crate) fn rule(port: u16, priority: u32, conditions: Value, actions: Value) -> Value {
    let mut rule = json!({ "ListenerArn": format!("@{port}"), "Priority": priority });
    rule["Conditions"] = conditions;
    rule["Actions"] = actions;
    rule
}

pub(crate) fn registered(group: &str, container: &str, port: u16) -> Value {
    json!({ "targetGroupArn": format!("@{group}"), "containerName": container, "containerPort": port })
}
