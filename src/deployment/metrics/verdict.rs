//! Why a limit or a comparison reverts, in figures and in words.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::watch::Series;
use super::{CompareGuard, Compared, ThresholdGuard};
use crate::judge::compare::score::{Score, Scored, Standing, score};
use crate::judge::compare::{self, Class};
use crate::judge::guards::{Limit, Number, Period};
use crate::judge::words::plural;

/// Green crosses a fixed limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossed {
    /// What the limit is on.
    pub name: String,
    /// The limit.
    pub limit: Limit,
    /// In how many of the newest periods …
    pub crossed: u32,
    /// … their values, oldest first; none where CloudWatch had none.
    pub values: Vec<Option<Number>>,
    /// How long a period is.
    pub period: Period,
}

impl Crossed {
    pub(super) fn of(guard: &ThresholdGuard, newest: &[Option<Number>]) -> Crossed {
        let from = newest.len().saturating_sub(guard.of as usize);
        Crossed {
            name: guard.name.clone(),
            limit: guard.limit,
            crossed: guard.crossings(newest),
            values: newest[from..].to_vec(),
            period: guard.source.period,
        }
    }
}

impl fmt::Display for Crossed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<Number>| {
            value.map_or_else(|| "no data".to_owned(), |value| value.to_string())
        };
        let values: Vec<String> = self.values.iter().map(value).collect();
        let unit = match self.period {
            Period::MINUTE => "minute".to_owned(),
            period => format!("{period} period"),
        };
        write!(
            f,
            "green's {} was {} in {} of the last {}: {}",
            self.name,
            self.limit,
            self.crossed,
            plural(values.len() as u32, &unit),
            values.join(", ")
        )
    }
}

/// What comparing both sides' values of a step says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// The step.
    pub step: usize,
    /// What follows.
    pub verdict: Verdict,
    /// From 0 to 100, in hundredths; none where it can't be told yet.
    pub score: Option<u32>,
    /// From this score on it moves on.
    pub pass: u32,
    /// Under this score it reverts.
    pub marginal: u32,
    /// Each metric that doesn't pass, and why; where there are too few values, each that has too
    /// few.
    pub reasons: Vec<String>,
}

/// What follows from a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Green may move on.
    Pass,
    /// More values may decide: it doesn't move on, and doesn't revert.
    Marginal,
    /// Green is worse.
    Fail,
    /// There are not enough values yet.
    TooFew,
}

/// What a metric that doesn't pass lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacks {
    /// Enough values: it says nothing yet.
    Values,
    /// It has enough, and they are worse.
    Nothing,
}

impl Judgement {
    pub(super) fn of(guard: &CompareGuard, step: usize, series: &[&Series]) -> Judgement {
        let mut reasons = Vec::new();
        let mut waits = false;
        let mut scored = Vec::new();
        for (metric, series) in guard.metrics.iter().zip(series) {
            if let Some(why) = not_enough(metric, series) {
                waits = true;
                reasons.push((Lacks::Values, why));
                continue;
            }
            let values = |values: &VecDeque<f64>| -> Vec<f64> { values.iter().copied().collect() };
            let comparison = metric.comparison();
            let verdict = comparison.judge(&values(&series.green), &values(&series.blue));
            if verdict.class != Class::Pass {
                let lacks = match verdict.class {
                    Class::NoData => Lacks::Values,
                    _ => Lacks::Nothing,
                };
                reasons.push((lacks, said(metric, &verdict)));
            }
            scored.push(Scored {
                groups: metric.groups.clone(),
                class: verdict.class,
                critical: verdict.critical,
                muted: false,
            });
        }
        let weights = guard.weights.iter();
        let weights = weights.map(|(group, weight)| (group.clone(), f64::from(*weight)));
        let summary = match score(&scored, &weights.collect()) {
            Score::Of { summary, .. } if !waits => Some(summary),
            _ => None,
        };
        let (pass, marginal) = (f64::from(guard.pass), f64::from(guard.marginal));
        let verdict = match summary.map(|it| Standing::of(it, pass, marginal)) {
            Some(Standing::Pass) => Verdict::Pass,
            Some(Standing::Marginal) => Verdict::Marginal,
            Some(Standing::Fail) => Verdict::Fail,
            None => Verdict::TooFew,
        };
        if verdict == Verdict::TooFew {
            reasons.retain(|(lacks, _)| *lacks == Lacks::Values);
        }
        Judgement {
            step,
            verdict,
            score: summary.map(|score| (score * 100.0).round() as u32),
            pass: guard.pass,
            marginal: guard.marginal,
            reasons: reasons.into_iter().map(|(_, why)| why).collect(),
        }
    }

    fn score(&self) -> String {
        let score = self.score.map_or(0.0, |score| f64::from(score) / 100.0);
        format!("a score of {score}")
    }
}

/// Why a metric can't be compared yet, where more values may come.
fn not_enough(metric: &Compared, series: &Series) -> Option<String> {
    let needed = metric.values_needed();
    let count = |values: &VecDeque<f64>| {
        let there = |value: &&f64| metric.values.missing_is_zero || !value.is_nan();
        values.iter().filter(there).count() as u32
    };
    let (green, blue) = (count(&series.green), count(&series.blue));
    let enough = green.min(blue) >= needed;
    let waited = series.periods >= metric.periods_waited();
    (!enough && !waited).then(|| {
        let name = &metric.name;
        let green = plural(green, "value");
        format!("{name} has {green} on green and {blue} on blue, of {needed} each")
    })
}

fn said(metric: &Compared, verdict: &compare::Verdict) -> String {
    let name = &metric.name;
    let critical = if verdict.critical { " (critical)" } else { "" };
    let why = verdict.reason.as_deref().unwrap_or("it does not pass");
    format!("{name}{critical}: {why}")
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pass, marginal) = (self.pass, self.marginal);
        match self.verdict {
            Verdict::TooFew => f.write_str("there are too few values to compare")?,
            Verdict::Pass => write!(f, "green compares well: {}, {pass} is enough", self.score())?,
            Verdict::Marginal => write!(
                f,
                "green compares with {}, under the {pass} that it takes to move on",
                self.score()
            )?,
            Verdict::Fail => write!(
                f,
                "green compares badly: {}, under {marginal}",
                self.score()
            )?,
        }
        match self.reasons.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", self.reasons.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::guards::{MetricStat, Source, Worse};

    fn metric(name: &str) -> Compared {
        let stat = MetricStat {
            namespace: "Shop".to_owned(),
            name: name.to_owned(),
            dimensions: [("Slot".to_owned(), "{slot}".to_owned())].into(),
            stat: "Average".to_owned(),
        };
        Compared::of(name, Source::of(stat))
    }

    fn guard(metrics: Vec<Compared>) -> CompareGuard {
        CompareGuard {
            every: None,
            pass: 95,
            marginal: 40,
            weights: [].into(),
            metrics,
        }
    }

    /// So many values of each side, green's higher by `more`.
    fn series(count: u32, more: f64) -> Series {
        let values = |from: f64| (0..count).map(|at| from + f64::from(at)).collect();
        Series {
            green: values(100.0 + more),
            blue: values(100.5),
            periods: count,
            ..Series::default()
        }
    }

    fn judged(guard: &CompareGuard, series: &[Series]) -> Judgement {
        Judgement::of(guard, 0, &series.iter().collect::<Vec<_>>())
    }

    #[test]
    fn nothing_is_said_before_each_metric_has_enough_values() {
        let guard = guard(vec![metric("one"), metric("two")]);
        let early = judged(&guard, &[series(5, 900.0), series(4, 0.0)]);
        assert_eq!((early.verdict, early.score), (Verdict::TooFew, None));
        assert!(
            early.reasons.iter().any(|it| it.contains("of 5 each")),
            "{early}"
        );
        assert!(early.to_string().contains("two has 4 values"), "{early}");
        assert!(!early.to_string().contains("one"), "it has enough: {early}");
        let later = judged(&guard, &[series(5, 0.0), series(5, 0.0)]);
        assert_eq!((later.verdict, later.score), (Verdict::Pass, Some(10_000)));
    }

    #[test]
    fn the_score_decides_between_moving_on_holding_and_reverting() {
        let both = [series(10, 0.0), series(10, 900.0)];
        let mut guard = guard(vec![metric("one"), metric("two")]);
        let half = judged(&guard, &both);
        assert_eq!((half.verdict, half.score), (Verdict::Marginal, Some(5_000)));
        guard.marginal = 60;
        assert_eq!(judged(&guard, &both).verdict, Verdict::Fail);
        guard.pass = 50;
        assert_eq!(judged(&guard, &both).verdict, Verdict::Pass);
        guard.metrics[1].critical = true;
        let failed = judged(&guard, &both);
        assert_eq!((failed.verdict, failed.score), (Verdict::Fail, Some(0)));
        guard.metrics[1].worse = Worse::Decrease;
        assert_eq!(judged(&guard, &both).verdict, Verdict::Pass);
    }

    #[test]
    fn groups_count_by_their_weights() {
        let mut guard = guard(vec![metric("one"), metric("two")]);
        guard.metrics[0].groups = vec!["users".to_owned()];
        guard.metrics[1].groups = vec!["machines".to_owned()];
        guard.weights = [("users".to_owned(), 70), ("machines".to_owned(), 30)].into();
        let judged = judged(&guard, &[series(10, 0.0), series(10, 900.0)]);
        assert_eq!(judged.score, Some(7_000));
    }

    #[test]
    fn a_metric_without_data_never_passes() {
        let mut empty = series(9, 0.0);
        empty.green.iter_mut().for_each(|value| *value = f64::NAN);
        let mut guard = guard(vec![metric("one")]);
        assert_eq!(judged(&guard, &[empty.clone()]).verdict, Verdict::TooFew);
        // Twice the periods that it needs have gone by: there is none to come.
        empty.periods = 10;
        assert_eq!(judged(&guard, &[empty.clone()]).verdict, Verdict::TooFew);
        guard.metrics[0].must_have_data = true;
        let failed = judged(&guard, &[empty]);
        assert_eq!((failed.verdict, failed.score), (Verdict::Fail, Some(0)));
    }
}
