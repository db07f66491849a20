//! Failed requests.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::percent_of;

/// Failed requests (`guards.metrics.errors`): 5xx of targets, and connections to them that failed.
/// What is said of the error budget holds for all metrics that the sequential judge judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorGuard {
    /// Green may fail so often beside blue, in percent: 125 where the config says 25%.
    pub worse_than: u32,
    /// It may fail at this rate whatever blue does, in millionths: 500.
    pub harmless: u32,
    /// It may not fail more often than this, with or without blue beside it, in millionths.
    pub limit: u32,
    /// The noise of one side alone, in thousandths of its rate: 100, or what blue's history by
    /// zone shows.
    pub noise: u32,
    /// The probability of reverting a good version, in millionths: 10,000.
    pub false_reverts: u32,
    /// Whether a bake ends early once green is shown not to be worse.
    pub early_promote: bool,
}

impl Default for ErrorGuard {
    fn default() -> ErrorGuard {
        ErrorGuard {
            worse_than: 125,
            harmless: 500,
            limit: 10_000,
            noise: 100,
            false_reverts: 10_000,
            early_promote: false,
        }
    }
}

impl fmt::Display for ErrorGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worse = self.worse_than.saturating_sub(100);
        let limit = percent_of(self.limit);
        write!(
            f,
            "failed requests: no more than {worse} % above blue's, and {limit} % at most"
        )?;
        match self.early_promote {
            true => f.write_str("; bakes end early on enough evidence"),
            false => Ok(()),
        }
    }
}
