//! Any metric, green beside blue, by rank.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Number, Source, percent_of};
use crate::judge::compare::sample::{Missing, Outliers};
use crate::judge::compare::{Comparison, Direction, Effect, Limits};
use crate::strategy::format_duration;

/// Metrics that are compared by rank and scored together (`guards.metrics.compare`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareGuard {
    /// How often it judges within a step, in seconds; left out, at the end of each step only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// From this score on green may move on, in hundredths: 95.
    pub pass: u32,
    /// Under this score it reverts, in hundredths: 75.
    pub marginal: u32,
    /// The weight of each group, in hundredths; the others share what is left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, u32>,
    /// What is compared.
    pub metrics: Vec<Compared>,
}

/// One metric (an entry of `guards.metrics.compare.metrics`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// What people call it.
    pub name: String,
    /// Where its values come from.
    pub source: Source,
    /// Which way is worse.
    pub worse: Worse,
    /// Whether this metric alone can fail the whole.
    pub critical: bool,
    /// Whether it fails where there is nothing to compare.
    pub must_have_data: bool,
    /// Part of the difference that doesn't count, in millionths: 250,000.
    pub tolerance: u32,
    /// Of the test, in millionths: 980,000.
    pub confidence: u32,
    /// How the size of a difference is told.
    pub effect: EffectSize,
    /// From which size on it counts.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub allowed: Bounds,
    /// From which size on it fails the whole, where the metric is critical.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub critical_at: Bounds,
    /// What is done with the values before.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub values: Handling,
    /// The groups that it counts in.
    pub groups: Vec<String>,
}

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More.
    Increase,
    /// Less.
    Decrease,
    /// Both.
    Either,
}

/// How the size of a difference is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectSize {
    /// Green's mean over blue's.
    MeanRatio,
    /// How often one of green's values is above one of blue's.
    CommonLanguage,
}

/// Sizes from which a difference counts; where one is left out, any does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// At least this: more is worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<Number>,
    /// At most this: less is worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decrease: Option<Number>,
}

/// What is done with values before they are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handling {
    /// Whether a missing value is 0, and not nothing.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub missing_is_zero: bool,
    /// Whether values far outside the quartiles are left out.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub without_outliers: bool,
}

/// How far outside the quartiles is far: Kayenta's factor.
const FENCE: f64 = 3.0;

impl Compared {
    /// A metric with Kayenta's defaults.
    pub fn of(name: &str, source: Source) -> Compared {
        Compared {
            name: name.to_owned(),
            source,
            worse: Worse::Increase,
            critical: false,
            must_have_data: false,
            tolerance: 250_000,
            confidence: 980_000,
            effect: EffectSize::MeanRatio,
            allowed: Bounds::default(),
            critical_at: Bounds::default(),
            values: Handling::default(),
            groups: vec!["all".to_owned()],
        }
    }

    /// What the test is asked.
    pub fn comparison(&self) -> Comparison {
        let effect = match self.effect {
            EffectSize::MeanRatio => Effect::MeanRatio,
            EffectSize::CommonLanguage => Effect::CommonLanguage,
        };
        let limits = |bounds: Bounds| {
            let none = effect.no_limits();
            let or = |bound: Option<Number>, none| bound.map_or(none, Number::get);
            Limits {
                decrease: or(bounds.decrease, none.decrease),
                increase: or(bounds.increase, none.increase),
            }
        };
        Comparison {
            direction: match self.worse {
                Worse::Increase => Direction::Increase,
                Worse::Decrease => Direction::Decrease,
                Worse::Either => Direction::Either,
            },
            critical: self.critical,
            must_have_data: self.must_have_data,
            missing: match self.values.missing_is_zero {
                true => Missing::Zero,
                false => Missing::Remove,
            },
            outliers: match self.values.without_outliers {
                true => Outliers::Fences {
                    factor: FENCE,
                    reduce_sensitivity: true,
                },
                false => Outliers::Keep,
            },
            tolerance: f64::from(self.tolerance) / 1e6,
            confidence: f64::from(self.confidence) / 1e6,
            effect,
            allowed: limits(self.allowed),
            critical_at: limits(self.critical_at),
        }
    }

    /// How many values a side are needed at least before anything can be said.
    pub fn values_needed(&self) -> u32 {
        self.comparison().values_needed()
    }

    /// After so many periods without enough values it has no data: until then more are waited for.
    pub fn periods_waited(&self) -> u32 {
        2 * self.values_needed()
    }
}

impl CompareGuard {
    /// In words: how it judges, then each metric.
    pub fn lines(&self) -> Vec<String> {
        let when = match self.every {
            Some(every) => {
                let every = Duration::from_secs(u64::from(every));
                let every = format_duration(every);
                format!("every {every} and at the end of each step")
            }
            None => "at the end of each step".to_owned(),
        };
        let how = format!(
            "compared {when}: a score of {} moves on, one under {} reverts",
            self.pass, self.marginal
        );
        let metrics = self.metrics.iter().map(|it| format!("  {it}"));
        std::iter::once(how).chain(metrics).collect()
    }
}

/// How it is judged; what is as usual is left out.
impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Compared::of(&self.name, self.source.clone());
        let worse = match self.worse {
            Worse::Increase => "more is worse",
            Worse::Decrease => "less is worse",
            Worse::Either => "more and less are worse",
        };
        write!(f, "{}: {worse}", self.name)?;
        if self.critical {
            f.write_str(", critical")?;
        }
        if self.must_have_data {
            f.write_str(", must have data")?;
        }
        write!(
            f,
            "; {} % confidence, from {} values of {} a side on",
            percent_of(self.confidence),
            self.values_needed(),
            self.source.period
        )?;
        if self.tolerance != usual.tolerance {
            let part = percent_of(self.tolerance);
            write!(f, "; {part} % of the difference doesn't count")?;
        }
        if self.effect != usual.effect {
            f.write_str("; sizes are how often green's values are above blue's")?;
        }
        if let Some(bounds) = self.allowed.told() {
            write!(f, "; a difference counts from {bounds}")?;
        }
        if let Some(bounds) = self.critical_at.told() {
            write!(f, "; it fails the whole from {bounds}")?;
        }
        Ok(())
    }
}

impl Bounds {
    /// `1.1 upwards and 0.9 downwards`; nothing where there are none.
    fn told(self) -> Option<String> {
        match (self.increase, self.decrease) {
            (None, None) => None,
            (Some(more), None) => Some(format!("{more} upwards")),
            (None, Some(less)) => Some(format!("{less} downwards")),
            (Some(more), Some(less)) => Some(format!("{more} upwards and {less} downwards")),
        }
    }
}
