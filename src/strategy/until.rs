//! A step that asks for evidence, and not for time alone.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration::{as_text, format_duration};

/// How long a step waits for its requests where it doesn't say.
pub const DEFAULT_AT_MOST: Duration = Duration::from_secs(30 * 60);

/// What must have been seen at a weight before the next step, once the bake is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// Requests that green served at this weight, in minutes that were read and judged.
    pub requests: u64,
    /// How long to wait for them, from the beginning of the bake.
    #[serde(with = "as_text")]
    pub at_most: Duration,
    /// What to do when they have not come by then.
    #[serde(default)]
    pub too_few: TooFew,
}

/// What to do where too few requests came for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooFew {
    /// Hold: somebody may promote; revert when patience is over.
    #[default]
    Hold,
    /// Wait as long again, as often as it takes, and say so each time.
    Extend,
    /// Revert.
    Revert,
    /// Go on by time alone.
    Proceed,
}

impl TooFew {
    /// As a strategy writes them.
    pub(super) const NAMES: [(&str, TooFew); 4] = [
        ("hold", TooFew::Hold),
        ("extend", TooFew::Extend),
        ("revert", TooFew::Revert),
        ("proceed", TooFew::Proceed),
    ];
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TooFew::Hold => "hold",
            TooFew::Extend => "wait as long again",
            TooFew::Revert => "revert",
            TooFew::Proceed => "go on without",
        })
    }
}

/// `500 requests (30m at most, then hold)`.
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, at_most) = (self.requests, format_duration(self.at_most));
        let s = if requests == 1 { "" } else { "s" };
        write!(
            f,
            "{requests} request{s} ({at_most} at most, then {})",
            self.too_few
        )
    }
}
