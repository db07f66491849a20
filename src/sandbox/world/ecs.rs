//! Clusters, services, tasks and task definitions, and how they move.

/// The ECS half of the world.
#[derive(Debug, Clone, Default)]
pub struct Ecs {}

/// One second of ECS: the service scheduler, task life cycles, events.
pub fn tick(_world: &mut super::World) {}
