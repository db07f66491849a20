//! Tasks as DescribeTasks shows them.

use jiff::{SignedDuration, Timestamp};

use crate::deployment::ids::TaskDefinitionArn;

/// One task, running or stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What it runs.
    pub definition: Option<TaskDefinitionArn>,
    /// The service that it is of; none where it was started by itself.
    pub service: Option<String>,
    /// The deployment that started it, or whatever its starter said.
    pub started_by: String,
    /// RUNNING, PENDING, STOPPED …
    pub last_status: String,
    /// Whether it is to run.
    pub wanted: bool,
    /// HEALTHY, UNHEALTHY or UNKNOWN, by container health checks.
    pub health: String,
    /// ECS's `stopCode`; empty while it runs.
    pub stop_code: String,
    /// ECS's `stoppedReason`.
    pub stopped_reason: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it reached RUNNING.
    pub started_at: Option<Timestamp>,
    /// When it was told to stop.
    pub stopping_at: Option<Timestamp>,
    /// When its processes were gone.
    pub execution_stopped_at: Option<Timestamp>,
    /// When it reached STOPPED.
    pub stopped_at: Option<Timestamp>,
    /// Its availability zone.
    pub zone: String,
    /// Its own address, where it has one.
    pub address: Option<String>,
    /// FARGATE, EC2 or EXTERNAL.
    pub launch_type: String,
    /// Fargate's platform version: `1.4.0`; empty elsewhere.
    pub platform_version: String,
    /// Whether ECS Exec was on when it was made.
    pub execute_command: bool,
    /// Its containers.
    pub containers: Vec<TaskContainer>,
}

/// One container of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskContainer {
    /// Its name.
    pub name: String,
    /// Its exit code, once it has one.
    pub exit_code: Option<i32>,
    /// ECS's reason, where it gave one.
    pub reason: String,
    /// HEALTHY, UNHEALTHY or UNKNOWN.
    pub health: String,
    /// Ports of its host that lead to it, where it has no address of its own.
    pub ports: Vec<u16>,
    /// Agents that ECS runs beside it, such as ECS Exec's.
    pub agents: Vec<Agent>,
}

/// An agent that ECS runs in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// RUNNING, STOPPED …
    pub status: String,
    /// Why it isn't running.
    pub reason: String,
}

impl Task {
    /// Whether it is over, or about to be.
    pub fn is_stopped(&self) -> bool {
        !self.stop_code.is_empty() || !self.stopped_reason.is_empty()
    }

    /// Whether any of its containers ran.
    pub fn has_begun(&self) -> bool {
        let mut containers = self.containers.iter();
        self.started_at.is_some() || containers.any(|it| it.exit_code.is_some())
    }

    /// Whether it ended otherwise than because somebody wanted that.
    pub fn has_failed(&self) -> bool {
        match self.stop_code.as_str() {
            "" => !self.stopped_reason.is_empty() && !self.wanted,
            "UserInitiated" => false,
            "ServiceSchedulerInitiated" => self.stopped_reason.contains("failed"),
            _ => true,
        }
    }

    /// Whether ECS stopped it because a target group found it unhealthy.
    pub fn failed_target_health(&self) -> bool {
        self.stopped_reason.contains("failed ELB health checks")
    }

    /// Whether ECS stopped it because a container's own check failed.
    pub fn failed_container_health(&self) -> bool {
        self.stopped_reason
            .contains("failed container health checks")
    }

    /// When it ended, or was told to.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.stopping_at.or(self.stopped_at)
    }

    /// How long it ran before it ended by itself or was told to stop.
    pub fn ran_for(&self) -> Option<SignedDuration> {
        let end = [self.stopping_at, self.execution_stopped_at, self.stopped_at];
        let end = end.into_iter().flatten().min()?;
        Some(end.duration_since(self.started_at?))
    }

    /// The container that ended it: one with a reason, or with an exit code that isn't 0, before
    /// any other.
    pub fn culprit(&self) -> Option<&TaskContainer> {
        let worst = |container: &&TaskContainer| {
            let code = container.exit_code.unwrap_or(0);
            // What ECS itself stopped once another had ended has 143 or 137.
            (
                container.reason.is_empty(),
                code == 0,
                matches!(code, 143 | 137),
            )
        };
        self.containers.iter().min_by_key(worst)
    }
}
