//! Load balancers, listeners, rules, target groups and target health.
//!
//! What a client sent is kept as it came ([`Actions`], [`Conditions`]) with a parsed reading
//! beside it: descriptions give back every field, routing never parses.

mod actions;
mod attributes;
mod conditions;
mod group;
mod health;
mod route;
#[cfg(test)]
pub(crate) mod testing;

pub use actions::{Actions, Forward, Outcome, Redirect};
pub use attributes::{GROUP_DEFAULTS, LOAD_BALANCER_DEFAULTS};
pub use conditions::{Condition, Conditions};
pub use group::{
    CheckPort, Codes, GRPC_PATH, Health, HealthCheck, Matcher, Reason, Target, TargetGroup,
    TargetId, TargetState, TargetType,
};
pub use health::tick;
pub(super) use health::{due, may_move};
pub use route::{Pin, Request, Routed};

use jiff::Timestamp;
use std::collections::BTreeMap;

/// The Elastic Load Balancing half of the world. Every map is keyed by ARN.
#[derive(Debug, Clone, Default)]
pub struct Elb {
    /// Load balancers.
    pub load_balancers: BTreeMap<String, LoadBalancer>,
    /// Listeners of all load balancers.
    pub listeners: BTreeMap<String, Listener>,
    /// Rules of all listeners, default rules left out: those are the listeners' own actions.
    pub rules: BTreeMap<String, Rule>,
    /// Target groups with their targets.
    pub groups: BTreeMap<String, TargetGroup>,
    /// Tags of all of the above.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// When the next health check or draining deadline is due.
    next_due: Option<Timestamp>,
}

/// What kind of load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP and HTTPS, with rules.
    Application,
    /// TCP, UDP and TLS: default actions only.
    Network,
}

impl Kind {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Network => "network",
        }
    }

    /// The part of an ARN that tells the kind: `app` or `net`.
    pub fn arn_part(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
        }
    }
}

/// A load balancer.
#[derive(Debug, Clone)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Application or network.
    pub kind: Kind,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    /// The name users would resolve.
    pub dns_name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Enabled zones with the subnet that stands for each.
    pub zones: Vec<(String, String)>,
    /// Security groups, as given.
    pub security_groups: Vec<String>,
    /// `ipv4`, `dualstack`, …
    pub ip_address_type: String,
    /// Attributes that differ from [`LOAD_BALANCER_DEFAULTS`].
    pub attributes: BTreeMap<String, String>,
}

impl LoadBalancer {
    /// The value of CloudWatch's dimension `LoadBalancer`: `app/NAME/ID`.
    pub fn dimension(&self) -> &str {
        self.arn
            .split_once(":loadbalancer/")
            .map_or("", |(_, dimension)| dimension)
    }
}

/// A listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its ARN.
    pub arn: String,
    /// The load balancer it belongs to.
    pub load_balancer: String,
    /// The port it listens on.
    pub port: u16,
    /// `HTTP`, `HTTPS`, `TCP`, …
    pub protocol: String,
    /// What it does where no rule matches; also its default rule's actions.
    pub actions: Actions,
    /// Certificates, TLS policy and other fields, as given.
    pub other: serde_json::Map<String, serde_json::Value>,
    /// Attributes that were set.
    pub attributes: BTreeMap<String, String>,
}

impl Listener {
    /// The ARN of its default rule: always the same for one listener.
    pub fn default_rule_arn(&self) -> String {
        let id = self.arn.rsplit('/').next().unwrap_or_default();
        let reversed: String = id.chars().rev().collect();
        format!("{}/{reversed}", self.rule_prefix())
    }

    /// What the ARNs of its rules begin with.
    pub fn rule_prefix(&self) -> String {
        self.arn.replacen(":listener/", ":listener-rule/", 1)
    }
}

/// A rule with a priority.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its ARN.
    pub arn: String,
    /// The listener it belongs to.
    pub listener: String,
    /// 1–50000; the lowest that matches wins.
    pub priority: u32,
    /// All of them must hold.
    pub conditions: Conditions,
    /// What it does.
    pub actions: Actions,
    /// Transforms and other fields, as given.
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Elb {
    /// Whether a forward action of any listener or rule names the group, at whatever weight.
    pub fn group_is_used(&self, arn: &str) -> bool {
        self.group(arn)
            .is_some_and(|group| !group.load_balancers.is_empty())
    }

    /// The target group with this ARN.
    pub fn group(&self, arn: &str) -> Option<&TargetGroup> {
        self.groups.get(arn)
    }

    /// The load balancer with this name.
    pub fn load_balancer_named(&self, name: &str) -> Option<&LoadBalancer> {
        self.load_balancers.values().find(|lb| lb.name == name)
    }

    /// The load balancer with a DNS name.
    pub fn load_balancer_called(&self, dns_name: &str) -> Option<&LoadBalancer> {
        self.load_balancers
            .values()
            .find(|lb| lb.dns_name == dns_name)
    }

    /// A load balancer's listener on a port.
    pub fn listener_on(&self, load_balancer: &str, port: u16) -> Option<&Listener> {
        self.listeners
            .values()
            .find(|listener| listener.load_balancer == load_balancer && listener.port == port)
    }

    /// A listener's rules, first to match first.
    pub fn rules_of(&self, listener: &str) -> Vec<&Rule> {
        let mut rules: Vec<_> = self
            .rules
            .values()
            .filter(|rule| rule.listener == listener)
            .collect();
        rules.sort_by_key(|rule| rule.priority);
        rules
    }

    /// The groups that any action of a load balancer names, in order of their ARNs.
    pub fn groups_of(&self, load_balancer: &str) -> Vec<&TargetGroup> {
        self.groups
            .values()
            .filter(|group| group.load_balancers.iter().any(|arn| arn == load_balancer))
            .collect()
    }
}
