//! Services and their deployments: what was asked for, and where the scheduler stands.

use super::{definitions::Definition, events::Events, json::is_set};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// A service's `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStatus {
    /// In use.
    Active,
    /// Deleted, tasks still end.
    Draining,
    /// Gone; the name is free again.
    Inactive,
}

impl ServiceStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// A deployment's `rolloutState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutState {
    /// Tasks are being replaced.
    InProgress,
    /// All tasks run and are healthy.
    Completed,
    /// The circuit breaker gave up on it.
    Failed,
}

impl RolloutState {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// One deployment of a service.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// `ecs-svc/` and digits.
    pub id: String,
    /// Digits of its service revision's ARN.
    pub revision: String,
    /// Id of its service deployment's ARN.
    pub service_deployment: String,
    /// What it runs.
    pub definition: Arc<Definition>,
    /// The service's fields that belong to a deployment, as they were at its start.
    pub settings: Map<String, Value>,
    /// Digests by image reference, resolved once.
    pub digests: BTreeMap<String, String>,
    /// Start.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// When it completed, failed or was replaced.
    pub finished_at: Option<Timestamp>,
    /// Progress.
    pub rollout: RolloutState,
    /// Progress in words.
    pub reason: String,
    /// Consecutive tasks that failed before one was ever healthy.
    pub failed_tasks: u32,
    /// Did one of its tasks ever run and pass its health checks?
    pub proven: bool,
    /// Did it ever complete? A rollback goes to the newest one that did.
    pub completed_once: bool,
}

/// The scheduler's patience with tasks that do not start.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    /// Failures in a row.
    pub failures: u32,
    /// No new task before this.
    pub until: Option<Timestamp>,
}

/// One ECS service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Status.
    pub status: ServiceStatus,
    /// How many tasks are wanted.
    pub desired: u32,
    /// All fields that were asked for and are shown again, known or not.
    pub settings: Map<String, Value>,
    /// Tags, as `{key, value}`.
    pub tags: Vec<Value>,
    /// Creation.
    pub created_at: Timestamp,
    /// The first is PRIMARY, the others ACTIVE.
    pub deployments: Vec<Deployment>,
    /// Those that are over, oldest first.
    pub retired: Vec<Deployment>,
    /// What happened.
    pub events: Events,
    /// The creating request: its client token and its fingerprint.
    pub created_by: Option<(String, u64)>,
    /// Patience with tasks that do not start.
    pub backoff: Backoff,
    /// When "has reached a steady state" was last said.
    pub steady_since: Option<Timestamp>,
}

/// The share of the desired count that a rollout keeps and may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutBounds {
    /// Healthy tasks at least.
    pub at_least: u32,
    /// Tasks at most.
    pub at_most: u32,
}

impl Service {
    /// The deployment that is to win.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.first()
    }

    /// The target groups it registers with: group, container name, container port.
    pub fn load_balancers(&self) -> Vec<(&str, &str, u16)> {
        load_balancers(&self.settings)
    }

    /// How many tasks its rollouts keep and may reach.
    pub fn bounds(&self) -> RolloutBounds {
        let configuration = self.settings.get("deploymentConfiguration");
        let percent = |name: &str, default: u64| {
            configuration
                .and_then(|all| all.get(name)?.as_u64())
                .unwrap_or(default)
        };
        let desired = u64::from(self.desired);
        let share = |tasks: u64| u32::try_from(tasks).unwrap_or(u32::MAX);
        RolloutBounds {
            at_least: share((desired * percent("minimumHealthyPercent", 100)).div_ceil(100)),
            at_most: share(desired * percent("maximumPercent", 200) / 100),
        }
    }

    /// The circuit breaker's settings, if it is on: does it roll back?
    pub fn circuit_breaker(&self) -> Option<CircuitBreaker> {
        let breaker = self
            .settings
            .get("deploymentConfiguration")?
            .get("deploymentCircuitBreaker")?;
        is_set(breaker, "enable").then(|| {
            if is_set(breaker, "rollback") {
                CircuitBreaker::RollBack
            } else {
                CircuitBreaker::Stop
            }
        })
    }

    /// Failed tasks at which the circuit breaker opens: half the desired count, from 3 to 200.
    pub fn failure_threshold(&self) -> u32 {
        self.desired.div_ceil(2).clamp(3, 200)
    }

    /// How long load-balancer health is not judged after a task's start.
    pub fn grace_period(&self) -> jiff::SignedDuration {
        let seconds = self
            .settings
            .get("healthCheckGracePeriodSeconds")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        jiff::SignedDuration::from_secs(seconds)
    }
}

/// What an open circuit breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitBreaker {
    /// No more tasks.
    Stop,
    /// Back to the last completed deployment.
    RollBack,
}

/// The target groups among a service's or deployment's fields.
pub fn load_balancers(settings: &Map<String, Value>) -> Vec<(&str, &str, u16)> {
    settings
        .get("loadBalancers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| {
            Some((
                one.get("targetGroupArn")?.as_str()?,
                one.get("containerName")?.as_str()?,
                one.get("containerPort")?.as_u64()?.try_into().ok()?,
            ))
        })
        .collect()
}

/// The subnets of an `awsvpcConfiguration` among a service's or deployment's fields.
pub fn subnets(settings: &Map<String, Value>) -> Vec<&str> {
    settings
        .get("networkConfiguration")
        .and_then(|network| {
            network
                .get("awsvpcConfiguration")?
                .get("subnets")?
                .as_array()
        })
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
