//! After the lock went to another process: traffic goes back only as long as that one has done
//! nothing yet, and nobody has moved it; nothing else is written.

use std::time::Duration;

use super::{Draft, after};
use crate::deployment::event::Event;
use crate::deployment::invariants::all_readable_show;
use crate::deployment::observation::{LostTo, Split};
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::strategy::Weight;

/// How long to look for the read-back of a revert.
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);

impl Draft<'_> {
    /// Ends the deployment, with traffic put back first where that is this one's to do.
    pub(super) fn without_the_lock(&mut self, lost: &LostTo) {
        let (deployment, to) = (self.deployment, lost.who.as_str());
        match &deployment.phase {
            Phase::Ended { .. } => {}
            // Who has it may have begun a rollback.
            Phase::Promoted { .. } if !self.moved_since().is_empty() => self.leave_it_to(to),
            Phase::Promoted { .. } => self.end(Outcome::Promoted),
            Phase::Reverting {
                trip,
                since,
                hurried_at,
                traffic_back_at,
                ..
            } => {
                // Without routes nothing shows whose green's tasks are.
                if deployment.plan.is_bare() {
                    self.leave_it_to(to);
                } else if all_readable_show(&deployment.plan, self.seen, Weight::ZERO) {
                    if traffic_back_at.is_none() {
                        self.record(Event::TrafficReverted);
                    }
                    self.end(Outcome::Reverted { trip: trip.clone() });
                } else if !lost.took_traffic
                    && self.only_these_show(&[deployment.set_before, Weight::ZERO])
                {
                    self.bring_traffic_back(trip, *since, *hurried_at);
                } else if !lost.took_traffic
                    && self.some_route_is_unreadable()
                    && self.now < after(*since, CONFIRM_WITHIN)
                {
                    self.look_by(after(self.now, Duration::from_secs(1)));
                } else {
                    self.leave_it_to(to);
                }
            }
            _ if !lost.took_traffic && self.only_these_show(&[deployment.set]) => {
                self.begin_revert(Trip::LockLost { to: to.to_owned() });
            }
            _ => self.leave_it_to(to),
        }
    }

    fn leave_it_to(&mut self, by: &str) {
        let by = by.to_owned();
        self.end(Outcome::Stuck {
            why: Stuck::TakenOver { by },
        });
    }

    /// Whether every route that can be read shows a weight that this deployment set, and green
    /// has something on one of them.
    fn only_these_show(&self, own: &[Weight]) -> bool {
        let plan = &self.deployment.plan;
        let readable = plan.routes.iter().filter_map(|route| {
            let seen = self.seen.routes.get(&route.arn)?.value()?;
            Some(seen.split(route, plan))
        });
        let shown: Vec<Split> = readable.collect();
        let is_own = |split: &Split| matches!(split, Split::Green(weight) if own.contains(weight));
        let all_back = |split: &Split| *split == Split::Green(Weight::ZERO);
        shown.iter().all(is_own) && !shown.iter().all(all_back)
    }

    fn some_route_is_unreadable(&self) -> bool {
        let mut routes = self.seen.routes.values();
        routes.any(|route| route.value().is_none())
    }
}
