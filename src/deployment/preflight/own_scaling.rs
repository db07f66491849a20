//! Autoscaling that green keeps: that of its own service, where it is awake and asked for.

use serde_json::Value;

use super::scaling::{desired, has_tag, too_many};
use super::services::stays;
use super::{Planning, Request};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::plan::{Kind, SlotPlan};
use crate::deployment::scaling::{From, HELD_TAG, ScalableTarget, Scaling, Suspended, differences};
use crate::deployment::surroundings::Surroundings;

/// Whether green keeps its own. One that sleeps has lost its minimum, which blue's can stand in for.
/// A rollback gets what scales production now, as long as anything does.
pub(super) fn is_kept(
    request: &Request,
    live: SlotName,
    targets: &Slots<Option<ScalableTarget>>,
) -> bool {
    let own = targets[live.other()].as_ref();
    request.source == Some(live.other())
        && own.is_some_and(|it| !it.is_asleep() || targets[live].is_some())
        && (request.kind != Kind::Rollback || targets[live].is_none())
}

/// What green keeps, if blue's tasks fit into it.
pub(super) fn keep(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    targets: &Slots<Option<ScalableTarget>>,
    planning: &mut Planning,
) -> Option<Scaling> {
    let idle = live.other();
    let mut own = targets[idle].clone()?;
    let mut blue = targets[live].clone();
    let desired = desired(found, live);
    let slept = own.is_asleep();
    if let (true, Some(blue)) = (slept, &blue) {
        own.min = blue.min.min(own.max);
    }
    for target in [Some(&own), blue.as_ref()].into_iter().flatten() {
        too_many(request, live, slots, target, desired, planning);
    }
    // Nobody but this program suspends all of it: it slept.
    if own.suspended == Suspended::ALL {
        own.suspended = Suspended::default();
    }
    for (slot, target) in [(idle, Some(&mut own)), (live, blue.as_mut())] {
        let service = found.services[slot].as_ref();
        if let Some(target) = target
            && service.is_some_and(|it| has_tag(it, HELD_TAG))
        {
            target.suspended.scale_in = false;
        }
    }
    let mut scaling = Scaling::own(&own, blue.as_ref());
    if let Some(blue) = &blue {
        let from = From {
            cluster: &request.cluster,
            slots,
            blue: live,
            now: found.now,
        };
        let (mut carried, _) = Scaling::carried(&from, blue, Some(&own));
        let unlike = differences(&carried, &own, "another");
        planning.differences.extend(unlike.iter().map(|it| {
            let (own, of_blue) = (it.own.as_deref(), it.carried.as_deref());
            stays(&it.field, own, of_blue, live)
        }));
        // What slept has lost the alarms that were made for it.
        if slept {
            let steps = own.policies_of("StepScaling");
            carried
                .alarms
                .retain(|it| steps.contains(&it.policy.as_str()));
            scaling.alarms = carried.alarms;
        }
    }
    told(&own, blue.is_some(), live, desired, planning);
    if slept {
        planning.note(format!(
            "the autoscaling of slot {idle} is asleep, so green gets the minimum of slot {live}'s: {}",
            own.min
        ));
    }
    let mut uncalled = uncalled(&own);
    uncalled.retain(|policy| !scaling.alarms.iter().any(|it| it.policy == *policy));
    for policy in uncalled {
        planning.warn(format!(
            "no alarm calls the step policy {policy} of slot {idle}'s autoscaling, which green \
             keeps: it scales nothing"
        ));
    }
    Some(scaling)
}

fn told(
    own: &ScalableTarget,
    blue_has_some: bool,
    live: SlotName,
    desired: Option<u64>,
    planning: &mut Planning,
) {
    let (idle, parts) = (live.other(), own.in_words());
    let of_blue = match blue_has_some {
        true => "keeps its own until it is retired",
        false => "has none",
    };
    planning.note(format!(
        "green keeps slot {idle}'s own autoscaling ({parts}), slot {live} {of_blue}; neither side \
         is scaled in until the last bake is over, and a revert puts green's to sleep (minimum 0, \
         everything suspended)"
    ));
    if desired.is_some_and(|desired| desired < own.min.into()) {
        planning.note(format!(
            "the minimum of slot {idle}'s autoscaling gives green {} tasks, blue has {}",
            own.min,
            desired.unwrap_or_default()
        ));
    }
}

/// Step policies that nothing calls; none where the alarms can't be read.
fn uncalled(own: &ScalableTarget) -> Vec<&str> {
    let called = |policy: &Value| {
        let is_it = |action: &Value| *action == policy["PolicyARN"];
        own.alarms.iter().any(|alarm| {
            let lists = ["AlarmActions", "OKActions", "InsufficientDataActions"];
            let actions = lists.iter().filter_map(|list| alarm[*list].as_array());
            actions.flatten().any(is_it)
        })
    };
    let steps = own
        .policies
        .iter()
        .filter(|it| own.unreadable.is_none() && it["PolicyType"] == "StepScaling" && !called(it));
    steps.filter_map(|it| it["PolicyName"].as_str()).collect()
}

/// What of green's own sleeps can't be kept where blue has none: nobody knows the minimum it had.
pub(super) fn asleep(
    request: &Request,
    live: SlotName,
    targets: &Slots<Option<ScalableTarget>>,
    planning: &mut Planning,
) {
    let idle = live.other();
    let own = targets[idle].as_ref().filter(|it| it.is_asleep());
    let asked = request.source == Some(idle) && request.kind != Kind::Rollback;
    if let (Some(own), None, true) = (own, &targets[live], asked) {
        planning.warn(format!(
            "the autoscaling of slot {idle} ({}) is asleep (minimum 0, everything suspended), slot \
             {live} has none, and green will not scale: set its minimum and maximum again if it is \
             to",
            own.resource
        ));
    }
}
