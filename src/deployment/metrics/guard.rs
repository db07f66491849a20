//! What the sequential judge is asked, from what the plan fixed.

use super::{Figures, Served};
use crate::judge::guards::{BalancerGuard, ErrorGuard, LatencyGuard, Line, MetricGuards};
use crate::judge::sequential::{Absolute, Count, Method, MetricSettings, Pair, Relative, Settings};
use crate::judge::words;
use crate::strategy::Weight;

/// One of the judge's metrics: what of a minute it counts, and how it is judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    /// What it counts, as it follows a figure.
    pub(super) name: String,
    counts: Counts,
    pub(super) settings: MetricSettings,
    /// The fixed rate that it is held against, in millionths; none where blue is.
    pub(super) limit: Option<u32>,
    /// How many times as bad as blue green may be, in percent.
    pub(super) worse_than: u32,
}

/// What is bad, and out of what.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Counts {
    Http5xx,
    Unreachable,
    Failed,
    Slow,
    /// Of the load balancer, whichever side it was meant for.
    Balancer,
}

impl Counts {
    fn of(self, side: &Figures) -> Count {
        let (requests, bad) = match self {
            Counts::Http5xx => (side.requests, side.http_5xx),
            Counts::Unreachable => (side.requests, side.unreachable),
            Counts::Failed => (side.requests, side.failed()),
            Counts::Slow => (side.timed, side.slow),
            Counts::Balancer => (0, 0),
        };
        Count {
            requests,
            bad: bad.min(requests),
        }
    }
}

impl Metric {
    /// What both sides served, at this weight of green's, as the judge takes it.
    pub(super) fn pair(&self, served: &Served, weight: Weight) -> Pair {
        if !self.judges_at(weight) {
            return Pair::default();
        }
        if self.counts == Counts::Balancer {
            return Pair {
                blue: Count::default(),
                green: served.balancer.count(),
            };
        }
        Pair {
            blue: self.counts.of(&served.blue),
            green: self.counts.of(&served.green),
        }
    }

    /// Whether what both sides served in a minute at this weight of green's is judged: beside blue
    /// green is held against blue alone, whatever hits both.
    fn judges_at(&self, weight: Weight) -> bool {
        self.is_relative() || self.is_of_load_balancer() || weight == Weight::FULL
    }

    pub(super) fn is_relative(&self) -> bool {
        self.limit.is_none()
    }

    pub(super) fn is_of_load_balancer(&self) -> bool {
        self.counts == Counts::Balancer
    }

    fn relative(counts: Counts, name: String, worse_than: u32, settings: MetricSettings) -> Metric {
        let ratio = f64::from(worse_than) / 100.0;
        Metric {
            name,
            counts,
            settings: MetricSettings {
                relative: settings.relative.map(|relative| Relative {
                    revert_ratio: ratio,
                    promote_ratio: ratio * 1.2,
                    ..relative
                }),
                ..settings
            },
            limit: None,
            worse_than,
        }
    }

    fn limited(counts: Counts, name: String, weight: f64, limit: u32) -> Metric {
        Metric {
            settings: MetricSettings::limit(&name, weight, millionths(limit)),
            name,
            counts,
            limit: Some(limit),
            worse_than: 100,
        }
    }
}

fn millionths(count: u32) -> f64 {
    f64::from(count) / 1e6
}

/// Each metric's part of the one error budget: 0.5, 0.3 and 0.2 for what is compared with blue,
/// and shares of their own for what is held against a limit. The judge scales them to 1.
mod weight {
    pub(super) const HTTP_5XX: f64 = 0.5;
    pub(super) const UNREACHABLE: f64 = 0.2;
    pub(super) const LATENCY: f64 = 0.3;
    pub(super) const FAILED: f64 = 0.3;
    pub(super) const SLOW: f64 = 0.15;
    pub(super) const BALANCER: f64 = 0.2;
}

/// Everything that is judged minute by minute, in the judge's order.
pub(super) fn metrics(guards: &MetricGuards) -> Vec<Metric> {
    let mut metrics = Vec::new();
    metrics.extend(guards.errors.iter().flat_map(of_errors));
    let line = |guard: &LatencyGuard| Some((*guard, guard.line?));
    let latency = guards.latency.as_ref().and_then(line);
    metrics.extend(latency.into_iter().flat_map(of_latency));
    metrics.extend(guards.load_balancer.as_ref().map(of_load_balancer));
    metrics
}

fn of_errors(guard: &ErrorGuard) -> [Metric; 3] {
    let compared = |counts, name: &str, weight| {
        let settings = MetricSettings {
            absolute: Absolute {
                revert_floor: Some(millionths(guard.harmless)),
                promote_ceiling: Some(2.0 * millionths(guard.harmless)),
            },
            kappa: f64::from(guard.noise) / 1000.0,
            ..MetricSettings::errors(name, weight)
        };
        let settings = match guard.is_common() {
            true => settings.by_method(Method::B),
            false => settings,
        };
        Metric::relative(counts, name.to_owned(), guard.worse_than, settings)
    };
    [
        compared(Counts::Http5xx, "5xx", weight::HTTP_5XX),
        compared(
            Counts::Unreachable,
            "failed connections",
            weight::UNREACHABLE,
        ),
        Metric::limited(
            Counts::Failed,
            "failed requests".to_owned(),
            weight::FAILED,
            guard.limit(),
        ),
    ]
}

fn of_latency((guard, line): (LatencyGuard, Line)) -> [Metric; 2] {
    let name = format!("over {}", words::time(line.micros));
    let settings = MetricSettings::latency(weight::LATENCY, millionths(line.exceeded));
    // Where blue is hardly ever over the line, the usual floors would forbid it to green.
    let at_least = |rate: Option<f64>, least: f64| rate.map(|rate| rate.max(least));
    let errors = MetricSettings::errors("latency", 1.0).absolute;
    let settings = MetricSettings {
        absolute: Absolute {
            revert_floor: at_least(
                settings.absolute.revert_floor,
                errors.revert_floor.unwrap_or(0.0),
            ),
            promote_ceiling: at_least(
                settings.absolute.promote_ceiling,
                errors.promote_ceiling.unwrap_or(0.0),
            ),
        },
        kappa: f64::from(guard.noise) / 1000.0,
        ..settings
    };
    let limit = guard.limit_at(line);
    [
        Metric::relative(Counts::Slow, name.clone(), guard.worse_than, settings),
        Metric::limited(Counts::Slow, name, weight::SLOW, limit),
    ]
}

fn of_load_balancer(guard: &BalancerGuard) -> Metric {
    let limit = guard.tolerated();
    Metric::limited(Counts::Balancer, "5xx".to_owned(), weight::BALANCER, limit)
}

/// The error budget of all of them.
fn alpha(guards: &MetricGuards) -> f64 {
    millionths(guards.errors.unwrap_or_default().false_reverts)
}

/// What the judge is asked.
pub(super) fn settings(guards: &MetricGuards, metrics: &[Metric]) -> Settings {
    let errors = guards.errors.unwrap_or_default();
    let alpha_revert = alpha(guards);
    let metrics = metrics.iter().map(|metric| MetricSettings {
        cluster: f64::from(errors.cluster),
        // Two thirds of what a revert takes.
        max_log_factor: errors.burst_guard.then(|| -alpha_revert.ln() * 2.0 / 3.0),
        ..metric.settings.clone()
    });
    Settings {
        alpha_revert,
        ..Settings::of(metrics.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::guards::Over;

    fn all() -> MetricGuards {
        MetricGuards {
            latency: Some(LatencyGuard {
                over: Over::Percentile(95),
                line: Some(Line {
                    micros: 230_000,
                    exceeded: 50_000,
                }),
                ..LatencyGuard::default()
            }),
            ..MetricGuards::default()
        }
    }

    #[test]
    fn all_metrics_share_one_error_budget() {
        for guards in [MetricGuards::default(), all()] {
            let metrics = settings(&guards, &metrics(&guards)).metrics;
            let sum: f64 = metrics.iter().map(|metric| metric.weight).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
        let without_a_line = MetricGuards {
            latency: Some(LatencyGuard::default()),
            ..MetricGuards::default()
        };
        assert_eq!(metrics(&without_a_line).len(), 4);
        assert_eq!(metrics(&all()).len(), 6);
    }

    #[test]
    fn what_is_common_on_blue_is_judged_exactly() {
        let method = |exceeded| {
            let mut guards = all();
            let latency = guards.latency.as_mut().expect("it is there");
            latency.line = Some(Line {
                micros: 1,
                exceeded,
            });
            let settings = metrics(&guards)[3].settings.clone();
            (
                settings.relative.expect("it is compared").method,
                settings.absolute,
            )
        };
        assert_eq!(method(50_000).0, Method::A);
        assert_eq!(method(100_000).0, Method::B);
        // An SLO that blue never misses: what is harmless is not zero.
        assert_eq!(method(0).1.revert_floor, Some(0.0005));
    }
}
