//! Which groups, which routes, and which slot is live.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Planning, Request, RouteWanted, RoutesWanted, refusals};
use crate::deployment::bare;
use crate::deployment::ids::{SlotName, Slots, TargetGroupArn};
use crate::deployment::plan::{Route, RouteKind, SlotPlan, TargetPlan};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::{Carried, Forward, GroupFound, Surroundings};

/// Both slots with their groups' ARNs; `None` where a group is missing.
pub(super) fn groups(
    request: &Request,
    found: &Surroundings,
    planning: &mut Planning,
) -> Option<Slots<SlotPlan>> {
    if request.slots.a.targets.len() != request.slots.b.targets.len() {
        planning.problem(
            "the slots have different numbers of target groups",
            "give slots a and b the same `targets`, in the same order",
        );
        return None;
    }
    let mut complete = true;
    let slots = Slots::from_fn(|slot| {
        let wanted = &request.slots[slot];
        let targets = wanted.targets.iter().filter_map(|target| {
            let group = found.groups.get(&target.group).and_then(Option::as_ref);
            if group.is_none() {
                complete = false;
                missing_group(request, slot, &target.group, planning);
            }
            let group = group?;
            Some(TargetPlan {
                group: group.arn.clone(),
                container: target.container.clone().unwrap_or_default(),
                port: target.port.unwrap_or_default(),
                deregistration_delay: group.deregistration_delay,
                health_check: group.health_check.clone(),
            })
        });
        SlotPlan {
            service: wanted.service.clone(),
            targets: targets.collect(),
        }
    });
    refuse_twice(&slots, planning);
    complete.then_some(slots)
}

/// One group by its name and by its ARN.
fn refuse_twice(slots: &Slots<SlotPlan>, planning: &mut Planning) {
    let mut seen = BTreeSet::new();
    for target in slots.a.targets.iter().chain(&slots.b.targets) {
        if !seen.insert(&target.group) {
            planning.problem(
                format!("`slots` names target group {} twice", target.group.name()),
                "give each container port of each slot a group of its own, one for each load \
                 balancer that sends to it",
            );
        }
    }
}

fn missing_group(request: &Request, slot: SlotName, group: &str, planning: &mut Planning) {
    let other = request.slots[slot.other()].targets.first();
    let like = other.map_or(String::new(), |other| format!(" like {}", other.group));
    let by_init = match slot {
        SlotName::A => String::new(),
        SlotName::B => format!(
            " (`bg init --cluster {} --service {} --apply` does both)",
            request.cluster, request.slots.a.service
        ),
    };
    planning.problem(
        format!("slot {slot}'s target group {group} does not exist"),
        format!(
            "create it{like}, with all of that one's settings, and add it at weight 0 to each \
             forward action{by_init}, or correct `slots.{slot}.target_group`"
        ),
    );
}

/// The routes that move, each with the pair of groups it names.
pub(super) fn find(
    request: &Request,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Vec<Route> {
    let forwards = of_slots(request, found, slots);
    if forwards.is_empty() && found.dns.problems.is_empty() {
        let name = slots
            .a
            .targets
            .first()
            .map_or("", |target| target.group.name());
        planning.refuse(refusals::no_forward(name));
    }
    check_listed_exist(request, found, &forwards, planning);
    check_all_listed(request, &forwards, planning);
    forwards
        .iter()
        .filter_map(|forward| route(forward, found, slots, planning))
        .collect()
}

/// The forward actions that name any of the slots' groups, test routes aside.
pub(super) fn of_slots<'a>(
    request: &Request,
    found: &'a Surroundings,
    slots: &Slots<SlotPlan>,
) -> Vec<&'a Forward> {
    let mut forwards = naming(found, slots);
    forwards.retain(|forward| !request.test_routes.iter().any(|it| it.is(forward)));
    forwards
}

/// The forward actions that name any of the slots' groups.
pub(super) fn naming<'a>(found: &'a Surroundings, slots: &Slots<SlotPlan>) -> Vec<&'a Forward> {
    let ours = |group: &TargetGroupArn| {
        SlotName::BOTH
            .iter()
            .any(|slot| slots[*slot].targets.iter().any(|t| t.group == *group))
    };
    let forwards = found.forwards.iter();
    forwards
        .filter(|forward| forward.weights.keys().any(&ours))
        .collect()
}

/// Each route that the config lists is one of `forwards`.
pub(super) fn check_listed_exist(
    request: &Request,
    found: &Surroundings,
    forwards: &[&Forward],
    planning: &mut Planning,
) {
    let RoutesWanted::Listed(listed) = &request.routes else {
        return;
    };
    let is_there = |wanted: &&RouteWanted| forwards.iter().any(|it| wanted.is(it));
    // What keeps a record from being a route was found with it.
    let told = |wanted: &&RouteWanted| matches!(wanted, RouteWanted::Record(_));
    for wanted in listed.iter().filter(|it| !is_there(it) && !told(it)) {
        if let Some(test) = as_test_route(request, found, wanted) {
            planning.problem(
                format!("route {wanted} is the test route {test}, too"),
                "a test route goes to green before any user does: take it out of `routes`, or, if \
                 users come by it, out of `test_route`",
            );
            continue;
        }
        planning.problem(
            format!("route {wanted} does not exist or names none of the slots' groups"),
            format!("correct it, or use one of: {}", labels(forwards)),
        );
    }
}

/// The test route that a route of the config is by another name, such as its ARN.
fn as_test_route<'a>(
    request: &'a Request,
    found: &Surroundings,
    wanted: &RouteWanted,
) -> Option<&'a RouteWanted> {
    let mut tests = request.test_routes.iter();
    let named = |test: &RouteWanted| {
        let mut both = found.forwards.iter().filter(|it| wanted.is(it));
        both.any(|it| test.is(it))
    };
    tests.find(|test| named(test))
}

/// Each of `forwards` is a route that the config lists.
fn check_all_listed(request: &Request, forwards: &[&Forward], planning: &mut Planning) {
    let RoutesWanted::Listed(listed) = &request.routes else {
        return;
    };
    let is_listed = |forward: &&&Forward| listed.iter().any(|it| it.is(forward));
    for forward in forwards.iter().filter(|it| !is_listed(it)) {
        planning.problem(
            format!(
                "{} also forwards to the slots' groups and is not in `routes`",
                forward.label()
            ),
            format!("add {} to `routes`, or use `routes: auto`", forward.arn),
        );
    }
}

fn labels(forwards: &[&Forward]) -> String {
    forwards
        .iter()
        .map(|forward| forward.label())
        .collect::<Vec<_>>()
        .join(", ")
}

fn route(
    forward: &Forward,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Option<Route> {
    let route = of_one_port(forward, slots, planning)?;
    check_members(forward, found, slots, &route.groups, planning);
    Some(route)
}

/// A forward action with the pair of groups that it names.
pub(super) fn of_one_port(
    forward: &Forward,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Option<Route> {
    let label = forward.label();
    let named = |slot: SlotName, index: usize| {
        let group = &slots[slot].targets[index].group;
        forward.weights.contains_key(group)
    };
    let pairs: Vec<usize> = (0..slots.a.targets.len())
        .filter(|index| SlotName::BOTH.iter().any(|slot| named(*slot, *index)))
        .collect();
    let [pair] = pairs[..] else {
        planning.refuse(not_one_pair(forward, slots));
        return None;
    };
    Some(Route {
        arn: forward.arn.clone(),
        kind: forward.kind.clone(),
        label,
        load_balancer: forward.load_balancer.clone(),
        groups: Slots::from_fn(|slot| slots[slot].targets[pair].group.clone()),
        sticky: forward.sticky,
    })
}

/// Why a forward action that names groups of several pairs is no route: it has one of each slot that
/// don't go together, or several of a slot's.
fn not_one_pair(forward: &Forward, slots: &Slots<SlotPlan>) -> Problem {
    let label = forward.label();
    let named = Slots::from_fn(|slot| {
        let targets = slots[slot].targets.iter().enumerate();
        let named = targets.filter(|(_, it)| forward.weights.contains_key(&it.group));
        named.map(|(at, _)| at).collect::<Vec<_>>()
    });
    match (&named.a[..], &named.b[..]) {
        ([a], [b]) => {
            let name = |slot: SlotName, at: &usize| slots[slot].targets[*at].group.name();
            refusals::no_pair(
                &label,
                &Slots {
                    a: name(SlotName::A, a),
                    b: name(SlotName::B, b),
                },
                name(SlotName::B, a),
            )
        }
        _ => refusals::several_ports(&label),
    }
}

fn check_members(
    forward: &Forward,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    groups: &Slots<TargetGroupArn>,
    planning: &mut Planning,
) {
    let label = forward.label();
    for slot in SlotName::BOTH {
        if forward.kind.record().is_some() {
            break;
        }
        let group = &groups[slot];
        if let Some(problem) = of_another_balancer(forward, found, slots, slot, group) {
            planning.refuse(problem);
            continue;
        }
        if !forward.weights.contains_key(group) {
            let name = group.name();
            if forward.sticky.is_some() {
                planning.note(format!(
                    "{label}: group {name} was taken out of this sticky route; it is put back at weight 0"
                ));
            } else if was_taken_out(found, slot, group) {
                planning.note(format!(
                    "{label}: group {name} was taken out of this route when it was sticky, and it is \
                     sticky no more; it is put back at weight 0"
                ));
            } else {
                planning.problem(
                    format!(
                        "{label} is not set up for weights: it forwards to {} only",
                        groups[slot.other()].name()
                    ),
                    set_up_command(forward, groups, slot),
                );
            }
        }
    }
    check_foreign(forward, groups, planning);
}

/// Whether a slot's group left an action that was sticky then: ECS takes no service with a group
/// that no load balancer uses, and a deployment's service is registered with this one.
fn was_taken_out(found: &Surroundings, slot: SlotName, group: &TargetGroupArn) -> bool {
    let services = &found.services;
    let has = |service: &Value| {
        let entries = service.get("loadBalancers").and_then(Value::as_array);
        let mut entries = entries.into_iter().flatten();
        entries.any(|it| it.get("targetGroupArn").and_then(Value::as_str) == Some(group.as_str()))
    };
    let is_registered = services[slot].as_ref().is_some_and(has);
    let known = |slot: SlotName| services[slot].as_ref().is_some_and(bare::is_known);
    let is_unused = |found: &GroupFound| found.load_balancer.is_none() && !found.sticky;
    is_registered
        && (known(slot) || known(slot.other()))
        && found.group(group).is_some_and(is_unused)
}

/// No group but the slots' carries traffic.
pub(super) fn check_foreign(
    forward: &Forward,
    groups: &Slots<TargetGroupArn>,
    planning: &mut Planning,
) {
    let foreign = forward
        .weights
        .iter()
        .find(|(group, weight)| **weight > 0 && **group != groups.a && **group != groups.b);
    if let Some((group, weight)) = foreign {
        let of = |group| forward.weights.get(group).copied().unwrap_or_default();
        let ours = of(&groups.a).saturating_add(of(&groups.b));
        planning.refuse(refusals::third_group(
            &forward.label(),
            (group, *weight),
            ours,
        ));
    }
}

/// Why a slot's group can't be in a forward action: another load balancer uses it. Where another
/// group of the slot is behind this one, the two may stand in each other's place.
fn of_another_balancer(
    forward: &Forward,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    slot: SlotName,
    group: &TargetGroupArn,
) -> Option<Problem> {
    let uses = |group: &TargetGroupArn| {
        let found = found.group(group);
        found.and_then(|found| found.load_balancer.as_ref())
    };
    let own = &forward.load_balancer;
    let other = uses(group).filter(|it| *it != own)?;
    let (name, here) = (group.name(), own.name());
    let mut groups = slots[slot].targets.iter().map(|it| &it.group);
    let fit = groups.find(|it| uses(it) == Some(own));
    Some(Problem::new(
        format!(
            "target group {name} belongs to load balancer {}",
            other.name()
        ),
        match fit {
            None => format!("use a group that {here} can use"),
            Some(fit) => format!(
                "the order of `slots.{slot}.targets` may be swapped: {} is behind {here}, and \
                 stands in another place than {}",
                fit.name(),
                forward.weights.keys().next().map_or(here, |it| it.name()),
            ),
        },
    ))
}

/// The command that adds the missing group at weight 0.
fn set_up_command(forward: &Forward, groups: &Slots<TargetGroupArn>, missing: SlotName) -> String {
    let (verb, flag, actions) = match &forward.kind {
        RouteKind::Record(_) => return "give both records weights".to_owned(),
        RouteKind::Listener => ("modify-listener", "--listener-arn", "--default-actions"),
        RouteKind::Rule => ("modify-rule", "--rule-arn", "--actions"),
    };
    let weights = format!(
        "[{{\"TargetGroupArn\":\"{}\",\"Weight\":100}},{{\"TargetGroupArn\":\"{}\",\"Weight\":0}}]",
        groups[missing.other()],
        groups[missing]
    );
    format!(
        "add {} at weight 0: aws elbv2 {verb} {flag} {} {actions} \
         '[{{\"Type\":\"forward\",\"ForwardConfig\":{{\"TargetGroups\":{weights}}}}}]' \
         (keep the action's other settings); or, where only testers use it, name it as `test_route`",
        groups[missing].name(),
        forward.arn
    )
}

/// The slot that carries all production traffic.
pub(super) fn live_slot(
    request: &Request,
    found: &Surroundings,
    routes: &[Route],
    planning: &mut Planning,
) -> Option<SlotName> {
    let (mut stands, mut split) = (Vec::new(), false);
    for route in routes {
        let Some(forward) = found
            .forwards
            .iter()
            .find(|forward| forward.arn == route.arn)
        else {
            continue;
        };
        let carried = Carried::on(route, &forward.weights);
        if carried.alone().is_none() {
            split = true;
            let fix = split_fix(request);
            planning.refuse(refusals::split(&route.label, &carried.slots, fix));
        }
        let stand = |slot: SlotName| (route.label.clone(), slot, &route.groups[slot]);
        stands.extend(carried.alone().map(stand));
    }
    let live: BTreeSet<SlotName> = stands.iter().map(|(_, slot, _)| *slot).collect();
    if live.len() != 1 && !split {
        let fix = split_fix(request);
        planning.refuse(refusals::disagree(&request.service, &stands, &fix));
    }
    live.first().copied().filter(|_| live.len() == 1)
}

fn split_fix(request: &Request) -> String {
    format!(
        "is another deployment of {} under way (`bg status`)? If its process died, `bg rollback` \
         reverts it; else {}",
        request.service,
        refusals::ON_ONE_SLOT
    )
}
