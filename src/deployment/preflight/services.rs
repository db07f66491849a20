//! The two ECS services.

use serde_json::Value;

use super::{Planning, Request, refusals, tags};
use crate::deployment::clone::{self, Difference, Mended};
use crate::deployment::ids::{SlotName, Slots, TargetGroupArn};
use crate::deployment::moved;
use crate::deployment::plan::{GreenService, Kind, SlotPlan};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::Surroundings;
use crate::judge::words::plural;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// Where nothing is known about traffic: at least one of the services has to exist.
pub(super) fn check_exist(request: &Request, found: &Surroundings, planning: &mut Planning) {
    if SlotName::BOTH
        .iter()
        .all(|slot| found.services[*slot].is_none())
    {
        missing(request, found, SlotName::A, planning);
    }
}

/// Says so, and which name is like it.
pub(super) fn missing(
    request: &Request,
    found: &Surroundings,
    slot: SlotName,
    planning: &mut Planning,
) {
    if !found.cluster_exists {
        return;
    }
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
    for group in groups_beside(service, &slots[live]) {
        let name = group.name();
        let mut idle = slots[live.other()].targets.iter();
        if idle.any(|target| target.group == group) {
            planning.refuse(refusals::other_slot_s(
                &request.slots[live].service,
                &group,
                live,
            ));
            continue;
        }
        planning.problem(
            format!(
                "service {} also registers its tasks with target group {name}, which slot {live} \
                 of the config doesn't name: its traffic would stay on blue when blue is retired",
                request.slots[live].service
            ),
            format!(
                "add {name} and its twin to `slots.{live}.targets` and `slots.{}.targets`",
                live.other()
            ),
        );
    }
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

/// Whether a plan's slots are mixed up.
pub(super) fn mixed_up(found: &Surroundings, slots: &Slots<SlotPlan>) -> Option<Problem> {
    let names = Slots::from_fn(|slot| slots[slot].service.clone());
    let groups = Slots::from_fn(|slot| {
        let targets = slots[slot].targets.iter();
        targets.map(|target| target.group.clone()).collect()
    });
    super::mixed_up(&found.services, &names, &groups)
}

/// The target groups that a service registers its tasks with and the slot doesn't name.
fn groups_beside(service: &Value, slot: &SlotPlan) -> Vec<TargetGroupArn> {
    let entries = service.get("loadBalancers").and_then(Value::as_array);
    let groups = entries.into_iter().flatten();
    let groups = groups.map(|entry| text(entry, "targetGroupArn"));
    let named = |group: &str| slot.targets.iter().any(|it| it.group.as_str() == group);
    groups
        .filter(|group| !group.is_empty() && !named(group))
        .map(TargetGroupArn::new)
        .collect()
}

/// Whether a service that is to become green is somebody's live service: a slip of the config
/// must not overwrite it.
fn is_not_ours(existing: &Value, slot: &SlotPlan) -> Option<String> {
    if let Some(group) = groups_beside(existing, slot).first() {
        return Some(format!(
            "it registers its tasks with target group {}",
            group.name()
        ));
    }
    let balanced = existing.get("loadBalancers").and_then(Value::as_array);
    let balanced = balanced.is_some_and(|entries| !entries.is_empty());
    let tags = existing.get("tags").and_then(Value::as_array);
    let tagged =
        tags.is_some_and(|tags| tags.iter().any(|tag| text(tag, "key").starts_with("bg:")));
    let tasks = number(existing, "desiredCount");
    (!balanced && !tagged && tasks > 0).then(|| {
        let tasks = plural(tasks as u32, "task");
        format!("it runs {tasks} behind no load balancer, which no deployment by bg has started")
    })
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
    if let Some(id) = moved::since(&found.services, live).filter(|_| !request.is_bare()) {
        planning.warn(moved::in_words(&id, live).join("; "));
    }
    let source = request.source.unwrap_or(live);
    for obstacle in clone::obstacles(blue) {
        planning.problem(
            format!("service {}: {}", slots[live].service, obstacle.what),
            obstacle.fix,
        );
    }
    check_in_flight(request, blue, live, slots, planning);
    tags::check_room(request, found, slots, planning);
    if let Some(existing) = &found.services[green]
        && existing.get("desiredCount").and_then(Value::as_u64) > Some(0)
    {
        check_in_flight(request, existing, green, slots, planning);
    }
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
            check_existing(existing, blue, green, source, slots, planning);
            Some(GreenService::Update { source })
        }
    }
}

fn check_in_flight(
    request: &Request,
    service: &Value,
    slot: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    let deployments = service
        .get("deployments")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let primary = service
        .pointer("/deployments/0/rolloutState")
        .and_then(Value::as_str);
    let lifted = !matches!(request.kind, Kind::Deploy);
    if lifted || (deployments <= 1 && primary != Some("IN_PROGRESS")) {
        return;
    }
    let name = &slots[slot].service;
    planning.problem(
        format!("ECS is already deploying service {name} by itself"),
        format!(
            "wait until it is steady: aws ecs wait services-stable --cluster {} --services {name}",
            request.cluster
        ),
    );
}

fn check_existing(
    existing: &Value,
    blue: &Value,
    green: SlotName,
    source: SlotName,
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
    if let Some(why) = is_not_ours(existing, &slots[green]) {
        planning.problem(
            format!("slot {green}'s service {name} seems to be another service: {why}"),
            match number(existing, "runningCount") {
                0 => format!("correct `slots.{green}` in bg.yaml, or delete the service"),
                _ => "correct `slots` in bg.yaml: are the two slots' services or target groups \
                      swapped, or is one left out?"
                    .to_owned(),
            },
        );
    }
    for obstacle in clone::obstacles(existing) {
        planning.problem(format!("service {name}: {}", obstacle.what), obstacle.fix);
    }
    let differences = clone::differences(blue, existing);
    match source == green {
        true => keep(&differences, green, planning),
        false => mend(&differences, green, &slots[green], planning),
    }
    tags::check(existing, blue, green, source, planning);
}

/// Green's service keeps what it has.
fn keep(differences: &[Difference], green: SlotName, planning: &mut Planning) {
    let kept = differences.iter().map(|it| {
        let (own, of_blue) = (it.existing.as_deref(), it.source.as_deref());
        stays(&it.field, own, of_blue, green.other())
    });
    planning.differences.extend(kept);
}

/// Green's service gets what blue's has.
fn mend(differences: &[Difference], green: SlotName, slot: &SlotPlan, planning: &mut Planning) {
    let mut mended = false;
    for Difference {
        field,
        source,
        existing,
        mended: how,
    } in differences
    {
        match how {
            Mended::ByUpdate => {
                mended = true;
                let words = becomes(field, existing.as_deref(), source.as_deref());
                planning.differences.push(words);
            }
            Mended::Never { way_out } => planning.problem(
                format!(
                    "slot {green}'s service {} has {field} {}, its source has {}: that can't be \
                     updated",
                    slot.service,
                    existing.as_deref().unwrap_or("nothing"),
                    source.as_deref().unwrap_or("nothing")
                ),
                *way_out,
            ),
        }
    }
    if mended {
        let live = green.other();
        planning.note(format!(
            "slot {green}'s service gets slot {live}'s settings where they differ; \
             --service-from {green} has it keep its own"
        ));
    }
}

/// What becomes of a setting of green's.
pub(super) fn becomes(field: &str, own: Option<&str>, new: Option<&str>) -> String {
    match (own, new) {
        (Some(own), Some(new)) => format!("{field}: {own} becomes {new}"),
        (Some(own), None) => format!("{field}: {own} is taken out"),
        (None, new) => format!("{field}: {} is put in", new.unwrap_or("nothing")),
    }
}

/// That a setting of green's is not made what blue's is.
pub(super) fn stays(
    field: &str,
    own: Option<&str>,
    of_blue: Option<&str>,
    blue: SlotName,
) -> String {
    let (own, of_blue) = (own.unwrap_or("nothing"), of_blue.unwrap_or("nothing"));
    format!("{field}: stays at {own}, slot {blue} has {of_blue}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::deployment::ids::EcsServiceName;
    use crate::deployment::plan::TargetPlan;

    fn slot() -> SlotPlan {
        SlotPlan {
            service: EcsServiceName::new("shop-b"),
            targets: vec![TargetPlan {
                group: TargetGroupArn::new("arn:targetgroup/shop-b/1"),
                container: "app".to_owned(),
                port: 8080,
                deregistration_delay: std::time::Duration::from_secs(300),
                health_check: None,
            }],
        }
    }

    fn service(groups: &[&str], desired: u32, tag: &str) -> Value {
        let entries = groups
            .iter()
            .map(|group| json!({ "targetGroupArn": group }));
        json!({
            "loadBalancers": entries.collect::<Vec<_>>(),
            "desiredCount": desired,
            "tags": [{ "key": tag, "value": "x" }],
        })
    }

    #[test]
    fn a_group_that_the_config_leaves_out_is_found() {
        let (own, admin) = ("arn:targetgroup/shop-b/1", "arn:targetgroup/admin/2");
        assert_eq!(groups_beside(&service(&[own], 2, "team"), &slot()), []);
        assert_eq!(
            groups_beside(&service(&[own, admin], 2, "team"), &slot()),
            [TargetGroupArn::new(admin)]
        );
    }

    #[test]
    fn somebody_elses_live_service_is_never_taken_for_green() {
        let theirs = |service| is_not_ours(&service, &slot()).is_some();
        assert!(theirs(service(&["arn:targetgroup/admin/2"], 0, "team")));
        assert!(theirs(service(&[], 2, "team")));
        assert!(!theirs(service(&[], 0, "team")));
        assert!(!theirs(service(&[], 2, "bg:deployment")));
        assert!(!theirs(service(&["arn:targetgroup/shop-b/1"], 2, "team")));
    }
}
