//! Gates: checks that must pass before a deployment moves on.
//!
//! A plan's gates are asked in their order at each [`Point`] that they name. Asking takes its time
//! and goes on beside the looks: weights stay, guards watch. What came of it is an
//! [`Ask`](super::observation::Ask) like any other.

mod lifecycle;
mod passing;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use lifecycle::execution_id;
pub use passing::{Passing, Refused, Trial};

use super::plan::Plan;
pub use crate::gate::{Check, GateAnswer};

/// A check that must pass before the next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What people call it; no two are called the same.
    pub name: String,
    /// Where it is asked, in order; nowhere where the strategy has no such place.
    pub at: Vec<Point>,
    /// How long it may take in all at one point.
    #[serde(with = "super::seconds")]
    pub within: Duration,
    /// What is asked.
    pub check: Check,
}

/// A place in a deployment where gates are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Point {
    /// Green is healthy, and nobody has been sent to it.
    BeforeTraffic,
    /// The bake of a step, by its position from 0, is over; after the last one comes promotion.
    AfterStep(usize),
    /// The outcome is fixed: what fails here is told, and changes nothing.
    AfterPromotion,
}

impl Point {
    /// In words, as they follow a gate's name.
    pub fn told(self, plan: &Plan) -> String {
        match self {
            Point::BeforeTraffic => "before traffic".to_owned(),
            Point::AfterStep(step) if step + 1 >= plan.steps.len() => "before promotion".to_owned(),
            Point::AfterStep(step) => format!("after {}", plan.steps[step].weight),
            Point::AfterPromotion => "after promotion".to_owned(),
        }
    }
}

/// Why a gate said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateFailed {
    /// Which.
    pub gate: String,
    /// Where.
    pub point: Point,
    /// Whether it looked at green: somebody who says no may have any reason.
    pub looked_at_green: bool,
    /// Why.
    pub why: String,
}

impl fmt::Display for GateFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gate {} said no: {}", self.gate, self.why)
    }
}

/// The gates of a plan that are asked at a point, by their position, in order.
pub fn at(plan: &Plan, point: Point) -> impl Iterator<Item = (usize, &Gate)> {
    let gates = plan.gates.iter().enumerate();
    gates.filter(move |(_, gate)| gate.at.contains(&point))
}
