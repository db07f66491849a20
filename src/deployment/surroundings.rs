//! Everything that planning has to know of AWS before the first change: plain data, collected
//! once by a survey.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::dns::{DnsFound, Record};
use super::health_check::HealthCheck;
use super::ids::{
    AlarmName, EcsServiceName, LoadBalancerArn, RouteArn, ScheduleName, SlotName, Slots,
    TargetGroupArn, TaskDefinitionArn,
};
use super::metrics::MetricsFound;
use super::observation::Seen;
use super::plan::{Route, RouteKind};
use super::scaling::ScalableTarget;
use crate::gate::{FunctionName, ImageSeen};
use crate::judge::alarms::AlarmState;
use crate::judge::guards::Number;
use crate::strategy::Weight;

/// What the survey found. What doesn't exist is `None`; what could not be read fails the survey.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    /// When the survey was made.
    pub now: Timestamp,
    /// The account that the credentials belong to.
    pub account: String,
    /// The region that was asked.
    pub region: String,
    /// Where the credentials come from: `profile "prod"`.
    pub credentials_from: String,
    /// When the credentials end, where that is known and no role renews them by itself.
    pub credentials_end: Option<Timestamp>,
    /// How far this machine's clock is ahead of AWS's, where AWS has refused a request for it.
    pub clock_ahead: Option<SignedDuration>,
    /// Whether the cluster exists and is ACTIVE.
    pub cluster_exists: bool,
    /// Names of some clusters, for the message when it doesn't.
    pub clusters: Vec<String>,
    /// Each slot's service, as DescribeServices prints it (tags included, unknown fields too);
    /// `None` where it is missing or INACTIVE.
    pub services: Slots<Option<Value>>,
    /// Names of some services of the cluster, for the message when one is missing.
    pub service_names: Vec<String>,
    /// Each target group that the config names, by the name or ARN it uses.
    pub groups: BTreeMap<String, Option<GroupFound>>,
    /// Every forward action of the load balancers that use any of those groups, but for those
    /// behind records; and the record pairs that the config lists.
    pub forwards: Vec<Forward>,
    /// What came of the records that the config lists, beside routes.
    pub dns: DnsFound,
    /// Each task definition that matters, as DescribeTaskDefinition prints it
    /// (`{"taskDefinition": …, "tags": […]}`): both slots', the one asked for, and the one that
    /// served in the idle slot last where something else is set there.
    pub task_definitions: BTreeMap<TaskDefinitionArn, Value>,
    /// What the reference of `--task-definition FAMILY[:REV]` stands for.
    pub asked_definition: Option<TaskDefinitionArn>,
    /// Each alarm that the config names, `{slot}` filled in both ways.
    pub alarms: BTreeMap<AlarmName, Option<AlarmFound>>,
    /// Each slot's autoscaling, if it has any; unreadable where it may not be asked for.
    pub scaling: Seen<Slots<Option<ScalableTarget>>>,
    /// The digest that each of the live slot's containers runs, where ECS shows it.
    pub running_digests: BTreeMap<String, String>,
    /// The digest that a registry gives for an image reference, where it could be asked (ECR).
    pub registry_digests: BTreeMap<String, String>,
    /// The healthy targets of each group.
    pub healthy: BTreeMap<TargetGroupArn, u32>,
    /// The targets of a slot's group that are no tasks of its service, where there are any.
    pub strangers: BTreeMap<TargetGroupArn, Vec<Stranger>>,
    /// What matters to the dead-man switch; empty where none is wanted.
    pub deadman: DeadmanFound,
    /// What the metric guards need to know beforehand; nothing where there are none.
    pub metrics: MetricsFound,
    /// Each of the config's own metrics in the last hour, in their order; empty where they could
    /// not be tried.
    pub before: Vec<Before>,
    /// Each function that a gate calls.
    pub functions: BTreeMap<FunctionName, FunctionFound>,
    /// Why no test route takes what a gate asks through it, by the gate's name.
    pub untaken: BTreeMap<String, Untaken>,
    /// Each image of the version, where a gate looks at them.
    pub images: Option<Vec<ImageSeen>>,
    /// What could not be looked at, though the plan can do without: for the reader of the plan.
    pub notes: Vec<String>,
}

impl Surroundings {
    /// A target group that the config names.
    pub fn group(&self, arn: &TargetGroupArn) -> Option<&GroupFound> {
        let mut groups = self.groups.values().flatten();
        groups.find(|group| group.arn == *arn)
    }
}

/// Why a test route doesn't take what a gate asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untaken {
    /// Another side would answer.
    Surely(String),
    /// It may take it, which can't be told.
    Perhaps(String),
}

/// What is registered in a target group: an address or a container instance's id, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// `10.0.1.5` or `i-0123456789abcdef0`.
    pub id: String,
    /// The port there.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id.contains(':') {
            true => write!(f, "[{}]:{}", self.id, self.port),
            false => write!(f, "{}:{}", self.id, self.port),
        }
    }
}

/// A target that is no task of the service that its group belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The target.
    pub target: Target,
    /// The service of the cluster that it is a task of, where that is known.
    pub service: Option<EcsServiceName>,
}

/// A metric's values on each side, by the start of their periods.
pub type Before = Slots<BTreeMap<Timestamp, Number>>;

/// A Lambda function, as far as Lambda says without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionFound {
    /// It is there, and may be called.
    Ready,
    /// It can't be called, and why.
    Refused(String),
    /// That could not be learned, and why.
    Unknown(String),
}

/// What matters to the dead-man switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadmanFound {
    /// Schedules that earlier deployments of this service left behind.
    pub leftovers: Vec<ScheduleName>,
    /// Routes whose action has a secret that ELBv2 doesn't show.
    pub with_secrets: BTreeSet<RouteArn>,
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFound {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// `ip`, `instance`, `lambda`, `alb`.
    pub target_type: String,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`; empty for Lambda.
    pub protocol: String,
    /// `HTTP1`, `HTTP2`, `GRPC`; empty where that doesn't apply.
    pub protocol_version: String,
    /// Its VPC; empty where that doesn't apply.
    pub vpc: String,
    /// The load balancer that uses it, if any.
    pub load_balancer: Option<LoadBalancerArn>,
    /// `deregistration_delay.timeout_seconds`.
    pub deregistration_delay: Duration,
    /// What it asks of its targets; `None` for Lambda without a check.
    pub health_check: Option<HealthCheck>,
    /// Interval, healthy threshold: how soon a new target can be healthy at the earliest.
    pub healthy_after: Duration,
    /// Whether the group asks for stickiness of its own (`stickiness.enabled`).
    pub sticky: bool,
    /// Everything that can be set on it, by the names that ELBv2 gives it: `HealthCheckPath`,
    /// `deregistration_delay.timeout_seconds`. What is set to nothing is left out.
    pub settings: BTreeMap<String, String>,
}

/// What splits traffic: a forward action of a listener or a rule, or a weighted record pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The listener's or rule's ARN, or what stands for a record pair.
    pub arn: RouteArn,
    /// Which of them.
    pub kind: RouteKind,
    /// The load balancer; slot a's for a record pair.
    pub load_balancer: LoadBalancerArn,
    /// The listener's port; 0 for a record pair.
    pub port: u16,
    /// The rule's priority; `None` for a listener's default action.
    pub priority: Option<String>,
    /// The rule's `host-header` values.
    pub hosts: Vec<String>,
    /// The rule's `path-pattern` values.
    pub paths: Vec<String>,
    /// The rule's `http-header` conditions, as `name: value` with the name in small letters.
    pub headers: Vec<String>,
    /// Every group that it names, with its weight.
    pub weights: BTreeMap<TargetGroupArn, u32>,
    /// Its target-group stickiness, where enabled.
    pub sticky: Option<Duration>,
    /// The Cognito user pools by which an action before it authenticates, as ARNs.
    pub user_pools: Vec<String>,
}

impl Forward {
    /// What people call it: `shop:443`, `shop:443 shop.example.com/api/*`, `shop.example.com A`.
    pub fn label(&self) -> String {
        if let RouteKind::Record(record) = &self.kind {
            return record.label();
        }
        let mut label = format!("{}:{}", self.load_balancer.name(), self.port);
        if self.kind == RouteKind::Rule {
            let mut conditions = format!("{}{}", self.hosts.join("|"), self.paths.join("|"));
            if !self.headers.is_empty() {
                let blank = if conditions.is_empty() { "" } else { " " };
                conditions = format!("{conditions}{blank}{}", self.headers.join("|"));
            }
            let priority = || format!("rule {}", self.priority.as_deref().unwrap_or("?"));
            label.push(' ');
            label.push_str(&if conditions.is_empty() {
                priority()
            } else {
                conditions
            });
        }
        label
    }

    /// A record pair with these weights.
    pub fn of_record(record: Record, weights: BTreeMap<TargetGroupArn, u32>) -> Forward {
        Forward {
            arn: record.arn(),
            load_balancer: record.ends.a.load_balancer.clone(),
            port: 0,
            priority: None,
            hosts: Vec::new(),
            paths: Vec::new(),
            headers: Vec::new(),
            weights,
            sticky: None,
            user_pools: Vec::new(),
            kind: RouteKind::Record(Box::new(record)),
        }
    }

    /// The load balancer that one of its groups is behind.
    pub fn load_balancer_of(&self, group: &TargetGroupArn) -> &LoadBalancerArn {
        match &self.kind {
            RouteKind::Record(record) => match record.slot_of(group) {
                Some(slot) => &record.ends[slot].load_balancer,
                None => &self.load_balancer,
            },
            RouteKind::Listener | RouteKind::Rule => &self.load_balancer,
        }
    }
}

/// What a forward action's weights give each slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The weights of each slot's groups together.
    pub slots: Slots<u32>,
    /// A group that is neither slot's and carries traffic.
    pub foreign: Option<TargetGroupArn>,
}

impl Carried {
    /// Of an action with these weights, where the slots have these groups.
    pub fn of<G: AsRef<[TargetGroupArn]>>(
        weights: &BTreeMap<TargetGroupArn, u32>,
        groups: &Slots<G>,
    ) -> Carried {
        let has = |slot: SlotName, group| groups[slot].as_ref().contains(group);
        let sum = |slot| {
            let own = weights.iter().filter(|(group, _)| has(slot, group));
            own.map(|(_, weight)| weight).sum()
        };
        let mut carrying = weights.iter().filter(|(_, weight)| **weight > 0);
        let foreign = carrying.find(|(group, _)| !SlotName::BOTH.iter().any(|it| has(*it, group)));
        Carried {
            slots: Slots::from_fn(sum),
            foreign: foreign.map(|(group, _)| group.clone()),
        }
    }

    /// The same where each slot has the group that a route of the plan gives it.
    pub fn on(route: &Route, weights: &BTreeMap<TargetGroupArn, u32>) -> Carried {
        let groups = Slots::from_fn(|slot| std::slice::from_ref(&route.groups[slot]));
        Carried::of(weights, &groups)
    }

    /// A slot's share of what both have, to 0.1 %; `None` where neither has any. A share that
    /// rounds to nothing still is traffic, and one that rounds to all is not all.
    pub fn share(&self, slot: SlotName) -> Option<Weight> {
        let (own, other) = (self.slots[slot], self.slots[slot.other()]);
        let per_mille = match (own, other) {
            (0, 0) => return None,
            (_, 0) => 1000,
            (0, _) => 0,
            _ => ((1000 * own + (own + other) / 2) / (own + other)).clamp(1, 999),
        };
        Weight::of_per_mille(per_mille as u16)
    }

    /// The slot that has traffic while the other has none.
    pub fn alone(&self) -> Option<SlotName> {
        let alone = |slot: &SlotName| self.slots[*slot] > 0 && self.slots[slot.other()] == 0;
        SlotName::BOTH.into_iter().find(alone)
    }
}

/// The slot that has more traffic than the other on each of some forward actions; `None` where
/// they disagree, or there are none.
pub fn live<'a>(carried: impl IntoIterator<Item = &'a Carried>) -> Option<SlotName> {
    let leading = |it: &Carried| SlotName::BOTH.into_iter().find(|slot| leads(it, *slot));
    let mut leading = carried.into_iter().map(leading);
    let first = leading.next()??;
    leading.all(|slot| slot == Some(first)).then_some(first)
}

fn leads(carried: &Carried, slot: SlotName) -> bool {
    carried.slots[slot] > carried.slots[slot.other()]
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmFound {
    /// Its state now.
    pub state: AlarmState,
    /// CloudWatch's words on it.
    pub reason: String,
    /// Period × evaluation periods; `None` for composite and log alarms.
    pub notices_after: Option<Duration>,
    /// The metric's name, where it has one.
    pub metric: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(weights: &[(&str, u32)]) -> Carried {
        let weights = weights
            .iter()
            .map(|(group, weight)| (TargetGroupArn::new(*group), *weight));
        let groups = Slots::from_fn(|slot| [TargetGroupArn::new(slot.as_str())]);
        Carried::of(&weights.collect(), &groups)
    }

    fn per_mille(carried: &Carried) -> [Option<u16>; 2] {
        SlotName::BOTH.map(|slot| Some(carried.share(slot)?.per_mille()))
    }

    #[test]
    fn shares_are_of_both_slots_together_and_never_round_traffic_away() {
        let of = |a, b| per_mille(&carried(&[("a", a), ("b", b)]));
        assert_eq!(of(90, 10), [Some(900), Some(100)]);
        assert_eq!(of(1, 2), [Some(333), Some(667)]);
        assert_eq!(of(1, 0), [Some(1000), Some(0)]);
        assert_eq!(of(999, 1), [Some(999), Some(1)]);
        assert_eq!(of(0, 0), [None, None]);
    }

    #[test]
    fn a_third_group_counts_only_where_it_carries_traffic() {
        let foreign = |weight| carried(&[("a", 1), ("c", weight)]).foreign;
        assert_eq!(foreign(0), None);
        assert_eq!(foreign(1), Some(TargetGroupArn::new("c")));
    }

    #[test]
    fn a_slot_is_live_where_it_leads_everywhere() {
        let (mostly_a, all_b) = (carried(&[("a", 90), ("b", 10)]), carried(&[("b", 1)]));
        assert_eq!(live([&mostly_a, &mostly_a]), Some(SlotName::A));
        assert_eq!(live([&all_b]), Some(SlotName::B));
        assert_eq!(live([&mostly_a, &all_b]), None);
        assert_eq!(live([&carried(&[("a", 50), ("b", 50)])]), None);
        assert_eq!(live([]), None);
        assert_eq!((all_b.alone(), mostly_a.alone()), (Some(SlotName::B), None));
    }
}
