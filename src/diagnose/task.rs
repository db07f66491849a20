//! Tasks as DescribeTasks shows them.

use jiff::{SignedDuration, Timestamp};

use super::definition::Definition;
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

    /// The container that ended it. `definition` says which are essential: where the task ended
    /// with a container, no other can have been the one.
    pub fn culprit(&self, definition: Option<&Definition>) -> Option<&TaskContainer> {
        let is_essential = |name: &str| {
            let container = definition.and_then(|it| it.container(name));
            container.is_none_or(|it| it.is_essential())
        };
        let ended_with_one = self.stop_code == "EssentialContainerExited";
        let least_likely = |it: &&TaskContainer| {
            (
                ended_with_one && !is_essential(&it.name),
                it.reason.is_empty(),
                it.end(),
            )
        };
        self.containers.iter().min_by_key(least_likely)
    }
}

/// How a container ended, the likeliest first of those that end a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// An error of its own.
    Failed,
    /// 137: by the kernel, or by ECS where it did not end on SIGTERM.
    Killed,
    /// 0: by itself, or in good order once another had ended.
    Done,
    /// 143: as ECS ends what is left once another has ended.
    Terminated,
    /// It never ran, or still does.
    Unknown,
}

impl TaskContainer {
    fn end(&self) -> End {
        match self.exit_code {
            None => End::Unknown,
            Some(0) => End::Done,
            Some(137) => End::Killed,
            Some(143) => End::Terminated,
            Some(_) => End::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    /// A task that ended with these containers: their names, exit codes and reasons.
    fn ended(code: &str, containers: &[(&str, Option<i32>, &str)]) -> Task {
        let containers = containers.iter().map(|(name, exit_code, reason)| {
            let (name, reason) = ((*name).to_owned(), (*reason).to_owned());
            TaskContainer {
                name,
                exit_code: *exit_code,
                reason,
                ..TaskContainer::default()
            }
        });
        Task {
            stop_code: code.to_owned(),
            stopped_at: Some(Timestamp::UNIX_EPOCH),
            containers: containers.collect(),
            ..Task::default()
        }
    }

    fn blamed(task: &Task) -> &str {
        let containers = json!([
            { "name": "app" },
            { "name": "envoy", "essential": true },
            { "name": "helper", "essential": false },
        ]);
        let definition = Definition {
            arn: TaskDefinitionArn::new("shop:7"),
            body: json!({ "containerDefinitions": containers }),
        };
        &task.culprit(Some(&definition)).unwrap().name
    }

    #[test]
    fn a_task_ended_with_the_container_that_was_not_told_to_end() {
        for code in [0, 1, 137, 139] {
            let task = ended(
                "EssentialContainerExited",
                &[("app", Some(143), ""), ("envoy", Some(code), "")],
            );
            assert_eq!(blamed(&task), "envoy", "{code}");
        }
        let others = [("app", Some(0), ""), ("envoy", Some(137), "")];
        assert_eq!(blamed(&ended("EssentialContainerExited", &others)), "envoy");
        let others = [("app", Some(137), ""), ("envoy", Some(1), "")];
        assert_eq!(blamed(&ended("EssentialContainerExited", &others)), "envoy");
    }

    #[test]
    fn only_an_essential_container_ends_a_task_by_its_exit() {
        let others = [
            ("helper", Some(1), "OutOfMemoryError"),
            ("app", Some(0), ""),
        ];
        let task = ended("EssentialContainerExited", &others);
        assert_eq!(blamed(&task), "app");
        assert_eq!(task.culprit(None).unwrap().name, "helper");
        let reason = "CannotPullContainerError: no such image";
        let others = [("app", None, ""), ("helper", None, reason)];
        assert_eq!(blamed(&ended("TaskFailedToStart", &others)), "helper");
    }
}
