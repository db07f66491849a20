//! Success: the outcome is fixed, and green gets its own settings back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::shift::STALE_FOR;
use super::{Draft, after};
use crate::deployment::action::{ActName, Action};
use crate::deployment::bare;
use crate::deployment::event::Event;
use crate::deployment::gate::Point;
use crate::deployment::invariants::{Traffic, traffic};
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::retire::{self, Due};
use crate::deployment::state::Phase;
use crate::deployment::trip::Hold;

/// How long to go on trying to tag and to restore settings; the deployment has succeeded either
/// way.
const TIDY_WITHIN: Duration = Duration::from_secs(60);
/// How long the settings wait for the tags: without its tag nobody else finds that blue is due.
const TAGS_FIRST_FOR: Duration = Duration::from_secs(40);
/// Between two tries.
const TIDY_AGAIN_AFTER: Duration = Duration::from_secs(3);

impl Draft<'_> {
    pub(super) fn promote(&mut self) {
        let due = retire::due(&self.deployment.plan, self.now);
        let retire_at = due.map(|due| due.at);
        self.record(Event::Promoted { retire_at });
        self.tag_both(retire_at);
        self.unpin();
        // Last, because its success is on record: nothing is left to do after it.
        self.restore();
    }

    fn unpin(&mut self) {
        let plan = &self.deployment.plan;
        if plan.unpins() {
            self.act(Action::Unpin { slot: plan.blue });
        }
    }

    fn restore(&mut self) {
        let serving = self.deployment.plan.green_slot();
        self.act(Action::RestoreSettings { serving });
    }

    fn tag_both(&mut self, retire_at: Option<jiff::Timestamp>) {
        let plan = &self.deployment.plan;
        let due = retire_at.map(|at| {
            Due {
                at,
                then: plan.retire.then,
            }
            .to_string()
        });
        let served = plan.blue_task_definition.to_string();
        let of_blue = BTreeMap::from([
            (retire::TAG.to_owned(), due),
            (retire::SERVED_TAG.to_owned(), Some(served)),
            (bare::LIVE_TAG.to_owned(), None),
        ]);
        let of_green = BTreeMap::from([
            (retire::TAG.to_owned(), None),
            (bare::LIVE_TAG.to_owned(), Some(plan.id.to_string())),
        ]);
        for (slot, tags) in [(plan.blue, of_blue), (plan.green_slot(), of_green)] {
            self.act(Action::Tag { slot, tags });
        }
    }

    /// Signals don't revert any more; what is left is to give green its settings back.
    pub(super) fn promoted(&mut self) {
        let Phase::Promoted {
            at,
            retire_at,
            restored,
        } = &self.deployment.phase
        else {
            return;
        };
        let asks = &self.seen.asks;
        if asks.iter().any(|ask| self.heed_gate(ask)) {
            return;
        }
        let trouble = [ActName::Tag, ActName::Unpin, ActName::RestoreSettings]
            .into_iter()
            .filter_map(|act| self.deployment.failure_of(act))
            .max_by_key(|failure| failure.at);
        if (*restored && trouble.is_none()) || self.now >= after(*at, TIDY_WITHIN) {
            if self.gates_pass(Point::AfterPromotion) {
                self.end_promoted();
            }
            return;
        }
        if let Some(failure) = trouble
            && self.now < after(failure.at, TIDY_AGAIN_AFTER)
        {
            return self.look_by(after(failure.at, TIDY_AGAIN_AFTER));
        }
        if self.now < after(*at, TAGS_FIRST_FOR) {
            self.tag_both(*retire_at);
            self.unpin();
            self.restore();
        } else {
            self.restore();
            self.tag_both(*retire_at);
            self.unpin();
        }
    }

    /// Ends as promoted if that is what this very look shows, as far as it can be read. What
    /// somebody moved since is named, once it is no stale read any more.
    fn end_promoted(&mut self) {
        let drift = self.moved_since();
        if drift.is_empty() {
            return self.end(Outcome::Promoted);
        }
        let held = self.deployment.hold.as_ref();
        let until = after(held.map_or(self.now, |held| held.since), STALE_FOR);
        if held.is_some() && self.now >= until {
            let why = Stuck::Moved { drift };
            return self.end(Outcome::Stuck { why });
        }
        self.look_by(until);
        if held.is_none_or(|held| held.reasons != drift) {
            let reasons = drift;
            self.record(Event::Holding { reasons, until });
        }
    }

    /// What the routes show that isn't all on green.
    pub(super) fn moved_since(&self) -> Vec<Hold> {
        match traffic(&self.deployment.plan, self.seen, self.deployment.set) {
            Traffic::Even(_) => Vec::new(),
            Traffic::Uneven(holds) => holds.into_iter().filter(Hold::is_drift).collect(),
        }
    }
}
