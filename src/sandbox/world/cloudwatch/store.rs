//! Datapoints by metric and minute.

use super::histogram::Histogram;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One-minute datapoints are kept for 15 days, as in CloudWatch.
const KEPT_SECONDS: i64 = 15 * 24 * 3600;

/// A metric: namespace, name and dimensions in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// For example `AWS/ApplicationELB`.
    pub namespace: String,
    /// For example `RequestCount`.
    pub name: String,
    /// Names and values, sorted.
    pub dimensions: Vec<(String, String)>,
}

impl Metric {
    /// A metric with its dimensions brought into order.
    pub fn new(namespace: &str, name: &str, mut dimensions: Vec<(String, String)>) -> Self {
        dimensions.sort();
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions,
        }
    }
}

/// What is known of a set of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How many.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their distribution, where percentiles make sense.
    pub histogram: Option<Histogram>,
}

impl Stats {
    /// One value.
    pub fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            min: value,
            max: value,
            histogram: None,
        }
    }

    /// No values yet, with a distribution to fill.
    pub fn distribution() -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            histogram: Some(Histogram::default()),
        }
    }

    /// Adds a value so many times.
    pub fn add(&mut self, value: f64, count: f64) {
        self.count += count;
        self.sum += value * count;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if let Some(histogram) = &mut self.histogram {
            histogram.add(value, count);
        }
    }

    /// Adds another set.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.histogram = match (self.histogram.take(), &other.histogram) {
            (Some(mut mine), Some(theirs)) => {
                mine.merge(theirs);
                Some(mine)
            }
            // Percentiles of a set with an unknown part would be wrong.
            _ => None,
        };
    }

    /// One figure of it; none for a percentile without a distribution.
    pub fn figure(&self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::SampleCount => Some(self.count),
            Statistic::Sum => Some(self.sum),
            Statistic::Average => (self.count > 0.0).then(|| self.sum / self.count),
            Statistic::Minimum => Some(self.min),
            Statistic::Maximum => Some(self.max),
            Statistic::CountAbove(millionths) => self.above(millionths as f64 / 1e6),
            Statistic::RankUpTo(millionths) => {
                let above = self.above(millionths as f64 / 1e6)?;
                (self.count > 0.0).then(|| 100.0 * (1.0 - above / self.count))
            }
            Statistic::Percentile(percent) => {
                let value = match &self.histogram {
                    Some(histogram) => histogram.percentile(f64::from(percent) / 10.0)?,
                    // A single value is every percentile of itself.
                    None if self.min == self.max => self.min,
                    None => return None,
                };
                Some(value.clamp(self.min, self.max))
            }
        }
    }
}

impl Stats {
    /// How many values are above one; none without a distribution.
    fn above(&self, value: f64) -> Option<f64> {
        match &self.histogram {
            _ if self.max <= value => Some(0.0),
            _ if self.min > value => Some(self.count),
            Some(histogram) => Some(histogram.above(value)),
            None => None,
        }
    }
}

/// A statistic of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Number of values.
    SampleCount,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// A percentile, in tenths of a percent: `p99.9` is 999.
    Percentile(u16),
    /// How many values are over so many millionths: `TC(0.5:)`.
    CountAbove(u64),
    /// How many percent of all values are not: `PR(:0.5)`.
    RankUpTo(u64),
}

impl Statistic {
    /// Reads AWS's name: `Sum`, `p90`, `p99.9`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "SampleCount" => Some(Self::SampleCount),
            "Sum" => Some(Self::Sum),
            "Average" => Some(Self::Average),
            "Minimum" => Some(Self::Minimum),
            "Maximum" => Some(Self::Maximum),
            _ if name.ends_with(')') => Self::of_range(name),
            _ => {
                let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
                let valid = (0.0..=100.0).contains(&percent);
                valid.then(|| Self::Percentile((percent * 10.0).round() as u16))
            }
        }
    }

    /// `TC(0.5:)` and `PR(:0.5)`; other ranges are not offered.
    fn of_range(name: &str) -> Option<Self> {
        let (kind, range) = name.strip_suffix(')')?.split_once('(')?;
        let (low, high) = range.split_once(':')?;
        let millionths = |text: &str| -> Option<u64> {
            let value: f64 = text.parse().ok()?;
            (value >= 0.0).then_some((value * 1e6).round() as u64)
        };
        match (kind, low, high) {
            ("TC", low, "") => millionths(low).map(Self::CountAbove),
            ("PR", "", high) => millionths(high).map(Self::RankUpTo),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
struct Sample {
    stats: Stats,
    visible_at: i64,
}

#[derive(Debug, Clone, Default)]
struct Series {
    unit: Option<String>,
    minutes: BTreeMap<i64, Sample>,
}

/// A stretch of time in periods, in epoch seconds: from `start` up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start of the first period.
    pub start: i64,
    /// End of the last.
    pub end: i64,
    /// Length of each.
    pub period: i64,
}

/// The start of a period, and what is known of it.
type Period<'a> = (i64, Cow<'a, Stats>);

/// All datapoints.
#[derive(Debug, Clone, Default)]
pub struct Store {
    series: BTreeMap<Metric, Series>,
}

impl Store {
    /// Adds values to a metric's minute. They can be seen from `visible_at` on.
    pub fn record(
        &mut self,
        metric: Metric,
        unit: Option<&str>,
        at: Timestamp,
        stats: &Stats,
        visible_at: Timestamp,
    ) {
        let minute = at.as_second().div_euclid(60) * 60;
        self.record_second(metric, unit, minute, stats, visible_at);
    }

    /// Adds values to a metric's second: one of high resolution.
    pub fn record_fine(
        &mut self,
        metric: Metric,
        unit: Option<&str>,
        at: Timestamp,
        stats: &Stats,
        visible_at: Timestamp,
    ) {
        self.record_second(metric, unit, at.as_second(), stats, visible_at);
    }

    fn record_second(
        &mut self,
        metric: Metric,
        unit: Option<&str>,
        minute: i64,
        stats: &Stats,
        visible_at: Timestamp,
    ) {
        let series = self.series.entry(metric).or_default();
        if let Some(unit) = unit {
            series.unit = Some(unit.to_owned());
        }
        match series.minutes.get_mut(&minute) {
            Some(sample) => sample.stats.merge(stats),
            None => {
                let sample = Sample {
                    stats: stats.clone(),
                    visible_at: visible_at.as_second(),
                };
                series.minutes.insert(minute, sample);
            }
        }
        while let Some(oldest) = series.minutes.first_entry() {
            if *oldest.key() >= minute - KEPT_SECONDS {
                break;
            }
            oldest.remove();
        }
    }

    /// The visible data of each period in a window, by the period's start; periods without data
    /// are left out.
    pub fn periods(&self, metric: &Metric, window: Window, now: Timestamp) -> BTreeMap<i64, Stats> {
        let periods = self.by_period(metric, window, now).into_iter();
        let owned = periods.map(|(start, stats)| (start, stats.into_owned()));
        owned.collect()
    }

    /// The same in order; what one minute alone says isn't copied.
    fn by_period(&self, metric: &Metric, window: Window, now: Timestamp) -> Vec<Period<'_>> {
        let mut periods: Vec<Period<'_>> = Vec::new();
        let Some(series) = self.series.get(metric) else {
            return periods;
        };
        if window.start >= window.end {
            return periods;
        }
        let now = now.as_second();
        let samples = series.minutes.range(window.start..window.end);
        for (minute, sample) in samples.filter(|(_, sample)| sample.visible_at <= now) {
            let start = minute.div_euclid(window.period) * window.period;
            match periods.last_mut() {
                Some((last, stats)) if *last == start => stats.to_mut().merge(&sample.stats),
                _ => periods.push((start, Cow::Borrowed(&sample.stats))),
            }
        }
        periods
    }

    /// One statistic for each period of a window.
    pub fn values(
        &self,
        metric: &Metric,
        statistic: Statistic,
        window: Window,
        now: Timestamp,
    ) -> BTreeMap<i64, f64> {
        let periods = self.by_period(metric, window, now).into_iter();
        periods
            .filter_map(|(start, stats)| Some((start, stats.figure(statistic)?)))
            .collect()
    }

    /// The newest minute that starts before `before` and can be seen.
    pub fn newest(&self, metric: &Metric, before: i64, now: Timestamp) -> Option<i64> {
        let now = now.as_second();
        let minutes = self.series.get(metric)?.minutes.range(..before);
        let mut visible = minutes.rev().filter(|(_, sample)| sample.visible_at <= now);
        visible.next().map(|(minute, _)| *minute)
    }

    /// A metric's unit.
    pub fn unit(&self, metric: &Metric) -> Option<&str> {
        self.series.get(metric)?.unit.as_deref()
    }

    /// All metrics that have data.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.series.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn metric() -> Metric {
        Metric::new(
            "N",
            "m",
            vec![("b".into(), "2".into()), ("a".into(), "1".into())],
        )
    }

    #[test]
    fn data_is_unseen_until_its_time() {
        let mut store = Store::default();
        store.record(metric(), None, at(600), &Stats::of(3.0), at(750));
        let window = Window {
            start: 0,
            end: 1200,
            period: 60,
        };
        let seen = |now| store.values(&metric(), Statistic::Sum, window, at(now));
        assert!(seen(749).is_empty());
        assert_eq!(seen(750), BTreeMap::from([(600, 3.0)]));
        assert_eq!(store.newest(&metric(), 1200, at(749)), None);
    }

    #[test]
    fn longer_periods_join_minutes() {
        let mut store = Store::default();
        for (second, value) in [(300, 1.0), (360, 5.0), (600, 2.0)] {
            store.record(metric(), None, at(second), &Stats::of(value), at(0));
        }
        let window = Window {
            start: 0,
            end: 900,
            period: 300,
        };
        let figure = |statistic| store.values(&metric(), statistic, window, at(900));
        assert_eq!(
            figure(Statistic::Sum),
            BTreeMap::from([(300, 6.0), (600, 2.0)])
        );
        assert_eq!(figure(Statistic::Average)[&300], 3.0);
        assert_eq!(figure(Statistic::Maximum)[&300], 5.0);
        assert_eq!(figure(Statistic::SampleCount)[&300], 2.0);
    }

    #[test]
    fn old_minutes_are_dropped() {
        let mut store = Store::default();
        store.record(metric(), None, at(0), &Stats::of(1.0), at(0));
        store.record(
            metric(),
            None,
            at(KEPT_SECONDS + 60),
            &Stats::of(1.0),
            at(0),
        );
        assert_eq!(store.newest(&metric(), 60, at(KEPT_SECONDS)), None);
    }

    #[test]
    fn statistics_are_read_by_awss_names() {
        assert_eq!(Statistic::parse("p99.9"), Some(Statistic::Percentile(999)));
        assert_eq!(Statistic::parse("p90"), Some(Statistic::Percentile(900)));
        assert_eq!(Statistic::parse("Sum"), Some(Statistic::Sum));
        assert_eq!(
            Statistic::parse("TC(0.235:)"),
            Some(Statistic::CountAbove(235_000))
        );
        assert_eq!(
            Statistic::parse("PR(:1)"),
            Some(Statistic::RankUpTo(1_000_000))
        );
        for unknown in [
            "sum", "p101", "px", "tm99", "", "TC(:)", "PR(1:2)", "TM(5%:)",
        ] {
            assert_eq!(Statistic::parse(unknown), None, "{unknown}");
        }
    }
}
