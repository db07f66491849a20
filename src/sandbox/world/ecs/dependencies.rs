//! Containers of one task that wait for each other.

use super::{
    definitions::Definition,
    json::{list, text},
    tasks::TaskContainer,
};
use crate::sandbox::world::app::Probe;

/// What becomes of a task's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependencies {
    /// All containers start; those that were to end first have.
    Met,
    /// One that others need failed.
    Failed,
    /// One that was to end doesn't.
    Waited,
}

/// Lets those end that others wait for. A wait is over at once or never: how long it takes is
/// part of the task's activation.
pub(super) fn resolve(containers: &mut [TaskContainer], definition: &Definition) -> Dependencies {
    let mut outcome = Dependencies::Met;
    for container in definition.containers() {
        for dependency in list(container, "dependsOn") {
            let name = text(dependency, "containerName").unwrap_or_default();
            let condition = text(dependency, "condition").unwrap_or_default();
            let Some(other) = containers.iter_mut().find(|other| other.name == name) else {
                continue;
            };
            let exit = other.behaviour.exit.as_ref().map(|exit| exit.code);
            match (condition, exit) {
                ("SUCCESS" | "COMPLETE", Some(code)) => {
                    other.exit_code = Some(code);
                    if condition == "SUCCESS" && code != 0 {
                        return Dependencies::Failed;
                    }
                }
                ("SUCCESS" | "COMPLETE", None) => outcome = Dependencies::Waited,
                ("HEALTHY", _) if !matches!(other.behaviour.probe, Probe::Status(200..=399)) => {
                    return Dependencies::Failed;
                }
                _ => {}
            }
        }
    }
    outcome
}
