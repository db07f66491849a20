//! What the config's own metrics have shown: fixed limits on green, and both sides compared by
//! rank.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Crossed, Judgement, MetricGuards, Window};
use crate::judge::guards::{Number, Period, ThresholdGuard, Watched};
use crate::strategy::Weight;

/// The newest values of a step that are compared: four hours of minutes.
const COMPARED: usize = 240;

/// A value of one of the config's own metrics, as it was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRead {
    /// The metric's position among the guards' own.
    pub metric: usize,
    /// The start of its period.
    pub at: Timestamp,
    /// The step that it belongs to, where it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Green's value; none where CloudWatch has none.
    pub green: Option<Number>,
    /// Blue's, where it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue: Option<Number>,
}

/// Both sides' values of a metric in a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Series {
    pub(super) step: Option<usize>,
    pub(super) green: VecDeque<f64>,
    pub(super) blue: VecDeque<f64>,
    /// How many periods these are.
    pub(super) periods: u32,
}

/// What was read so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    guards: MetricGuards,
    /// Of each metric, the first period that was not read yet.
    next: Vec<Option<Timestamp>>,
    /// Of each threshold, green's newest values, oldest first.
    newest: Vec<VecDeque<Option<Number>>>,
    /// Of each compared metric, the present step's values.
    series: Vec<Series>,
    step: Option<usize>,
    /// The end of the newest period that is compared.
    compared_to: Option<Timestamp>,
    /// What was last said of the present step, and up to which period.
    judged: Option<(Judgement, Timestamp)>,
}

impl Watch {
    /// Before the first value.
    pub(super) fn new(guards: &MetricGuards) -> Watch {
        let compared = guards.compare.as_ref().map_or(0, |it| it.metrics.len());
        Watch {
            next: vec![None; guards.watched().count()],
            newest: vec![VecDeque::new(); guards.thresholds.len()],
            series: vec![Series::default(); compared],
            guards: guards.clone(),
            step: None,
            compared_to: None,
            judged: None,
        }
    }

    /// How many metrics there are.
    pub fn len(&self) -> usize {
        self.next.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// The length of a metric's periods.
    pub fn period(&self, metric: usize) -> Period {
        let watched = self.guards.watched().nth(metric);
        watched.map_or(Period::MINUTE, |it| it.source().period)
    }

    /// Whether a metric has a side of blue's.
    pub fn is_compared(&self, metric: usize) -> bool {
        metric >= self.guards.thresholds.len()
    }

    /// The next period of a metric to be read, and its step where it is compared. A fixed limit
    /// holds in every period from the first step on; compared is only what lies wholly in a step
    /// in which blue has traffic too.
    pub(super) fn due(
        &self,
        metric: usize,
        windows: &[Window],
    ) -> Option<(Timestamp, Option<usize>)> {
        let period = self.period(metric);
        let next = self.next.get(metric)?;
        if !self.is_compared(metric) {
            let first = windows.first()?.from;
            return Some((next.unwrap_or_else(|| aligned(first, period)), None));
        }
        windows.iter().find_map(|window| {
            let from = aligned(window.from, period);
            let start = next.map_or(from, |next| next.max(from));
            let fits = window.until.is_none_or(|until| end(start, period) <= until);
            (fits && window.weight < Weight::FULL).then_some((start, Some(window.step)))
        })
    }

    /// Takes a value.
    pub(super) fn take(&mut self, value: &ValueRead) {
        let ended = end(value.at, self.period(value.metric));
        if let Some(next) = self.next.get_mut(value.metric) {
            *next = Some(ended);
        }
        if let Some(newest) = self.newest.get_mut(value.metric) {
            let kept = self.guards.thresholds[value.metric].of as usize;
            newest.push_back(value.green);
            if newest.len() > kept.max(ThresholdGuard::UNKNOWN_IN_A_ROW) {
                newest.pop_front();
            }
            return;
        }
        // One metric may still be read in the step before: its last periods come late.
        if self.step < value.step {
            self.step = value.step;
            self.judged = None;
        }
        self.compared_to = self.compared_to.max(Some(ended));
        let first = self.guards.thresholds.len();
        if let Some(series) = self.series.get_mut(value.metric - first) {
            let or_nan = |value: Option<Number>| value.map_or(f64::NAN, Number::get);
            if series.step != value.step {
                *series = Series {
                    step: value.step,
                    ..Series::default()
                };
            }
            series.periods += 1;
            series.green.push_back(or_nan(value.green));
            series.blue.push_back(or_nan(value.blue));
            if series.green.len() > COMPARED {
                series.green.pop_front();
                series.blue.pop_front();
            }
        }
    }

    /// The first limit that green crosses.
    pub fn crossed(&self) -> Option<Crossed> {
        let mut both = self.guards.thresholds.iter().zip(&self.newest);
        both.find_map(|(guard, newest)| {
            let newest: Vec<_> = newest.iter().copied().collect();
            guard.trips(&newest).then(|| Crossed::of(guard, &newest))
        })
    }

    /// Each metric that has had no value for so many periods that it holds.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, u32)> {
        let both = self.guards.thresholds.iter().zip(&self.newest);
        both.filter_map(|(guard, newest)| {
            let newest: Vec<_> = newest.iter().copied().collect();
            let periods = guard.unknown_for(&newest)?;
            Some((guard.name.as_str(), periods))
        })
    }

    /// What both sides' values of a step say; none where nothing is compared in it.
    pub fn judgement(&self, step: usize, windows: &[Window]) -> Option<Judgement> {
        let guard = self.guards.compare.as_ref()?;
        let window = windows.iter().find(|window| window.step == step)?;
        if window.weight == Weight::FULL {
            return None;
        }
        let empty = Series::default();
        let of_step = |series: &Series| series.step == Some(step);
        let series: Vec<&Series> = self
            .series
            .iter()
            .map(|series| if of_step(series) { series } else { &empty })
            .collect();
        Some(Judgement::of(guard, step, &series))
    }

    /// Whether enough time has passed since the step was last judged, or began.
    pub(super) fn is_interval_over(&self, step: usize, windows: &[Window]) -> bool {
        let every = self.guards.compare.as_ref().and_then(|it| it.every);
        let (Some(every), Some(to)) = (every, self.compared_to) else {
            return false;
        };
        let window = windows.iter().find(|window| window.step == step);
        let since = match (&self.judged, window) {
            (Some((_, to)), _) => *to,
            (None, Some(window)) => window.from,
            (None, None) => return false,
        };
        let every = SignedDuration::from_secs(i64::from(every));
        self.step == Some(step) && to.duration_since(since) >= every
    }

    /// Whether this is news of the step.
    pub(super) fn is_news(&self, judgement: &Judgement) -> bool {
        let last = self.judged.as_ref().map(|(last, _)| last);
        last.is_none_or(|last| last.verdict != judgement.verdict || last.score != judgement.score)
    }

    /// Notes what was said.
    pub(super) fn note(&mut self, judgement: &Judgement) {
        let to = self.compared_to.unwrap_or_default();
        self.judged = Some((judgement.clone(), to));
    }
}

/// Names a metric in words for people.
pub fn name_of(guards: &MetricGuards, metric: usize) -> &str {
    guards.watched().nth(metric).map_or("?", Watched::name)
}

/// The first period that begins at a moment or after it.
fn aligned(at: Timestamp, period: Period) -> Timestamp {
    let (second, length) = (at.as_second(), i64::from(period.seconds()));
    let over = second.rem_euclid(length);
    let start = if over == 0 {
        second
    } else {
        second - over + length
    };
    Timestamp::from_second(start).unwrap_or(at)
}

/// The end of a period.
pub fn end(start: Timestamp, period: Period) -> Timestamp {
    let length = SignedDuration::from_secs(i64::from(period.seconds()));
    start.checked_add(length).unwrap_or(Timestamp::MAX)
}
