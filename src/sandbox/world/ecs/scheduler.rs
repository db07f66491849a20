//! The service scheduler: keeps each service at its desired count with the right revision.

use super::{
    Ctx, Deployment, RolloutState, Service, ServiceStatus,
    addresses::Instance,
    blueprint::Blueprint,
    definitions::{Definition, NetworkMode, port_mappings},
    health, obstacles, rollout,
    services::{RolloutBounds, load_balancers, subnets},
    tasks::{Owner, StopCode, Task, TaskStatus},
};
use jiff::SignedDuration;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Failures in a row before the scheduler slows down.
const PATIENCE: u32 = 3;
/// ECS repeats the same event only after this.
const SAID_AGAIN: SignedDuration = SignedDuration::from_hours(6);
/// ECS waits at most 27 minutes between tries.
const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(27);
/// Fields of a service that its tasks show.
const LAUNCH_FIELDS: [&str; 3] = ["launchType", "platformVersion", "platformFamily"];

/// A cluster's tasks.
pub(super) type Tasks = BTreeMap<String, Task>;

/// One look at one service.
pub(super) fn run(cluster: &str, service: &mut Service, tasks: &mut Tasks, ctx: &mut Ctx<'_>) {
    account_for_the_stopped(service, tasks, ctx);
    health::judge(service, tasks, ctx);
    rollout::check_circuit_breaker(service, ctx);
    reconcile(cluster, service, tasks, ctx);
    rollout::settle(service, tasks, ctx);
    if service.status == ServiceStatus::Draining && !has_live_tasks(service, tasks) {
        service.status = ServiceStatus::Inactive;
        service.retired.append(&mut service.deployments);
    }
}

/// The service's own tasks.
pub(super) fn own<'a>(service: &'a str, tasks: &'a Tasks) -> impl Iterator<Item = &'a Task> {
    tasks
        .values()
        .filter(move |task| task.service() == Some(service))
}

fn has_live_tasks(service: &Service, tasks: &Tasks) -> bool {
    own(&service.name, tasks).any(|task| task.status != TaskStatus::Stopped)
}

/// Counts the tasks that ended without being asked to, for the rollout and the back-off.
fn account_for_the_stopped(service: &mut Service, tasks: &mut Tasks, ctx: &mut Ctx<'_>) {
    for task in tasks.values_mut() {
        if task.accounted || task.service() != Some(&service.name) {
            continue;
        }
        let Some(stop) = &task.stop else { continue };
        let code = stop.code;
        task.accounted = true;
        if task.started_at.is_some() && !task.targets.is_empty() {
            tell_deregistration(service, task, ctx);
        }
        let failed = matches!(
            code,
            StopCode::TaskFailedToStart | StopCode::EssentialContainerExited
        );
        if failed && !task.proven {
            rollout::count_failure(service, task.deployment());
            back_off(service, ctx);
        }
    }
}

fn tell_deregistration(service: &mut Service, task: &Task, ctx: &mut Ctx<'_>) {
    for target in &task.targets {
        let message = format!(
            "(service {}) deregistered 1 targets in (target-group {})",
            service.name, target.group
        );
        service.events.tell(ctx.rng, ctx.now, message);
    }
}

/// From the third failure in a row on, new tasks wait: 10 s, 20 s, 40 s … 27 min.
fn back_off(service: &mut Service, ctx: &mut Ctx<'_>) {
    service.backoff.failures += 1;
    let Some(doublings) = service.backoff.failures.checked_sub(PATIENCE) else {
        return;
    };
    let wait = SignedDuration::from_secs(10 << doublings.min(10)).min(LONGEST_BACKOFF);
    service.backoff.until = Some(ctx.now + wait);
    if service.backoff.failures == PATIENCE {
        let message = format!(
            "(service {}) is unable to consistently start tasks successfully. For more \
             information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
            service.name
        );
        service.events.tell(ctx.rng, ctx.now, message);
    }
}

/// Starts what is missing and stops what is too many.
fn reconcile(cluster: &str, service: &mut Service, tasks: &mut Tasks, ctx: &mut Ctx<'_>) {
    let Some(primary) = service.primary() else {
        return;
    };
    let wanted: Vec<&Task> = own(&service.name, tasks)
        .filter(|task| task.is_wanted())
        .collect();
    let (mine, old): (Vec<&Task>, Vec<&Task>) = wanted
        .iter()
        .partition(|task| task.deployment() == Some(&primary.id));
    let bounds = service.bounds();
    let desired = service.desired;
    let missing = desired
        .saturating_sub(size(&mine))
        .min(bounds.at_most.saturating_sub(size(&wanted)));
    let mut surplus = surplus_of(&mine, desired);
    surplus.extend(replaceable(&old, &wanted, bounds, desired));
    let patient = service.backoff.until.is_some_and(|until| ctx.now < until);
    let given_up = primary.rollout == RolloutState::Failed;
    if missing > 0 && !patient && !given_up && service.status == ServiceStatus::Active {
        let instances = instances_for(cluster, service, tasks, ctx);
        match refusal(cluster, service, &instances, ctx) {
            Some(why) => refuse(service, &why, ctx),
            None => start(cluster, service, tasks, missing, instances, ctx),
        }
    }
    stop(service, tasks, &surplus, ctx);
}

/// The host ports that a definition asks for, on the instances that its tasks share.
fn fixed_ports(definition: &Definition) -> Vec<u16> {
    let ports = definition.containers().iter().flat_map(port_mappings);
    let ports = ports.filter_map(|port| port.host).filter(|host| *host > 0);
    match definition.network_mode() {
        NetworkMode::Instance => ports.collect(),
        NetworkMode::Awsvpc => Vec::new(),
    }
}

/// The container instances on which the service's host ports are free.
fn instances_for(cluster: &str, service: &Service, tasks: &Tasks, ctx: &Ctx<'_>) -> Vec<Instance> {
    let mut instances = ctx.addresses.instances(cluster, ctx.region);
    let definition = service.primary().map(|primary| &primary.definition);
    let fixed = definition.map_or(Vec::new(), |it| fixed_ports(it));
    instances.retain(|instance| {
        let live = tasks
            .values()
            .filter(|task| task.status < TaskStatus::Deprovisioning && task.address == instance.id);
        let ports = live.flat_map(|task| &task.containers);
        let mut ports = ports.flat_map(|container| &container.ports);
        !ports.any(|(_, outside)| fixed.contains(outside))
    });
    instances
}

/// Why no task can be placed on any of those instances.
fn refusal(
    cluster: &str,
    service: &Service,
    instances: &[Instance],
    ctx: &Ctx<'_>,
) -> Option<String> {
    let planted = ctx
        .refusals
        .get(&(cluster.to_owned(), service.name.clone()));
    let definition = &service.primary()?.definition;
    planted
        .cloned()
        .or_else(|| obstacles::of_placement(definition, instances.is_empty()))
}

/// Says so, once in six hours for the same cause.
fn refuse(service: &mut Service, why: &str, ctx: &mut Ctx<'_>) {
    let message = format!("(service {}) {why}", service.name);
    let said = service
        .events
        .iter()
        .any(|event| event.message == message && ctx.now.duration_since(event.at) < SAID_AGAIN);
    if !said {
        service.events.tell(ctx.rng, ctx.now, message);
    }
}

fn size(tasks: &[&Task]) -> u32 {
    u32::try_from(tasks.len()).unwrap_or(u32::MAX)
}

/// Tasks beyond the desired count: those that don't serve yet first, then the oldest.
fn surplus_of(mine: &[&Task], desired: u32) -> Vec<String> {
    let mut order: Vec<&&Task> = mine.iter().collect();
    order.sort_by_key(|task| (task.proven, task.created_at, &task.id));
    let surplus = size(mine).saturating_sub(desired) as usize;
    order[..surplus]
        .iter()
        .map(|task| task.id.clone())
        .collect()
}

/// Old deployments' tasks that can go while enough healthy ones stay.
fn replaceable(
    old: &[&Task],
    wanted: &[&Task],
    bounds: RolloutBounds,
    desired: u32,
) -> Vec<String> {
    if desired == 0 {
        return old.iter().map(|task| task.id.clone()).collect();
    }
    let serves = |task: &Task| task.proven && task.is_running();
    let serving = wanted.iter().filter(|task| serves(task)).count();
    let spare = serving.saturating_sub(bounds.at_least as usize);
    let (serving, others): (Vec<&&Task>, Vec<&&Task>) = old.iter().partition(|task| serves(task));
    others
        .into_iter()
        .chain(serving.into_iter().take(spare))
        .map(|task| task.id.clone())
        .collect()
}

fn start(
    cluster: &str,
    service: &mut Service,
    tasks: &mut Tasks,
    missing: u32,
    mut instances: Vec<Instance>,
    ctx: &mut Ctx<'_>,
) {
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let fixed = !fixed_ports(&primary.definition).is_empty();
    let mut started: Vec<Task> = Vec::new();
    for _ in 0..missing {
        let task = blueprint(cluster, service, primary, &instances).start(ctx);
        // One to an instance, where they want the same port.
        instances.retain(|instance| !fixed || instance.id != task.address);
        started.push(task);
        if instances.is_empty() {
            break;
        }
    }
    let missing = started.len();
    let message = format!(
        "(service {}) has started {missing} tasks: {}.",
        service.name,
        names(started.iter().map(|task| task.id.as_str()))
    );
    service.events.tell(ctx.rng, ctx.now, message);
    service.steady_since = None;
    tasks.extend(started.into_iter().map(|task| (task.id.clone(), task)));
}

fn blueprint<'a>(
    cluster: &'a str,
    service: &'a Service,
    deployment: &'a Deployment,
    instances: &[Instance],
) -> Blueprint<'a> {
    let propagated = match service
        .settings
        .get("propagateTags")
        .and_then(Value::as_str)
    {
        Some("SERVICE") => service.tags.clone(),
        Some("TASK_DEFINITION") => deployment.definition.tags.clone(),
        _ => Vec::new(),
    };
    Blueprint {
        cluster,
        definition: &deployment.definition,
        owner: Owner::Service {
            service: service.name.clone(),
            deployment: deployment.id.clone(),
        },
        launch: launch_fields(&deployment.settings),
        tags: propagated,
        instances: instances.to_vec(),
        subnets: subnets(&deployment.settings),
        digests: &deployment.digests,
        load_balancers: load_balancers(&deployment.settings),
        settings: &service.settings,
    }
}

/// The launch fields that a task shows, of a service's, deployment's or RunTask's fields.
pub(super) fn launch_fields(settings: &Map<String, Value>) -> Map<String, Value> {
    let mut fields: Map<String, Value> = LAUNCH_FIELDS
        .iter()
        .filter_map(|&name| Some((name.to_owned(), settings.get(name)?.clone())))
        .collect();
    let provider = settings
        .get("capacityProviderStrategy")
        .and_then(|all| all.get(0)?.get("capacityProvider"));
    if let Some(provider) = provider {
        fields.insert("capacityProviderName".to_owned(), provider.clone());
        if provider
            .as_str()
            .is_some_and(|name| name.starts_with("FARGATE"))
        {
            fields.insert("launchType".to_owned(), Value::from("FARGATE"));
        }
    }
    fields
}

/// Stops tasks on the scheduler's own account: scale-in or replacement.
fn stop(service: &mut Service, tasks: &mut Tasks, ids: &[String], ctx: &mut Ctx<'_>) {
    if ids.is_empty() {
        return;
    }
    let deployment = service.primary().map_or("", |primary| primary.id.as_str());
    let reason = format!("Scaling activity initiated by (deployment {deployment})");
    let mut draining = 0;
    for id in ids {
        if let Some(task) = tasks.get_mut(id) {
            task.begin_stop(StopCode::ServiceSchedulerInitiated, reason.clone(), ctx);
            draining += u32::from(task.status == TaskStatus::Deactivating);
        }
    }
    if draining > 0 {
        let message = format!(
            "(service {}) has begun draining connections on {draining} tasks.",
            service.name
        );
        service.events.tell(ctx.rng, ctx.now, message);
    }
    tell_stopped(service, ids, ctx);
    service.steady_since = None;
}

/// Says which running tasks were stopped.
pub(super) fn tell_stopped(service: &mut Service, ids: &[String], ctx: &mut Ctx<'_>) {
    let message = format!(
        "(service {}) has stopped {} running tasks: {}.",
        service.name,
        ids.len(),
        names(ids.iter().map(String::as_str))
    );
    service.events.tell(ctx.rng, ctx.now, message);
}

fn names<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.map(|id| format!("(task {id})"))
        .collect::<Vec<_>>()
        .join(" ")
}
