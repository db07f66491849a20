//! Ports that a task takes of its instance: green, which starts beside blue, needs other instances.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Planning;
use crate::deployment::ids::SlotName;
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::instance_ports;
use crate::judge::words::plural;

/// Notes how many, and warns where green's slot holds some itself. `old` is what blue runs;
/// `replaces` says whether tasks that green's slot runs make room for others.
pub(super) fn note(
    found: &Surroundings,
    live: SlotName,
    (old, body): (&Value, &Value),
    replaces: bool,
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
    if ports.is_empty() {
        return;
    }
    if there > 0 && replaces {
        planning.warn(format!(
            "slot {} still runs {} of before, and a task takes {} of its instance: a new one starts where \
             an old one has drained, or on a free instance. Where none is free that may take longer \
             than `timeout`: deploy when they are retired (`bg tick`)",
            live.other(),
            plural(there, "task"),
            listed(&ports),
        ));
    }
    if tasks == 0 {
        return;
    }
    let held: BTreeSet<u64> = ports.intersection(&instance_ports(old)).copied().collect();
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

/// `ports 80, 81`
fn listed(ports: &BTreeSet<u64>) -> String {
    let noun = if ports.len() == 1 { "port" } else { "ports" };
    let ports: Vec<String> = ports.iter().map(u64::to_string).collect();
    format!("{noun} {}", ports.join(", "))
}
