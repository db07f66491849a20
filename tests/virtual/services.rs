//! The services as they truly are.

use bg::sandbox::wire::ecs;
use bg::sandbox::{Region, demo};
use serde_json::{Value, json};

use crate::harness::Stage;

impl Stage {
    /// Desired and running count of a service; `None` where there is none.
    pub(crate) fn counts(&self, service: &str) -> Option<(u64, u64)> {
        counts(&self.region, service)
    }

    /// Asks ECS by hand, past faults, budgets and lag.
    pub(crate) fn ecs(&self, operation: &str, input: &Value) -> Value {
        ask(&self.region, operation, input)
    }
}

/// Desired and running count of a service; `None` where there is none.
pub(crate) fn counts(region: &Region, service: &str) -> Option<(u64, u64)> {
    let input = json!({ "cluster": demo::CLUSTER, "services": [service] });
    let shown = ask(region, "DescribeServices", &input);
    let service = shown["services"].as_array()?.first()?;
    Some((
        service["desiredCount"].as_u64()?,
        service["runningCount"].as_u64()?,
    ))
}

fn ask(region: &Region, operation: &str, input: &Value) -> Value {
    let answer = region.with_world(|world| ecs::handle(world, operation, input));
    answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}
