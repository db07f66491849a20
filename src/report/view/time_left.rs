//! How long a deployment may still take.

use std::time::Duration;

use jiff::Timestamp;

use super::{Phase, View};
use crate::report::words;

/// How long a deployment may still take to its promotion, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLeft {
    /// This long, holds aside.
    About(Duration),
    /// This long from the moment that green is healthy, which nobody knows.
    AfterHealthy(Duration),
}

impl View {
    /// How long it may still take until green is promoted; `None` where that will not happen or
    /// has happened.
    pub fn time_left(&self, now: Timestamp) -> Option<TimeLeft> {
        let plan = self.plan.as_ref()?;
        let bakes = |from: usize| {
            let rest = plan.steps.iter().skip(from);
            let rest = rest.map(|step| step.bake.saturating_add(plan.ttl()));
            rest.fold(Duration::ZERO, Duration::saturating_add)
        };
        let settling = |spent: Duration| plan.guards.healthy_for.saturating_sub(spent);
        match self.phase {
            Phase::Starting | Phase::Registering | Phase::Provisioning | Phase::BecomingHealthy => {
                Some(TimeLeft::AfterHealthy(
                    settling(Duration::ZERO).saturating_add(bakes(0)),
                ))
            }
            Phase::Settling => {
                let spent = words::between(self.phase_since.unwrap_or(now), now);
                Some(TimeLeft::About(settling(spent).saturating_add(bakes(0))))
            }
            Phase::Shifting => Some(TimeLeft::About(bakes(self.step.unwrap_or(0)))),
            Phase::Baking => {
                let bake = words::between(now, self.bake_until.unwrap_or(now));
                let next = self.step.unwrap_or(0).saturating_add(1);
                Some(TimeLeft::About(bake.saturating_add(bakes(next))))
            }
            Phase::Promoted | Phase::Reverting | Phase::PuttingGreenAway | Phase::Ended => None,
        }
    }
}
