//! Rollouts of a service: begin, count failures, open the circuit breaker, complete.

use super::{
    Ctx, Deployment, RolloutState, Service, ServiceStatus,
    definitions::Definition,
    json::text,
    scheduler::{Tasks, own},
    services::CircuitBreaker,
    tasks::{Task, TaskStatus},
};
use crate::sandbox::world::ids;
use jiff::SignedDuration;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A steady service says so again after this.
const STEADY_AGAIN: SignedDuration = SignedDuration::from_hours(6);
/// Finished deployments that are remembered.
const REMEMBERED: usize = 20;
/// Fields of a service that belong to its deployments.
pub const DEPLOYMENT_FIELDS: [&str; 12] = [
    "capacityProviderStrategy",
    "launchType",
    "loadBalancers",
    "monitoring",
    "networkConfiguration",
    "platformFamily",
    "platformVersion",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
];

/// Makes a new deployment with the service's present settings the PRIMARY one.
pub(super) fn begin(service: &mut Service, definition: &Arc<Definition>, ctx: &mut Ctx<'_>) {
    let settings: Map<String, Value> = service
        .settings
        .iter()
        .filter(|(name, _)| DEPLOYMENT_FIELDS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let digests = definition
        .containers()
        .iter()
        .filter_map(|container| text(container, "image"))
        .map(|image| (image.to_owned(), ctx.images.digest(image)))
        .collect();
    let id = format!("ecs-svc/{}", ids::digits(ctx.rng, 19));
    let deployment = Deployment {
        reason: format!("ECS deployment {id} in progress."),
        id,
        revision: ids::digits(ctx.rng, 19),
        service_deployment: ids::hex(ctx.rng, 21),
        definition: Arc::clone(definition),
        settings,
        digests,
        created_at: ctx.now,
        updated_at: ctx.now,
        finished_at: None,
        rollout: RolloutState::InProgress,
        failed_tasks: 0,
        proven: false,
        completed_once: false,
    };
    service.backoff = Default::default();
    service.steady_since = None;
    service.deployments.insert(0, deployment);
}

/// One of the deployment's tasks runs and is healthy: failures are no longer counted.
pub(super) fn note_success(service: &mut Service, deployment: Option<&str>) {
    if let Some(deployment) = find(service, deployment) {
        deployment.proven = true;
        deployment.failed_tasks = 0;
    }
}

/// A task of the deployment ended before it was ever healthy.
pub(super) fn count_failure(service: &mut Service, deployment: Option<&str>) {
    if let Some(deployment) = find(service, deployment)
        && !deployment.proven
    {
        deployment.failed_tasks += 1;
    }
}

fn find<'a>(service: &'a mut Service, deployment: Option<&str>) -> Option<&'a mut Deployment> {
    service
        .deployments
        .iter_mut()
        .find(|one| Some(one.id.as_str()) == deployment)
}

/// Fails a rollout whose tasks don't start, and goes back if the service asks for that.
pub(super) fn check_circuit_breaker(service: &mut Service, ctx: &mut Ctx<'_>) {
    let Some(breaker) = service.circuit_breaker() else {
        return;
    };
    let threshold = service.failure_threshold();
    let Some(primary) = service.deployments.first_mut() else {
        return;
    };
    if primary.rollout != RolloutState::InProgress || primary.failed_tasks < threshold {
        return;
    }
    primary.rollout = RolloutState::Failed;
    primary.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
    primary.updated_at = ctx.now;
    primary.finished_at = Some(ctx.now);
    let message = format!(
        "(service {}) (deployment {}) deployment failed: tasks failed to start.",
        service.name, primary.id
    );
    service.events.tell(ctx.rng, ctx.now, message);
    if breaker == CircuitBreaker::RollBack {
        roll_back(service, ctx);
    }
}

/// Makes the newest deployment that ever completed the PRIMARY one again.
fn roll_back(service: &mut Service, ctx: &mut Ctx<'_>) {
    let running = service
        .deployments
        .iter()
        .position(|one| one.completed_once);
    let mut back = if let Some(at) = running {
        service.deployments.remove(at)
    } else if let Some(at) = service.retired.iter().rposition(|one| one.completed_once) {
        service.retired.remove(at)
    } else {
        return;
    };
    back.rollout = RolloutState::InProgress;
    back.reason = format!(
        "ECS deployment circuit breaker: rolling back to deploymentId {}.",
        back.id
    );
    back.updated_at = ctx.now;
    back.finished_at = None;
    let message = format!(
        "(service {}) rolling back to deployment {}.",
        service.name, back.id
    );
    service.events.tell(ctx.rng, ctx.now, message);
    service.settings.extend(back.settings.clone());
    service.settings.insert(
        "taskDefinition".to_owned(),
        Value::from(back.definition.arn.clone()),
    );
    service.backoff = Default::default();
    service.deployments.insert(0, back);
}

/// Puts away old deployments whose tasks are gone, completes the rollout, says when all is
/// steady.
pub(super) fn settle(service: &mut Service, tasks: &Tasks, ctx: &mut Ctx<'_>) {
    put_away(service, tasks, ctx);
    let alone = service.deployments.len() == 1;
    let Some(primary) = service.deployments.first_mut() else {
        return;
    };
    let mine: Vec<&Task> = own(&service.name, tasks)
        .filter(|task| task.is_wanted())
        .collect();
    let serving = mine
        .iter()
        .filter(|task| task.is_running() && task.proven)
        .count();
    let steady = alone && serving == mine.len() && serving == service.desired as usize;
    if !steady || service.status != ServiceStatus::Active {
        return;
    }
    if primary.rollout == RolloutState::InProgress {
        primary.rollout = RolloutState::Completed;
        primary.completed_once = true;
        primary.reason = format!("ECS deployment {} completed.", primary.id);
        primary.updated_at = ctx.now;
        primary.finished_at = Some(ctx.now);
        let message = format!(
            "(service {}) (deployment {}) deployment completed.",
            service.name, primary.id
        );
        service.events.tell(ctx.rng, ctx.now, message);
    }
    let said = service
        .steady_since
        .is_some_and(|since| ctx.now.duration_since(since) < STEADY_AGAIN);
    if !said {
        service.steady_since = Some(ctx.now);
        let message = format!("(service {}) has reached a steady state.", service.name);
        service.events.tell(ctx.rng, ctx.now, message);
    }
}

fn put_away(service: &mut Service, tasks: &Tasks, ctx: &Ctx<'_>) {
    let mut at = 1;
    while at < service.deployments.len() {
        let id = &service.deployments[at].id;
        let alive = own(&service.name, tasks)
            .any(|task| task.deployment() == Some(id) && task.status < TaskStatus::Deprovisioning);
        if alive {
            at += 1;
            continue;
        }
        let mut over = service.deployments.remove(at);
        over.finished_at.get_or_insert(ctx.now);
        service.retired.push(over);
        if service.retired.len() > REMEMBERED {
            service.retired.remove(0);
        }
    }
}
