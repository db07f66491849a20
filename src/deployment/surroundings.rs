//! Everything that planning has to know of AWS before the first change: plain data, collected
//! once by a survey.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::health_check::HealthCheck;
use super::ids::{AlarmName, LoadBalancerArn, RouteArn, Slots, TargetGroupArn, TaskDefinitionArn};
use super::plan::RouteKind;
use crate::judge::alarms::AlarmState;

/// What the survey found. What doesn't exist is `None`; what could not be read fails the survey.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    /// When the survey was made.
    pub now: Timestamp,
    /// The account that the credentials belong to.
    pub account: String,
    /// The region that was asked.
    pub region: String,
    /// When the credentials end, where that is known.
    pub credentials_end: Option<Timestamp>,
    /// Whether the cluster exists and is ACTIVE.
    pub cluster_exists: bool,
    /// Names of some clusters, for the message when it doesn't.
    pub clusters: Vec<String>,
    /// Each slot's service, as DescribeServices prints it (tags included, unknown fields too);
    /// `None` where it is missing or INACTIVE.
    pub services: Slots<Option<Value>>,
    /// Names of some services of the cluster, for the message when one is missing.
    pub service_names: Vec<String>,
    /// Each target group that the config names, by the name or ARN it uses.
    pub groups: BTreeMap<String, Option<GroupFound>>,
    /// Every forward action of the load balancers that use any of those groups.
    pub forwards: Vec<Forward>,
    /// Each task definition that matters, as DescribeTaskDefinition prints it
    /// (`{"taskDefinition": …, "tags": […]}`): both slots' and the one asked for.
    pub task_definitions: BTreeMap<TaskDefinitionArn, Value>,
    /// What the reference of `--task-definition FAMILY[:REV]` stands for.
    pub asked_definition: Option<TaskDefinitionArn>,
    /// Each alarm that the config names, `{slot}` filled in both ways.
    pub alarms: BTreeMap<AlarmName, Option<AlarmFound>>,
    /// Each slot's Application Auto Scaling target: its resource id.
    pub scaling: Slots<Option<String>>,
    /// The digest that each of the live slot's containers runs, where ECS shows it.
    pub running_digests: BTreeMap<String, String>,
    /// The digest that a registry gives for an image reference, where it could be asked (ECR).
    pub registry_digests: BTreeMap<String, String>,
    /// The healthy targets of each group.
    pub healthy: BTreeMap<TargetGroupArn, u32>,
    /// What could not be looked at, though the plan can do without: for the reader of the plan.
    pub notes: Vec<String>,
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFound {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// `ip`, `instance`, `lambda`, `alb`.
    pub target_type: String,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`; empty for Lambda.
    pub protocol: String,
    /// `HTTP1`, `HTTP2`, `GRPC`; empty where that doesn't apply.
    pub protocol_version: String,
    /// Its VPC; empty where that doesn't apply.
    pub vpc: String,
    /// The load balancer that uses it, if any.
    pub load_balancer: Option<LoadBalancerArn>,
    /// `deregistration_delay.timeout_seconds`.
    pub deregistration_delay: Duration,
    /// What it asks of its targets; `None` for Lambda without a check.
    pub health_check: Option<HealthCheck>,
    /// Interval, healthy threshold: how soon a new target can be healthy at the earliest.
    pub healthy_after: Duration,
    /// Whether the group asks for stickiness of its own (`stickiness.enabled`).
    pub sticky: bool,
}

/// A forward action of a listener or a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The listener's or rule's ARN.
    pub arn: RouteArn,
    /// Which of the two.
    pub kind: RouteKind,
    /// The load balancer.
    pub load_balancer: LoadBalancerArn,
    /// The listener's port.
    pub port: u16,
    /// The rule's priority; `None` for a listener's default action.
    pub priority: Option<String>,
    /// The rule's `host-header` values.
    pub hosts: Vec<String>,
    /// The rule's `path-pattern` values.
    pub paths: Vec<String>,
    /// Every group that it names, with its weight.
    pub weights: BTreeMap<TargetGroupArn, u32>,
    /// Its target-group stickiness, where enabled.
    pub sticky: Option<Duration>,
}

impl Forward {
    /// What people call it: `shop:443`, `shop:443 shop.example.com/api/*`.
    pub fn label(&self) -> String {
        let mut label = format!("{}:{}", self.load_balancer.name(), self.port);
        if self.kind == RouteKind::Rule {
            let conditions = format!("{}{}", self.hosts.join("|"), self.paths.join("|"));
            let priority = || format!("rule {}", self.priority.as_deref().unwrap_or("?"));
            label.push(' ');
            label.push_str(&if conditions.is_empty() {
                priority()
            } else {
                conditions
            });
        }
        label
    }
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmFound {
    /// Its state now.
    pub state: AlarmState,
    /// CloudWatch's words on it.
    pub reason: String,
    /// Period × evaluation periods; `None` for composite and log alarms.
    pub notices_after: Option<Duration>,
    /// The metric's name, where it has one.
    pub metric: Option<String>,
}
