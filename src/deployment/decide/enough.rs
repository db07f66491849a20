//! Steps that ask for requests: once the bake is over, they stay until green has served them.

use jiff::Timestamp;

use super::{Draft, after};
use crate::deployment::event::Event;
use crate::deployment::trip::{Hold, Trip};
use crate::strategy::TooFew;

impl Draft<'_> {
    /// Stays at a step whose bake was over at `bake_over` while too few requests were seen; true
    /// while it does.
    pub(super) fn wait_for_requests(&mut self, step: usize, bake_over: Timestamp) -> bool {
        let deployment = self.deployment;
        let planned = &deployment.plan.steps[step];
        let waived = deployment.waived == Some(step) || deployment.straight_to_full;
        // Where nothing counts requests, the plan has said so.
        let (Some(wanted), Some(evidence), false) = (planned.until, self.evidence(), waived) else {
            return false;
        };
        let requests = evidence.green_requests(step);
        if requests >= wanted.requests || evidence.may_move_on_early(step) {
            return false;
        }
        let waiting = deployment.waiting.filter(|waiting| waiting.step == step);
        let in_all = wanted.at_most.saturating_sub(planned.bake);
        let until = waiting.map_or_else(|| after(bake_over, in_all), |waiting| waiting.until);
        let over = self.now >= until;
        let wait = |draft: &mut Self, until: Timestamp| {
            draft.look_by(until);
            draft.record(Event::WaitingForRequests {
                step,
                requests,
                wanted: wanted.requests,
                until,
                then: wanted.too_few,
            });
        };
        match wanted.too_few {
            TooFew::Revert if over => {
                self.begin_revert(Trip::TooFewRequests {
                    weight: planned.weight,
                    requests,
                    wanted: wanted.requests,
                    within: wanted.at_most,
                });
                return true;
            }
            TooFew::Proceed if over => return false,
            TooFew::Extend if over => wait(self, after(self.now, wanted.at_most)),
            _ if !over && waiting.is_none() => wait(self, until),
            _ => self.look_by(until),
        }
        let mut holds = self.against_staying();
        // While it waits for requests, the values that a comparison lacks come by themselves.
        if !over || wanted.too_few == TooFew::Extend {
            holds.retain(|hold| !hold.lacks_values());
        }
        if over && wanted.too_few == TooFew::Hold {
            holds.push(Hold::TooFewRequests {
                weight: planned.weight,
                wanted: wanted.requests,
            });
        }
        self.hold_at_a_step(holds);
        true
    }
}
