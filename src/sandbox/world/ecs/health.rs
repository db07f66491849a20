//! What the scheduler makes of its tasks' health: which serve, and which must be replaced.

use super::{
    Ctx, Service,
    json::count,
    rollout,
    scheduler::{Tasks, tell_stopped},
    tasks::{StopCode, Task, TaskTarget},
};
use crate::sandbox::world::{
    app::Probe,
    elb::{CheckPort, TargetState},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A task's or container's `healthStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthStatus {
    /// No container health check, or no result yet.
    Unknown,
    /// Passes.
    Healthy,
    /// Fails.
    Unhealthy,
}

impl HealthStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

impl Task {
    /// What the health checks of its essential containers say, worst first.
    pub fn health(&self, now: Timestamp) -> HealthStatus {
        let mut worst = HealthStatus::Unknown;
        for at in 0..self.containers.len() {
            match self.container_health(at, now) {
                HealthStatus::Unhealthy => return HealthStatus::Unhealthy,
                HealthStatus::Healthy => worst = HealthStatus::Healthy,
                HealthStatus::Unknown => {}
            }
        }
        worst
    }

    /// What the container health check of the `at`-th container says.
    pub fn container_health(&self, at: usize, now: Timestamp) -> HealthStatus {
        let Some(container) = self.containers.get(at) else {
            return HealthStatus::Unknown;
        };
        let check = self
            .definition
            .container(&container.name)
            .and_then(|definition| definition.get("healthCheck"));
        let (Some(check), Some(started)) = (check, self.started_at) else {
            return HealthStatus::Unknown;
        };
        let age = now.duration_since(started);
        let seconds =
            |name, default| SignedDuration::from_secs(count(check, name).unwrap_or(default).into());
        let interval = seconds("interval", 30);
        if age < interval {
            return HealthStatus::Unknown;
        }
        let patience = seconds("startPeriod", 0)
            + interval * i32::try_from(count(check, "retries").unwrap_or(3)).unwrap_or(3);
        // A command that isn't in the image fails whatever the program does.
        let command = check.get("command").map(Value::to_string);
        let no_command = command.is_some_and(|words| words.contains("missing"));
        match container.behaviour.probe(age) {
            Probe::Status(200..=399) if !no_command => HealthStatus::Healthy,
            _ if age < patience => HealthStatus::Unknown,
            _ => HealthStatus::Unhealthy,
        }
    }
}

enum Verdict {
    Serves,
    Waits,
    Fails {
        reason: String,
        event: Option<String>,
    },
}

/// Notes which tasks serve, and stops those whose health checks fail.
pub(super) fn judge(service: &mut Service, tasks: &mut Tasks, ctx: &mut Ctx<'_>) {
    let mut stopped = Vec::new();
    for task in tasks.values_mut() {
        if !task.is_running() || task.service() != Some(&service.name) {
            continue;
        }
        match verdict(service, task, ctx) {
            Verdict::Waits => {}
            Verdict::Serves if task.proven => {}
            Verdict::Serves => {
                task.proven = true;
                service.backoff = Default::default();
                tell_registration(service, task, ctx);
                rollout::note_success(service, task.deployment());
            }
            Verdict::Fails { reason, event } => {
                if let Some(event) = event {
                    service.events.tell(ctx.rng, ctx.now, event);
                }
                if !task.proven {
                    rollout::count_failure(service, task.deployment());
                }
                task.begin_stop(StopCode::ServiceSchedulerInitiated, reason, ctx);
                stopped.push(task.id.clone());
            }
        }
    }
    if !stopped.is_empty() {
        service.steady_since = None;
        tell_stopped(service, &stopped, ctx);
    }
}

fn tell_registration(service: &mut Service, task: &Task, ctx: &mut Ctx<'_>) {
    for target in &task.targets {
        let message = format!(
            "(service {}) registered 1 targets in (target-group {})",
            service.name, target.group
        );
        service.events.tell(ctx.rng, ctx.now, message);
    }
}

fn verdict(service: &Service, task: &Task, ctx: &Ctx<'_>) -> Verdict {
    if task.health(ctx.now) == HealthStatus::Unhealthy {
        return Verdict::Fails {
            reason: "Task failed container health checks".to_owned(),
            event: Some(format!(
                "(service {}) (task {}) failed container health checks.",
                service.name, task.id
            )),
        };
    }
    let age = task.started_at.map_or(SignedDuration::ZERO, |started| {
        ctx.now.duration_since(started)
    });
    let mut serves = has_container_verdict(task, ctx.now);
    for target in &task.targets {
        match ctx.elb.health(&target.group, &target.id) {
            Some(TargetState::Healthy | TargetState::Unused) => {}
            Some(TargetState::Unhealthy | TargetState::UnhealthyDraining)
                if age >= service.grace_period() =>
            {
                return Verdict::Fails {
                    reason: format!(
                        "Task failed ELB health checks in (target-group {})",
                        target.group
                    ),
                    event: Some(format!(
                        "(service {}) (port {}) is unhealthy in (target-group {}) due to (reason {}).",
                        service.name,
                        target.port,
                        target.group,
                        probe_in_words(task, target, age, ctx)
                    )),
                };
            }
            _ => serves = false,
        }
    }
    if serves {
        Verdict::Serves
    } else {
        Verdict::Waits
    }
}

/// A task with container health checks serves only once they pass.
fn has_container_verdict(task: &Task, now: Timestamp) -> bool {
    let checked = task
        .definition
        .containers()
        .iter()
        .any(|container| container.get("healthCheck").is_some_and(Value::is_object));
    !checked || task.health(now) == HealthStatus::Healthy
}

fn probe_in_words(task: &Task, target: &TaskTarget, age: SignedDuration, ctx: &Ctx<'_>) -> String {
    let check = ctx.elb.group(&target.group).map(|group| group.check.port);
    let port = match check {
        Some(CheckPort::Fixed(port)) => port,
        _ => target.port,
    };
    let container = task
        .containers
        .iter()
        .find(|container| container.ports.iter().any(|(inside, _)| *inside == port));
    match container.map(|container| container.behaviour.probe(age)) {
        Some(Probe::Status(code)) => format!("Health checks failed with these codes: [{code}]"),
        Some(Probe::Timeout) | None => "Request timed out".to_owned(),
        Some(Probe::Refused) => "Health checks failed".to_owned(),
    }
}
