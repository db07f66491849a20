//! Success: the outcome is fixed, and green gets its own settings back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Draft, after};
use crate::deployment::action::{ActName, Action};
use crate::deployment::event::Event;
use crate::deployment::outcome::Outcome;
use crate::deployment::retire::{self, Due};
use crate::deployment::state::Phase;

/// How long to go on trying to restore settings; the deployment has succeeded either way.
const TIDY_WITHIN: Duration = Duration::from_secs(60);

impl Draft<'_> {
    pub(super) fn promote(&mut self) {
        let due = retire::due(&self.deployment.plan, self.now);
        let retire_at = due.map(|due| due.at);
        self.record(Event::Promoted { retire_at });
        self.tidy_up(retire_at);
    }

    fn tidy_up(&mut self, retire_at: Option<jiff::Timestamp>) {
        let plan = &self.deployment.plan;
        let due = retire_at.map(|at| {
            Due {
                at,
                then: plan.retire.then,
            }
            .to_string()
        });
        let served = plan.blue_task_definition.to_string();
        self.act(Action::Tag {
            slot: plan.blue,
            tags: BTreeMap::from([
                (retire::TAG.to_owned(), due),
                (retire::SERVED_TAG.to_owned(), Some(served)),
            ]),
        });
        self.act(Action::Tag {
            slot: plan.green_slot(),
            tags: BTreeMap::from([(retire::TAG.to_owned(), None)]),
        });
        // Last, because its success is on record: nothing is left to do after it.
        self.act(Action::RestoreSettings);
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
        let trouble = [ActName::RestoreSettings, ActName::Tag]
            .iter()
            .any(|act| self.deployment.failure_of(*act).is_some());
        if (*restored && !trouble) || self.now >= after(*at, TIDY_WITHIN) {
            return self.end(Outcome::Promoted);
        }
        self.tidy_up(*retire_at);
    }
}
