//! Slow requests.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::percent_of;
use crate::judge::words;

/// Slow requests (`guards.metrics.latency`): those over a line that is fixed before the first
/// shift, by blue's last hour or by the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyGuard {
    /// What is slow.
    pub over: Over,
    /// Green may be slow so often beside blue, in percent: 125 where the config says 25%.
    pub worse_than: u32,
    /// It may not be slow more often than this, with or without blue beside it, in millionths;
    /// left out, four times as often as blue was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The noise of one side alone, in thousandths of its rate: 250.
    pub noise: u32,
    /// The line, once it is fixed: none in a config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
}

/// What is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// What takes longer than this percentile of blue's last hour: 95 or 99.
    Percentile(u8),
    /// What takes longer than so many microseconds.
    Micros(u64),
}

/// Where slow begins, and how often blue is over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// In microseconds.
    pub micros: u64,
    /// The share of blue's requests of the last hour that took longer, in millionths.
    pub exceeded: u32,
}

impl Default for LatencyGuard {
    fn default() -> LatencyGuard {
        LatencyGuard {
            over: Over::Percentile(95),
            worse_than: 125,
            limit: None,
            noise: 250,
            line: None,
        }
    }
}

impl LatencyGuard {
    /// The least that four times blue's rate comes to, in millionths: 1 %.
    const LEAST_LIMIT: u32 = 10_000;
    /// Under all requests, so that there is something left to be worse.
    const MOST_LIMIT: u32 = 950_000;

    /// How often green may be slow at most, in millionths, where blue is so at `line`.
    pub fn limit_at(&self, line: Line) -> u32 {
        let usual = line.exceeded.saturating_mul(4);
        let usual = usual.clamp(LatencyGuard::LEAST_LIMIT, LatencyGuard::MOST_LIMIT);
        self.limit.unwrap_or(usual)
    }
}

impl Line {
    /// How often blue is over a line where nothing is known of it, in millionths: 1 %.
    pub const UNKNOWN: u32 = 10_000;

    /// The statistic that counts what takes longer: CloudWatch's trimmed count. Counts of several
    /// target groups can be added, which their percentile ranks can't.
    pub fn statistic(self) -> String {
        format!("TC({}:)", self.micros as f64 / 1e6)
    }
}

impl fmt::Display for LatencyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worse = self.worse_than.saturating_sub(100);
        let Some(line) = self.line else {
            return f.write_str("slow requests: no line is fixed yet");
        };
        let (time, blue) = (words::time(line.micros), percent_of(line.exceeded));
        let from = match self.over {
            Over::Percentile(percentile) => format!("p{percentile} of blue's last hour"),
            Over::Micros(_) => format!("{blue} % of blue's"),
        };
        let limit = percent_of(self.limit_at(line));
        write!(
            f,
            "requests over {time} ({from}): no more than {worse} % above blue's, and {limit} % at most \
             with all traffic"
        )
    }
}
