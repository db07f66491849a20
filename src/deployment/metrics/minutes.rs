//! What both sides served, minute by minute, for charts: nothing is decided by it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Figures;

/// Figures of one side in one minute. What isn't known is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SideMinute {
    /// Requests.
    pub requests: Option<f64>,
    /// Of them, those that failed: answered with 5xx, or no connection to a target.
    pub failed: Option<f64>,
    /// How long an answer took in the middle, in milliseconds.
    pub p50: Option<f64>,
    /// What 95 of 100 answers took at most, in milliseconds.
    pub p95: Option<f64>,
}

impl SideMinute {
    /// Those that failed, in percent of all; `None` without requests.
    pub fn failed_share(&self) -> Option<f64> {
        let requests = self.requests.filter(|it| *it > 0.0)?;
        Some(100.0 * self.failed.unwrap_or(0.0) / requests)
    }

    /// As it was judged.
    pub fn of(figures: &Figures) -> SideMinute {
        SideMinute {
            requests: Some(figures.requests as f64),
            failed: Some(figures.failed() as f64),
            p50: None,
            p95: None,
        }
    }
}

/// Both sides in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Minute {
    /// Blue.
    pub blue: SideMinute,
    /// Green.
    pub green: SideMinute,
}

/// Both sides' minutes, by their beginning.
pub type Minutes = BTreeMap<Timestamp, Minute>;
