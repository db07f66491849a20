//! Refusals that adopting a service and planning a deployment of it share, in the same words.

use crate::deployment::ids::{EcsServiceName, ServiceName, SlotName, Slots, TargetGroupArn};
use crate::deployment::problem::Problem;

/// Nothing sends traffic to the group.
pub fn no_forward(group: &str) -> Problem {
    Problem::new(
        format!("no listener and no rule forwards to target group {group}"),
        "add a weighted forward action with both slots' groups to a listener or rule",
    )
}

/// One action names several of a slot's groups.
pub fn several_ports(label: &str) -> Problem {
    Problem::new(
        format!("{label} forwards to several of a slot's target groups at once"),
        "give each container port, and each target group of one, a listener or rule of its own",
    )
}

/// One action names a group of each slot, and they aren't in the same place of `targets`: slot b's
/// there is `partner`.
pub fn no_pair(label: &str, named: &Slots<&str>, partner: &str) -> Problem {
    let Slots { a, b } = named;
    Problem::new(
        format!(
            "{label} forwards to slot a's {a} and slot b's {b}, and in `slots` {a} goes with \
             {partner}"
        ),
        format!(
            "the order of `targets` may be swapped: of one container and port the first in slot a \
             goes with the first in slot b. Put {b} where {a} stands, or have {label} forward to \
             {a} and {partner}"
        ),
    )
}

/// The live slot's service is registered with a group of the other slot.
pub fn other_slot_s(service: &EcsServiceName, group: &TargetGroupArn, live: SlotName) -> Problem {
    let name = group.name();
    let other = live.other();
    Problem::new(
        format!(
            "service {service} of slot {live} registers its tasks with target group {name}, too, \
             which is slot {other}'s: what goes to green would go to blue"
        ),
        format!("take {name} out of that service's load balancers, or correct `slots.{other}`"),
    )
}

/// The slot's service is registered with the groups of the other slot alone.
pub fn swapped(service: &EcsServiceName, group: &TargetGroupArn, slot: SlotName) -> Problem {
    let (group, other) = (group.name(), slot.other());
    Problem::new(
        format!(
            "the slots are mixed up: service {service} of slot {slot} registers its tasks with \
             target group {group}, which `slots` gives slot {other}"
        ),
        "swap the target groups of `slots.a` and `slots.b`, or their services",
    )
}

/// What ends a split that no deployment has made.
pub const ON_ONE_SLOT: &str =
    "put all traffic on the good slot: `bg rollback --to a --force` or `--to b --force`";

/// A route isn't one slot's alone.
pub fn split(label: &str, Slots { a, b }: &Slots<u32>, fix: impl Into<String>) -> Problem {
    Problem::new(
        format!("{label} is split: slot a has weight {a}, slot b {b}"),
        fix,
    )
}

/// Each of these routes is one slot's alone, by one of its groups, and not all the same one's.
///
/// A group that a slip of the config gives to a slot brings its routes along, and its service's
/// traffic with them.
pub fn disagree(
    service: &ServiceName,
    stands: &[(String, SlotName, &TargetGroupArn)],
    fix: &str,
) -> Problem {
    let stands = stands.iter();
    let stands =
        stands.map(|(label, slot, group)| format!("{label} is on slot {slot} ({})", group.name()));
    Problem::new(
        format!(
            "the routes don't agree on which slot is live: {}",
            stands.collect::<Vec<_>>().join(", ")
        ),
        format!(
            "is each of these groups {service}'s? If one is another service's, correct `slots` \
             first: `--force` gives one slot the traffic of all of these routes. If all are, {fix}"
        ),
    )
}

/// A group of neither slot has weight in an action, in which the slots' own have `ours`.
pub fn third_group(label: &str, (group, weight): (&TargetGroupArn, u32), ours: u32) -> Problem {
    let name = group.name();
    if ours == 0 {
        return Problem::new(
            format!(
                "{label} sends its traffic to {name} (weight {weight}), and none to the slots' \
                 target groups"
            ),
            format!(
                "leave its weight: {name} is what serves there. Name it in bg.yaml as a slot's \
                 target group, with the service that is registered with it; or adopt that service \
                 instead: bg init --service NAME"
            ),
        );
    }
    Problem::new(
        format!("{label} also sends traffic to {name} (weight {weight})"),
        "take that group out of the action or set its weight to 0: a third group makes the \
         slots' shares meaningless",
    )
}
