//! How often what a page shows is looked at, by how fast it can change. Pure.

use std::time::Duration;

use crate::deployment::outcome::Outcome;

/// How fast a page can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// A deployment that goes on.
    Running,
    /// One that stands still until somebody goes on with it.
    Standing,
    /// One that is over: what is left is to retire a side.
    Over,
    /// A list.
    List,
}

impl Pace {
    /// Of a deployment that ended so, or has not ended.
    pub(super) fn of(outcome: Option<&Outcome>) -> Pace {
        match outcome {
            None => Pace::Running,
            Some(Outcome::Promoted | Outcome::Reverted { .. }) => Pace::Over,
            Some(Outcome::Kept { .. } | Outcome::Stuck { .. }) => Pace::Standing,
        }
    }

    /// After so long a page without a connection of its own asks again.
    pub(super) fn again(self) -> Duration {
        Duration::from_secs(match self {
            Pace::Running => 2,
            Pace::Standing => 5,
            Pace::List => 10,
            Pace::Over => 30,
        })
    }
}
