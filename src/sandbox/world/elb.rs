//! Load balancers, listeners, rules, target groups and target health (stand-in).

use super::app::Probe;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId {
    /// IP address or instance id.
    pub id: String,
    /// Port.
    pub port: u16,
    /// Availability zone.
    pub zone: Option<String>,
}

/// A target's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Just registered.
    Initial,
    /// Passes.
    Healthy,
    /// Fails.
    Unhealthy,
    /// Fails, and drains.
    UnhealthyDraining,
    /// No load balancer.
    Unused,
    /// Deregistered, connections end.
    Draining,
}

/// A target group.
#[derive(Debug, Clone)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Does a load balancer use it?
    pub used: bool,
    /// Seconds.
    pub deregistration_delay: i64,
    /// Its targets: state, since when.
    pub targets: BTreeMap<TargetId, (TargetState, Timestamp)>,
}

/// The Elastic Load Balancing half of the world.
#[derive(Debug, Clone, Default)]
pub struct Elb {
    /// By ARN.
    pub groups: BTreeMap<String, TargetGroup>,
}

impl Elb {
    /// Does a load balancer use it?
    pub fn group_is_used(&self, arn: &str) -> bool {
        self.groups.get(arn).is_some_and(|group| group.used)
    }

    /// The group.
    pub fn group(&self, arn: &str) -> Option<&TargetGroup> {
        self.groups.get(arn)
    }

    /// Adds a target.
    pub fn register(&mut self, group_arn: &str, target: TargetId, now: Timestamp) {
        if let Some(group) = self.groups.get_mut(group_arn) {
            group.targets.insert(target, (TargetState::Initial, now));
        }
    }

    /// Lets a target drain.
    pub fn deregister(&mut self, group_arn: &str, target: &TargetId, now: Timestamp) {
        if let Some(entry) = self
            .groups
            .get_mut(group_arn)
            .and_then(|group| group.targets.get_mut(target))
        {
            *entry = (TargetState::Draining, now);
        }
    }

    /// A target's health.
    pub fn health(&self, group_arn: &str, target: &TargetId) -> Option<TargetState> {
        Some(self.groups.get(group_arn)?.targets.get(target)?.0)
    }

    /// Is it still draining?
    pub fn is_draining(&self, group_arn: &str, target: &TargetId) -> bool {
        self.health(group_arn, target) == Some(TargetState::Draining)
    }
}

/// One second of load balancing: health checks, draining.
pub fn tick(world: &mut super::World) {
    let now = world.now;
    for group in world.elb.groups.values_mut() {
        let delay = SignedDuration::from_secs(group.deregistration_delay);
        group.targets.retain(|_, (state, since)| {
            *state != TargetState::Draining || now.duration_since(*since) < delay
        });
        for (id, (state, since)) in &mut group.targets {
            let age = now.duration_since(*since).as_secs();
            let passes = world
                .ecs
                .application_at(&id.id, id.port)
                .is_some_and(|app| {
                    app.behaviour.probe(now.duration_since(app.started_at)) == Probe::Status(200)
                });
            match state {
                TargetState::Initial | TargetState::Unhealthy if passes && age >= 10 => {
                    *state = TargetState::Healthy;
                }
                TargetState::Initial | TargetState::Healthy if !passes && age >= 60 => {
                    *state = TargetState::Unhealthy;
                }
                _ => {}
            }
        }
    }
}
