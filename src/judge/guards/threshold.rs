//! A fixed limit on any metric.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Number, Period, Source};
use crate::judge::words::plural;

/// A fixed limit (one entry of `guards.metrics.threshold`) on green's values of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdGuard {
    /// What people call it.
    pub name: String,
    /// Where its values come from.
    pub source: Source,
    /// What it may not cross.
    pub limit: Limit,
    /// So many of the newest periods must cross it to revert …
    pub crossed: u32,
    /// … of so many.
    pub of: u32,
    /// What a period without a value is.
    pub missing: MissingData,
}

/// What a value may not cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// More than this is bad.
    Above(Number),
    /// Less than this is.
    Below(Number),
}

impl Limit {
    /// Whether `value` crosses it.
    pub fn is_crossed_by(self, value: Number) -> bool {
        match self {
            Limit::Above(limit) => value.get() > limit.get(),
            Limit::Below(limit) => value.get() < limit.get(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Above(limit) => write!(f, "above {limit}"),
            Limit::Below(limit) => write!(f, "below {limit}"),
        }
    }
}

/// What a period without a value is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingData {
    /// As good as one that crosses nothing: for counts that are published only when not zero.
    Ok,
    /// Unknown: three in a row hold.
    #[default]
    Hold,
    /// As bad as one that crosses the limit.
    Revert,
}

impl ThresholdGuard {
    /// Unknown periods in a row that hold, as many as a blind judge has.
    pub const UNKNOWN_IN_A_ROW: usize = 3;

    /// How many of the newest values cross the limit, oldest first.
    pub fn crossings(&self, newest: &[Option<Number>]) -> u32 {
        let from = newest.len().saturating_sub(self.of as usize);
        let bad = |value: &&Option<Number>| match value {
            Some(value) => self.limit.is_crossed_by(*value),
            None => self.missing == MissingData::Revert,
        };
        newest[from..].iter().filter(bad).count() as u32
    }

    /// Whether they trip.
    pub fn trips(&self, newest: &[Option<Number>]) -> bool {
        self.crossings(newest) >= self.crossed
    }

    /// For how many periods nothing is known, where that is too long.
    pub fn unknown_for(&self, newest: &[Option<Number>]) -> Option<u32> {
        let missing = newest.iter().rev().take_while(|value| value.is_none());
        let missing = missing.count();
        let holds = self.missing == MissingData::Hold;
        (holds && missing >= ThresholdGuard::UNKNOWN_IN_A_ROW).then_some(missing as u32)
    }

    /// `3 of 5 minutes`.
    pub fn how_often(&self) -> String {
        let unit = match self.source.period {
            Period::MINUTE => "minute".to_owned(),
            period => format!("period of {period}"),
        };
        match (self.crossed, self.of) {
            (1, 1) => plural(1, &unit),
            (crossed, of) if self.source.period == Period::MINUTE => {
                format!("{crossed} of {}", plural(of, &unit))
            }
            (crossed, of) => format!("{crossed} of {of} periods of {}", self.source.period),
        }
    }
}

impl fmt::Display for ThresholdGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = match self.missing {
            MissingData::Ok => "missing data is good",
            MissingData::Hold => "missing data holds",
            MissingData::Revert => "missing data counts as over it",
        };
        let (name, limit, often) = (&self.name, self.limit, self.how_often());
        write!(f, "{name}: {limit} in {often} reverts; {missing}")
    }
}
