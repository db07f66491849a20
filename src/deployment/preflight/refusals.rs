//! Refusals that adopting a service and planning a deployment of it share, in the same words.

use crate::deployment::ids::TargetGroupArn;
use crate::deployment::problem::Problem;

/// Nothing sends traffic to the group.
pub fn no_forward(group: &str) -> Problem {
    Problem::new(
        format!("no listener and no rule forwards to target group {group}"),
        "add a weighted forward action with both slots' groups to a listener or rule",
    )
}

/// One action names the groups of several container ports.
pub fn several_ports(label: &str) -> Problem {
    Problem::new(
        format!("{label} forwards to groups of several container ports at once"),
        "give each container port a listener or rule of its own",
    )
}

/// A group of neither slot has weight in an action.
pub fn third_group(label: &str, group: &TargetGroupArn, weight: u32) -> Problem {
    Problem::new(
        format!(
            "{label} also sends traffic to {} (weight {weight})",
            group.name()
        ),
        "take that group out of the action or set its weight to 0: a third group makes the \
         slots' shares meaningless",
    )
}
