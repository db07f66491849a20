//! What the judge is asked.

use super::evidence::Start;

/// How one interval's counts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Green's part of all bad events against its share of the traffic: for rare events.
    A,
    /// Fisher's noncentral hypergeometric distribution: where more than about 10 % are bad.
    B,
}

/// Green against blue.
#[derive(Debug, Clone, PartialEq)]
pub struct Relative {
    /// How an interval is compared.
    pub method: Method,
    /// Green may be so many times as bad as blue: 1.25. An odds ratio with method B.
    pub revert_ratio: f64,
    /// From so many times on it is bad: 1.5.
    pub promote_ratio: f64,
}

/// Green against a fixed rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Absolute {
    /// Green may be bad at this rate, whatever blue is; none where only the comparison counts.
    pub revert_floor: Option<f64>,
    /// From this rate on it is bad.
    pub promote_ceiling: Option<f64>,
}

/// One metric: requests, and the bad ones among them.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSettings {
    /// Its name, such as `http_5xx`.
    pub name: String,
    /// Its part of the error budget: all metrics' weights sum to 1.
    pub weight: f64,
    /// Green against blue; left out, only the fixed rate counts (there is no blue to compare with
    /// at 100 % green).
    pub relative: Option<Relative>,
    /// Green against fixed rates.
    pub absolute: Absolute,
    /// How many bad events come together on one side, at most: 1.
    pub cluster: f64,
    /// Noise of one side alone, as the coefficient of variation of its rate: 0.1.
    pub kappa: f64,
    /// The most that one interval can say, as a natural logarithm; left out, there is no limit.
    pub max_log_factor: Option<f64>,
    /// Fewer bad events on green than this never revert.
    pub min_green_errors: u64,
    /// From when evidence for a revert counts. That for promotion counts from the step's first.
    pub start: Start,
    /// How many times worse green may be, each with its weight; the weights sum to 1.
    pub revert_grid: Vec<(f64, f64)>,
    /// How many times better green may be than what is bad: below 1, each with its weight.
    pub promote_grid: Vec<(f64, f64)>,
}

/// The whole question.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The probability at which a good version is reverted, over a whole deployment.
    pub alpha_revert: f64,
    /// The probability at which a bad one is let on, per step.
    pub alpha_promote: f64,
    /// So many intervals with green requests come before it is let on.
    pub min_promote_intervals: u32,
    /// More evidence than this for a revert, as a natural logarithm, keeps it from being let on.
    pub promote_guard: f64,
    /// What is counted.
    pub metrics: Vec<MetricSettings>,
}

/// Effect sizes from a quarter to a hundred times worse.
const GRID: [f64; 8] = [1.25, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];

impl Settings {
    /// The defaults for `metrics`: 1 % false reverts, 5 % false promotions a step. Their weights
    /// are scaled to sum to 1.
    pub fn of(mut metrics: Vec<MetricSettings>) -> Settings {
        let sum: f64 = metrics.iter().map(|metric| metric.weight).sum();
        for metric in &mut metrics {
            metric.weight /= sum;
        }
        Settings {
            alpha_revert: 0.01,
            alpha_promote: 0.05,
            min_promote_intervals: 5,
            promote_guard: 2f64.ln(),
            metrics,
        }
    }
}

impl MetricSettings {
    /// Errors out of requests: rare, no worse than 1.25 times blue's, 0.05 % harmless.
    pub fn errors(name: &str, weight: f64) -> MetricSettings {
        MetricSettings {
            name: name.to_owned(),
            weight,
            relative: Some(Relative {
                method: Method::A,
                revert_ratio: 1.25,
                promote_ratio: 1.5,
            }),
            absolute: Absolute {
                revert_floor: Some(0.0005),
                promote_ceiling: Some(0.001),
            },
            cluster: 1.0,
            kappa: 0.1,
            max_log_factor: None,
            min_green_errors: 3,
            start: Start::Harmonic,
            revert_grid: uniform(&GRID),
            promote_grid: uniform(&GRID.map(|by| 1.0 / by)),
        }
    }

    /// The same, compared with blue by another method.
    #[must_use]
    pub fn by_method(mut self, method: Method) -> MetricSettings {
        self.relative = self.relative.map(|it| Relative { method, ..it });
        self
    }

    /// Requests over a threshold that `exceeded` of blue's are over (0.05 for its p95).
    pub fn latency(weight: f64, exceeded: f64) -> MetricSettings {
        let method = if exceeded < 0.1 { Method::A } else { Method::B };
        let mut latency = MetricSettings::errors("latency", weight).by_method(method);
        latency.absolute = Absolute {
            revert_floor: Some(exceeded / 5.0),
            promote_ceiling: Some(exceeded * 2.0 / 5.0),
        };
        latency.kappa = 0.25;
        latency
    }

    /// Green alone: bad at most at the rate `limit`.
    pub fn limit(name: &str, weight: f64, limit: f64) -> MetricSettings {
        MetricSettings {
            relative: None,
            absolute: Absolute {
                revert_floor: Some(limit),
                promote_ceiling: None,
            },
            ..MetricSettings::errors(name, weight)
        }
    }
}

fn uniform(grid: &[f64]) -> Vec<(f64, f64)> {
    let weight = 1.0 / grid.len() as f64;
    grid.iter().map(|by| (*by, weight)).collect()
}
