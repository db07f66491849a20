//! Ports that a task takes of its instance: green, which starts beside blue, needs other instances.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Planning;
use crate::deployment::ids::SlotName;
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::instance_ports;
use crate::judge::words::plural;

/// Notes how many. `old` is what blue runs.
pub(super) fn note(
    found: &Surroundings,
    live: SlotName,
    (old, body): (&Value, &Value),
    planning: &mut Planning,
) {
    let count = |slot: SlotName, key: &str| {
        let service = found.services[slot].as_ref();
        let count = service.and_then(|it| it.get(key)?.as_u64());
        u32::try_from(count.unwrap_or_default()).unwrap_or(u32::MAX)
    };
    let there = count(live.other(), "runningCount");
    let tasks = count(live, "desiredCount").saturating_sub(there);
    let ports = instance_ports(body);
    if ports.is_empty() || tasks == 0 {
        return;
    }
    let held: BTreeSet<u64> = ports.intersection(&instance_ports(old)).copied().collect();
    let listed = |ports: &BTreeSet<u64>| -> String {
        let ports: Vec<String> = ports.iter().map(u64::to_string).collect();
        let noun = if ports.len() == 1 { "port" } else { "ports" };
        format!("{noun} {}", ports.join(", "))
    };
    let beside = match held.is_empty() {
        true => String::new(),
        false => " that blue's tasks don't run on".to_owned(),
    };
    planning.note(format!(
        "each task takes {} of its instance: green needs {}{beside}",
        listed(&ports),
        plural(tasks, "free instance"),
    ));
}
