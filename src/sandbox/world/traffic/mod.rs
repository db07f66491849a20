//! Synthetic users that drive the metrics when nobody else does.

/// Synthetic traffic settings.
#[derive(Debug, Clone, Default)]
pub struct Traffic {}

/// One second of synthetic requests.
pub fn tick(_world: &mut super::World) {}
