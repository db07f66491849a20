//! What becomes of tags in which the slots' services differ: the idle one gets what it lacks, and
//! keeps what it has.

use serde_json::{Value, json};

use super::services::{becomes, stays};
use super::{Planning, Request};
use crate::deployment::clone::{self, MOST_TAGS, OWN_TAGS};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::observation::Seen;
use crate::deployment::plan::{Kind, SlotPlan};
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::{self as taskdef, Change};

/// Those that every service may get: all but `bg:scale-in-held`.
const WITHOUT_SCALING: usize = OWN_TAGS - 1;

/// That there is room for this program's own tags. Others that don't fit are left out.
pub(super) fn check_room(
    request: &Request,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    let scaled = |slot| matches!(&found.scaling, Seen::Value(targets) if targets[slot].is_some());
    let is_scaled = SlotName::BOTH.into_iter().any(scaled);
    let own = WITHOUT_SCALING + usize::from(is_scaled);
    for slot in SlotName::BOTH {
        let service = found.services[slot].iter();
        let given = service.flat_map(clone::given_tags).count();
        if given + own <= MOST_TAGS {
            continue;
        }
        let what = format!(
            "slot {slot}'s service {} has {given} tags, and bg needs {own} of the {MOST_TAGS} that ECS allows",
            slots[slot].service
        );
        match request.kind {
            Kind::Deploy => planning.problem(
                what,
                "take some off: aws ecs untag-resource --resource-arn ARN --tag-keys KEY",
            ),
            Kind::Hotfix { .. } | Kind::Rollback => planning.warn(what),
        }
    }
}

/// That the tag by which a deployment finds its revision again has room beside the definition's own.
pub(super) fn check_definition(body: &Value, planning: &mut Planning) {
    let given = clone::given_tags(body).count();
    if given >= MOST_TAGS {
        planning.problem(
            format!(
                "the task definition has {given} tags, and bg needs one of the {MOST_TAGS} that ECS allows"
            ),
            "take one off: in its file, or aws ecs untag-resource --resource-arn ARN --tag-keys KEY",
        );
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
