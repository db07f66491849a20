//! Tasks and their life: PROVISIONING → PENDING → ACTIVATING → RUNNING → DEACTIVATING →
//! STOPPING → DEPROVISIONING → STOPPED.
//!
//! A task moves by itself (it starts, its process ends); the service scheduler only asks it to
//! stop. Durations are drawn from ranges that are usual on Fargate.

use super::{
    Ctx,
    definitions::Definition,
    dependencies::{self, Dependencies},
};
use crate::sandbox::world::{app::Behaviour, elb::TargetId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::{ops::RangeInclusive, sync::Arc};

// Seconds that each stretch takes. Together a good task needs 20 to 30 s to RUNNING.
pub(super) const PROVISIONING: RangeInclusive<i64> = 8..=12;
const PULLING: RangeInclusive<i64> = 10..=15;
const PULL_RETRIES: RangeInclusive<i64> = 10..=20;
const ACTIVATING: RangeInclusive<i64> = 2..=3;
const NOTICING_AN_EXIT: RangeInclusive<i64> = 2..=4;
const SIGTERM: RangeInclusive<i64> = 1..=3;
const DEPROVISIONING: RangeInclusive<i64> = 5..=10;
/// How long containers may wait for each other, as long as nobody says otherwise.
const WAITS_FOR_OTHERS: SignedDuration = SignedDuration::from_hours(3);
/// How long ECS still shows a stopped task.
const SHOWN_AFTER_STOP: SignedDuration = SignedDuration::from_hours(1);

/// A task's `lastStatus`, in the order of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskStatus {
    /// The network interface is made.
    Provisioning,
    /// The image is pulled.
    Pending,
    /// Containers start.
    Activating,
    /// Containers run.
    Running,
    /// Its targets drain.
    Deactivating,
    /// Containers got SIGTERM.
    Stopping,
    /// The network interface goes.
    Deprovisioning,
    /// Over.
    Stopped,
}

impl TaskStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// A task's `stopCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCode {
    /// Never ran.
    TaskFailedToStart,
    /// A process ended.
    EssentialContainerExited,
    /// Somebody called StopTask.
    UserInitiated,
    /// The service scheduler replaced it or scaled in.
    ServiceSchedulerInitiated,
    /// AWS took Spot capacity back.
    SpotInterruption,
    /// Its instance goes away.
    TerminationNotice,
}

impl StopCode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
            Self::TerminationNotice => "TerminationNotice",
        }
    }
}

/// Why a task stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The kind.
    pub code: StopCode,
    /// The sentence.
    pub reason: String,
    /// Since when it was to stop.
    pub at: Timestamp,
}

/// A container of a task.
#[derive(Debug, Clone)]
pub struct TaskContainer {
    /// Name in the task definition.
    pub name: String,
    /// Image reference as in the task definition.
    pub image: String,
    /// What the reference resolved to.
    pub digest: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// Ports: the container's, and the one at which the task's address answers.
    pub ports: Vec<(u16, u16)>,
    /// Random id.
    pub id: String,
    /// Set once its process has ended.
    pub exit_code: Option<i32>,
    /// What ECS says about its end.
    pub reason: Option<String>,
    /// How it behaves.
    pub behaviour: Behaviour,
}

/// A target that a task is registered as.
#[derive(Debug, Clone)]
pub struct TaskTarget {
    /// Target group.
    pub group: String,
    /// Container port.
    pub port: u16,
    /// As the load balancer knows it.
    pub id: TargetId,
}

/// A task's network interface.
#[derive(Debug, Clone)]
pub struct NetworkInterface {
    /// Attachment id.
    pub attachment: String,
    /// `eni-…`.
    pub id: String,
    /// MAC address.
    pub mac: String,
    /// Subnet.
    pub subnet: String,
}

/// Who started a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A service's deployment.
    Service {
        /// The service's name.
        service: String,
        /// The deployment's id.
        deployment: String,
    },
    /// RunTask.
    Nobody {
        /// What the caller said it was started by.
        started_by: Option<String>,
    },
}

/// One task.
#[derive(Debug, Clone)]
pub struct Task {
    /// 32 hexadecimal digits.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Its cluster's name.
    pub cluster: String,
    /// What it runs.
    pub definition: Arc<Definition>,
    /// Who started it.
    pub owner: Owner,
    /// Launch fields as shown (launch type, platform version …).
    pub launch: Map<String, Value>,
    /// Tags, as `{key, value}`.
    pub tags: Vec<Value>,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// Grows with each change.
    pub version: u64,
    /// When it next moves by itself.
    pub due: Option<Timestamp>,
    /// Why it stops; also says that it is to stop.
    pub stop: Option<Stop>,
    /// Its containers.
    pub containers: Vec<TaskContainer>,
    /// IP address, or the container instance's id.
    pub address: String,
    /// Its own interface, where it has one.
    pub interface: Option<NetworkInterface>,
    /// Availability zone.
    pub zone: String,
    /// Where it is registered once it runs.
    pub targets: Vec<TaskTarget>,
    /// Why it can't start, whatever its images are.
    pub obstacle: Option<String>,
    /// Whether ECS Exec's agent runs in it, where it is asked for.
    pub exec_agent: Option<bool>,
    /// Was it ever running with all its targets healthy?
    pub proven: bool,
    /// Has the scheduler taken note of its end?
    pub accounted: bool,
    /// Creation.
    pub created_at: Timestamp,
    /// Pull begun.
    pub pull_started_at: Option<Timestamp>,
    /// Pull ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// Reached RUNNING.
    pub started_at: Option<Timestamp>,
    /// Processes ended.
    pub execution_stopped_at: Option<Timestamp>,
    /// Reached STOPPED.
    pub stopped_at: Option<Timestamp>,
}

impl Task {
    /// Whether it is meant to run.
    pub fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Whether it counts as running: it runs and is meant to.
    pub fn is_running(&self) -> bool {
        self.status == TaskStatus::Running && self.is_wanted()
    }

    /// The deployment that started it.
    pub fn deployment(&self) -> Option<&str> {
        match &self.owner {
            Owner::Service { deployment, .. } => Some(deployment),
            Owner::Nobody { .. } => None,
        }
    }

    /// The service that it belongs to.
    pub fn service(&self) -> Option<&str> {
        match &self.owner {
            Owner::Service { service, .. } => Some(service),
            Owner::Nobody { .. } => None,
        }
    }

    /// What comes next in its life, if it is due. Returns whether ECS still shows the task.
    pub(super) fn step(&mut self, ctx: &mut Ctx<'_>) -> bool {
        if self.due.is_none_or(|due| due > ctx.now) {
            return true;
        }
        self.version += 1;
        match self.status {
            TaskStatus::Provisioning => {
                self.pull_started_at = Some(ctx.now);
                self.enter(TaskStatus::Pending, ctx.within(PULLING));
            }
            TaskStatus::Pending => self.pulled(ctx),
            TaskStatus::Activating => self.activate(ctx),
            TaskStatus::Running => self.process_ended(ctx),
            TaskStatus::Deactivating => self.drain(ctx),
            TaskStatus::Stopping => self.killed(ctx),
            TaskStatus::Deprovisioning => {
                self.stopped_at = Some(ctx.now);
                self.enter(TaskStatus::Stopped, ctx.now + SHOWN_AFTER_STOP);
            }
            TaskStatus::Stopped => return false,
        }
        true
    }

    /// Asks it to stop. Its targets drain first, unless it was StopTask, which does not wait.
    pub(super) fn begin_stop(&mut self, code: StopCode, reason: String, ctx: &mut Ctx<'_>) {
        if self.stop.is_some() {
            return;
        }
        self.version += 1;
        self.stop = Some(Stop {
            code,
            reason,
            at: ctx.now,
        });
        if self.status < TaskStatus::Running {
            self.enter(TaskStatus::Deprovisioning, ctx.within(DEPROVISIONING));
            return;
        }
        self.deregister(ctx);
        let drains = code == StopCode::ServiceSchedulerInitiated;
        if self.targets.is_empty() || !drains {
            self.enter(TaskStatus::Stopping, ctx.within(SIGTERM));
        } else {
            self.enter(TaskStatus::Deactivating, ctx.within(1..=1));
        }
    }

    fn enter(&mut self, status: TaskStatus, due: Timestamp) {
        self.status = status;
        self.due = Some(due);
    }

    fn pulled(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(obstacle) = self.obstacle.clone() {
            return self.fail_to_start(obstacle, ctx);
        }
        let refused = self
            .containers
            .iter()
            .position(|container| container.behaviour.pull_error.is_some());
        let Some(at) = refused else {
            self.pull_stopped_at = Some(ctx.now);
            self.enter(TaskStatus::Activating, ctx.within(ACTIVATING));
            return;
        };
        if self.pull_stopped_at.is_none() {
            self.pull_stopped_at = Some(ctx.now);
            self.due = Some(ctx.within(PULL_RETRIES));
            return;
        }
        let reason = self.containers[at].behaviour.pull_error.clone();
        self.pull_stopped_at = Some(ctx.now);
        self.containers[at].reason.clone_from(&reason);
        self.fail_to_start(reason.unwrap_or_default(), ctx);
    }

    fn fail_to_start(&mut self, reason: String, ctx: &mut Ctx<'_>) {
        self.stop = Some(Stop {
            code: StopCode::TaskFailedToStart,
            reason,
            at: ctx.now,
        });
        self.enter(TaskStatus::Deprovisioning, ctx.within(DEPROVISIONING));
    }

    /// Starts the processes, in the order of their dependencies.
    fn activate(&mut self, ctx: &mut Ctx<'_>) {
        let refused = self
            .containers
            .iter()
            .position(|container| container.behaviour.start_error.is_some());
        if let Some(at) = refused {
            let reason = self.containers[at].behaviour.start_error.clone();
            self.containers[at].reason.clone_from(&reason);
            return self.fail_to_start(reason.unwrap_or_default(), ctx);
        }
        match dependencies::resolve(&mut self.containers, &self.definition) {
            Dependencies::Met => self.run(ctx),
            Dependencies::Failed => self.fail_to_start("Task failed to start".to_owned(), ctx),
            Dependencies::Waited => {
                self.due = Some(ctx.now + WAITS_FOR_OTHERS);
            }
        }
    }

    fn run(&mut self, ctx: &mut Ctx<'_>) {
        self.status = TaskStatus::Running;
        self.started_at = Some(ctx.now);
        ctx.addresses.occupy(self);
        for target in &self.targets {
            ctx.elb.register(&target.group, target.id.clone(), ctx.now);
        }
        self.due = self
            .containers
            .iter()
            .filter(|container| container.essential && container.exit_code.is_none())
            .filter_map(|container| container.behaviour.exit.as_ref())
            .map(|exit| ctx.within(i64::from(exit.from)..=i64::from(exit.to.max(exit.from))))
            .min();
    }

    /// First the process is gone, a moment later ECS knows.
    fn process_ended(&mut self, ctx: &mut Ctx<'_>) {
        if self.execution_stopped_at.is_none() {
            self.execution_stopped_at = Some(ctx.now);
            for container in &mut self.containers {
                if let Some(exit) = &container.behaviour.exit
                    && container.exit_code.is_none()
                {
                    container.exit_code = Some(exit.code);
                    container.reason.clone_from(&exit.reason);
                }
            }
            self.due = Some(ctx.within(NOTICING_AN_EXIT));
            return;
        }
        self.stop = Some(Stop {
            code: StopCode::EssentialContainerExited,
            reason: "Essential container in task exited".to_owned(),
            at: ctx.now,
        });
        self.deregister(ctx);
        self.kill(143, ctx);
        self.enter(TaskStatus::Deprovisioning, ctx.within(DEPROVISIONING));
    }

    fn drain(&mut self, ctx: &mut Ctx<'_>) {
        let draining = self
            .targets
            .iter()
            .any(|target| ctx.elb.is_draining(&target.group, &target.id));
        if draining {
            self.due = Some(ctx.within(1..=1));
        } else {
            self.enter(TaskStatus::Stopping, ctx.within(SIGTERM));
        }
    }

    fn killed(&mut self, ctx: &mut Ctx<'_>) {
        for container in &mut self.containers {
            if !container.behaviour.heeds_sigterm {
                container.exit_code.get_or_insert(137);
            }
        }
        self.kill(0, ctx);
        self.enter(TaskStatus::Deprovisioning, ctx.within(DEPROVISIONING));
    }

    fn kill(&mut self, code: i32, ctx: &mut Ctx<'_>) {
        ctx.addresses.leave(self);
        self.execution_stopped_at.get_or_insert(ctx.now);
        for container in &mut self.containers {
            container.exit_code.get_or_insert(code);
        }
    }

    fn deregister(&self, ctx: &mut Ctx<'_>) {
        for target in &self.targets {
            ctx.elb.deregister(&target.group, &target.id, ctx.now);
        }
    }
}
