//! All metrics of a deployment together, and the answer.

use super::evidence::{Evidence, Start, log_add, log_sum};
use super::factor::{absolute, relative, share};
use super::settings::{MetricSettings, Settings};
use super::{Count, Pair};

/// What the judge says after an interval.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Green is worse.
    Revert(Lead),
    /// Green is not worse by more than the margin: the next step may come.
    Promote,
    /// Neither can be said yet.
    Continue,
}

/// The metric that says most for a revert.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Where it stands among the metrics.
    pub metric: usize,
    /// The natural logarithm of its e-value.
    pub log_e: f64,
}

/// Why nothing could be said by the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No interval of the step could be used.
    NoData,
    /// Too few requests on green to tell.
    LowInformation,
    /// Green is between good and bad.
    GreyZone,
}

/// The processes of one metric, as natural logarithms; `None` where one is off.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Logs {
    /// Against "no worse than blue".
    pub revert_relative: Option<f64>,
    /// Against "no worse than the floor".
    pub revert_absolute: Option<f64>,
    /// Against both.
    pub revert: Option<f64>,
    /// Against "worse than blue by the margin".
    pub promote_relative: Option<f64>,
    /// Against "worse than the ceiling".
    pub promote_absolute: Option<f64>,
    /// Against both together.
    pub promote: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
struct Metric {
    settings: MetricSettings,
    revert_relative: Option<Evidence>,
    revert_absolute: Option<Evidence>,
    promote_relative: Option<Evidence>,
    promote_absolute: Option<Evidence>,
    /// Green's bad requests in the whole deployment.
    green_bad: u64,
    /// Consumed in this step with green requests in them.
    with_green: u32,
    /// Green's requests in this step.
    green_requests: u64,
}

impl Metric {
    fn new(settings: MetricSettings) -> Metric {
        let revert = || Evidence::new(settings.start, &weights(&settings.revert_grid));
        let floor = settings.absolute.revert_floor;
        let mut metric = Metric {
            revert_relative: settings.relative.as_ref().map(|_| revert()),
            revert_absolute: floor.map(|_| revert()),
            promote_relative: None,
            promote_absolute: None,
            green_bad: 0,
            with_green: 0,
            green_requests: 0,
            settings,
        };
        metric.begin_step();
        metric
    }

    fn begin_step(&mut self) {
        let settings = &self.settings;
        let promote = || Evidence::new(Start::First, &weights(&settings.promote_grid));
        self.promote_relative = settings.relative.as_ref().map(|_| promote());
        self.promote_absolute = settings.absolute.promote_ceiling.map(|_| promote());
        self.with_green = 0;
        self.green_requests = 0;
    }

    fn consume(&mut self, pair: Pair) {
        let settings = &self.settings;
        let clip = |count: Count| Count {
            bad: count.bad.min(count.requests),
            ..count
        };
        let pair = Pair {
            blue: clip(pair.blue),
            green: clip(pair.green),
        };
        self.green_bad += pair.green.bad;
        self.green_requests += pair.green.requests;
        self.with_green += u32::from(pair.green.requests > 0);
        let cap = settings.max_log_factor.unwrap_or(f64::INFINITY);
        let (revert, promote) = (sizes(&settings.revert_grid), sizes(&settings.promote_grid));

        if let Some(question) = &settings.relative {
            let bad = (pair.green.bad + pair.blue.bad) as f64;
            let share = share(pair);
            let temper =
                settings.cluster + 2.0 * settings.kappa.powi(2) * bad * share * (1.0 - share);
            let factors = |ratio, grid: &[f64]| relative(question.method, pair, ratio, grid);
            if let Some(evidence) = &mut self.revert_relative {
                let factors = factors(question.revert_ratio, &revert);
                evidence.take(factors.into_iter().map(|factor| (factor / temper).min(cap)));
            }
            if let Some(evidence) = &mut self.promote_relative {
                let factors = factors(question.promote_ratio, &promote);
                evidence.take(factors.into_iter().map(|factor| factor / temper));
            }
        }
        let temper = |limit: f64| {
            settings.cluster + settings.kappa.powi(2) * pair.green.requests as f64 * limit
        };
        if let (Some(limit), Some(evidence)) =
            (settings.absolute.revert_floor, &mut self.revert_absolute)
        {
            let factor = |by: &f64| absolute(pair.green, limit, *by) / temper(limit);
            evidence.take(revert.iter().map(|by| factor(by).min(cap)));
        }
        if let (Some(limit), Some(evidence)) = (
            settings.absolute.promote_ceiling,
            &mut self.promote_absolute,
        ) {
            let factor = |by: &f64| absolute(pair.green, limit, *by) / temper(limit);
            evidence.take(promote.iter().map(factor));
        }
    }

    /// The logarithm of what speaks for a revert.
    fn revert(&self) -> Option<f64> {
        both(
            log(&self.revert_relative),
            log(&self.revert_absolute),
            f64::min,
        )
    }

    fn logs(&self) -> Logs {
        let revert_relative = log(&self.revert_relative);
        let revert_absolute = log(&self.revert_absolute);
        let promote_relative = log(&self.promote_relative);
        let promote_absolute = log(&self.promote_absolute);
        Logs {
            revert_relative,
            revert_absolute,
            revert: both(revert_relative, revert_absolute, f64::min),
            promote_relative,
            promote_absolute,
            promote: both(promote_relative, promote_absolute, |relative, absolute| {
                log_add(relative, absolute) - 2f64.ln()
            }),
        }
    }

    /// Whether so few bad requests on green may revert.
    fn may_revert(&self) -> bool {
        self.green_bad >= self.settings.min_green_errors
    }
}

fn log(evidence: &Option<Evidence>) -> Option<f64> {
    evidence.as_ref().map(Evidence::log)
}

/// Of two that may be off.
fn both(one: Option<f64>, other: Option<f64>, join: fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or(other),
    }
}

fn sizes(grid: &[(f64, f64)]) -> Vec<f64> {
    grid.iter().map(|(by, _)| *by).collect()
}

fn weights(grid: &[(f64, f64)]) -> Vec<f64> {
    grid.iter().map(|(_, weight)| *weight).collect()
}

/// The logarithm of the sum of weighted terms; none where there is none.
fn log_of(terms: &[(usize, f64, f64)]) -> Option<f64> {
    (!terms.is_empty()).then(|| log_sum(terms.iter().map(|(_, term, _)| *term)))
}

/// The judge of one deployment: a fold over its intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    settings: Settings,
    metrics: Vec<Metric>,
    step: usize,
    consumed_in_step: u32,
}

impl Judge {
    /// Before the first interval.
    pub fn new(settings: Settings) -> Judge {
        let metrics = settings.metrics.iter().cloned().map(Metric::new).collect();
        Judge {
            settings,
            metrics,
            step: 0,
            consumed_in_step: 0,
        }
    }

    /// Says which step the next interval belongs to. What speaks for promotion counts per step;
    /// what speaks for a revert is never forgotten.
    pub fn at_step(&mut self, step: usize) {
        if step != self.step {
            self.step = step;
            self.consumed_in_step = 0;
            self.metrics.iter_mut().for_each(Metric::begin_step);
        }
    }

    /// Takes an interval that is complete on both sides: one pair for each metric, in their order.
    pub fn consume(&mut self, counts: &[Pair]) {
        self.consumed_in_step += 1;
        for (metric, pair) in self.metrics.iter_mut().zip(counts) {
            metric.consume(*pair);
        }
    }

    /// What can be said so far.
    pub fn answer(&self) -> Answer {
        match self.reverts() {
            Some(lead) => Answer::Revert(lead),
            None if self.may_promote() => Answer::Promote,
            None => Answer::Continue,
        }
    }

    /// What speaks most for a revert, where that is enough for one.
    pub fn reverts(&self) -> Option<Lead> {
        let terms = self.revert_terms();
        let enough = -self.settings.alpha_revert.ln();
        if log_of(&terms).is_none_or(|log| log < enough) {
            return None;
        }
        let most = terms
            .into_iter()
            .max_by(|one, other| one.1.total_cmp(&other.1));
        most.map(|(metric, _, log_e)| Lead { metric, log_e })
    }

    /// Why neither answer was found by the end of the step.
    pub fn doubt(&self) -> Doubt {
        let too_few = |metric: &Metric| {
            let ceiling = metric.settings.absolute.promote_ceiling;
            let wanted = ceiling.map(|at| (2.0 / self.settings.alpha_promote).ln() / at);
            wanted.is_some_and(|wanted| (metric.green_requests as f64) < wanted)
        };
        match self.consumed_in_step {
            0 => Doubt::NoData,
            _ if self.metrics.iter().any(too_few) => Doubt::LowInformation,
            _ => Doubt::GreyZone,
        }
    }

    /// Each metric's processes.
    pub fn logs(&self) -> Vec<Logs> {
        self.metrics.iter().map(Metric::logs).collect()
    }

    /// The logarithm of the weighted sum of what speaks for a revert; none where no metric has
    /// seen enough bad requests.
    pub fn log_revert(&self) -> Option<f64> {
        log_of(&self.revert_terms())
    }

    /// Where each metric that may revert stands, its weighted term, and its own logarithm.
    fn revert_terms(&self) -> Vec<(usize, f64, f64)> {
        let metrics = self.metrics.iter().enumerate();
        metrics
            .filter(|(_, metric)| metric.may_revert())
            .filter_map(|(index, metric)| {
                let log_e = metric.revert()?;
                Some((index, metric.settings.weight.ln() + log_e, log_e))
            })
            .collect()
    }

    fn may_promote(&self) -> bool {
        let enough = -self.settings.alpha_promote.ln();
        self.metrics
            .iter()
            .any(|metric| metric.logs().promote.is_some())
            && self.metrics.iter().all(|metric| {
                let logs = metric.logs();
                // What has no say in it doesn't have to be seen.
                (logs.promote.is_none() || metric.with_green >= self.settings.min_promote_intervals)
                    && logs.promote.is_none_or(|log| log >= enough)
                    && logs
                        .revert
                        .is_none_or(|log| log <= self.settings.promote_guard)
            })
    }
}
