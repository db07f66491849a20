//! A small scene for tests: one load balancer `shop` with a listener on port 80.

use super::super::World;
use super::super::app::{Behaviour, Probe};
use super::{Reason, Request, Routed, TargetId};
use crate::sandbox::wire::elbv2;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A world without services.
pub(crate) fn empty_world() -> World {
    let now = Timestamp::from_second(1_790_000_040).unwrap();
    World::new("123456789012", "eu-west-1", now, 7)
}

/// The target on 10.0.0.1 with this port.
pub(crate) fn target(port: u16) -> TargetId {
    TargetId {
        id: "10.0.0.1".to_owned(),
        port,
        zone: None,
    }
}

pub(crate) struct Scene {
    pub(crate) world: World,
    groups: BTreeMap<String, String>,
    pub(crate) listener: String,
}

impl Scene {
    /// Groups by these names; the listener forwards to all of them, the first with weight 1.
    pub(crate) fn new(groups: &[&str]) -> Self {
        let mut world = empty_world();
        let lb = call(
            &mut world,
            "CreateLoadBalancer",
            &json!({
            "Name": "shop", "Subnets": ["subnet-a", "subnet-b"]}),
        );
        let arns = groups.iter().map(|name| {
            let made = call(&mut world, "CreateTargetGroup", &json!({
                "Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"}));
            let arn = made["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap();
            ((*name).to_owned(), arn.to_owned())
        });
        let groups: BTreeMap<_, _> = arns.collect();
        let tuples: Vec<Value> = groups
            .values()
            .enumerate()
            .map(|(index, arn)| json!({"TargetGroupArn": arn, "Weight": i32::from(index == 0)}))
            .collect();
        let listener = call(
            &mut world,
            "CreateListener",
            &json!({
            "LoadBalancerArn": lb["LoadBalancers"][0]["LoadBalancerArn"], "Port": 80,
            "Protocol": "HTTP", "DefaultActions": [
                {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}]}),
        );
        let listener = listener["Listeners"][0]["ListenerArn"]
            .as_str()
            .unwrap()
            .to_owned();
        Self {
            world,
            groups,
            listener,
        }
    }

    pub(crate) fn arn(&self, group: &str) -> String {
        self.groups[group].clone()
    }

    /// An app on `target(port)`, registered.
    pub(crate) fn plant(&mut self, group: &str, port: u16, probe: Probe) {
        self.set_probe(group, port, probe);
        let (arn, now) = (self.arn(group), self.world.now);
        self.world.elb.register(&arn, target(port), now);
    }

    pub(crate) fn set_probe(&mut self, _group: &str, port: u16, probe: Probe) {
        self.set_behaviour(port, behaviour(0.0, probe));
    }

    pub(crate) fn set_behaviour(&mut self, port: u16, behaviour: Behaviour) {
        let key = (target(port).id, port);
        // Started long ago: not booting any more.
        let started = self.world.now - SignedDuration::from_hours(1);
        self.world.ecs.planted.insert(key, (behaviour, started));
    }

    /// A registered app that is healthy already.
    pub(crate) fn healthy(&mut self, group: &str, port: u16) {
        self.plant(group, port, Probe::Status(200));
        self.pass(5);
    }

    /// Lets seconds pass.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let then = self.world.now + SignedDuration::from_secs(seconds);
        self.world.advance_to(then);
    }

    pub(crate) fn states(&self, group: &str) -> Vec<&'static str> {
        let group = self.world.elb.group(&self.groups[group]).unwrap();
        group
            .targets
            .iter()
            .map(|target| target.health.state.as_str())
            .collect()
    }

    pub(crate) fn reasons(&self, group: &str) -> Vec<Option<Reason>> {
        let group = self.world.elb.group(&self.groups[group]).unwrap();
        group
            .targets
            .iter()
            .map(|target| target.health.reason)
            .collect()
    }

    pub(crate) fn forward(&mut self, weights: &[(&str, u16)]) {
        self.modify(weights, &json!({"Enabled": false}));
    }

    pub(crate) fn forward_sticky(&mut self, weights: &[(&str, u16)], seconds: u32) {
        self.modify(
            weights,
            &json!({"Enabled": true, "DurationSeconds": seconds}),
        );
    }

    fn modify(&mut self, weights: &[(&str, u16)], stickiness: &Value) {
        let tuples: Vec<Value> = weights
            .iter()
            .map(|(name, weight)| json!({"TargetGroupArn": self.groups[*name], "Weight": weight}))
            .collect();
        call(
            &mut self.world,
            "ModifyListener",
            &json!({
            "ListenerArn": self.listener, "DefaultActions": [{"Type": "forward", "ForwardConfig": {
                "TargetGroups": tuples, "TargetGroupStickinessConfig": stickiness}}]}),
        );
    }

    pub(crate) fn rule(&mut self, priority: u32, condition: &Value, action: &Value) {
        call(
            &mut self.world,
            "CreateRule",
            &json!({
            "ListenerArn": self.listener, "Priority": priority,
            "Conditions": [condition], "Actions": [action]}),
        );
    }

    pub(crate) fn route(&mut self, request: &Request<'_>) -> Routed {
        let World { elb, rng, now, .. } = &mut self.world;
        elb.route(&self.listener, request, rng, *now)
    }

    pub(crate) fn port_of_next(&mut self) -> u16 {
        match self.route(&Request::plain()) {
            Routed::Target { target, .. } => target.port,
            other => panic!("not routed to a target: {other:?}"),
        }
    }
}

/// An app that fails this share of its requests.
pub(crate) fn behaviour(error_rate: f64, probe: Probe) -> Behaviour {
    Behaviour {
        error_rate,
        probe,
        ..Behaviour::good()
    }
}

/// Calls ELBv2 and expects success.
pub(crate) fn call(world: &mut World, operation: &str, input: &Value) -> Value {
    elbv2::handle(world, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}
