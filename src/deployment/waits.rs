//! What a deployment waits for, or tries again: part of its state.

use jiff::Timestamp;

use super::action::FailureClass;
use super::trip::Hold;

/// A hold that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What is waited for.
    pub reasons: Vec<Hold>,
    /// Since when.
    pub since: Timestamp,
    /// When patience ends.
    pub until: Timestamp,
}

/// A step that waits for requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the ladder.
    pub step: usize,
    /// Until when, before its policy is followed.
    pub until: Timestamp,
}

/// A hold that was over before patience was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBefore {
    /// When it was over.
    pub over_at: Timestamp,
    /// When patience would have ended.
    pub until: Timestamp,
}

/// How an act failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How.
    pub class: FailureClass,
    /// AWS's words.
    pub message: String,
    /// How often in a row.
    pub times: u32,
    /// When it failed first in this row.
    pub since: Timestamp,
    /// When it failed last.
    pub at: Timestamp,
}

impl Failure {
    /// Another one of the same act, after `earlier` ones in a row.
    pub(super) fn after(
        earlier: Option<&Failure>,
        class: FailureClass,
        message: &str,
        at: Timestamp,
    ) -> Failure {
        Failure {
            class,
            message: message.to_owned(),
            times: earlier.map_or(0, |failure| failure.times) + 1,
            since: earlier.map_or(at, |failure| failure.since),
            at,
        }
    }
}
