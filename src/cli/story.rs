//! What a run leaves behind for CI: everything that it showed of deployments, and what it said
//! where there was none. `bg` writes it down at its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::deployment::event::{Event, Record};
use crate::deployment::ids::{DeploymentId, TaskDefinitionArn};
use crate::report::ci::github::Level;
use crate::report::ci::summary::Mark;
use crate::report::line::{StyledLine, Tone};

/// The story of this process so far; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Story(Arc<Mutex<Told>>);

/// What it holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Of all deployments that this process drove, whoever wrote them.
    pub(super) records: Vec<Record>,
    /// What was said last, where that was no record.
    pub(super) said: Option<Said>,
    /// What somebody else has to do, and from when on.
    pub(super) left: Option<String>,
    /// What a round did, or found, that no deployment's records tell.
    pub(super) asides: Vec<Aside>,
    /// Whether the file of a report was written, or told to be one that can't be.
    pub(super) reported: bool,
}

/// Something that a round did, or found.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    pub(super) level: Level,
    /// Whose it is, and what: `shop: slot a, service shop: retired`.
    pub(super) text: String,
}

/// The outcome of what has moved traffic back.
pub(super) const REVERTED: &str = "reverted";

/// How it ended without a deployment of its own.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// In one word.
    pub(super) outcome: &'static str,
    pub(super) mark: Mark,
    pub(super) title: String,
    pub(super) lines: Vec<StyledLine>,
    /// What is live.
    pub(super) task_definition: Option<TaskDefinitionArn>,
    /// Whose green has nothing any more, where only AWS knew of it.
    pub(super) put_back: Option<DeploymentId>,
}

impl Said {
    /// One that went as asked.
    pub(super) fn well(outcome: &'static str, title: impl Into<String>) -> Said {
        Said {
            outcome,
            mark: Mark::Good,
            title: title.into(),
            lines: Vec::new(),
            task_definition: None,
            put_back: None,
        }
    }
}

impl Story {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more record of a deployment.
    pub(super) fn on(&self, record: &Record) {
        let mut told = self.told();
        told.records.push(record.clone());
        told.said = None;
    }

    /// How it ends without one.
    pub(super) fn say(&self, said: Said) {
        self.told().said = Some(said);
    }

    /// What it leaves to others.
    pub(super) fn leave(&self, what: String) {
        self.told().left = Some(what);
    }

    /// One more thing that a round did, or found.
    pub(super) fn note(&self, aside: Aside) {
        self.told().asides.push(aside);
    }

    /// How it ends, where no deployment of its own says more. What was said before stands above it.
    pub(super) fn say_alone(&self, said: Said) {
        let mut told = self.told();
        if !told.records.is_empty() {
            return;
        }
        told.said = Some(match told.said.take() {
            Some(mut before) => {
                before.lines.push(StyledLine::of(Tone::Plain, said.title));
                if said.outcome == REVERTED {
                    before.outcome = REVERTED;
                }
                before
            }
            None => said,
        });
    }

    /// That everything was as it was asked for.
    pub(super) fn nothing_moved(&self) {
        if let Some(said) = self.told().said.as_mut() {
            said.outcome = "unchanged";
        }
    }

    /// That a deployment of which only AWS knew is put back.
    pub(super) fn put_back(&self, id: DeploymentId) {
        if let Some(said) = self.told().said.as_mut() {
            said.put_back = Some(id);
        }
    }

    /// That a report was written, or that it can't be was told.
    pub(super) fn reported(&self) {
        self.told().reported = true;
    }

    /// Whether all traffic is on its way back just now.
    pub(super) fn is_reverting(&self) -> bool {
        let told = self.told();
        let mut records = told.records.iter().rev();
        let last = records.find_map(|record| match record.event {
            Event::Reverting { .. } => Some(true),
            Event::Ended { .. } | Event::Started { .. } => Some(false),
            _ => None,
        });
        last == Some(true)
    }

    /// All of it.
    pub(super) fn so_far(&self) -> Told {
        self.told().clone()
    }
}
