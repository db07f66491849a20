//! Autoscaling: what of blue's green gets.

use serde_json::Value;

use super::services::becomes;
use super::{Planning, Request, own_scaling};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::observation::Seen;
use crate::deployment::plan::{Kind, SlotPlan};
use crate::deployment::scaling::{From, HELD_TAG, ScalableTarget, Scaling, differences};
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
    if own_scaling::is_kept(request, live, targets) {
        return own_scaling::keep(request, found, live, slots, targets, planning);
    }
    own_scaling::asleep(request, live, targets, planning);
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
    let desired = desired(found, live);
    if too_many(request, live, slots, blue, desired, planning) {
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
    if let Some(own) = green.filter(|_| request.kind != Kind::Rollback) {
        replaced(own, &scaling, live, planning);
    }
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

/// How many tasks a slot's service is set to run.
pub(super) fn desired(found: &Surroundings, slot: SlotName) -> Option<u64> {
    found.services[slot].as_ref()?.get("desiredCount")?.as_u64()
}

/// Whether blue is set to more tasks than `target`, its own or green's, allows: then it is refused.
pub(super) fn too_many(
    request: &Request,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    target: &ScalableTarget,
    desired: Option<u64>,
    planning: &mut Planning,
) -> bool {
    let Some(desired) = desired.filter(|desired| *desired > target.max.into()) else {
        return false;
    };
    let (name, resource, max) = (&slots[live].service, &target.resource, target.max);
    let is_blue_s = resource.rsplit('/').next() == Some(name.as_str());
    let (whose, so) = match is_blue_s {
        true => ("its", "whatever is changed of that takes the others away"),
        false => ("green's", "green would have too few"),
    };
    planning.problem(
        format!(
            "service {name} is set to {desired} tasks, and {whose} autoscaling ({resource}) allows \
             {max}: {so}"
        ),
        format!(
            "raise its maximum, or scale {name} down{}",
            without(request, live)
        ),
    );
    true
}

/// What green's own service has otherwise, and loses.
fn replaced(own: &ScalableTarget, scaling: &Scaling, live: SlotName, planning: &mut Planning) {
    let unlike = differences(scaling, own, &format!("slot {live}'s"));
    let words = unlike
        .iter()
        .map(|it| becomes(&it.field, it.own.as_deref(), it.carried.as_deref()));
    planning.differences.extend(words);
    if unlike.is_empty() {
        return;
    }
    let idle = live.other();
    let is = match own.is_asleep() {
        true => "is another".to_owned(),
        false => format!("is awake ({})", own.in_words()),
    };
    planning.note(format!(
        "slot {idle}'s autoscaling {is}, and becomes slot {live}'s; --service-from {idle} keeps its \
         own"
    ));
}

fn only_green(
    request: &Request,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    green: &ScalableTarget,
    planning: &mut Planning,
) {
    let (slot, resource) = (live.other(), &green.resource);
    let keep = match request.kind {
        Kind::Rollback => String::new(),
        Kind::Deploy | Kind::Hotfix { .. } => {
            format!("have green keep it: --service-from {slot}; or ")
        }
    };
    planning.problem(
        format!(
            "service {} (slot {slot}) has autoscaling ({resource}), and {}, which serves, has \
             none: it would change green's desired count in mid-shift",
            slots[slot].service, slots[live].service
        ),
        format!(
            "{keep}take it off: aws application-autoscaling deregister-scalable-target \
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

pub(super) fn has_tag(service: &Value, key: &str) -> bool {
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
    planning.note(format!(
        "autoscaling ({}) is carried over to green; neither side is scaled in until the last bake \
         is over",
        scaling.in_words()
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
