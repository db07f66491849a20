//! What is judged, as the plan fixes it. Whole numbers, so that a journal's bytes don't depend on
//! how a fraction is printed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Figures, Served, percent};
use crate::judge::sequential::{Absolute, MetricSettings, Pair, Relative, Settings};

/// All metric guards of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricGuards {
    /// Failed requests.
    pub errors: ErrorGuard,
}

/// Failed requests: 5xx of targets, and connections to them that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorGuard {
    /// Green may fail so often beside blue, in percent: 125.
    pub worse_than: u32,
    /// It may fail at this rate whatever blue does, in millionths: 500.
    pub harmless: u32,
    /// It may not fail more often than this, with or without blue beside it, in millionths.
    pub limit: u32,
    /// The noise of one side alone, in thousandths of its rate: 100.
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

/// One of the judge's metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    /// What it counts, as it follows a figure.
    pub(super) name: &'static str,
    weight: f64,
    /// What is bad of a side's figures.
    bad: fn(&Figures) -> u64,
    /// Whether green is compared with blue; otherwise with the limit.
    relative: bool,
}

/// In the judge's order.
pub(super) const METRICS: [Metric; 3] = [
    Metric {
        name: "5xx",
        weight: 0.5,
        bad: |side| side.http_5xx,
        relative: true,
    },
    Metric {
        name: "failed connections",
        weight: 0.2,
        bad: |side| side.unreachable,
        relative: true,
    },
    Metric {
        name: "failed requests",
        weight: 0.3,
        bad: Figures::failed,
        relative: false,
    },
];

impl Metric {
    pub(super) fn pair(self, served: &Served) -> Pair {
        served.pair(self.bad)
    }

    pub(super) fn is_relative(self) -> bool {
        self.relative
    }
}

impl fmt::Display for ErrorGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worse = self.worse_than.saturating_sub(100);
        let limit = percent(f64::from(self.limit) / 1e6);
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

impl ErrorGuard {
    /// What the judge is asked.
    pub(super) fn settings(&self) -> Settings {
        let millionths = |count: u32| f64::from(count) / 1e6;
        let worse_than = f64::from(self.worse_than) / 100.0;
        let metrics = METRICS.map(|metric| {
            if !metric.relative {
                return MetricSettings::limit(metric.name, metric.weight, millionths(self.limit));
            }
            let errors = MetricSettings::errors(metric.name, metric.weight);
            MetricSettings {
                relative: errors.relative.map(|relative| Relative {
                    revert_ratio: worse_than,
                    promote_ratio: worse_than * 1.2,
                    ..relative
                }),
                absolute: Absolute {
                    revert_floor: Some(millionths(self.harmless)),
                    promote_ceiling: Some(2.0 * millionths(self.harmless)),
                },
                kappa: f64::from(self.noise) / 1000.0,
                ..errors
            }
        });
        Settings {
            alpha_revert: millionths(self.false_reverts),
            ..Settings::of(metrics.to_vec())
        }
    }
}
