//! What a service lacks before `bg` can deploy it, or why it can't.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::alarms::{self, AlarmLine};
use super::facts::{Facts, Group, RouteFound};
use super::records;
use super::taken_out;
use super::twins;
use crate::deployment::clone::{obstacles, registries};
use crate::deployment::dns::RecordWanted;
use crate::deployment::ids::{ClusterName, EcsServiceName, RouteArn, Slots, TargetGroupArn};
use crate::deployment::observation::Seen;
use crate::deployment::preflight::{refusals, strangers_in_words};
use crate::deployment::problem::Problem;
use crate::deployment::scaling::ScalableTarget;

/// A service as `bg` would deploy it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The cluster.
    pub cluster: ClusterName,
    /// Each slot's service; slot b's may be missing still.
    pub services: Slots<EcsServiceName>,
    /// The slots' target groups, in the order of the service's load-balancer entries.
    pub pairs: Vec<Pair>,
    /// Every forward action or record pair that carries its traffic.
    pub routes: Vec<RouteFound>,
    /// The record pairs among the routes, as a config names them.
    pub records: Vec<RecordWanted>,
    /// Those of the routes that name one slot's group only, because bg took out the other one's: the
    /// next deployment puts it back.
    pub put_back: BTreeSet<RouteArn>,
    /// The alarms that were found.
    pub alarms: Vec<AlarmLine>,
    /// Whether it has autoscaling.
    pub scales: bool,
    /// Whether it is registered in Cloud Map, as slot b would be.
    pub registered: bool,
    /// What one should know before.
    pub notes: Vec<String>,
}

/// The target groups of one container's port; of one port there are several where several load
/// balancers or rules send to groups of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The container.
    pub container: String,
    /// Its port.
    pub port: u16,
    /// Slot a's group: the service's own.
    pub a: Group,
    /// Slot b's.
    pub b: Twin,
}

/// Slot b's target group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a service has one for each of its ports: a handful, moved once"
)]
pub enum Twin {
    /// It is to be created like slot a's.
    New {
        /// Its name.
        name: String,
    },
    /// It is there.
    There {
        /// As it is.
        group: Group,
        /// Attributes that it has otherwise than slot a's, with what they are to be. Empty where
        /// it is in use: then they are only said.
        attributes: BTreeMap<String, String>,
    },
}

impl Pair {
    /// The name of slot b's group.
    pub fn b_name(&self) -> &str {
        match &self.b {
            Twin::New { name } => name,
            Twin::There { group, .. } => &group.name,
        }
    }
}

/// One thing that is missing, in the order in which they have to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addition<'a> {
    /// Slot b's target group.
    Group(&'a Pair),
    /// Attributes of slot b's target group.
    Attributes(&'a Pair),
    /// The place of slot b's group in a forward action, at weight 0.
    Place(&'a RouteFound, &'a Pair),
}

impl Proposal {
    /// Everything that is missing.
    pub fn additions(&self) -> Vec<Addition<'_>> {
        let of_groups = self.pairs.iter().filter_map(|pair| match &pair.b {
            Twin::New { .. } => Some(Addition::Group(pair)),
            Twin::There { attributes, .. } if attributes.is_empty() => None,
            Twin::There { .. } => Some(Addition::Attributes(pair)),
        });
        let places = self.routes.iter().filter_map(|route| {
            let pair = self.pair_of(route)?;
            let lacks = !self.is_put_back(route) && !is_named(route, pair);
            lacks.then_some(Addition::Place(route, pair))
        });
        of_groups.chain(places).collect()
    }

    /// The pair whose traffic a route carries.
    pub fn pair_of(&self, route: &RouteFound) -> Option<&Pair> {
        self.pairs.iter().find(|pair| is_of(route, pair))
    }

    /// Whether the next deployment gives the route the group that it lacks.
    pub fn is_put_back(&self, route: &RouteFound) -> bool {
        self.put_back.contains(&route.forward.arn)
    }
}

/// Whether the route names either of the groups.
fn is_of(route: &RouteFound, pair: &Pair) -> bool {
    route.forward.weights.contains_key(&pair.a.id()) || is_named(route, pair)
}

/// Whether the route names slot b's group.
pub(super) fn is_named(route: &RouteFound, pair: &Pair) -> bool {
    match &pair.b {
        Twin::New { .. } => false,
        Twin::There { group, .. } => route.forward.weights.contains_key(&group.id()),
    }
}

/// What the service lacks.
///
/// # Errors
/// Everything that stands in the way, in the words of `plan` where that would say it too.
pub fn propose(facts: &Facts) -> Result<Proposal, Vec<Problem>> {
    let name = EcsServiceName::new(text(&facts.service, "serviceName"));
    let mut problems: Vec<Problem> = obstacles(&facts.service)
        .into_iter()
        .map(|it| Problem::new(format!("service {name}: {}", it.what), it.fix))
        .collect();
    let mut notes = facts.notes.clone();
    let before = notes.len();
    let registries = registries(&facts.service);
    if !registries.is_empty() {
        notes.push(format!(
            "service {name} is registered in Cloud Map ({}): both slots would be found there as \
             soon as slot b's tasks run, which takes `discovery: shared` in bg.yaml",
            registries.join(", ")
        ));
    }
    let mut kept = facts.clone();
    taken_out::keep_routes(&mut kept);
    let facts = &kept;
    let found = records::routes(facts);
    notes.extend(found.notes);
    let records = found.records;
    let facts = &Facts {
        routes: found.routes,
        ..facts.clone()
    };
    let pairs = pairs(facts, &name, &mut problems, &mut notes);
    let put_back = taken_out::put_back(facts, &pairs);
    for route in &facts.routes {
        let is_out = put_back.contains(&route.forward.arn);
        let pair = pairs.iter().find(|pair| is_out && is_of(route, pair));
        notes.extend(pair.and_then(|pair| taken_out::note(route, pair)));
    }
    let service_b = match twins::service(facts, &name, &pairs) {
        Ok(service) => service,
        // Whatever else is missing is so because it is the other one that is adopted.
        Err(problem) if twins::first_slot(facts, &name, &pairs).is_some() => {
            return Err(vec![problem]);
        }
        Err(problem) => {
            problems.push(problem);
            name.clone()
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let services = Slots {
        a: name,
        b: service_b,
    };
    notes.splice(before..before, scaling(facts, &services));
    for pair in &pairs {
        notes.extend(strangers(&pair.a, &services.a));
        if let Twin::There { group, .. } = &pair.b {
            notes.extend(strangers(group, &services.b));
        }
    }
    Ok(Proposal {
        account: facts.account.clone(),
        region: facts.region.clone(),
        cluster: facts.cluster.clone(),
        alarms: alarms::lines(facts, &services, &pairs),
        scales: target_of(facts, &services.a).is_some(),
        services,
        pairs,
        routes: facts.routes.clone(),
        put_back,
        records,
        registered: !registries.is_empty(),
        notes,
    })
}

/// A service's autoscaling, as far as it can be asked for.
fn target_of<'f>(facts: &'f Facts, service: &EcsServiceName) -> Option<&'f ScalableTarget> {
    match &facts.scaling {
        Seen::Value(targets) => targets.get(service),
        Seen::Unreadable(_) => None,
    }
}

/// Which autoscaling a deployment would carry over: the live slot's, and the other one's sleeps.
fn scaling(facts: &Facts, services: &Slots<EcsServiceName>) -> Option<String> {
    if let Seen::Unreadable(why) = &facts.scaling {
        return Some(format!("whether it has autoscaling can't be asked: {why}"));
    }
    let a = target_of(facts, &services.a)?;
    let of_b = target_of(facts, &services.b).filter(|it| !it.is_asleep());
    let carried = "is carried over to the slot that is deployed to";
    Some(match of_b.filter(|_| a.is_asleep()) {
        Some(b) => format!(
            "the autoscaling of {} ({} to {} tasks) {carried}; that of {} sleeps, as an idle slot's \
             does",
            services.b, b.min, b.max, services.a
        ),
        None => format!("its autoscaling ({} to {} tasks) {carried}", a.min, a.max),
    })
}

/// Who else is in a slot's group.
fn strangers(group: &Group, service: &EcsServiceName) -> Option<String> {
    let found = &group.strangers;
    (!found.is_empty()).then(|| {
        format!(
            "target group {} has {}; they get its traffic and count as its health, so take them out \
             first, or name another group in bg.yaml",
            group.name,
            strangers_in_words(service.as_str(), found)
        )
    })
}

fn pairs(
    facts: &Facts,
    service: &EcsServiceName,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<String>,
) -> Vec<Pair> {
    let entries = facts.service.get("loadBalancers").and_then(Value::as_array);
    let entries: Vec<&Value> = entries
        .into_iter()
        .flatten()
        .filter(|entry| !text(entry, "targetGroupArn").is_empty())
        .collect();
    if entries.is_empty() {
        notes.push(format!(
            "service {service} has no load balancer, so there is no traffic to shift: slot b works \
             as soon as its tasks run, beside slot a, until that is put away"
        ));
    }
    let mut pairs: Vec<Pair> = Vec::new();
    for entry in entries {
        let arn = text(entry, "targetGroupArn");
        let Some(a) = facts.groups.iter().find(|group| group.arn == arn) else {
            problems.push(Problem::new(
                format!("target group {arn} of service {service} does not exist"),
                "correct the service's load balancers",
            ));
            continue;
        };
        let port = entry
            .get("containerPort")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let port = u16::try_from(port).unwrap_or(0);
        let container = text(entry, "containerName").to_owned();
        match twins::group(facts, a, notes) {
            Ok(b) => pairs.push(Pair {
                container,
                port,
                a: a.clone(),
                b,
            }),
            Err(problem) => problems.push(problem),
        }
    }
    check_names(&pairs, problems);
    check_routes(facts, &pairs, problems);
    check_balancers(facts, &pairs, problems);
    pairs
}

/// Two groups of slot a never get the same one for slot b.
fn check_names(pairs: &[Pair], problems: &mut Vec<Problem>) {
    for (at, pair) in pairs.iter().enumerate() {
        let mut earlier = pairs[..at].iter();
        let Some(same) = earlier.find(|it| it.b_name() == pair.b_name()) else {
            continue;
        };
        problems.push(Problem::new(
            format!(
                "{} would be slot b's target group beside {} and beside {}",
                pair.b_name(),
                same.a.name,
                pair.a.name
            ),
            "name slot b's target groups in bg.yaml, each another one, and run it again",
        ));
    }
}

fn check_routes(facts: &Facts, pairs: &[Pair], problems: &mut Vec<Problem>) {
    for pair in pairs {
        if !facts.routes.iter().any(|route| is_of(route, pair)) {
            problems.push(refusals::no_forward(&pair.a.name));
        }
    }
    for route in &facts.routes {
        let label = route.forward.label();
        let weights = &route.forward.weights;
        let own = twins::groups_of(&facts.service).into_iter();
        let own = own.filter(|arn| weights.contains_key(&TargetGroupArn::new(*arn)));
        if own.count() > 1 {
            problems.push(refusals::several_ports(&label));
            continue;
        }
        let mut pairs = pairs.iter();
        // Why there is no pair is said already.
        let Some(pair) = pairs.find(|pair| is_of(route, pair)) else {
            continue;
        };
        let b = match &pair.b {
            Twin::There { group, .. } => Some(group.id()),
            Twin::New { .. } => None,
        };
        let third = weights.iter().find(|(group, weight)| {
            **weight > 0 && **group != pair.a.id() && Some(*group) != b.as_ref()
        });
        if let Some((group, weight)) = third {
            let of = |group| weights.get(group).copied().unwrap_or_default();
            let ours = of(&pair.a.id()).saturating_add(b.as_ref().map_or(0, of));
            problems.push(refusals::third_group(&label, (group, *weight), ours));
        }
        if is_named(route, pair) && weights.contains_key(&pair.a.id()) {
            continue;
        }
        if weights.len() >= facts.limits.per_action {
            problems.push(Problem::new(
                format!(
                    "{label} names {} target groups already, and a forward action takes {} at most",
                    weights.len(),
                    facts.limits.per_action
                ),
                "take one that has weight 0 and is not used out of the action",
            ));
        }
        let group_is_sticky = pair.a.attributes.get("stickiness.enabled");
        let group_is_sticky = group_is_sticky.is_some_and(|it| it == "true");
        if group_is_sticky
            && route.forward.sticky.is_none()
            && !route.forward.load_balancer.is_network()
        {
            problems.push(Problem::new(
                format!(
                    "target group {} has stickiness of its own, so {label} takes a second group \
                     only where its action has target-group stickiness too",
                    pair.a.name
                ),
                format!(
                    "enable TargetGroupStickinessConfig in that action, or switch the group's off: \
                     aws elbv2 modify-target-group-attributes --target-group-arn {} --attributes \
                     Key=stickiness.enabled,Value=false",
                    pair.a.arn
                ),
            ));
        }
    }
}

fn check_balancers(facts: &Facts, pairs: &[Pair], problems: &mut Vec<Problem>) {
    for (balancer, (used, at_most)) in &facts.limits.per_balancer {
        let comes = |pair: &&Pair| {
            let of_this = pair.a.load_balancer.as_ref() == Some(balancer);
            let counted =
                matches!(&pair.b, Twin::There { group, .. } if group.load_balancer.is_some());
            of_this && !counted
        };
        let more = pairs.iter().filter(comes).count();
        if more > 0 && used + more > *at_most {
            problems.push(Problem::new(
                format!(
                    "load balancer {} uses {used} target groups, and this account allows it \
                     {at_most}: there is no room for {more} more",
                    balancer.name()
                ),
                "take groups that are not needed out of its rules, have the quota raised (Service \
                 Quotas: target groups per load balancer), or move a service to another one",
            ));
        }
    }
}

/// The text at `key`; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
