//! One look at the region's world, without a call: what [`crate::deployment::decide`] takes.
//!
//! It shows what the SDK would have shown at the same moment; a test holds the two together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::act::records_of;
use super::metrics::Reads;
use super::trouble::Trouble;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::dns::{self, Record};
use crate::deployment::health_check::Failing;
use crate::deployment::ids::{DeploymentId, SetId, Slots, TargetGroupArn, TaskDefinitionArn};
use crate::deployment::observation::{
    AlarmSeen, Observation, Rollout, RouteSeen, Seen, ServiceSeen, ServiceStatus, Spread,
    StoppedContainer, StoppedTask,
};
use crate::deployment::plan::{Plan, Route, RouteKind, TargetPlan};
use crate::deployment::state::Deployment;
use crate::judge::alarms::AlarmState;
use crate::judge::targets::TargetCounts;
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::alarm::AlarmState as State;
use crate::sandbox::world::ecs::services::{self, RolloutState, Service};
use crate::sandbox::world::ecs::tasks::{StopCode, Task, TaskStatus};
use crate::sandbox::world::elb::{Health, Reason, TargetState};
use crate::sandbox::world::route53::number;

/// How many stopped tasks say enough.
const STOPPED_SHOWN: usize = 5;

/// Looks at everything that the deployment depends on.
pub(super) fn look(
    world: &World,
    deployment: &Deployment,
    reads: Option<&mut Reads>,
    trouble: &mut Trouble,
    now: Timestamp,
) -> Observation {
    let plan = &deployment.plan;
    let metrics = reads.and_then(|it| it.see(world, deployment, trouble, now));
    let services = match trouble.strikes() {
        Some(why) => Slots::from_fn(|_| Seen::Unreadable(why.clone())),
        None => services(world, plan),
    };
    let targets = plan.slots.a.targets.iter().chain(&plan.slots.b.targets);
    let groups = targets.map(|target| {
        let seen = match trouble.strikes() {
            Some(why) => Seen::Unreadable(why),
            None => group(world, target),
        };
        (target.group.clone(), seen)
    });
    let groups = groups.collect();
    let struck = trouble.strikes();
    let routes = plan.routes.iter().map(|it| {
        let seen = struck
            .clone()
            .map_or_else(|| route(world, it), Seen::Unreadable);
        (it.arn.clone(), seen)
    });
    let routes = routes.collect();
    let struck = trouble.strikes();
    let alarms = plan.guards.alarms.iter().map(|guard| {
        let seen = struck
            .clone()
            .map_or_else(|| alarm(world, guard.name.as_str()), Seen::Unreadable);
        (guard.name.clone(), seen)
    });
    Observation {
        now,
        services,
        groups,
        routes,
        alarms: alarms.collect(),
        metrics,
        credentials_over: None,
        asks: Vec::new(),
        lock_lost_to: None,
    }
}

fn services(world: &World, plan: &Plan) -> Slots<Seen<Option<ServiceSeen>>> {
    Slots::from_fn(|slot| {
        let name = &plan.slots[slot].service;
        let found = world.ecs.service(plan.cluster.as_str(), name.as_str());
        let found = found.filter(|it| it.status != services::ServiceStatus::Inactive);
        Seen::Value(found.map(|it| {
            let mut seen = service(world, plan, it);
            let ours = seen.deployment.as_ref() == Some(&plan.id);
            let fails = seen.failed > 0 || seen.running < seen.desired;
            if slot == plan.green_slot() && ours && (fails || were_replaced(world, plan, it)) {
                let stopped = stopped_tasks(world, plan, it);
                let failed = stopped
                    .iter()
                    .filter(|it| it.code != StopCode::UserInitiated.as_str());
                let failed = failed.count().try_into().unwrap_or(u32::MAX);
                seen.failed = seen.failed.max(failed);
                seen.stopped = stopped.into_iter().take(STOPPED_SHOWN).collect();
            }
            seen
        }))
    })
}

fn tasks<'a>(world: &'a World, plan: &Plan) -> impl Iterator<Item = &'a Task> {
    let cluster = world.ecs.clusters.get(plan.cluster.as_str());
    cluster.into_iter().flat_map(|it| it.tasks.values())
}

fn service(world: &World, plan: &Plan, service: &Service) -> ServiceSeen {
    let primary = service.primary();
    let id = primary.map(|it| it.id.as_str());
    let own = || tasks(world, plan).filter(|it| it.is_wanted() && it.deployment() == id);
    let count = |of: fn(&Task) -> bool| own().filter(|it| of(it)).count() as u32;
    let runs = primary.map(|it| it.definition.arn.as_str());
    let others: Vec<&str> = service
        .deployments
        .iter()
        .filter(|it| Some(it.definition.arn.as_str()) != runs)
        .map(|it| it.id.as_str())
        .collect();
    let is_earlier =
        |it: &&Task| it.is_wanted() && it.deployment().is_some_and(|of| others.contains(&of));
    let tag = service.tags.iter().find(|tag| tag["key"] == DEPLOYMENT_TAG);
    ServiceSeen {
        status: match service.status {
            services::ServiceStatus::Draining => ServiceStatus::Draining,
            _ => ServiceStatus::Active,
        },
        task_definition: TaskDefinitionArn::new(
            primary.map_or("", |it| it.definition.arn.as_str()),
        ),
        desired: service.desired,
        running: count(|it| it.status == TaskStatus::Running),
        pending: count(|it| it.status < TaskStatus::Running),
        failed: primary.map_or(0, |it| it.failed_tasks),
        tasks: None,
        deployments: service.deployments.len() as u32,
        earlier: tasks(world, plan).filter(is_earlier).count() as u32,
        rollout: match primary.map(|it| it.rollout) {
            Some(RolloutState::Completed) => Rollout::Completed,
            Some(RolloutState::Failed) => Rollout::Failed,
            _ => Rollout::InProgress,
        },
        rollout_reason: primary.map_or_else(String::new, |it| it.reason.clone()),
        deployment: tag
            .and_then(|it| it["value"].as_str())
            .map(DeploymentId::new),
        stopped: Vec::new(),
    }
}

/// Whether more tasks were started for the primary deployment than are wanted: all of them may run
/// by now, and some ended while nobody looked.
fn were_replaced(world: &World, plan: &Plan, service: &Service) -> bool {
    let id = service.primary().map(|it| it.id.as_str());
    let started = tasks(world, plan).filter(|it| it.deployment() == id);
    started.count() > service.desired as usize
}

/// Failed tasks of the primary deployment first, newest first; those that ECS stopped only to
/// scale in are left out.
fn stopped_tasks(world: &World, plan: &Plan, service: &Service) -> Vec<StoppedTask> {
    let id = service.primary().map(|it| it.id.as_str());
    let of_service = |it: &&Task| it.service() == Some(&service.name) && it.deployment() == id;
    let stopped = tasks(world, plan).filter(of_service).filter_map(|task| {
        let stop = task.stop.as_ref()?;
        let asked = match stop.code {
            StopCode::UserInitiated => true,
            StopCode::ServiceSchedulerInitiated => !stop.reason.contains("failed"),
            _ => false,
        };
        let shown = !asked || stop.code == StopCode::UserInitiated;
        shown.then(|| (asked, stopped_task(task, stop.code, &stop.reason)))
    });
    let mut stopped: Vec<_> = stopped.collect();
    stopped.sort_by(|(asked, one), (other_asked, other)| {
        asked.cmp(other_asked).then_with(|| one.newest_first(other))
    });
    stopped.into_iter().map(|(_, task)| task).collect()
}

fn stopped_task(task: &Task, code: StopCode, reason: &str) -> StoppedTask {
    let ended = task.containers.iter();
    let ended = ended.filter(|it| it.exit_code.is_some() || it.reason.is_some());
    StoppedTask {
        task: task.id.clone(),
        at: task.stopped_at,
        code: code.as_str().to_owned(),
        reason: reason.to_owned(),
        containers: ended
            .map(|it| StoppedContainer {
                name: it.name.clone(),
                exit_code: it.exit_code,
                reason: it.reason.clone(),
            })
            .collect(),
    }
}

fn group(world: &World, plan: &TargetPlan) -> Seen<TargetCounts> {
    let Some(group) = world.elb.group(plan.group.as_str()) else {
        return Seen::Unreadable(format!("{} doesn't exist", plan.group));
    };
    let mut counts = TargetCounts::default();
    for target in &group.targets {
        let health = target.health;
        let counter = match health.state {
            TargetState::Healthy => &mut counts.healthy,
            TargetState::Unhealthy | TargetState::UnhealthyDraining => &mut counts.unhealthy,
            TargetState::Initial => &mut counts.initial,
            TargetState::Draining => &mut counts.draining,
            TargetState::Unused => &mut counts.unused,
        };
        *counter += 1;
        let in_or_out = matches!(
            health.state,
            TargetState::Healthy | TargetState::Initial | TargetState::Draining
        );
        if !in_or_out && let Some(reason) = reason(health, plan) {
            *counts.reasons.entry(reason).or_default() += 1;
        }
    }
    Seen::Value(counts)
}

fn reason(health: Health, plan: &TargetPlan) -> Option<String> {
    let reason = health.reason?;
    let failing = match reason {
        Reason::CodeMismatch(code) => Failing::Codes(code.to_string()),
        Reason::Timeout => Failing::Timeout,
        Reason::Failed => Failing::NoAnswer,
        _ => return Some(format!("are not healthy: {}", reason.description())),
    };
    let check = plan.health_check.as_ref();
    let told = check.map_or_else(|| reason.description(), |it| it.told(plan.port, &failing));
    Some(format!("fail their health check: {told}"))
}

/// The weights of a pair's records.
pub(super) fn weights(sets: &[Value], record: &Record) -> BTreeMap<TargetGroupArn, u32> {
    let sets = sets.iter().filter_map(|set| {
        let weight = u32::try_from(number(&set["Weight"])?).ok()?;
        Some((SetId::new(set["SetIdentifier"].as_str()?), weight))
    });
    dns::weights(record, sets.collect())
}

fn pair(world: &World, record: &Record) -> Seen<RouteSeen> {
    let zone = record.zone.as_str();
    let changes = world.route53.changes.values();
    let last = changes.filter(|it| it.zone == zone).max_by_key(|it| it.at);
    Seen::Value(RouteSeen {
        weights: weights(&records_of(world, record), record),
        spread: match last.is_some_and(|it| it.everywhere_at > world.now) {
            true => Spread::Pending,
            false => Spread::Everywhere,
        },
    })
}

fn route(world: &World, route: &Route) -> Seen<RouteSeen> {
    let arn = route.arn.as_str();
    let actions = match &route.kind {
        RouteKind::Record(record) => return pair(world, record),
        RouteKind::Listener => world.elb.listeners.get(arn).map(|it| &it.actions),
        RouteKind::Rule => world.elb.rules.get(arn).map(|it| &it.actions),
    };
    let Some(actions) = actions else {
        return Seen::Unreadable(format!("{arn} doesn't exist"));
    };
    let groups = actions.forward().map_or(&[][..], |it| &it.groups);
    let weight = |(group, weight): &(String, u16)| (TargetGroupArn::new(group), u32::from(*weight));
    let weights: BTreeMap<_, _> = groups.iter().map(weight).collect();
    Seen::Value(RouteSeen::of(weights))
}

fn alarm(world: &World, name: &str) -> Seen<AlarmSeen> {
    let Some(alarm) = world.cloudwatch.alarms().get(name) else {
        return Seen::Unreadable(format!("alarm {name} doesn't exist any more"));
    };
    Seen::Value(AlarmSeen {
        state: match alarm.state {
            State::Ok => AlarmState::Ok,
            State::Alarm => AlarmState::Alarm,
            State::InsufficientData => AlarmState::InsufficientData,
        },
        reason: alarm.reason.clone(),
    })
}
