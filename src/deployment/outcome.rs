//! How a deployment ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::trip::{Hold, Trip, join};

/// How it stands at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Green serves everything.
    Promoted,
    /// Blue serves everything, as before.
    Reverted {
        /// What tripped first.
        trip: Trip,
    },
    /// An operator is needed.
    Stuck {
        /// What is wrong.
        why: Stuck,
    },
    /// Left in the middle, as asked; `bg resume` goes on.
    Kept {
        /// The signal, or what else made it stop.
        signal: String,
    },
}

impl Outcome {
    /// Whether it leaves a deployment where another process can go on with it.
    pub fn is_in_the_middle(&self) -> bool {
        matches!(self, Outcome::Kept { .. } | Outcome::Stuck { .. })
    }
}

/// Why nothing more can be done without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stuck {
    /// A hold for drift outlasted patience, or, with traffic split, one for a blue that could not
    /// take everything back.
    PatienceOver {
        /// What was waited for.
        waited_for: Vec<Hold>,
    },
    /// The deployment had succeeded, and then somebody moved weights before it had ended.
    Moved {
        /// What every route shows that isn't all on green.
        drift: Vec<Hold>,
    },
    /// Reverting would take traffic to a side without a single healthy target.
    BlueIsDown {
        /// What tripped.
        trip: Trip,
    },
    /// Another process has the lock, and has moved traffic, or may have.
    TakenOver {
        /// Who holds it.
        by: String,
    },
    /// Traffic could not be confirmed to be back.
    RevertNotConfirmed {
        /// What tripped.
        trip: Trip,
        /// The last trouble.
        trouble: String,
    },
    /// Traffic is back, and green could not be put away.
    GreenNotPutAway {
        /// What tripped.
        trip: Trip,
        /// The last trouble.
        trouble: String,
    },
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::PatienceOver { waited_for } => {
                write!(f, "waited too long for: {}", join(waited_for))
            }
            Stuck::Moved { drift } => {
                write!(f, "green served everything, and then: {}", join(drift))
            }
            Stuck::BlueIsDown { trip } => write!(
                f,
                "{trip}; but blue has no healthy target to go back to, and green has some"
            ),
            Stuck::TakenOver { by } => write!(
                f,
                "another process took over: {by} holds the lock, so nothing more was written here"
            ),
            Stuck::RevertNotConfirmed { trip, trouble } => {
                write!(
                    f,
                    "{trip}; traffic could not be confirmed to be back on blue: {trouble}"
                )
            }
            Stuck::GreenNotPutAway { trip, trouble } => write!(
                f,
                "{trip}; all traffic is back on blue, but green could not be scaled to zero: {trouble}"
            ),
        }
    }
}
