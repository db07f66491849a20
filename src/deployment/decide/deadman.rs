//! The dead-man switch: armed before the first shift, pushed out while traffic may be on green,
//! taken away before the outcome is fixed.

use std::time::Duration;

use super::{Draft, after};
use crate::deployment::action::{ActName, Action};
use crate::deployment::deadman::Deadman;
use crate::deployment::event::Event;
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::strategy::Weight;

/// Between two tries to push it out or to take it away.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// How long to go on where AWS says no: IAM takes some seconds to learn a new permission.
const DENIED_FOR: Duration = Duration::from_secs(40);

impl<'a> Draft<'a> {
    /// The switch that is to be armed: none where the way back is known to be bad.
    fn planned_deadman(&self) -> Option<&'a Deadman> {
        let plan = &self.deployment.plan;
        let deadman = plan.deadman.as_ref();
        deadman.filter(|_| !plan.lifts_demands_on_blue())
    }

    /// Takes away what earlier deployments left behind, before anything else is done; a way out
    /// of a burning production doesn't wait for that.
    pub(super) fn remove_leftovers(&mut self) -> bool {
        if !self.deployment.deadman.may_exist {
            return false;
        }
        if self.may_try(ActName::DisarmDeadman) {
            self.record(Event::DisarmingDeadman);
            self.act(Action::DisarmDeadman);
        }
        let reverts = |event: &Event| matches!(event, Event::Reverting { .. });
        !self.deployment.plan.lifts_demands_on_blue() || self.events.iter().any(reverts)
    }

    /// It has fired, or is about to: nobody pushed it out in time. Or it can't be pushed out.
    pub(super) fn deadman_trips(&self) -> Option<Trip> {
        let deadman = self.planned_deadman()?;
        let until = self.deployment.deadman.armed_until?;
        let deployment = self.deployment;
        if !deployment.traffic_touched || deployment.set == Weight::ZERO {
            return None;
        }
        if self.now >= until {
            return Some(Trip::DeadmanDue { until });
        }
        let (act, failure) = deployment.deadman.failure.as_ref()?;
        let over = self.now >= deadman.give_up_at(until);
        over.then(|| Trip::Refused {
            act: *act,
            message: failure.message.clone(),
        })
    }

    /// Arms it if it is planned and not armed for a good while yet: a shift waits for that.
    pub(super) fn arm_deadman_first(&mut self) -> bool {
        let Some(deadman) = self.planned_deadman() else {
            return false;
        };
        let armed = self.deployment.deadman.armed_until;
        if armed.is_some_and(|until| self.now < deadman.push_out_at(until)) {
            return false;
        }
        if self.may_try(ActName::ArmDeadman) {
            let until = deadman.until(self.now);
            self.record(Event::ArmingDeadman { until });
            self.act(Action::ArmDeadman { until });
        }
        true
    }

    /// Pushes it out when a quarter of its time has gone by, whatever else is going on, unless
    /// what was just decided makes an end of it.
    pub(super) fn push_out_deadman(&mut self) {
        let touches =
            |action: &Action| matches!(action, Action::ArmDeadman { .. } | Action::DisarmDeadman);
        if self.makes_an_end() || self.actions.iter().any(touches) {
            return;
        }
        let Some(deadman) = self.planned_deadman() else {
            return;
        };
        let shifted = matches!(
            self.deployment.phase,
            Phase::Shifting { .. } | Phase::Baking { .. }
        );
        let Some(until) = self.deployment.deadman.armed_until.filter(|_| shifted) else {
            return;
        };
        self.look_by(deadman.give_up_at(until));
        let at = deadman.push_out_at(until);
        if self.now < at {
            return self.look_by(at);
        }
        if self.may_touch_deadman() {
            let until = deadman.until(self.now);
            self.act(Action::ArmDeadman { until });
        }
    }

    /// Whether what was just decided ends the deployment or reverts it: then nothing goes beside
    /// the write of the weights.
    fn makes_an_end(&self) -> bool {
        let ends = |event: &Event| matches!(event, Event::Reverting { .. } | Event::Ended { .. });
        self.events.iter().any(ends)
    }

    /// Arms it again where it was taken away and something keeps the outcome from being fixed,
    /// unless what was just decided makes an end of it.
    pub(super) fn rearm_deadman(&mut self) {
        if self.makes_an_end() {
            return;
        }
        let none = self.deployment.deadman.armed_until.is_none();
        if let Some(deadman) = self.planned_deadman().filter(|_| none)
            && self.may_touch_deadman()
        {
            let until = deadman.until(self.now);
            self.record(Event::ArmingDeadman { until });
            self.act(Action::ArmDeadman { until });
        }
    }

    /// Takes it away if any may be there; true until that is confirmed. Leftovers of others, and
    /// one that AWS doesn't let us delete, are not waited for for ever: the journal says so.
    pub(super) fn disarm_deadman_first(&mut self) -> bool {
        let deployment = self.deployment;
        if !deployment.deadman.may_exist {
            return false;
        }
        let back = matches!(
            deployment.phase,
            Phase::Reverting {
                traffic_back_at: Some(_),
                ..
            }
        );
        let patience = deployment.plan.limits.patience;
        let hopeless = deployment
            .deadman
            .failure
            .as_ref()
            .is_some_and(|(_, failure)| {
                let limit = match failure.class.is_worth_repeating() {
                    true => patience,
                    false => patience.min(DENIED_FOR),
                };
                self.now >= after(failure.since, limit)
            });
        if hopeless && (back || deployment.deadman.armed_until.is_none()) {
            return false;
        }
        if self.may_touch_deadman() {
            self.record(Event::DisarmingDeadman);
            self.act(Action::DisarmDeadman);
        }
        true
    }

    /// Whether the last act on it didn't fail just now.
    fn may_touch_deadman(&mut self) -> bool {
        let Some((_, failure)) = &self.deployment.deadman.failure else {
            return true;
        };
        let again_at = after(failure.at, AGAIN_AFTER);
        self.look_by(again_at);
        self.now >= again_at
    }
}
