//! Record pairs: whether their load balancers forward as they have to, whether their weights can
//! give the steps, and what one should know of DNS.

use std::time::Duration;

use super::{Planning, Request, refusals};
use crate::deployment::dns::{Beside, TTL_OF_ALIAS, integers};
use crate::deployment::ids::SlotName;
use crate::deployment::plan::Route;
use crate::deployment::surroundings::{Forward, Surroundings};
use crate::strategy::format_duration;

/// So many names are listed in one warning.
const NAMED: usize = 5;

/// Everything that the records among `routes` need.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    routes: &[Route],
    planning: &mut Planning,
) {
    for problem in &found.dns.problems {
        planning.refuse(problem.clone());
    }
    let records: Vec<&Route> = routes
        .iter()
        .filter(|it| it.kind.record().is_some())
        .collect();
    for route in &records {
        for slot in SlotName::BOTH {
            check_behind(route, slot, &found.dns.fixed, planning);
        }
    }
    let Some(ttl) = records.iter().map(|route| route.ttl()).max() else {
        return;
    };
    check_weights(request, planning);
    check_beside(found, planning);
    tell(&records, ttl, planning);
}

/// The slot's own load balancer forwards everything to the slot's group.
fn check_behind(route: &Route, slot: SlotName, fixed: &[Forward], planning: &mut Planning) {
    let (balancer, group) = (route.load_balancer_of(slot), &route.groups[slot]);
    let behind = fixed.iter().filter(|it| it.load_balancer == *balancer);
    let behind: Vec<&Forward> = behind.filter(|it| it.weights.contains_key(group)).collect();
    if behind.is_empty() {
        planning.problem(
            format!(
                "load balancer {} of slot {slot}, where {} leads, forwards nothing to {}",
                balancer.name(),
                route.label,
                group.name()
            ),
            format!(
                "have a listener of {} forward to {}",
                balancer.name(),
                group.name()
            ),
        );
    }
    for forward in behind {
        let mut others = forward.weights.iter();
        if let Some((other, weight)) = others.find(|(it, weight)| *it != group && **weight > 0) {
            let ours = forward.weights.get(group).copied().unwrap_or_default();
            planning.refuse(refusals::third_group(
                &forward.label(),
                (other, *weight),
                ours,
            ));
        }
        if forward.weights.get(group) == Some(&0) {
            planning.problem(
                format!("{} gives {} no weight", forward.label(), group.name()),
                "give it weight there: what it gets is decided by the record's weight",
            );
        }
    }
}

/// Whoever comes by a name that doesn't move stays with blue, and blue is going to be emptied.
fn check_beside(found: &Surroundings, planning: &mut Planning) {
    let beside = found.dns.beside.iter();
    let served = beside.filter(|it| it.is_answered_by(&found.dns.fixed));
    // One that leads to a single side may be a name of the version that isn't live.
    let (halves, others): (Vec<&Beside>, Vec<&Beside>) =
        served.partition(|it| it.is_half && it.leads_to.len() > 1);
    for half in halves {
        planning.problem(
            format!(
                "{} also leads to the slots' load balancers and is not in `routes`",
                half.label()
            ),
            format!(
                "give its records weights, if they have none, and add {{ record: {}, type: {} }} to \
                 `routes`, or leave `type` out there: then every weighted pair of that name moves",
                half.name, half.kind
            ),
        );
    }
    let (first, more) = others.split_at(others.len().min(NAMED));
    if !first.is_empty() {
        let mut labels: Vec<String> = first.iter().map(|it| it.label()).collect();
        if !more.is_empty() {
            labels.push(format!("{} more", more.len()));
        }
        planning.warn(format!(
            "{} in the same hosted zone: they lead to the slots' load balancers, too, and are not in \
             `routes`. If users come to this service by such a name, they stay with the side that it \
             leads to: make it a weighted pair and add {{ record: NAME }}",
            labels.join(", ")
        ));
    }
}

fn check_weights(request: &Request, planning: &mut Planning) {
    let steps = request.steps();
    let steps = steps.iter().enumerate();
    for (at, step) in steps.filter(|(_, step)| integers(step.weight).is_none()) {
        planning.problem(
            format!(
                "step {} at {} is finer than the weights of records can give, which are 0 to 255",
                at + 1,
                step.weight
            ),
            "give the step a weight from 0.4% to 99.6%, or 100%",
        );
    }
}

fn tell(records: &[&Route], ttl: Duration, planning: &mut Planning) {
    let labels: Vec<&str> = records.iter().map(|it| it.label.as_str()).collect();
    planning.note(format!(
        "{}: resolvers keep what they were told for {}, so a shift or a revert has reached \
         everybody only that long after Route 53 has it; each bake is so much longer, and some \
         resolvers keep answers for longer than they may",
        labels.join(", "),
        format_duration(ttl)
    ));
    let slow = records.iter().find(|it| it.ttl() > TTL_OF_ALIAS);
    if let Some(route) = slow {
        planning.warn(format!(
            "{} has a TTL of {}: a revert takes that long to reach everybody; set it to 60 s or \
             less",
            route.label,
            format_duration(route.ttl())
        ));
    }
}
