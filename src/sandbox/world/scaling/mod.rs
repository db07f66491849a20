//! Application Auto Scaling over ECS services' desired counts: what is registered, and what it
//! does at each full minute.
//!
//! Policies act on alarms as AWS's do. Target tracking makes a pair of its own; step scaling is
//! named among the actions of somebody's alarm. Both act in every minute in which the alarm is in
//! `ALARM`.

mod activity;
mod load;
mod policy;
mod schedule;

use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::World;
use super::cloudwatch::alarm::{Alarm, AlarmState, Kind};
use super::cloudwatch::evaluate;
use super::ecs::json::{count, list, text};
pub(super) use load::publish;
pub use policy::alarms_of;
use policy::{Policy, Sight};
pub use schedule::Schedule;

/// What is registered, by resource id (`service/CLUSTER/SERVICE`).
#[derive(Debug, Clone, Default)]
pub struct Scaling {
    /// Scalable targets.
    pub targets: BTreeMap<String, Value>,
    /// Tags of scalable targets by their ARN.
    pub tags: BTreeMap<String, Value>,
    /// Scaling policies by resource id and policy name.
    pub policies: BTreeMap<(String, String), Value>,
    /// Scheduled actions by resource id and action name.
    pub schedules: BTreeMap<(String, String), Value>,
    /// What it did, or didn't, by resource id, the newest first.
    pub activities: BTreeMap<String, Vec<Value>>,
    /// When each policy last scaled, by its key.
    scaled: BTreeMap<(String, String), Timestamp>,
    /// Since when each schedule is there, and up to when it has run.
    ran: BTreeMap<(String, String), (Timestamp, Timestamp)>,
}

impl Scaling {
    /// Takes a scheduled action, which counts from `now` on.
    pub fn schedule(&mut self, key: (String, String), action: Value, now: Timestamp) {
        self.ran.insert(key.clone(), (now, now));
        self.schedules.insert(key, action);
    }

    /// The names of the alarms that the resource's policies had made are given back.
    fn forget(&mut self, resource: &str) -> Vec<String> {
        let target = self.targets.remove(resource);
        if let Some(arn) = target.as_ref().and_then(|it| text(it, "ScalableTargetARN")) {
            self.tags.remove(arn);
        }
        self.schedules.retain(|(of, _), _| of != resource);
        let mut alarms = Vec::new();
        self.policies.retain(|(of, _), policy| {
            if of == resource {
                alarms.extend(own_alarms(policy));
            }
            of != resource
        });
        alarms
    }
}

/// Forgets a resource's target, policies and schedules, with the alarms that are theirs.
pub fn forget(world: &mut World, resource: &str) {
    for alarm in world.scaling.forget(resource) {
        world.cloudwatch.delete_alarm(&alarm);
    }
}

/// The names of the alarms that a policy has made.
pub fn own_alarms(policy: &Value) -> Vec<String> {
    let names = list(policy, "Alarms").iter();
    let names = names.filter_map(|alarm| text(alarm, "AlarmName"));
    names.map(str::to_owned).collect()
}

/// The cluster and the service of a resource id.
pub fn service_of(resource: &str) -> Option<(&str, &str)> {
    resource.strip_prefix("service/")?.split_once('/')
}

/// Whether a target's policies or schedules are suspended, by the field of its `SuspendedState`.
fn is_suspended(target: &Value, what: &str) -> bool {
    target["SuspendedState"][what] == true
}

/// Sets a service's desired count within its target's bounds as they are, and tells why.
pub fn clamp(world: &mut World, resource: &str) {
    let Some(target) = world.scaling.targets.get(resource) else {
        return;
    };
    let bound = |field| count(target, field).unwrap_or(0);
    let (min, max) = (bound("MinCapacity"), bound("MaxCapacity"));
    let Some(before) = desired(world, resource) else {
        return;
    };
    let after = before.clamp(min, max);
    let (which, value) = match after == min {
        true => ("minimum", min),
        false => ("maximum", max),
    };
    set(
        world,
        resource,
        after,
        &format!("{which} capacity was set to {value}"),
    );
}

fn desired(world: &World, resource: &str) -> Option<u32> {
    let (cluster, name) = service_of(resource)?;
    world.ecs.service(cluster, name).map(|it| it.desired)
}

/// Sets a desired count; whether that changed anything.
fn set(world: &mut World, resource: &str, to: u32, cause: &str) -> bool {
    let Some((cluster, name)) = service_of(resource) else {
        return false;
    };
    if desired(world, resource).is_none_or(|desired| desired == to) {
        return false;
    }
    world.settle();
    if let Some(service) = world.ecs.service_mut(cluster, name) {
        service.desired = to;
    }
    activity::note(world, resource, to, cause);
    true
}

/// One second of scaling: schedules and policies are looked at on full minutes.
pub(super) fn tick(world: &mut World) {
    if world.scaling.targets.is_empty() || world.now.as_second() % 60 != 0 {
        return;
    }
    run_schedules(world);
    run_policies(world);
}

fn run_schedules(world: &mut World) {
    let keys: Vec<_> = world.scaling.schedules.keys().cloned().collect();
    let now = world.now;
    for key in keys {
        let action = &world.scaling.schedules[&key];
        let (begun, ran) = world.scaling.ran.get(&key).copied().unwrap_or((now, now));
        world.scaling.ran.insert(key.clone(), (begun, now));
        let is_due = Schedule::read(action).is_ok_and(|it| it.is_due(begun, ran, now));
        let capacity = action["ScalableTargetAction"].clone();
        let Some(target) = world.scaling.targets.get_mut(&key.0) else {
            continue;
        };
        if !is_due || is_suspended(target, "ScheduledScalingSuspended") {
            continue;
        }
        for field in ["MinCapacity", "MaxCapacity"] {
            if let Some(value) = count(&capacity, field) {
                target[field] = json!(value);
            }
        }
        clamp(world, &key.0);
    }
}

fn run_policies(world: &mut World) {
    let keys: Vec<_> = world.scaling.policies.keys().cloned().collect();
    for key in keys {
        let value = &world.scaling.policies[&key];
        let (Ok(policy), Some(target)) = (Policy::read(value), world.scaling.targets.get(&key.0))
        else {
            continue;
        };
        let arn = text(value, "PolicyARN").unwrap_or_default();
        let Some(running) = desired(world, &key.0) else {
            continue;
        };
        let firing = world.cloudwatch.alarms().values();
        let firing = firing.filter(|alarm| fires(alarm, arn));
        let wanted = firing.filter_map(|alarm| {
            let Kind::Metric(spec) = &alarm.kind else {
                return None;
            };
            let value = evaluate::newest(spec, &world.cloudwatch.store, world.now)?;
            let sight = Sight {
                alarm: &alarm.name,
                value,
                threshold: spec.threshold,
                desired: running,
            };
            let to = policy.wants(&sight)?;
            Some((to, alarm.name.clone()))
        });
        // Where several say something, the larger service is the safer one.
        let Some((to, alarm)) = wanted.max() else {
            continue;
        };
        let bound = |field| count(target, field).unwrap_or(0);
        let to = to.clamp(bound("MinCapacity"), bound("MaxCapacity"));
        let suspended = match to < running {
            true => "DynamicScalingInSuspended",
            false => "DynamicScalingOutSuspended",
        };
        let rests = world.scaling.scaled.get(&key);
        let rests = rests.is_some_and(|at| policy.rests(*at, world.now, to < running));
        if rests || is_suspended(target, suspended) {
            continue;
        }
        let cause = format!(
            "monitor alarm {alarm} in state ALARM triggered policy {}",
            key.1
        );
        if set(world, &key.0, to, &cause) {
            let now = world.now;
            world.scaling.scaled.insert(key, now);
        }
    }
}

/// Whether an alarm asks a policy to act.
fn fires(alarm: &Alarm, policy: &str) -> bool {
    let actions = alarm.settings.get("AlarmActions").and_then(Value::as_array);
    alarm.state == AlarmState::Alarm
        && alarm.actions_enabled
        && actions.is_some_and(|all| all.iter().any(|action| action == policy))
}

#[cfg(test)]
mod tests;
