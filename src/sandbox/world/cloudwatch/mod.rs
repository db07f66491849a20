//! Metrics and alarms.

/// Metrics and alarms of the region.
#[derive(Debug, Clone, Default)]
pub struct CloudWatch {}

/// One second of CloudWatch: at each full minute, alarms are evaluated.
pub fn tick(_world: &mut super::World) {}
