//! Load balancers, listeners, rules, target groups and target health.

/// The Elastic Load Balancing half of the world.
#[derive(Debug, Clone, Default)]
pub struct Elb {}

/// One second of load balancing: health checks, draining.
pub fn tick(_world: &mut super::World) {}
