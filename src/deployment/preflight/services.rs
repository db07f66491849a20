//! The two ECS services.

use serde_json::Value;

use super::{Planning, Request};
use crate::deployment::clone::{self, Mended};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::plan::{GreenService, SlotPlan};
use crate::deployment::surroundings::Surroundings;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// Where nothing is known about traffic: at least one of the services has to exist.
pub(super) fn check_exist(request: &Request, found: &Surroundings, planning: &mut Planning) {
    if found.cluster_exists
        && SlotName::BOTH
            .iter()
            .all(|slot| found.services[*slot].is_none())
    {
        missing(request, found, SlotName::A, planning);
    }
}

fn missing(request: &Request, found: &Surroundings, slot: SlotName, planning: &mut Planning) {
    let wanted = request.slots[slot].service.as_str();
    let nearest = found
        .service_names
        .iter()
        .map(|name| (strsim::jaro_winkler(name, wanted), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let fix = match nearest {
        Some((_, name)) => format!("did you mean `service: {name}` in slot {slot}?"),
        None if found.service_names.is_empty() => {
            "the cluster has no services: is it the right one?".to_owned()
        }
        None => format!("the cluster has: {}", found.service_names.join(", ")),
    };
    planning.problem(
        format!(
            "slot {slot}'s service {wanted} does not exist in cluster {}",
            request.cluster
        ),
        fix,
    );
}

/// Containers and ports that the config leaves out are the live service's.
pub(super) fn fill_targets(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    mut slots: Slots<SlotPlan>,
    planning: &mut Planning,
) -> Slots<SlotPlan> {
    let Some(service) = &found.services[live] else {
        return slots;
    };
    let entries = service.get("loadBalancers").and_then(Value::as_array);
    for index in 0..slots.a.targets.len() {
        let group = &slots[live].targets[index].group;
        let entry = entries
            .into_iter()
            .flatten()
            .find(|entry| text(entry, "targetGroupArn") == group.as_str());
        let Some(entry) = entry else {
            planning.problem(
                format!(
                    "service {} does not register its tasks with target group {}",
                    request.slots[live].service,
                    group.name()
                ),
                format!("correct `slots.{live}.target_group`, or give the service that group"),
            );
            continue;
        };
        for slot in SlotName::BOTH {
            let target = &mut slots[slot].targets[index];
            if target.container.is_empty() {
                target.container = text(entry, "containerName").to_owned();
            }
            if target.port == 0 {
                target.port = u16::try_from(number(entry, "containerPort")).unwrap_or_default();
            }
        }
    }
    slots
}

/// Checks both services; how green's comes to be.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Option<GreenService> {
    let Some(blue) = &found.services[live] else {
        missing(request, found, live, planning);
        return None;
    };
    let green = live.other();
    let source = request.source.unwrap_or(live);
    for obstacle in clone::obstacles(blue) {
        planning.problem(
            format!("service {}: {}", slots[live].service, obstacle.what),
            obstacle.fix,
        );
    }
    check_in_flight(request, blue, live, slots, planning);
    check_scaling(found, slots, planning);
    match &found.services[green] {
        None if source == green => {
            planning.problem(
                format!("--service-from {green}: slot {green}'s service does not exist"),
                format!("leave it out, or use --service-from {live}"),
            );
            None
        }
        None => Some(GreenService::Create { source: live }),
        Some(existing) => {
            check_existing(existing, &found.services[source], green, slots, planning);
            Some(GreenService::Update { source })
        }
    }
}

fn check_in_flight(
    request: &Request,
    blue: &Value,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    let deployments = blue
        .get("deployments")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let primary = blue
        .pointer("/deployments/0/rolloutState")
        .and_then(Value::as_str);
    let lifted = !matches!(request.kind, crate::deployment::plan::Kind::Deploy);
    if lifted || (deployments <= 1 && primary != Some("IN_PROGRESS")) {
        return;
    }
    let name = &slots[live].service;
    planning.problem(
        format!("ECS is already deploying service {name} by itself"),
        format!(
            "wait until it is steady: aws ecs wait services-stable --cluster {} --services {name}",
            request.cluster
        ),
    );
}

fn check_scaling(found: &Surroundings, slots: &Slots<SlotPlan>, planning: &mut Planning) {
    for slot in SlotName::BOTH {
        if let Some(resource) = &found.scaling[slot] {
            planning.problem(
                format!(
                    "service {} has autoscaling ({resource}), which bg does not carry over yet: \
                     it would change desired counts in mid-shift",
                    slots[slot].service
                ),
                format!(
                    "deregister it for now: aws application-autoscaling deregister-scalable-target \
                     --service-namespace ecs --scalable-dimension ecs:service:DesiredCount \
                     --resource-id {resource}"
                ),
            );
        }
    }
}

fn check_existing(
    existing: &Value,
    source: &Option<Value>,
    green: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    let name = &slots[green].service;
    if text(existing, "status") == "DRAINING" {
        planning.problem(
            format!("slot {green}'s service {name} is still draining after its deletion"),
            "try again in a few minutes, when it is INACTIVE",
        );
    }
    for obstacle in clone::obstacles(existing) {
        planning.problem(format!("service {name}: {}", obstacle.what), obstacle.fix);
    }
    let Some(source) = source else { return };
    for difference in clone::differences(source, existing) {
        let words = format!(
            "{}: {} becomes {}",
            difference.field, difference.existing, difference.source
        );
        match difference.mended {
            Mended::ByUpdate => planning.differences.push(words),
            Mended::Never { way_out } => planning.problem(
                format!(
                    "slot {green}'s service {name} has {} {}, its source has {}: that can't be updated",
                    difference.field, difference.existing, difference.source
                ),
                way_out,
            ),
        }
    }
}
