//! Going on with what another process has driven: which deadlines begin anew, and how much of the
//! time between the two nobody watched.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::action::{ActName, FailureClass};
use super::plan::Limits;
use super::state::{Deployment, Failure, Phase};

/// For how long two rounds vouch for the time between them: both have looked at every guard, and
/// cron's usual intervals are no longer. At any interval a bake so comes to its end.
const ROUNDS_VOUCH_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A round may try an act only once: patience with it doesn't end before so many tries.
const TRIES_AT_LEAST: u32 = 3;

/// How a process drives a deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// Without leaving it alone, to its end.
    #[default]
    Through,
    /// In rounds of `bg tick`: to where it only has to wait; the next round goes on.
    Rounds,
}

impl Drive {
    /// Whether it is what a journal says by saying nothing.
    pub fn is_through(&self) -> bool {
        *self == Drive::Through
    }
}

/// One process's going on with what another one drove.
#[derive(Debug, Clone, Copy)]
pub struct Handover {
    /// How it was driven before.
    pub from: Drive,
    /// How it is driven now.
    pub to: Drive,
    /// Since when no process drove it.
    pub since: Timestamp,
    /// When the other went on.
    pub at: Timestamp,
}

impl Handover {
    /// Whether it is the next round after one: the deadlines run on.
    pub fn is_next_round(&self) -> bool {
        self.from == Drive::Rounds && self.to == Drive::Rounds
    }

    /// How long no process drove it.
    fn gap(&self) -> SignedDuration {
        self.at.duration_since(self.since).max(SignedDuration::ZERO)
    }

    /// How much of that a bake gets back, because nobody watched.
    pub fn unwatched(&self, limits: &Limits) -> SignedDuration {
        let gap = self.gap();
        if self.is_next_round() {
            return (gap - ROUNDS_VOUCH_FOR).max(SignedDuration::ZERO);
        }
        let blind = SignedDuration::try_from(limits.blind_after);
        match blind {
            Ok(blind) if gap > blind => gap,
            _ => SignedDuration::ZERO,
        }
    }

    /// What began at `since`: anew, or in the next round without the time in which nothing was
    /// tried.
    fn without_the_gap(&self, since: Timestamp) -> Timestamp {
        match self.is_next_round() {
            true => later(since, self.gap()),
            false => self.at,
        }
    }
}

impl Deployment {
    /// The deadlines of what a dead process had begun begin anew, and a bake gets back the time in
    /// which nobody watched. From round to round deadlines and holds run on.
    pub(super) fn hand_over(&mut self, handover: &Handover) {
        let (at, next_round) = (handover.at, handover.is_next_round());
        if next_round {
            let tried_little = |failure: &&mut Failure| failure.times < TRIES_AT_LEAST;
            for failure in self.failures.values_mut().filter(tried_little) {
                failure.since = handover.without_the_gap(failure.since);
            }
        } else {
            self.hold = None;
            self.blind_since = None;
            self.failures.clear();
            self.deadman.failure = None;
        }
        self.driven = handover.to;
        self.changed_at = at;
        if let (Phase::Registering, Some(until)) = (&self.phase, self.registering_until) {
            // Its process may have died with the call under way.
            let (act, class) = (ActName::RegisterTaskDefinition, FailureClass::Ambiguous);
            let known = self.failures.contains_key(&act);
            self.note_failure(act, class, "nobody saw the answer", at.min(until));
            // However long ago that was, patience with it begins now.
            if let Some(failure) = self.failures.get_mut(&act).filter(|_| !known) {
                failure.since = at;
            }
        }
        let unwatched = handover.unwatched(&self.plan.limits);
        match &mut self.phase {
            Phase::Provisioning {
                since,
                healthy_since,
                ..
            } => {
                if next_round {
                    *healthy_since = healthy_since.map(|since| later(since, unwatched));
                } else {
                    *since = at;
                    *healthy_since = None;
                }
            }
            Phase::Shifting { since, .. } | Phase::Promoted { at: since, .. } => {
                *since = handover.without_the_gap(*since);
            }
            Phase::Baking { until, .. } => *until = later(*until, unwatched),
            Phase::Reverting {
                since,
                hurried_at,
                putting_away_since,
                ..
            } => {
                *since = handover.without_the_gap(*since);
                *hurried_at = None;
                *putting_away_since = putting_away_since.map(|it| handover.without_the_gap(it));
            }
            Phase::Registering | Phase::Ready | Phase::Ended { .. } => {}
        }
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}
