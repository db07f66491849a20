//! Raising green's weight, confirming it, and baking.

use std::time::Duration;

use jiff::Timestamp;

use super::dns::Spreading;
use super::{Draft, after};
use crate::deployment::action::{ActName, Action, WeightWrite};
use crate::deployment::event::Event;
use crate::deployment::gate::Point;
use crate::deployment::invariants::{
    Traffic, against_promoting, against_raising, all_readable_show, service_holds, still_replacing,
    traffic, unreadable_groups, wanted_of_green,
};
use crate::deployment::metrics::Evidence;
use crate::deployment::plan::StepPlan;
use crate::deployment::trip::{Hold, Trip};
use crate::strategy::Weight;

/// How long a read may show weights as they were before a write: so long, what looks like
/// somebody's hand may be a stale read.
pub(super) const STALE_FOR: Duration = Duration::from_secs(10);
/// How long to wait for a write to show before writing again.
const REWRITE_AFTER: Duration = Duration::from_secs(5);
/// How long a shift may take to be confirmed on all routes before it is taken back: a split that
/// is neither here nor there must not last.
const CONFIRM_WITHIN: Duration = Duration::from_secs(60);

impl Draft<'_> {
    /// Goes to the step after `step`, or straight to the last one, unless somebody paused it.
    pub(super) fn raise_from(&mut self, step: Option<usize>) {
        if self.deployment.paused.is_some() {
            return self.stay();
        }
        let last = self.deployment.plan.steps.len().saturating_sub(1);
        let next = step.map_or(0, |step| step + 1);
        let straight = self.deployment.straight_to_full;
        let to = if straight { last.max(next) } else { next };
        // Steps that are left out have gates too.
        let first = step.is_none().then_some(Point::BeforeTraffic);
        let steps = (step.unwrap_or(0)..to).map(Point::AfterStep);
        let mut points = first.into_iter().chain(steps);
        let plan = &self.deployment.plan;
        let waits_for_tests = step.is_none() && !plan.lifts_demands_on_blue();
        if waits_for_tests && !self.tests_see_green() {
            return;
        }
        if points.all(|point| self.gates_pass(point)) {
            self.raise_to(to);
        }
        if plan.lifts_demands_on_blue() && !self.events.iter().any(Event::gives_up) {
            self.send_tests_along(plan.green_slot());
        }
    }

    /// Raises green to a step's weight if this very observation allows it.
    fn raise_to(&mut self, step: usize) {
        let to = self.deployment.plan.steps[step].weight;
        let mut against = against_raising(self.deployment, self.seen, to);
        let too_small =
            |hold: &Hold| matches!(hold, Hold::GreenNotReady { .. } | Hold::TasksMissing { .. });
        let only_small = !against.is_empty() && against.iter().all(too_small);
        against.extend(self.evidence_holds());
        if !against.is_empty() {
            self.hold_at_a_step(against);
            if only_small {
                self.size_green(to);
            }
            return;
        }
        self.hold(Vec::new());
        if self.arm_deadman_first() {
            return;
        }
        self.record(Event::Shifting { step, weight: to });
        let from = self.deployment.set;
        self.act(Action::WriteWeights(WeightWrite::Raise { from, to }));
    }

    /// Green gets its tasks before it gets more traffic: blue may have grown meanwhile, or green
    /// grows with its weight. What keeps green small wears out the hold's patience.
    fn size_green(&mut self, to: Weight) {
        let plan = &self.deployment.plan;
        let slot = plan.green_slot();
        let desired = wanted_of_green(plan, self.seen, to);
        let seen = self.seen.services[slot].value().and_then(Option::as_ref);
        if seen.is_none_or(|green| green.desired >= desired)
            || self.events.iter().any(Event::gives_up)
            || !self.has_waited(ActName::Scale)
        {
            return;
        }
        if self.deployment.sizing != Some(desired) {
            self.record(Event::SizingGreen { desired });
        }
        self.act(Action::Scale { slot, desired });
    }

    /// Waits for the read-back of a shift; writes again where it doesn't show.
    pub(super) fn confirm(&mut self, step: usize, since: Timestamp) {
        let plan = &self.deployment.plan;
        let weight = plan.steps[step].weight;
        let Traffic::Uneven(differs) = traffic(plan, self.seen, weight) else {
            return self.shown(step, since);
        };
        if self.foreign_to(&[weight, self.deployment.set_before]) {
            // With all else that can't be seen: drift may last, and blindness counts meanwhile.
            return self.stay();
        }
        let failure = self.deployment.failure_of(ActName::Shift);
        let trouble = failure.map(|failure| failure.message.clone());
        if self.now >= after(since, CONFIRM_WITHIN) {
            let blind = differs
                .iter()
                .all(|it| matches!(it, Hold::Unreadable { .. }));
            if blind && !plan.ttl().is_zero() {
                // While records spread, a look that shows nothing is no reason yet.
                return self.hold_at_a_step(differs);
            }
            let message = trouble.unwrap_or_else(|| "the new weights never showed".to_owned());
            return self.begin_revert(Trip::Refused {
                act: ActName::Shift,
                message,
            });
        }
        let may_repeat = self.now >= after(since, REWRITE_AFTER) || trouble.is_some();
        self.hold(vec![Hold::WeightsNotConfirmed {
            set: weight,
            trouble,
        }]);
        if may_repeat && self.may_repeat_the_raise() && self.may_try(ActName::Shift) {
            let (from, to) = (self.deployment.set_before, weight);
            self.act(Action::WriteWeights(WeightWrite::Raise { from, to }));
        }
    }

    /// Every route shows a step's weight: its bake begins, once that is answered everywhere.
    fn shown(&mut self, step: usize, since: Timestamp) {
        let plan = &self.deployment.plan;
        let StepPlan { weight, bake, .. } = plan.steps[step];
        match self.spreading(since) {
            Spreading::Done => {}
            Spreading::Until(by) => {
                self.look_by(by);
                return self.stay();
            }
            Spreading::Late => {
                let trouble = "Route 53 has not brought it to all its servers yet (PENDING)";
                let mut holds = self.against_staying();
                holds.push(Hold::WeightsNotConfirmed {
                    set: weight,
                    trouble: Some(trouble.to_owned()),
                });
                return self.hold_at_a_step(holds);
            }
        }
        self.hold(Vec::new());
        let until = after(self.now, plan.ttl() + bake);
        self.look_by(until);
        self.record(Event::Baking {
            step,
            weight,
            until,
        });
    }

    /// Whether some route that can be read shows none of `known`.
    fn foreign_to(&self, known: &[Weight]) -> bool {
        use crate::deployment::observation::{Seen, Split};
        let plan = &self.deployment.plan;
        plan.routes.iter().any(|route| {
            let seen = self.seen.routes.get(&route.arn).and_then(Seen::value);
            seen.is_some_and(|seen| match seen.split(route, plan) {
                Split::Green(weight) => !known.contains(&weight),
                Split::Foreign(_) | Split::Nowhere => true,
            })
        })
    }

    /// A repeat raises weights like the first write: the same conditions, but for the weights.
    fn may_repeat_the_raise(&self) -> bool {
        against_raising(self.deployment, self.seen, self.deployment.set)
            .iter()
            .all(|hold| matches!(hold, Hold::WeightDrift { .. }))
    }

    /// Stays at a weight; moves on when the bake is over and nothing speaks against it.
    pub(super) fn bake(&mut self, step: usize, until: Timestamp) {
        let plan = &self.deployment.plan;
        let over_at = until;
        let until = self.end_of_bake(step, until);
        if self.now < until || self.deployment.paused.is_some() {
            self.look_by(until);
            self.stay();
            // A pause, or a process that died, may have come after the switch was taken away.
            return self.rearm_deadman();
        }
        if self.wait_for_requests(step, over_at) {
            return self.rearm_deadman();
        }
        if step + 1 < plan.steps.len() {
            return self.raise_from(Some(step));
        }
        if !self.gates_pass(Point::AfterStep(step)) {
            return self.rearm_deadman();
        }
        let mut against = against_promoting(self.deployment, self.seen);
        against.extend(self.evidence_holds());
        if against.is_empty() {
            if !self.disarm_deadman_first() {
                self.promote();
            }
        } else {
            self.hold_at_a_step(against);
            self.rearm_deadman();
        }
    }

    /// The bake's end: now, once green is shown not to be worse, where that is enough.
    fn end_of_bake(&mut self, step: usize, until: Timestamp) -> Timestamp {
        let enough = |evidence: &&Evidence| evidence.may_move_on_early(step);
        let Some(evidence) = self.evidence().filter(enough) else {
            return until;
        };
        let minutes = evidence.judged();
        let planned = &self.deployment.plan.steps[step];
        // Until resolvers have forgotten what they knew, the share is not the step's.
        let arriving = after(self.now, planned.bake) < until;
        if self.now >= until || arriving || self.deployment.paused.is_some() {
            return until;
        }
        self.record(Event::EnoughEvidence { step, minutes });
        self.now
    }

    /// Watches at the present weight.
    pub(super) fn stay(&mut self) {
        let holds = self.against_staying();
        self.hold_at_a_step(holds);
    }

    /// What keeps the present weight from being what it should be.
    pub(super) fn against_staying(&self) -> Vec<Hold> {
        let plan = &self.deployment.plan;
        let mut holds = service_holds(self.deployment, self.seen);
        holds.extend(still_replacing(plan, self.seen));
        holds.extend(unreadable_groups(plan, self.seen));
        holds.extend(self.evidence_holds());
        if let Traffic::Uneven(drift) = traffic(plan, self.seen, self.deployment.set) {
            holds.extend(drift);
        }
        holds
    }

    /// Holds with traffic split, or about to be; acts by policy when patience ends.
    pub(super) fn hold_at_a_step(&mut self, holds: Vec<Hold>) {
        if self.stepped_in_by_hand() {
            return self.begin_revert(Trip::SteppedInByHand {
                set: self.deployment.set,
            });
        }
        self.hold_or_give_up(holds);
    }

    /// Somebody put everything back to blue, and it is no stale read.
    fn stepped_in_by_hand(&mut self) -> bool {
        let deployment = self.deployment;
        if deployment.set == Weight::ZERO
            || deployment.plan.is_bare()
            || !all_readable_show(&deployment.plan, self.seen, Weight::ZERO)
        {
            return false;
        }
        let drifting = deployment.hold.as_ref().filter(|held| {
            held.reasons
                .iter()
                .any(|hold| matches!(hold, Hold::WeightDrift { .. }))
        });
        let settled_at = after(drifting.map_or(self.now, |held| held.since), STALE_FOR);
        self.look_by(settled_at);
        drifting.is_some() && self.now >= settled_at
    }
}
