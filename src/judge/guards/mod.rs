//! What is judged by metrics, as the config asks for it and a plan fixes it. Whole numbers and
//! decimal texts, so that a journal's bytes don't depend on how a fraction is printed.
//!
//! - [`ErrorGuard`], [`LatencyGuard`], [`BalancerGuard`]: requests and the bad ones among them, by
//!   the [sequential judge](super::sequential). They share one error budget.
//! - [`ThresholdGuard`]: a fixed limit on any metric.
//! - [`CompareGuard`]: any metric, green beside blue, by [rank](super::compare).

mod balancer;
mod compare;
mod errors;
mod latency;
mod number;
mod source;
mod threshold;

use serde::{Deserialize, Serialize};

pub use balancer::BalancerGuard;
pub use compare::{Bounds, CompareGuard, Compared, EffectSize, Handling, Worse};
pub use errors::ErrorGuard;
pub use latency::{LatencyGuard, Line, Over};
pub use number::Number;
pub use source::{Filled, MetricStat, PLACEHOLDERS, Period, Source};
pub use threshold::{Limit, MissingData, ThresholdGuard};

/// All metric guards of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricGuards {
    /// Failed requests; none where no application load balancer counts any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorGuard>,
    /// Slow requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyGuard>,
    /// What the load balancer answers itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<BalancerGuard>,
    /// Fixed limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdGuard>,
    /// Metrics that are compared by rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareGuard>,
}

impl Default for MetricGuards {
    fn default() -> MetricGuards {
        MetricGuards {
            errors: Some(ErrorGuard::default()),
            latency: None,
            load_balancer: Some(BalancerGuard::default()),
            thresholds: Vec::new(),
            compare: None,
        }
    }
}

impl MetricGuards {
    /// Requests are counted, and nothing is judged.
    pub fn none() -> MetricGuards {
        MetricGuards {
            errors: None,
            load_balancer: None,
            ..MetricGuards::default()
        }
    }

    /// What is on where nobody asks for anything.
    pub fn by_itself() -> MetricGuards {
        MetricGuards {
            load_balancer: Some(BalancerGuard::default()),
            ..MetricGuards::none()
        }
    }

    /// Whether each side's requests are judged.
    pub fn judges_requests(&self) -> bool {
        self.errors.is_some() || self.latency.is_some()
    }

    /// Whether anything is judged.
    pub fn judges_anything(&self) -> bool {
        *self != MetricGuards::none()
    }

    /// The metrics that are read besides the load balancers' own: those of `thresholds`, then
    /// those of `compare`. Their position is what records name them by.
    pub fn watched(&self) -> impl Iterator<Item = Watched<'_>> {
        let thresholds = self.thresholds.iter().map(Watched::Threshold);
        let compared = self.compare.iter().flat_map(|guard| &guard.metrics);
        thresholds.chain(compared.map(Watched::Compared))
    }

    /// Each guard in words, with the key that it stands under.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.errors.iter().map(ToString::to_string));
        lines.extend(self.latency.iter().map(ToString::to_string));
        lines.extend(self.load_balancer.iter().map(ToString::to_string));
        lines.extend(self.thresholds.iter().map(ToString::to_string));
        lines.extend(self.compare.iter().flat_map(CompareGuard::lines));
        lines
    }
}

/// A metric that is read besides the load balancers' own.
#[derive(Debug, Clone, Copy)]
pub enum Watched<'a> {
    /// On green alone.
    Threshold(&'a ThresholdGuard),
    /// On both sides.
    Compared(&'a Compared),
}

impl<'a> Watched<'a> {
    /// What it is called.
    pub fn name(self) -> &'a str {
        match self {
            Watched::Threshold(guard) => &guard.name,
            Watched::Compared(metric) => &metric.name,
        }
    }

    /// Where its values come from.
    pub fn source(self) -> &'a Source {
        match self {
            Watched::Threshold(guard) => &guard.source,
            Watched::Compared(metric) => &metric.source,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A share of millionths as a percentage: two or three figures, without zeros behind them.
pub(crate) fn percent_of(millionths: u32) -> String {
    let percent = super::words::percent(f64::from(millionths) / 1e6);
    match percent.contains('.') {
        true => percent
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        false => percent,
    }
}

#[cfg(test)]
mod tests;
