//! A deployment in the words of ECS's own: for functions that were made for its lifecycle hooks.

use super::{Gate, Point};
use crate::deployment::hash::stable;
use crate::deployment::plan::Plan;
use crate::gate::Stage;

impl Point {
    /// The stage of ECS's own deployments that is most like it.
    pub fn stage(self, plan: &Plan) -> Stage {
        match self {
            Point::BeforeTraffic if plan.test_routes.is_empty() => Stage::PostScaleUp,
            Point::BeforeTraffic => Stage::PostTestTrafficShift,
            Point::AfterStep(step) if step + 1 < plan.steps.len() => {
                Stage::PreProductionTrafficShift
            }
            Point::AfterStep(_) | Point::AfterPromotion => Stage::PostProductionTrafficShift,
        }
    }
}

/// The id of asking a gate at a point: the same each time it is asked there, whoever asks. It has
/// the form of a UUID, as ECS's has.
pub fn execution_id(plan: &Plan, gate: &Gate, point: Point) -> String {
    let text = format!("{}\n{}\n{}", plan.id, gate.name, point.told(plan));
    let hash = stable(&text);
    // Version 8 and the usual variant of RFC 9562.
    let id = hash & !(0xf << 76) | (0x8 << 76);
    let id = id & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{id:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}
