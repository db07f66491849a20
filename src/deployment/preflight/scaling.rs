//! Autoscaling: what of blue's green gets.

use serde_json::Value;

use super::{Planning, Request};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::observation::Seen;
use crate::deployment::plan::{Kind, SlotPlan};
use crate::deployment::scaling::{From, HELD_TAG, ScalableTarget, Scaling};
use crate::deployment::surroundings::Surroundings;

/// What is carried over; nothing where blue has no autoscaling.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Option<Scaling> {
    let targets = match &found.scaling {
        Seen::Value(targets) => targets,
        Seen::Unreadable(why) => {
            planning.warn(format!(
                "whether a slot has autoscaling can't be asked ({why}): if one has, it changes \
                 desired counts in mid-shift and starts an idle slot's tasks again; allow \
                 application-autoscaling:DescribeScalableTargets, or make sure that neither \
                 service has it"
            ));
            return None;
        }
    };
    let green = targets[live.other()].as_ref();
    let Some(blue) = &targets[live] else {
        if let Some(green) = green.filter(|it| !it.is_asleep()) {
            only_green(request, live, slots, green, planning);
        }
        return None;
    };
    let name = &slots[live].service;
    if let Some(why) = &blue.unreadable {
        planning.problem(
            format!("the autoscaling of {name} can't be carried over to green: {why}"),
            format!("allow what `bg iam-policy` lists{}", without(request, live)),
        );
        return None;
    }
    let service = found.services[live].as_ref();
    let desired = service.and_then(|it| it.get("desiredCount")?.as_u64());
    if desired.is_some_and(|desired| desired > blue.max.into()) {
        planning.problem(
            format!(
                "service {name} is set to {} tasks, and its autoscaling ({}) allows {}: whatever \
                 is changed of that takes the others away",
                desired.unwrap_or_default(),
                blue.resource,
                blue.max
            ),
            format!(
                "raise its maximum, or scale it down{}",
                without(request, live)
            ),
        );
        return None;
    }
    let mut blue = blue.clone();
    if service.is_some_and(|it| has_tag(it, HELD_TAG)) {
        blue.suspended.scale_in = false;
    }
    let from = From {
        cluster: &request.cluster,
        slots,
        blue: live,
        now: found.now,
    };
    let (scaling, others) = Scaling::carried(&from, &blue, green);
    note(&blue, &scaling, slots, live, planning);
    for alarm in others {
        planning.warn(format!(
            "alarm {alarm} rings at something else than that of {name}, which it stands for: it \
             is left as it is"
        ));
    }
    for schedule in too_low(&scaling, desired) {
        planning.warn(format!(
            "the scheduled action {schedule} takes tasks from both sides: if it comes in \
             mid-shift, the deployment reverts"
        ));
    }
    Some(scaling)
}

fn only_green(
    request: &Request,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    green: &ScalableTarget,
    planning: &mut Planning,
) {
    let (slot, resource) = (live.other(), &green.resource);
    planning.problem(
        format!(
            "service {} (slot {slot}) has autoscaling ({resource}), and {}, which serves, has \
             none: it would change green's desired count in mid-shift",
            slots[slot].service, slots[live].service
        ),
        format!(
            "take it off: aws application-autoscaling deregister-scalable-target \
             --service-namespace ecs --scalable-dimension ecs:service:DesiredCount --resource-id \
             {resource}{}",
            without(request, live)
        ),
    );
}

/// How a rollback goes without any of this.
fn without(request: &Request, live: SlotName) -> String {
    match request.kind {
        Kind::Rollback => format!(
            "; or move traffic alone, without a look at health: bg rollback --to {} --force",
            live.other()
        ),
        Kind::Deploy | Kind::Hotfix { .. } => String::new(),
    }
}

fn has_tag(service: &Value, key: &str) -> bool {
    let tags = service.get("tags").and_then(Value::as_array);
    let mut tags = tags.into_iter().flatten();
    tags.any(|tag| tag.get("key").is_some_and(|it| it == key))
}

/// Scheduled actions with a maximum below what runs.
fn too_low(scaling: &Scaling, desired: Option<u64>) -> Vec<&str> {
    let lowers = |schedule: &&Value| {
        let most = schedule.pointer("/ScalableTargetAction/MaxCapacity");
        let most = most.and_then(Value::as_u64);
        most.zip(desired)
            .is_some_and(|(most, desired)| most < desired)
    };
    let lowering = scaling.schedules.iter().filter(lowers);
    lowering
        .filter_map(|it| it.get("ScheduledActionName")?.as_str())
        .collect()
}

fn note(
    blue: &ScalableTarget,
    scaling: &Scaling,
    slots: &Slots<SlotPlan>,
    live: SlotName,
    planning: &mut Planning,
) {
    let name = &slots[live].service;
    let mut carried = vec![format!("{} to {} tasks", blue.min, blue.max)];
    let of = |count: usize, one: &str, more: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {more}")),
    };
    carried.extend(of(scaling.policies.len(), "policy", "policies"));
    carried.extend(of(scaling.schedules.len(), "schedule", "schedules"));
    carried.extend(of(scaling.alarms.len(), "alarm", "alarms"));
    planning.note(format!(
        "autoscaling ({}) is carried over to green; neither side is scaled in until the last bake \
         is over",
        carried.join(", ")
    ));
    if blue.is_asleep() {
        planning.warn(format!(
            "the autoscaling of {name} is asleep (minimum 0, everything suspended), and green's \
             will be, too"
        ));
    } else if blue.suspended.scale_in {
        planning.note(format!(
            "scaling in of {name} is suspended already, and stays so on the side that serves"
        ));
    }
    let forecasts = blue.policies_of("PredictiveScaling");
    if !forecasts.is_empty() {
        planning.warn(format!(
            "predictive scaling ({}) learns from its service's own past and is not carried over: \
             green scales by its other policies",
            forecasts.join(", ")
        ));
    }
}
