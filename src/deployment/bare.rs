//! Services without any load balancer: which slot is live. Pure.
//!
//! No weight shows it there: what runs works. Counts and this program's own tags tell.

use serde_json::Value;

use super::clone::DEPLOYMENT_TAG;
use super::ids::{DeploymentId, SlotName, Slots};
use super::preflight::under_way;
use super::retire;

/// The tag on a service that says by which deployment it became the live one.
pub const LIVE_TAG: &str = "bg:live";

/// The value of a service's tag.
pub fn tag<'a>(service: &'a Value, key: &str) -> Option<&'a str> {
    let tags = service.get("tags")?.as_array()?;
    let tag = tags
        .iter()
        .find(|tag| tag.get("key").and_then(Value::as_str) == Some(key))?;
    tag.get("value")?.as_str()
}

/// Whether this program has deployed a service, or served with it: its tags say so.
pub fn is_known(service: &Value) -> bool {
    let tags = [DEPLOYMENT_TAG, LIVE_TAG, retire::SERVED_TAG];
    tags.iter().any(|key| tag(service, key).is_some())
}

/// Whether a service is set to run any task.
pub fn works(service: Option<&Value>) -> bool {
    let desired = service.and_then(|it| it.get("desiredCount")?.as_u64());
    desired.is_some_and(|desired| desired > 0)
}

/// The live slot of two services (as DescribeServices prints them, with their tags); `None` where
/// nothing tells.
///
/// One that is to be retired isn't, where the other works. Then the tag decides, and where there
/// is none yet, the deployment that has not ended: its slot isn't live.
pub fn live(services: &Slots<Option<Value>>) -> Option<SlotName> {
    let works = |slot: SlotName| works(services[slot].as_ref());
    let has = |slot: SlotName, key| {
        services[slot]
            .as_ref()
            .and_then(|service| tag(service, key))
    };
    let only = |is: &dyn Fn(SlotName) -> bool| {
        let mut slots = SlotName::BOTH.into_iter().filter(|slot| is(*slot));
        slots.next().filter(|_| slots.next().is_none())
    };
    let retires = |slot| has(slot, retire::TAG).is_some();
    // Ids sort by time.
    let tagged = SlotName::BOTH
        .into_iter()
        .filter_map(|slot| Some((DeploymentId::new(has(slot, LIVE_TAG)?), slot)))
        .max()
        .map(|(_, slot)| slot);
    match only(&works) {
        Some(alone) if retires(alone) => tagged.or(Some(alone)),
        Some(alone) => Some(alone),
        None if !SlotName::BOTH.into_iter().any(works) => {
            tagged.or_else(|| only(&|slot| services[slot].is_some()))
        }
        None => only(&|slot| !retires(slot)).or(tagged).or_else(|| {
            let new = only(&|slot| under_way(services[slot].as_ref()).is_some());
            new.map(SlotName::other)
        }),
    }
}

/// The slot that works beside the live one for a deployment of which AWS shows no end, or `None`
/// where nothing says what it is there for.
pub fn splits(services: &Slots<Option<Value>>) -> Option<(Option<SlotName>, Option<DeploymentId>)> {
    let both = SlotName::BOTH
        .iter()
        .all(|slot| works(services[*slot].as_ref()));
    if !both {
        return None;
    }
    let Some(live) = live(services) else {
        return Some((None, None));
    };
    let has = |slot: SlotName, key| services[slot].as_ref().and_then(|it| tag(it, key));
    let beside = live.other();
    let began = DeploymentId::new(has(beside, DEPLOYMENT_TAG)?);
    // One that came before the live slot's has ended, whatever became of its tags.
    let ended = has(live, LIVE_TAG).is_some_and(|id| began < DeploymentId::new(id));
    let goes = has(beside, retire::TAG).is_some();
    (!ended && !goes).then_some((Some(beside), Some(began)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(desired: u32, tags: &[(&str, &str)]) -> Option<Value> {
        let tags = tags
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }));
        Some(json!({
            "desiredCount": desired,
            "taskDefinition": "worker:7",
            "tags": tags.collect::<Vec<_>>(),
        }))
    }

    fn live_of(a: Option<Value>, b: Option<Value>) -> Option<SlotName> {
        live(&Slots { a, b })
    }

    const DUE: (&str, &str) = (retire::TAG, "2026-11-21T07:14:05Z scale-to-zero");
    const FIRST: (&str, &str) = (DEPLOYMENT_TAG, "20261121-070000-aaaa");

    #[test]
    fn the_slot_with_tasks_is_live() {
        assert_eq!(live_of(service(2, &[]), None), Some(SlotName::A));
        assert_eq!(live_of(service(0, &[]), service(1, &[])), Some(SlotName::B));
        assert_eq!(live_of(service(0, &[]), None), Some(SlotName::A));
        assert_eq!(live_of(None, None), None);
    }

    #[test]
    fn of_two_with_tasks_the_one_that_is_to_be_retired_is_not() {
        let retiring = || service(2, &[DUE]);
        assert_eq!(live_of(retiring(), service(2, &[])), Some(SlotName::B));
        assert_eq!(live_of(service(2, &[]), retiring()), Some(SlotName::A));
        assert_eq!(live_of(retiring(), retiring()), None);
    }

    #[test]
    fn a_live_slot_that_autoscaling_emptied_stays_the_live_one() {
        let live = (LIVE_TAG, "20261121-070000-aaaa");
        let kept_warm = service(2, &[DUE]);
        assert_eq!(live_of(kept_warm, service(0, &[live])), Some(SlotName::B));
        assert_eq!(
            live_of(service(0, &[]), service(0, &[live])),
            Some(SlotName::B)
        );
    }

    #[test]
    fn the_latest_deployment_that_succeeded_says_it_where_both_have_tasks() {
        let earlier = service(2, &[(LIVE_TAG, "20261120-070000-aaaa")]);
        let later = service(2, &[(LIVE_TAG, "20261121-070000-aaaa")]);
        assert_eq!(live_of(earlier.clone(), later), Some(SlotName::B));
        let new = service(2, &[FIRST]);
        assert_eq!(live_of(earlier, new), Some(SlotName::A));
    }

    #[test]
    fn the_slot_of_a_first_deployment_that_has_not_ended_is_not_live() {
        assert_eq!(
            live_of(service(2, &[]), service(2, &[FIRST])),
            Some(SlotName::A)
        );
        let slots = Slots {
            a: service(2, &[]),
            b: service(2, &[FIRST]),
        };
        let id = DeploymentId::new(FIRST.1);
        assert_eq!(splits(&slots), Some((Some(SlotName::B), Some(id))));
    }

    #[test]
    fn a_restart_that_has_not_ended_splits_though_its_revision_has_served_there() {
        let served = (retire::SERVED_TAG, "worker:7");
        let restarted = [(DEPLOYMENT_TAG, "20261122-070000-aaaa"), served];
        let slots = Slots {
            a: service(2, &[FIRST, (LIVE_TAG, FIRST.1)]),
            b: service(2, &restarted),
        };
        let (slot, id) = splits(&slots).unwrap();
        assert_eq!(slot, Some(SlotName::B));
        assert_eq!(id, Some(DeploymentId::new("20261122-070000-aaaa")));
    }

    #[test]
    fn two_that_work_without_any_mark_are_nobody_s_to_tell() {
        let slots = Slots {
            a: service(2, &[]),
            b: service(2, &[]),
        };
        assert_eq!((live(&slots), splits(&slots)), (None, Some((None, None))));
    }

    #[test]
    fn what_is_kept_warm_or_kept_for_good_splits_nothing() {
        let served = (retire::SERVED_TAG, "worker:7");
        let promoted = service(2, &[FIRST, (LIVE_TAG, FIRST.1)]);
        for old in [service(2, &[DUE]), service(2, &[served])] {
            let slots = Slots {
                a: old,
                b: promoted.clone(),
            };
            assert_eq!(live(&slots), Some(SlotName::B));
            assert_eq!(splits(&slots), None);
        }
    }
}
