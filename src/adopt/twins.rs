//! What slot b's target group and service are: those that are there and fit, else new ones.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{Facts, Group, RouteFound};
use super::names::{hashed_service_name, service_names};
use super::proposal::{Pair, Twin, text};
use super::records::is_at_other_end;
use super::taken_out;
use crate::deployment::bare;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::ids::{EcsServiceName, TargetGroupArn};
use crate::deployment::problem::Problem;

/// Settings in which two slots' groups can't differ: an action refuses one of them, or the same
/// tasks can't be registered with both.
pub(super) const ALIKE: [&str; 4] = ["Protocol", "ProtocolVersion", "VpcId", "TargetType"];

/// The way on where a group is somebody else's.
const ANOTHER: &str = "write a bg.yaml that names another target group in `slots.b`";

/// Slot b's group beside `a`.
pub(super) fn group(facts: &Facts, a: &Group, notes: &mut Vec<String>) -> Result<Twin, Problem> {
    let names = facts.wanted.group_names(&a.name);
    if let Some(found) = taken_out::twin(facts, a) {
        return Ok(there(facts, a, found, notes));
    }
    if let Some(found) = beside(facts, a, &names) {
        return Ok(there(facts, a, found, notes));
    }
    for name in &names {
        match named(facts, name) {
            None => {
                let apart = apart(facts, a, &names).into_iter();
                notes.extend(apart.map(|it| format!("{it}; else {name} is added")));
                return Ok(Twin::New { name: name.clone() });
            }
            Some(found)
                if is_free(found)
                    && !is_slot_a_s(facts, found)
                    && serves_nobody_else(facts, a, found)
                    && fits(a, found) =>
            {
                return Ok(there(facts, a, found, notes));
            }
            Some(_) => {}
        }
    }
    if let Some(apart) = apart(facts, a, &names) {
        return Err(apart);
    }
    let mut there = names.iter().filter_map(|name| named(facts, name));
    Err(there.next().map_or_else(
        || Problem::new(format!("{} has no name for its twin", a.name), ANOTHER),
        |found| taken(facts, a, found),
    ))
}

fn named<'f>(facts: &'f Facts, name: &str) -> Option<&'f Group> {
    facts.groups.iter().find(|group| group.name == *name)
}

/// Why a group of such a name can't be slot b's.
fn taken(facts: &Facts, a: &Group, found: &Group) -> Problem {
    let name = &found.name;
    let own = text(&facts.service, "serviceName");
    let differs = |it: &&&str| a.setting(it) != found.setting(it);
    let settings: Vec<String> = ALIKE
        .iter()
        .filter(differs)
        .map(|it| format!("its {it} is {}, not {}", found.setting(it), a.setting(it)))
        .collect();
    let (why, fix) = if is_slot_a_s(facts, found) {
        let why = format!("service {own} itself is registered with it");
        (
            why,
            format!("take it out of {own}'s load balancers, or {ANOTHER}"),
        )
    } else if !settings.is_empty() {
        (settings.join(", "), ANOTHER.to_owned())
    } else if !serves_nobody_else(facts, a, found) {
        let labels = found.elsewhere.join(", ");
        (format!("{labels} sends it traffic"), ANOTHER.to_owned())
    } else if found.targets > 0 && found.targets == found.draining {
        let delay = found.attributes.get("deregistration_delay.timeout_seconds");
        let delay = delay.map_or("300", String::as_str);
        (
            format!("its last targets ({}) are still draining", found.draining),
            format!("wait until they are gone, {delay} s at most, and run the same again"),
        )
    } else {
        (
            format!("it is in use: it has targets ({})", found.targets),
            format!(
                "see whose they are: aws elbv2 describe-target-health --target-group-arn {}; \
                 where a service that goes away leaves them, wait until they are gone and run the \
                 same again, else {ANOTHER}",
                found.arn
            ),
        )
    };
    let beside = &a.name;
    let what = format!("{name} can't be slot b's target group beside {beside}: {why}");
    Problem::new(what, fix)
}

/// A group of such a name behind a load balancer of its own: records may split traffic there.
fn apart(facts: &Facts, a: &Group, names: &[String]) -> Option<Problem> {
    let mut groups = facts.groups.iter();
    let found = groups.find(|other| {
        let own = other.load_balancer.is_some() && other.load_balancer != a.load_balancer;
        own && names.contains(&other.name) && !is_slot_a_s(facts, other)
    })?;
    Some(Problem::new(
        format!(
            "target group {} is behind another load balancer than {}, so no forward action can \
             take both",
            found.name, a.name
        ),
        "where weighted Route 53 records lead to those two load balancers, name both groups in \
         `slots` of bg.yaml and list the records: `routes: [{ record: NAME }]`, then bg plan",
    ))
}

/// The group that every forward action of `a` names too: somebody has set it up.
fn beside<'f>(facts: &'f Facts, a: &Group, names: &[String]) -> Option<&'f Group> {
    let routes = || of_group(facts, a);
    let others = facts.groups.iter().filter(|other| {
        let named = |route: &RouteFound| route.forward.weights.contains_key(&other.id());
        other.arn != a.arn && routes().all(named) && routes().next().is_some()
    });
    let has_free_name = !facts.wanted.groups.contains_key(&a.name);
    let is_twins = |other: &&Group| has_free_name && is_of_twin(facts, other);
    let others = others.filter(|other| {
        // What has targets, another name and no service named like slot b's is somebody else's.
        let free = other.targets == 0 && has_free_name;
        // Records lead to a group behind a load balancer of its own.
        alike(a, other)
            && serves_nobody_else(facts, a, other)
            && (free || names.contains(&other.name) || is_twins(other))
    });
    let only = |mut groups: Vec<&'f Group>| groups.pop().filter(|_| groups.is_empty());
    let others: Vec<&Group> = others.collect();
    only(others.iter().copied().filter(is_twins).collect()).or_else(|| only(others))
}

/// Whether a service that has a name of slot b's is registered with a group.
fn is_of_twin(facts: &Facts, group: &Group) -> bool {
    let own = text(&facts.service, "serviceName");
    let twin = facts.wanted.twin(own, &facts.others);
    twin.is_some_and(|twin| groups_of(twin).contains(&group.arn.as_str()))
}

fn of_group<'f>(facts: &'f Facts, group: &Group) -> impl Iterator<Item = &'f RouteFound> {
    let id = group.id();
    let routes = facts.routes.iter();
    routes.filter(move |route| route.forward.weights.contains_key(&id))
}

fn fits(a: &Group, other: &Group) -> bool {
    let balancer = other.load_balancer.is_none() || other.load_balancer == a.load_balancer;
    balancer && alike(a, other)
}

/// Whether nothing keeps two groups from taking the same tasks.
pub(super) fn alike(a: &Group, other: &Group) -> bool {
    let mut settings = ALIKE.iter();
    settings.all(|name| a.setting(name) == other.setting(name))
}

/// Whether the service itself is registered with a group, whatever that is called.
fn is_slot_a_s(facts: &Facts, group: &Group) -> bool {
    groups_of(&facts.service).contains(&group.arn.as_str())
}

/// Whether nothing uses a group. One that is named by some of the routes only was left half done.
fn is_free(group: &Group) -> bool {
    group.targets == 0
}

/// Whether no other action gives it traffic: that is another service's, though it may have no task
/// just now. Who names the group is believed: it may be a test listener's.
fn serves_nobody_else(facts: &Facts, a: &Group, other: &Group) -> bool {
    other.elsewhere.is_empty() || facts.wanted.groups.contains_key(&a.name)
}

fn there(facts: &Facts, a: &Group, b: &Group, notes: &mut Vec<String>) -> Twin {
    for (name, own) in &a.settings {
        let other = b.setting(name);
        if own != other {
            let other = if other.is_empty() { "nothing" } else { other };
            notes.push(format!(
                "target group {} has {name} {other}, {} has {own}: that is left as it is",
                b.name, a.name
            ));
        }
    }
    let differs = |(key, value): &(&String, &String)| {
        !value.is_empty() && b.attributes.get(*key) != Some(*value)
    };
    let differing = a.attributes.iter().filter(differs);
    let mut attributes: BTreeMap<String, String> = differing
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let carries = facts
        .routes
        .iter()
        .any(|route| route.forward.weights.get(&b.id()) > Some(&0));
    if carries || b.targets > 0 {
        for (key, value) in std::mem::take(&mut attributes) {
            let own = b.attributes.get(&key).map_or("nothing", String::as_str);
            notes.push(format!(
                "target group {} has {key} {own}, {} has {value}: it is in use, so that is left \
                 as it is",
                b.name, a.name
            ));
        }
    }
    Twin::There {
        group: b.clone(),
        attributes,
    }
}

/// Slot b's service: one that is there and has just slot b's groups, else a name that is free.
pub(super) fn service(
    facts: &Facts,
    a: &EcsServiceName,
    pairs: &[Pair],
) -> Result<EcsServiceName, Problem> {
    if let Some((first, why)) = first_slot(facts, a, pairs) {
        return Err(Problem::new(
            format!("service {a} seems to be slot b of {first}: {why}"),
            format!(
                "adopt that one: bg init --cluster {} --service {first}; what deploys it is the \
                 bg.yaml that names both",
                facts.cluster
            ),
        ));
    }
    let names = (facts.wanted).service_names_beside(a.as_str(), &facts.others);
    let fits = |name: &&String| {
        let existing = facts.others.get(&EcsServiceName::new(name.as_str()));
        existing.is_none_or(|service| has_just(service, pairs))
    };
    let free = names.iter().find(fits);
    free.map(EcsServiceName::new).ok_or_else(|| {
        let grown = names.iter().find_map(|name| grown(facts, a, name, pairs));
        grown.unwrap_or_else(|| {
            Problem::new(
                format!(
                    "service {} exists, and does not have just slot b's target groups",
                    names.join(" or ")
                ),
                "give slot b's service another name in bg.yaml",
            )
        })
    })
}

/// What is said of slot b's service where it got more target groups than slot a has.
fn grown(facts: &Facts, a: &EcsServiceName, b: &str, pairs: &[Pair]) -> Option<Problem> {
    let theirs = groups_of_b(pairs);
    let own = groups_of(facts.others.get(&EcsServiceName::new(b))?);
    let (shared, more): (Vec<&str>, Vec<&str>) =
        own.into_iter().partition(|group| theirs.contains(group));
    if shared.is_empty() {
        return None;
    }
    let more: Vec<TargetGroupArn> = more.into_iter().map(TargetGroupArn::new).collect();
    let more: Vec<&str> = more.iter().map(TargetGroupArn::name).collect();
    let named = &facts.wanted.groups;
    let is_named = |group: &&str| named.values().any(|it| it == *group);
    let fix = match more.iter().all(is_named) {
        true => format!(
            "bg.yaml names both: `bg plan` shows how the next deployment to {a} registers it with \
             its own, and there is nothing to add"
        ),
        false => "make a target group for slot a like each of these, at weight 0 in the same \
                  forward actions, and name both in `slots.a.targets` and `slots.b.targets` of \
                  bg.yaml, in the same order; then bg plan"
            .to_owned(),
    };
    let what = format!(
        "slot b's service {b} registers its tasks with target group {} too, and slot a's {a} with \
         none beside it",
        more.join(", ")
    );
    Some(Problem::new(what, fix))
}

fn groups_of_b(pairs: &[Pair]) -> Vec<&str> {
    let groups = pairs.iter().filter_map(|pair| match &pair.b {
        Twin::There { group, .. } => Some(group.arn.as_str()),
        Twin::New { .. } => None,
    });
    groups.collect()
}

/// Whether a service is registered with the pairs' other groups and no more: with fewer where slot
/// a got one since it was deployed to.
fn has_just(service: &Value, pairs: &[Pair]) -> bool {
    let own = groups_of(service);
    let theirs = groups_of_b(pairs);
    // Without a load balancer another service of that name is this one's twin where bg made it,
    // or where it runs nothing.
    let works = service.get("desiredCount").and_then(Value::as_u64) > Some(0);
    match own.is_empty() {
        true => pairs.is_empty() && (bare::tag(service, DEPLOYMENT_TAG).is_some() || !works),
        false => own.iter().all(|group| theirs.contains(group)),
    }
}

pub(super) fn groups_of(service: &Value) -> Vec<&str> {
    let entries = service.get("loadBalancers").and_then(Value::as_array);
    let groups = entries.into_iter().flatten();
    groups.map(|entry| text(entry, "targetGroupArn")).collect()
}

/// The service whose slot b `name` is, by its name and by the forward actions, a hash there or the
/// tags of what bg made; and how one knows.
pub(super) fn first_slot(
    facts: &Facts,
    name: &EcsServiceName,
    pairs: &[Pair],
) -> Option<(EcsServiceName, &'static str)> {
    let would_be =
        |other: &EcsServiceName| service_names(other.as_str()).contains(&name.as_str().to_owned());
    let shares = |service: &Value| {
        let groups = groups_of(service);
        let with = |pair: &Pair| {
            of_group(facts, &pair.a).any(|route| {
                route
                    .forward
                    .weights
                    .keys()
                    .any(|group| groups.contains(&group.as_str()))
            })
        };
        pairs.iter().any(with) || is_at_other_end(facts, service)
    };
    let is_made = is_made_beside_another(facts, name);
    let named = |other: &EcsServiceName| {
        let hashed = EcsServiceName::new(hashed_service_name(other.as_str()));
        match hashed == *name {
            true => facts
                .wanted
                .service
                .is_none()
                .then_some("bg gave it its name, with a hash"),
            // Slot b has that name because this one was somebody else's.
            false if facts.others.contains_key(&hashed) => None,
            false => is_made.then_some("bg made or deployed it (its bg:… tags)"),
        }
    };
    let mut others = facts.others.iter().filter(|(other, _)| would_be(other));
    others.find_map(|(other, service)| {
        let why = match shares(service) {
            true => Some("the same routes lead to both"),
            false => named(other),
        };
        Some((other.clone(), why?))
    })
}

/// Whether bg deployed this service as somebody's slot b: it bears bg's tags, and neither a config
/// nor a service that bg made beside it says that it is a slot a.
fn is_made_beside_another(facts: &Facts, name: &EcsServiceName) -> bool {
    let own = facts.wanted.service_names(name.as_str());
    let mut own = own.iter().map(EcsServiceName::new);
    let has_own = own.any(|it| facts.others.get(&it).is_some_and(bare::is_known));
    facts.wanted.service.is_none() && !has_own && bare::is_known(&facts.service)
}
