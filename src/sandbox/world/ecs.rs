//! Clusters, services, tasks and task definitions, and how they move.

use super::app::Behaviour;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The ECS half of the world.
#[derive(Debug, Clone, Default)]
pub struct Ecs {
    /// Stand-in: apps by address.
    pub planted: BTreeMap<(String, u16), (Behaviour, Timestamp)>,
}

/// An app that listens.
#[derive(Debug)]
pub struct RunningApp<'a> {
    /// How it behaves.
    pub behaviour: &'a Behaviour,
    /// Since when.
    pub started_at: Timestamp,
    /// Its task.
    pub task_arn: &'a str,
}

impl Ecs {
    /// The app behind an address.
    pub fn application_at(&self, target_id: &str, port: u16) -> Option<RunningApp<'_>> {
        let (behaviour, started_at) = self.planted.get(&(target_id.to_owned(), port))?;
        Some(RunningApp {
            behaviour,
            started_at: *started_at,
            task_arn: "arn:aws:ecs:eu-west-1:123456789012:task/demo/1",
        })
    }
}

/// One second of ECS: the service scheduler, task life cycles, events.
pub fn tick(_world: &mut super::World) {}
