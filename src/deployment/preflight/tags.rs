//! What becomes of tags in which the slots' services differ: the idle one gets what it lacks, and
//! keeps what it has.

use serde_json::{Value, json};

use super::Planning;
use super::services::{becomes, stays};
use crate::deployment::bare;
use crate::deployment::clone::{self, DEPLOYMENT_TAG};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::plan::SlotPlan;
use crate::deployment::retire;
use crate::deployment::scaling::HELD_TAG;
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::{self as taskdef, Change};

/// How many tags a service may have: "Amazon ECS service quotas" in its guide. Those of AWS don't count.
const MOST: usize = 50;

/// Those that this program may set on one.
const OWN: [&str; 5] = [
    DEPLOYMENT_TAG,
    bare::LIVE_TAG,
    retire::SERVED_TAG,
    retire::TAG,
    HELD_TAG,
];

/// That there is room for this program's own tags.
pub(super) fn check_room(
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    for slot in SlotName::BOTH {
        let Some(service) = &found.services[slot] else {
            continue;
        };
        let missing = match &found.services[live] {
            Some(blue) if slot != live => clone::missing_tags(blue, service).len(),
            _ => 0,
        };
        let given = clone::given_tags(service).count() + missing;
        if given + OWN.len() > MOST {
            let has = match missing {
                0 => format!("has {given} tags"),
                _ => format!("would have {given} tags with those of slot {live}'s"),
            };
            planning.problem(
                format!(
                    "slot {slot}'s service {} {has}, and bg needs {} of the {MOST} that ECS allows",
                    slots[slot].service,
                    OWN.len()
                ),
                "take some off: aws ecs untag-resource --resource-arn ARN --tag-keys KEY",
            );
        }
    }
}

/// Which of blue's tags green's service gets, and which it doesn't.
pub(super) fn check(
    existing: &Value,
    blue: &Value,
    green: SlotName,
    source: SlotName,
    planning: &mut Planning,
) {
    let missing = match source == green {
        true => Vec::new(),
        false => clone::missing_tags(blue, existing),
    };
    let is_put_in = |change: &Change| {
        let key = change.path.strip_prefix("tags.");
        key.is_some_and(|key| missing.iter().any(|tag| tag["key"] == key))
    };
    let (put_in, left): (Vec<_>, Vec<_>) =
        differing(blue, existing).into_iter().partition(is_put_in);
    let put_in = put_in
        .iter()
        .map(|it| becomes(&it.path, None, it.before.as_deref()));
    planning.differences.extend(put_in);
    let stay = |it: &Change| {
        let (of_blue, own) = (it.before.as_deref(), it.after.as_deref());
        stays(&it.path, own, of_blue, green.other())
    };
    planning.differences.extend(left.iter().map(stay));
    planning.notes.extend(command(&left, existing, green));
}

/// The tags in which two services differ, as changes from what the first has. Those that AWS or
/// this program set are nobody's change.
fn differing(blue: &Value, green: &Value) -> Vec<Change> {
    let tags = |service: &Value| json!({ "tags": service.get("tags") });
    taskdef::diff(&tags(blue), &tags(green))
}

/// What gives green's service the tags of blue's that it doesn't get from a deployment.
fn command(left: &[Change], existing: &Value, green: SlotName) -> Option<String> {
    let given = left.iter().filter_map(|tag| {
        let name = tag.path.strip_prefix("tags.")?;
        Some(format!("'key={name},value={}'", tag.before.as_ref()?))
    });
    let given: Vec<String> = given.collect();
    let arn = existing.get("serviceArn").and_then(Value::as_str)?;
    (!given.is_empty()).then(|| {
        format!(
            "slot {green}'s service keeps the tags it has: aws ecs tag-resource --resource-arn {arn} \
             --tags {} gives it what slot {}'s has",
            given.join(" "),
            green.other()
        )
    })
}
