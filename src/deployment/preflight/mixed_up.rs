//! Slots to which the config gives each other's target groups.

use serde_json::Value;

use super::refusals;
use crate::deployment::ids::{EcsServiceName, SlotName, Slots, TargetGroupArn};
use crate::deployment::problem::Problem;

/// That a slot's service registers its tasks with the other slot's target groups alone: what a
/// weight gives that slot reaches the other one's service.
///
/// The services are as DescribeServices prints them; `None` is one that isn't there.
pub fn mixed_up(
    services: &Slots<Option<Value>>,
    names: &Slots<EcsServiceName>,
    groups: &Slots<Vec<TargetGroupArn>>,
) -> Option<Problem> {
    let of_the_other =
        |slot: SlotName| Some((slot, other_s(services[slot].as_ref()?, slot, groups)?));
    let (slot, group) = SlotName::BOTH.into_iter().find_map(of_the_other)?;
    Some(refusals::swapped(&names[slot], &group, slot))
}

/// The first target group of a service that has none but the other slot's.
fn other_s(
    service: &Value,
    slot: SlotName,
    groups: &Slots<Vec<TargetGroupArn>>,
) -> Option<TargetGroupArn> {
    let entries = service.get("loadBalancers")?.as_array()?.iter();
    let registered = entries.map(|entry| entry.get("targetGroupArn")?.as_str());
    let registered = registered.map(|arn| arn.map(TargetGroupArn::new));
    // Behind a classic load balancer there is no group.
    let registered = registered.collect::<Option<Vec<_>>>()?;
    let is_other_s = |group: &TargetGroupArn| {
        groups[slot.other()].contains(group) && !groups[slot].contains(group)
    };
    let first = registered.first()?.clone();
    registered.iter().all(is_other_s).then_some(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registers(groups: &[&str]) -> Option<Value> {
        let entries = groups.iter();
        let entries = entries.map(|group| json!({ "targetGroupArn": group }));
        Some(json!({ "loadBalancers": entries.collect::<Vec<_>>() }))
    }

    fn told(a: Option<Value>, b: Option<Value>) -> Option<String> {
        let arns = |names: [&str; 2]| names.map(TargetGroupArn::new).to_vec();
        let groups = Slots {
            a: arns(["web-a", "admin-a"]),
            b: arns(["web-b", "admin-b"]),
        };
        let names = Slots {
            a: EcsServiceName::new("shop"),
            b: EcsServiceName::new("shop-b"),
        };
        mixed_up(&Slots { a, b }, &names, &groups).map(|it| it.what)
    }

    #[test]
    fn a_service_that_has_none_but_the_other_slot_s_groups_tells() {
        let (own, other) = (["web-a", "admin-a"], ["web-b", "admin-b"]);
        let said = told(registers(&other), registers(&own)).unwrap_or_default();
        let expected = "the slots are mixed up: service shop of slot a registers its tasks with \
                        target group web-b, which `slots` gives slot b";
        assert_eq!(said, expected);
        assert_eq!(told(registers(&other), None).as_deref(), Some(expected));
        let b_alone = told(None, registers(&["admin-a"])).unwrap_or_default();
        assert!(b_alone.contains("service shop-b of slot b"), "{b_alone}");
    }

    #[test]
    fn slots_as_they_should_be_and_what_tells_nothing_are_not_mixed_up() {
        assert_eq!(told(registers(&["web-a"]), registers(&["web-b"])), None);
        assert_eq!(told(registers(&["web-a", "web-b"]), None), None);
        assert_eq!(told(registers(&["web-b", "another"]), None), None);
        assert_eq!(told(registers(&[]), None), None);
        assert_eq!(told(None, None), None);
        let classic = json!({ "loadBalancers": [{ "loadBalancerName": "old" }] });
        assert_eq!(told(Some(classic), None), None);
    }
}
