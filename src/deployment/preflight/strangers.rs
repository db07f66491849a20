//! Targets in the slots' groups that are none of the slots' tasks.

use serde_json::Value;

use super::{Planning, Request};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::plan::{Kind, SlotPlan, TargetPlan};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::{Stranger, Surroundings};
use crate::judge::words::plural;

/// So many are named; of the others there is the number.
const NAMED: usize = 5;

/// Refuses an idle slot with anybody's targets in its groups, and warns of them where somebody
/// serves from there already.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    for slot in [live.other(), live] {
        for target in &slots[slot].targets {
            let Some(strangers) = found.strangers.get(&target.group) else {
                continue;
            };
            let what = what(slot, slots, target, strangers);
            if slot == live {
                planning.warn(format!(
                    "{what}; they serve beside its tasks, and no more once green has everything"
                ));
                continue;
            }
            let refused = Problem::new(
                format!(
                    "{what}; they would count as green's healthy targets and get its share of the \
                     traffic"
                ),
                fix(slot, target, strangers),
            );
            let idle = runs_nothing(found.services[slot].as_ref());
            match idle && matches!(request.kind, Kind::Deploy) {
                true => planning.refuse(refused),
                false => planning.warn(format!("{}; {}", refused.what, refused.fix)),
            }
        }
    }
}

fn runs_nothing(service: Option<&Value>) -> bool {
    let count = |key: &str| service.and_then(|it| it.get(key)?.as_u64()).unwrap_or(0);
    count("runningCount") + count("pendingCount") == 0
}

fn what(
    slot: SlotName,
    slots: &Slots<SlotPlan>,
    target: &TargetPlan,
    strangers: &[Stranger],
) -> String {
    format!(
        "target group {} of slot {slot} has {}",
        target.group.name(),
        in_words(slots[slot].service.as_str(), strangers)
    )
}

/// `2 targets that are no tasks of shop-b: 10.0.1.5:8080 (service other), 10.0.1.6:8080`.
pub fn in_words(service: &str, strangers: &[Stranger]) -> String {
    let named = strangers.iter().take(NAMED).map(|it| match &it.service {
        Some(service) => format!("{} (service {service})", it.target),
        None => it.target.to_string(),
    });
    let mut named: Vec<String> = named.collect();
    let more = strangers.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    let are = match strangers.len() {
        1 => "that is no task",
        _ => "that are no tasks",
    };
    format!(
        "{} {are} of {service}: {}",
        plural(strangers.len() as u32, "target"),
        named.join(", ")
    )
}

fn fix(slot: SlotName, target: &TargetPlan, strangers: &[Stranger]) -> String {
    let one = |it: &Stranger| format!(" Id={},Port={}", it.target.id, it.target.port);
    let all: String = strangers.iter().map(one).collect();
    let deregister = format!(
        "aws elbv2 deregister-targets --target-group-arn {} --targets{all}",
        target.group
    );
    let mut services: Vec<&str> = strangers
        .iter()
        .filter_map(|it| Some(it.service.as_ref()?.as_str()))
        .collect();
    services.sort_unstable();
    services.dedup();
    match services.is_empty() {
        true => format!("take them out: {deregister}; or name another group in `slots.{slot}`"),
        false => format!(
            "take the group out of service {}, or scale that to 0 or delete it: ECS registers its \
             tasks again otherwise; or name another group in `slots.{slot}`",
            services.join(", ")
        ),
    }
}
