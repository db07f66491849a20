//! Failed requests.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::percent_of;
use crate::judge::sequential::Count;

/// Failed requests (`guards.metrics.errors`): 5xx of targets, and connections to them that failed.
/// What is said of the error budget holds for all metrics that the sequential judge judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorGuard {
    /// Green may fail so often beside blue, in percent: 125 where the config says 25%.
    pub worse_than: u32,
    /// It may fail at this rate whatever blue does, in millionths: 500.
    pub harmless: u32,
    /// With all traffic on it, and no blue beside it, it may not fail more often than this, in
    /// millionths; left out, what blue's last hour suggests ([`ErrorGuard::limit`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Blue's level in the last hour, in millionths ([`ErrorGuard::level`]); none where nothing is
    /// known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    /// The noise of one side alone, in thousandths of its rate: 100, or what blue's history by
    /// zone shows.
    pub noise: u32,
    /// The probability of reverting a good version, in millionths: 10,000.
    pub false_reverts: u32,
    /// Whether a bake ends early once green is shown not to be worse.
    pub early_promote: bool,
    /// How many failures one cause makes on one side at most, such as a client's retries: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub cluster: u32,
    /// Whether no minute alone can revert.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub burst_guard: bool,
}

fn one() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_one(count: &u32) -> bool {
    *count == 1
}

impl ErrorGuard {
    /// The least limit that isn't the config's, in millionths: 1 %.
    const LEAST_LIMIT: u32 = 10_000;
    /// Under all requests, so that there is something left to be worse.
    const MOST_LIMIT: u32 = 950_000;
    /// From this level on failures are no rare events, in millionths: 10 %.
    const COMMON: u32 = 100_000;
    /// Minutes of the worst stretch: shorter ones are chance.
    const STRETCH: usize = 5;

    /// How often green may fail at most, once it has all traffic, in millionths: the config's
    /// limit, or three times blue's level, 1 % at least.
    pub fn limit(&self) -> u32 {
        let usual = self.before.unwrap_or(0).saturating_mul(3);
        let usual = usual.clamp(ErrorGuard::LEAST_LIMIT, ErrorGuard::MOST_LIMIT);
        self.limit.unwrap_or(usual)
    }

    /// Blue's level by its minutes, in millionths: its mean rate, or half of that of its worst five
    /// minutes in a row, whichever is more. None without requests.
    pub fn level(minutes: &[Count]) -> Option<u32> {
        let rate = |minutes: &[Count]| {
            let requests: u64 = minutes.iter().map(|it| it.requests).sum();
            let bad: u64 = minutes.iter().map(|it| it.bad.min(it.requests)).sum();
            (requests > 0).then(|| bad as f64 / requests as f64)
        };
        let worst = minutes.windows(ErrorGuard::STRETCH).filter_map(rate);
        let worst = worst.fold(0.0, f64::max);
        let level = rate(minutes)?.max(worst / 2.0);
        Some((level * 1e6).round() as u32)
    }

    /// Whether failures are so common that only the exact distribution judges them well.
    pub fn is_common(&self) -> bool {
        self.before.is_some_and(|it| it >= ErrorGuard::COMMON)
    }
}

impl Default for ErrorGuard {
    fn default() -> ErrorGuard {
        ErrorGuard {
            worse_than: 125,
            harmless: 500,
            limit: None,
            before: None,
            noise: 100,
            false_reverts: 10_000,
            early_promote: false,
            cluster: 1,
            burst_guard: false,
        }
    }
}

impl fmt::Display for ErrorGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worse = self.worse_than.saturating_sub(100);
        let limit = percent_of(self.limit());
        write!(
            f,
            "failed requests: no more than {worse} % above blue's, and {limit} % at most with all \
             traffic"
        )?;
        if let (None, Some(before)) = (self.limit, self.before) {
            write!(f, " (blue's last hour: {} %)", percent_of(before))?;
        }
        if self.cluster > 1 {
            write!(f, "; up to {} failures count as one", self.cluster)?;
        }
        if self.burst_guard {
            f.write_str("; no minute reverts alone")?;
        }
        match self.early_promote {
            true => f.write_str("; bakes end early on enough evidence"),
            false => Ok(()),
        }
    }
}
