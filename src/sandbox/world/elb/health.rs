//! Target health: registration, checks, draining.

use super::super::World;
use super::super::app::Probe;
use super::super::ecs::Ecs;
use super::super::traffic::Pace;
use super::{CheckPort, TargetType};
use super::{Elb, Health, HealthCheck, Reason, Target, TargetGroup, TargetId, TargetState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// From registration to the first check. AWS publishes no figure; a few seconds are seen.
const REGISTRATION: SignedDuration = SignedDuration::from_secs(4);

impl Elb {
    /// Registers a target. One that is registered already stays as it is; one that drains comes
    /// back as a new one.
    pub fn register(&mut self, group_arn: &str, target: TargetId, now: Timestamp) {
        let Some(group) = self.groups.get_mut(group_arn) else {
            return;
        };
        match group.find(&target).map(|known| known.health.state) {
            Some(TargetState::Draining) => group.targets.retain(|known| !known.id.same_as(&target)),
            Some(_) => return,
            None => {}
        }
        let mut target = Target {
            id: target,
            health: Health::because(TargetState::Unused, Reason::NotInUse),
            passed: 0,
            failed: 0,
            due: None,
        };
        if !group.load_balancers.is_empty() {
            start(&mut target, &group.zones, now);
        }
        group.targets.push(target);
        self.reschedule();
    }

    /// Deregisters a target: it drains for the group's deregistration delay and is then gone.
    /// One that got no traffic goes at once.
    pub fn deregister(&mut self, group_arn: &str, target: &TargetId, now: Timestamp) {
        let Some(group) = self.groups.get_mut(group_arn) else {
            return;
        };
        let until = now + group.deregistration_delay();
        let used = |known: &Target| known.health.state != TargetState::Unused;
        group
            .targets
            .retain(|known| used(known) || !known.id.same_as(target));
        for known in &mut group.targets {
            if known.id.same_as(target) && known.health.state != TargetState::Draining {
                known.health = Health::because(TargetState::Draining, Reason::Deregistering);
                known.due = Some(until);
            }
        }
        self.reschedule();
    }

    /// A target's state; none if it isn't registered, nor draining.
    pub fn health(&self, group_arn: &str, target: &TargetId) -> Option<TargetState> {
        let found = self.group(group_arn)?.find(target)?;
        Some(found.health.state)
    }

    /// Whether requests to a deregistered target may still be in flight.
    pub fn is_draining(&self, group_arn: &str, target: &TargetId) -> bool {
        self.health(group_arn, target) == Some(TargetState::Draining)
    }

    /// Brings each group's load balancers up to date with all actions, and its targets with
    /// that: call it after any change of load balancers, listeners or rules.
    pub fn relink(&mut self, now: Timestamp) {
        let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let default_actions = self
            .listeners
            .values()
            .map(|listener| (listener.load_balancer.as_str(), &listener.actions));
        let rule_actions = self.rules.values().filter_map(|rule| {
            let listener = self.listeners.get(&rule.listener)?;
            Some((listener.load_balancer.as_str(), &rule.actions))
        });
        for (load_balancer, actions) in default_actions.chain(rule_actions) {
            for (group, _) in actions.forward().map_or(&[][..], |forward| &forward.groups) {
                let users = users.entry(group).or_default();
                if !users.iter().any(|user| user == load_balancer) {
                    users.push(load_balancer.to_owned());
                }
            }
        }
        for group in self.groups.values_mut() {
            group.load_balancers = users.remove(group.arn.as_str()).unwrap_or_default();
            let zones = group
                .load_balancers
                .iter()
                .filter_map(|arn| self.load_balancers.get(arn))
                .flat_map(|lb| lb.zones.iter().map(|(zone, _)| zone.clone()));
            group.zones = zones.collect();
            group.follow_use(now);
        }
        self.reschedule();
    }

    fn reschedule(&mut self) {
        let targets = self.groups.values().flat_map(|group| &group.targets);
        self.next_due = targets.filter_map(|target| target.due).min();
    }
}

impl TargetGroup {
    /// Starts or stops checking after the group's use has changed.
    fn follow_use(&mut self, now: Timestamp) {
        if self.load_balancers.is_empty() {
            self.targets
                .retain(|target| target.health.state != TargetState::Draining);
            for target in &mut self.targets {
                target.health = Health::because(TargetState::Unused, Reason::NotInUse);
                target.due = None;
            }
            return;
        }
        for target in &mut self.targets {
            if target.health.state == TargetState::Unused {
                start(target, &self.zones, now);
            }
        }
    }

    /// Ends draining and performs the checks that are due.
    fn step(&mut self, now: Timestamp, probe: &impl Fn(&str, u16) -> Probe) -> Changed {
        let is_due = |target: &Target| target.due.is_some_and(|due| due <= now);
        let before = self.targets.len();
        self.targets
            .retain(|target| target.health.state != TargetState::Draining || !is_due(target));
        let mut changed = match self.targets.len() == before {
            true => Changed::No,
            false => Changed::Yes,
        };
        for at in 0..self.targets.len() {
            if !is_due(&self.targets[at]) {
                continue;
            }
            let failure = self.failure(&self.targets[at], probe);
            let target = &mut self.targets[at];
            let state = target.health.state;
            target.due = Some(now + SignedDuration::from_secs(self.check.interval.max(1)));
            if !self.check.enabled || self.target_type == TargetType::Lambda {
                target.health = Health::healthy();
                target.due = None;
            } else {
                target.note(failure, &self.check);
            }
            if target.health.state != state {
                changed = Changed::Yes;
            }
        }
        changed
    }

    /// Why a target's check fails; none if it passes.
    fn failure(&self, target: &Target, probe: &impl Fn(&str, u16) -> Probe) -> Option<Reason> {
        let port = match self.check.port {
            CheckPort::Traffic => target.id.port,
            CheckPort::Fixed(port) => port,
        };
        judge(&self.check, probe(&target.id.id, port))
    }
}

/// Whether the state of any target did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Yes,
    No,
}

impl Target {
    /// Counts a check's outcome. One pass makes a newly registered target healthy; after that
    /// the group's thresholds hold.
    fn note(&mut self, failure: Option<Reason>, check: &HealthCheck) {
        let state = self.health.state;
        match failure {
            None => {
                self.passed += 1;
                self.failed = 0;
                if state == TargetState::Initial || self.passed >= check.healthy_threshold {
                    self.health = Health::healthy();
                }
            }
            Some(reason) => {
                self.failed += 1;
                self.passed = 0;
                if state == TargetState::Unhealthy || self.failed >= check.unhealthy_threshold {
                    self.health = Health::because(TargetState::Unhealthy, reason);
                } else if state == TargetState::Initial {
                    self.health = Health::because(TargetState::Initial, Reason::InitialChecks);
                }
            }
        }
    }
}

fn start(target: &mut Target, zones: &[String], now: Timestamp) {
    let enabled = match &target.id.zone {
        Some(zone) if zone != "all" => zones.is_empty() || zones.contains(zone),
        _ => true,
    };
    target.passed = 0;
    target.failed = 0;
    if enabled {
        target.health = Health::because(TargetState::Initial, Reason::Registering);
        target.due = Some(now + REGISTRATION);
    } else {
        target.health = Health::because(TargetState::Unused, Reason::ZoneNotEnabled);
        target.due = None;
    }
}

/// Why a check failed; none if it passed.
fn judge(check: &HealthCheck, probe: Probe) -> Option<Reason> {
    match (probe, &check.matcher) {
        (Probe::Refused, _) => Some(Reason::Failed),
        (Probe::Timeout, _) => Some(Reason::Timeout),
        (Probe::Status(status), Some(matcher)) => {
            let code = check.code_of(status);
            (!matcher.accepts(code)).then_some(Reason::CodeMismatch(code))
        }
        (Probe::Status(_), None) => None,
    }
}

/// When the next health check or draining deadline is due.
pub(in crate::sandbox::world) fn due(world: &World) -> Option<Timestamp> {
    world.elb.next_due
}

/// Whether what is due now changes a target's health.
pub(in crate::sandbox::world) fn may_move(world: &World) -> bool {
    let now = world.now;
    if world.elb.next_due.is_none_or(|due| due > now) {
        return false;
    }
    let groups = world.elb.groups.values();
    let mut due = groups.flat_map(|group| group.targets.iter().map(move |target| (group, target)));
    due.any(|(group, target)| {
        target.due.is_some_and(|due| due <= now)
            && (target.health.state != TargetState::Healthy
                || group
                    .failure(target, &|id, port| probe(&world.ecs, id, port, now))
                    .is_some())
    })
}

/// The answer to a health check there.
fn probe(ecs: &Ecs, id: &str, port: u16, now: Timestamp) -> Probe {
    // Nothing at an address: packets get lost, as on a network interface that is gone.
    let app = ecs.application_at(id, port);
    app.map_or(Probe::Timeout, |app| {
        app.behaviour.probe(now.duration_since(app.started_at))
    })
}

/// One second of load balancing: health checks, draining. Costs one comparison when nothing is
/// due.
pub fn tick(world: &mut World) {
    let now = world.now;
    if world.elb.next_due.is_none_or(|due| due > now) {
        return;
    }
    let World { elb, ecs, .. } = world;
    let mut changed = Changed::No;
    for group in elb.groups.values_mut() {
        if group.step(now, &|id, port| probe(ecs, id, port, now)) == Changed::Yes {
            changed = Changed::Yes;
        }
    }
    elb.reschedule();
    if changed == Changed::Yes && world.traffic.pace() == Pace::InLeaps {
        world.ecs.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Scene, target};
    use super::*;

    #[test]
    fn one_passing_check_makes_a_new_target_healthy() {
        let mut scene = Scene::new(&["a"]);
        scene.plant("a", 1, Probe::Status(200));
        assert_eq!(scene.states("a"), ["initial"]);
        assert_eq!(scene.reasons("a"), [Some(Reason::Registering)]);
        scene.pass(5);
        assert_eq!(scene.states("a"), ["healthy"]);
        assert_eq!(scene.reasons("a"), [None]);
    }

    #[test]
    fn a_failing_new_target_is_unhealthy_after_the_threshold() {
        for (probe, reason) in [
            (Probe::Status(503), Reason::CodeMismatch(503)),
            (Probe::Timeout, Reason::Timeout),
            (Probe::Refused, Reason::Failed),
        ] {
            let mut scene = Scene::new(&["a"]);
            scene.plant("a", 1, probe);
            scene.pass(5);
            assert_eq!(scene.states("a"), ["initial"]);
            assert_eq!(scene.reasons("a"), [Some(Reason::InitialChecks)]);
            scene.pass(30);
            assert_eq!(scene.states("a"), ["unhealthy"]);
            assert_eq!(scene.reasons("a"), [Some(reason)]);
        }
    }

    #[test]
    fn recovery_takes_the_healthy_threshold() {
        let mut scene = Scene::new(&["a"]);
        scene.plant("a", 1, Probe::Status(200));
        scene.pass(5);
        scene.set_probe("a", 1, Probe::Status(500));
        scene.pass(60);
        assert_eq!(scene.states("a"), ["unhealthy"]);
        scene.set_probe("a", 1, Probe::Status(200));
        scene.pass(30 * 4);
        assert_eq!(
            scene.states("a"),
            ["unhealthy"],
            "4 of 5 passes are not enough"
        );
        scene.pass(30);
        assert_eq!(scene.states("a"), ["healthy"]);
    }

    #[test]
    fn a_group_that_no_action_names_has_unused_targets() {
        let mut scene = Scene::new(&["a", "b"]);
        scene.forward(&[("a", 1)]);
        scene.plant("b", 1, Probe::Status(200));
        scene.pass(60);
        assert_eq!(scene.states("b"), ["unused"]);
        assert!(!scene.world.elb.group_is_used(&scene.arn("b")));
        scene.forward(&[("a", 1), ("b", 0)]);
        assert_eq!(scene.states("b"), ["initial"], "weight 0 is in use");
        scene.pass(5);
        assert_eq!(scene.states("b"), ["healthy"]);
        scene.forward(&[("a", 1)]);
        assert_eq!(scene.states("b"), ["unused"]);
    }

    #[test]
    fn a_target_in_a_zone_that_is_not_enabled_is_unused() {
        let mut scene = Scene::new(&["a"]);
        let mut far = target(1);
        far.zone = Some("eu-west-1z".to_owned());
        let (arn, now) = (scene.arn("a"), scene.world.now);
        scene.world.elb.register(&arn, far, now);
        assert_eq!(scene.reasons("a"), [Some(Reason::ZoneNotEnabled)]);
    }

    #[test]
    fn a_deregistered_target_drains_for_the_delay_and_is_gone() {
        let mut scene = Scene::new(&["a"]);
        scene.plant("a", 1, Probe::Status(200));
        scene.pass(5);
        let (arn, now) = (scene.arn("a"), scene.world.now);
        scene.world.elb.deregister(&arn, &target(1), now);
        assert!(scene.world.elb.is_draining(&arn, &target(1)));
        scene.pass(299);
        assert!(scene.world.elb.is_draining(&arn, &target(1)));
        scene.pass(1);
        assert_eq!(scene.world.elb.health(&arn, &target(1)), None);
    }

    #[test]
    fn a_draining_target_that_is_registered_again_starts_over() {
        let mut scene = Scene::new(&["a"]);
        scene.plant("a", 1, Probe::Status(200));
        scene.pass(5);
        let (arn, now) = (scene.arn("a"), scene.world.now);
        scene.world.elb.deregister(&arn, &target(1), now);
        scene.world.elb.register(&arn, target(1), now);
        assert_eq!(scene.states("a"), ["initial"]);
        scene.pass(400);
        assert_eq!(scene.states("a"), ["healthy"]);
    }
}
