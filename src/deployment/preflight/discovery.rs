//! Cloud Map: two services in one registry are found side by side, whatever the weights are.

use std::collections::BTreeSet;

use super::{Discovery, Planning, Request};
use crate::deployment::clone::registries;
use crate::deployment::ids::SlotName;
use crate::deployment::surroundings::Surroundings;

/// Green gets the registries of the slot whose settings it gets; that takes the config's consent.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    planning: &mut Planning,
) {
    let source = request.source.unwrap_or(live);
    let of = |slot: SlotName| found.services[slot].iter().flat_map(registries);
    let names: BTreeSet<String> = of(live)
        .chain(of(source))
        .map(|arn| arn.rsplit('/').next().unwrap_or(&arn).to_owned())
        .collect();
    if names.is_empty() {
        return;
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let slot = if of(live).next().is_some() {
        live
    } else {
        source
    };
    let service = &request.slots[slot].service;
    let what = "whoever finds it there reaches green as soon as its tasks run, by both slots' task \
                counts";
    match request.discovery {
        Discovery::Shared => planning.warn(format!(
            "service {service} is registered in Cloud Map ({names}): {what}, and blue until it is \
             retired; a revert ends that when green's tasks are gone and the DNS answers' time is \
             over"
        )),
        Discovery::Unshared => planning.problem(
            format!(
                "service {service} is registered in Cloud Map ({names}), and green would be, too: \
                 {what}, whatever the weights are"
            ),
            format!(
                "set `discovery: shared` in bg.yaml if its clients there may reach both versions \
                 at once; else let them come through the load balancer, and take the registry out \
                 of the service: aws ecs update-service --cluster {} --service {service} \
                 --service-registries '[]'",
                request.cluster
            ),
        ),
    }
}
