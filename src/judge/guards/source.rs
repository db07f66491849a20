//! Where a metric's values come from: CloudWatch's metrics, and expressions over them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::strategy::format_duration;

/// What stands for a slot's own in names, dimensions and expressions.
pub const PLACEHOLDERS: [&str; 5] = [
    "{target_group}",
    "{load_balancer}",
    "{service}",
    "{cluster}",
    "{slot}",
];
/// Those that differ between the slots.
const OF_A_SLOT: [&str; 3] = ["{target_group}", "{service}", "{slot}"];

/// What the placeholders stand for on one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// `targetgroup/NAME/ID` of the slot's first target group.
    pub target_group: String,
    /// `app/NAME/ID` of that group's load balancer.
    pub load_balancer: String,
    /// The slot's ECS service.
    pub service: String,
    /// The cluster.
    pub cluster: String,
    /// `a` or `b`.
    pub slot: String,
}

impl Filled {
    fn fill(&self, text: &str) -> String {
        let by = [
            &self.target_group,
            &self.load_balancer,
            &self.service,
            &self.cluster,
            &self.slot,
        ];
        let both = PLACEHOLDERS.iter().zip(by);
        both.fold(text.to_owned(), |text, (name, by)| text.replace(name, by))
    }
}

/// The length of a metric's periods: 10 or 30 seconds, or whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(u32);

impl Period {
    /// A minute, which is what most metrics have.
    pub const MINUTE: Period = Period(60);
    /// The longest: with more, nothing would be judged in time.
    const LONGEST: u32 = 3600;

    /// So many seconds, where CloudWatch takes that.
    pub fn of_seconds(seconds: u64) -> Option<Period> {
        let seconds = u32::try_from(seconds).ok()?;
        let whole = seconds > 0 && seconds.is_multiple_of(60) && seconds <= Period::LONGEST;
        (whole || matches!(seconds, 10 | 30)).then_some(Period(seconds))
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for Period {
    fn default() -> Period {
        Period::MINUTE
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = Duration::from_secs(u64::from(self.0));
        f.write_str(&format_duration(length))
    }
}

/// One CloudWatch metric's statistic; names and dimensions may have placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricStat {
    /// For example `AWS/ECS`.
    pub namespace: String,
    /// For example `CPUUtilization`.
    pub name: String,
    /// Each dimension's value by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// `Average`, `Sum`, `p99` …
    pub stat: String,
}

/// A metric, or an expression over some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Each metric by the id that the expression names it by; without an expression, one.
    pub metrics: BTreeMap<String, MetricStat>,
    /// Metric math.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The length of a period: the unit of time that it is judged by.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub period: Period,
}

impl Source {
    /// One metric by itself, by the minute.
    pub fn of(metric: MetricStat) -> Source {
        Source {
            metrics: BTreeMap::from([("m".to_owned(), metric)]),
            expression: None,
            period: Period::MINUTE,
        }
    }

    /// The same with a side's own names in it.
    #[must_use]
    pub fn filled(&self, by: &Filled) -> Source {
        let stat = |metric: &MetricStat| MetricStat {
            namespace: by.fill(&metric.namespace),
            name: by.fill(&metric.name),
            dimensions: metric
                .dimensions
                .iter()
                .map(|(name, value)| (name.clone(), by.fill(value)))
                .collect(),
            stat: metric.stat.clone(),
        };
        Source {
            metrics: self
                .metrics
                .iter()
                .map(|(id, metric)| (id.clone(), stat(metric)))
                .collect(),
            expression: self.expression.as_ref().map(|it| by.fill(it)),
            period: self.period,
        }
    }

    /// Every text in which a placeholder may stand.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let metrics = self.metrics.values().flat_map(|metric| {
            let dimensions = metric.dimensions.values().map(String::as_str);
            [metric.namespace.as_str(), metric.name.as_str()]
                .into_iter()
                .chain(dimensions)
        });
        metrics.chain(self.expression.as_deref())
    }

    /// Whether it means something else on each side.
    pub fn differs_by_slot(&self) -> bool {
        self.texts()
            .any(|text| OF_A_SLOT.iter().any(|name| text.contains(name)))
    }
}
