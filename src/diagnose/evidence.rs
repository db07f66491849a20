//! What was collected of a service, a task, and what they depend on.

use std::time::Duration;

use jiff::Timestamp;

use super::definition::Definition;
use super::task::Task;
use crate::deployment::health_check::HealthCheck;
use crate::deployment::ids::{ClusterName, LoadBalancerArn, TargetGroupArn};

/// Everything that was collected. What could not be read is named in `failures`.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// When.
    pub now: Timestamp,
    /// Where.
    pub cluster: ClusterName,
    /// The task that was asked about, where it was one.
    pub asked_task: Option<String>,
    /// Since when something other than AWS says that it is unwell: its log is read although AWS
    /// shows nothing wrong.
    pub suspected_since: Option<Timestamp>,
    /// The service; `None` for a task outside any, or where it can't be read.
    pub service: Option<Service>,
    /// What its primary deployment, or the task, runs.
    pub definition: Option<Definition>,
    /// Stopped and running tasks, the newest first.
    pub tasks: Vec<Task>,
    /// The target groups that it registers with.
    pub groups: Vec<Group>,
    /// The last lines of the containers that failed, or that run and don't answer.
    pub logs: Vec<LogTail>,
    /// What autoscaling may do with it.
    pub scaling: Option<Scaling>,
    /// The calls of the collecting itself that failed.
    pub failures: Vec<CallFailure>,
}

/// An ECS service as DescribeServices shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// ACTIVE, DRAINING or INACTIVE.
    pub status: String,
    /// Tasks asked for.
    pub desired: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that start.
    pub pending: u32,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// FARGATE, EC2 or EXTERNAL; empty with capacity providers.
    pub launch_type: String,
    /// Its capacity providers.
    pub capacity_providers: Vec<String>,
    /// How long target health isn't judged after a task's start.
    pub grace: Duration,
    /// `minimumHealthyPercent`.
    pub min_percent: u32,
    /// `maximumPercent`.
    pub max_percent: u32,
    /// The primary one first.
    pub deployments: Vec<Deployment>,
    /// The newest first.
    pub events: Vec<ServiceEvent>,
    /// Where its tasks are registered as targets.
    pub registrations: Vec<Registration>,
    /// Registries of service discovery.
    pub registries: Vec<String>,
    /// Its tasks' network; `None` where they use their instance's.
    pub network: Option<Network>,
    /// Whether ECS Exec is on.
    pub execute_command: bool,
    /// Placement constraints, as `distinctInstance` or `memberOf EXPRESSION`.
    pub constraints: Vec<String>,
}

/// One deployment of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// PRIMARY or ACTIVE.
    pub status: String,
    /// What it runs.
    pub definition: String,
    /// Tasks that failed.
    pub failed: u32,
    /// IN_PROGRESS, COMPLETED or FAILED.
    pub rollout: String,
    /// ECS's words on that.
    pub reason: String,
    /// When it began.
    pub created_at: Option<Timestamp>,
}

/// One sentence of ECS about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// When.
    pub at: Timestamp,
    /// The sentence.
    pub text: String,
}

/// An entry of a service's `loadBalancers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The target group.
    pub group: TargetGroupArn,
    /// The container.
    pub container: String,
    /// Its port.
    pub port: u16,
}

/// The network of a service's tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// Whether tasks get a public address.
    pub public_ip: bool,
}

/// A target group and who forwards to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Whether it exists; `None` where that can't be read.
    pub exists: Option<bool>,
    /// How health is checked; `None` where that isn't, or can't be read.
    pub check: Option<HealthCheck>,
    /// Between two checks.
    pub interval: Duration,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_after: u32,
    /// Passes in a row that make a target healthy.
    pub healthy_after: u32,
    /// How long a deregistered target drains.
    pub deregistration_delay: Duration,
    /// The load balancer that uses it.
    pub load_balancer: Option<LoadBalancerArn>,
    /// The zones that are enabled there; empty where that can't be read.
    pub zones: Vec<String>,
    /// Listeners and rules that name it, each with its weight; `None` where they can't be read.
    pub forwards: Option<Vec<(String, u32)>>,
    /// Its targets; `None` where they can't be read.
    pub targets: Option<Vec<Target>>,
}

/// A target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Its address or instance.
    pub id: String,
    /// Its port.
    pub port: u16,
    /// Its zone, where it is known.
    pub zone: String,
    /// healthy, unhealthy, initial, unused, draining, unavailable …
    pub state: String,
    /// `Target.Timeout` …
    pub reason: String,
    /// The load balancer's words.
    pub description: String,
}

/// The last log lines of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// Whose task.
    pub task: String,
    /// Whose.
    pub container: String,
    /// What could be read.
    pub read: LogRead,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// What it says.
    pub text: String,
}

/// What could be read of a container's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRead {
    /// The last lines, oldest first; those that look as if they held a secret are masked.
    Lines(Vec<LogLine>),
    /// They go elsewhere: this driver.
    Elsewhere(String),
    /// No driver is set.
    Nowhere,
}

/// A scalable target of Application Auto Scaling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scaling {
    /// The least.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// Whether scaling out is suspended.
    pub out_suspended: bool,
    /// What it did, or didn't, the newest first.
    pub activities: Vec<ScalingActivity>,
}

/// What autoscaling did, or didn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingActivity {
    /// When.
    pub at: Timestamp,
    /// What.
    pub description: String,
    /// Why.
    pub cause: String,
    /// Why it did not scale: `AlreadyAtMaxCapacity` …
    pub not_scaled: Vec<String>,
}

/// A call of the collecting that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// The call as IAM names it.
    pub operation: String,
    /// Whether the caller isn't allowed to make it.
    pub denied: bool,
    /// Whether it failed for want of the cluster.
    pub no_cluster: bool,
    /// What was not read for that.
    pub missing: String,
    /// In words.
    pub message: String,
}

impl Evidence {
    /// Nothing collected yet.
    pub fn new(cluster: ClusterName, now: Timestamp) -> Evidence {
        Evidence {
            now,
            cluster,
            asked_task: None,
            suspected_since: None,
            service: None,
            definition: None,
            tasks: Vec::new(),
            groups: Vec::new(),
            logs: Vec::new(),
            scaling: None,
            failures: Vec::new(),
        }
    }

    /// Whether its tasks run on Fargate.
    pub fn is_fargate(&self) -> bool {
        let by_service = self.service.as_ref().is_some_and(|service| {
            service.launch_type == "FARGATE"
                || service
                    .capacity_providers
                    .iter()
                    .any(|provider| provider.starts_with("FARGATE"))
        });
        by_service || self.tasks.iter().any(|task| task.launch_type == "FARGATE")
    }
}

impl Service {
    /// The deployment that is to win.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.status == "PRIMARY")
    }
}

impl Group {
    /// A group of which nothing is known but its ARN.
    pub fn unknown(arn: TargetGroupArn) -> Group {
        Group {
            arn,
            exists: None,
            check: None,
            interval: Duration::from_secs(30),
            unhealthy_after: 2,
            healthy_after: 5,
            deregistration_delay: Duration::from_secs(300),
            load_balancer: None,
            zones: Vec::new(),
            forwards: None,
            targets: None,
        }
    }

    /// Targets in that state.
    pub fn in_state<'a>(&'a self, state: &'a str) -> impl Iterator<Item = &'a Target> {
        let targets = self.targets.iter().flatten();
        targets.filter(move |target| target.state == state)
    }
}
