//! One metric's values on both sides, compared by rank: the Mann-Whitney test that Kayenta made
//! usual for canaries, without its search for the ends of an interval, and without its noise.
//!
//! What is different on purpose: too few values are no data, not a verdict; neither an error nor
//! missing data ever counts as a pass; and the verdict doesn't change with the metric's unit.

mod rank;
pub mod sample;
pub mod score;

pub use rank::{Interval, Ranks, normal_quantile};
use sample::{Missing, Outliers};

use super::words::plural;

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is worse.
    Increase,
    /// Less is worse.
    Decrease,
    /// Both are.
    Either,
}

/// How the size of a difference is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Green's mean over blue's.
    MeanRatio,
    /// The common-language effect size: how often one of green's values is above one of blue's.
    CommonLanguage,
}

/// From which effect on a difference counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// At most this: less is worse.
    pub decrease: f64,
    /// At least this: more is worse.
    pub increase: f64,
}

impl Effect {
    /// Every difference counts.
    pub fn no_limits(self) -> Limits {
        let none = match self {
            Effect::MeanRatio => 1.0,
            Effect::CommonLanguage => 0.5,
        };
        Limits {
            decrease: none,
            increase: none,
        }
    }
}

/// How a metric is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which way is worse.
    pub direction: Direction,
    /// Whether this metric alone can fail the whole.
    pub critical: bool,
    /// Whether it fails where there is nothing to compare.
    pub must_have_data: bool,
    /// What a missing value is.
    pub missing: Missing,
    /// Which values are left out.
    pub outliers: Outliers,
    /// Part of the estimated difference that doesn't count: 0.25.
    pub tolerance: f64,
    /// Of the interval: 0.98.
    pub confidence: f64,
    /// How the size of a difference is told.
    pub effect: Effect,
    /// From which size on it counts.
    pub allowed: Limits,
    /// From which size on it fails the whole, where the metric is critical.
    pub critical_at: Limits,
}

impl Default for Comparison {
    fn default() -> Comparison {
        Comparison {
            direction: Direction::Either,
            critical: false,
            must_have_data: false,
            missing: Missing::Remove,
            outliers: Outliers::Keep,
            tolerance: 0.25,
            confidence: 0.98,
            effect: Effect::MeanRatio,
            allowed: Effect::MeanRatio.no_limits(),
            critical_at: Effect::MeanRatio.no_limits(),
        }
    }
}

/// How green's values are beside blue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No worse.
    Pass,
    /// Too high.
    High,
    /// Too low.
    Low,
    /// Too few values to tell.
    NoData,
    /// The same, of a metric that must have data.
    NoDataFails,
    /// The values make no sense: one is infinite.
    Error,
}

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How green is.
    pub class: Class,
    /// Whether it fails the whole by itself.
    pub critical: bool,
    /// Green's mean over blue's; not a number where either is 0, 1 where nothing was compared.
    pub deviation: f64,
    /// What was compared, in words; none for a pass.
    pub reason: Option<String>,
}

impl Comparison {
    /// Compares `green` with `blue`: one value for each interval, not a number where one is
    /// missing.
    pub fn judge(&self, green: &[f64], blue: &[f64]) -> Verdict {
        let clean = |values: &[f64]| self.outliers.left(self.missing.left(values));
        let (green, blue) = (clean(green), clean(blue));
        if green.iter().chain(&blue).any(|value| value.is_infinite()) {
            let why = "a value is infinite".to_owned();
            return self.without_test(Class::Error, self.critical, Some(why));
        }
        let least = green.len().min(blue.len());
        if least == 0 {
            return self.no_data(green.len(), blue.len());
        }
        if sorted(&green) == sorted(&blue) || is_constant(&[&green[..], &blue[..]].concat()) {
            return self.without_test(Class::Pass, false, None);
        }
        let ranks = Ranks::of(&green, &blue);
        let z = normal_quantile(1.0 - (1.0 - self.confidence) / 2.0);
        if ranks.furthest() <= z {
            return self.no_data(green.len(), blue.len());
        }
        self.tell(&ranks, z)
    }

    /// How many values a side are needed at least, where both have the same number: with fewer,
    /// even samples that don't overlap at all can't be told apart at this confidence.
    pub fn values_needed(&self) -> u32 {
        let z = normal_quantile(1.0 - (1.0 - self.confidence) / 2.0);
        let enough = |count: &u32| {
            let values = vec![0.0; *count as usize];
            Ranks::of(&values, &values).furthest() > z
        };
        (1..1000).find(enough).unwrap_or(1000)
    }

    fn tell(&self, ranks: &Ranks, z: f64) -> Verdict {
        let deviation = sample::mean_ratio(ranks.green(), ranks.blue());
        let effect = match self.effect {
            Effect::MeanRatio => deviation,
            Effect::CommonLanguage => ranks.common_language(),
        };
        // No effect size (a mean of 0) lets every difference count.
        let at_least = |limit: f64| effect.is_nan() || effect >= limit;
        let at_most = |limit: f64| effect.is_nan() || effect <= limit;
        let estimate = ranks.estimate();
        let margin = self.tolerance * estimate.abs();
        let class = if self.direction != Direction::Decrease
            && ranks.statistic(margin, z) > 0.0
            && at_least(self.allowed.increase)
        {
            Class::High
        } else if self.direction != Direction::Increase
            && ranks.statistic(-margin, -z) < 0.0
            && at_most(self.allowed.decrease)
        {
            Class::Low
        } else {
            Class::Pass
        };
        let critical = self.critical
            && match class {
                Class::High => at_least(self.critical_at.increase),
                Class::Low => at_most(self.critical_at.decrease),
                _ => false,
            };
        let word = match class {
            Class::High => "above",
            _ => "below",
        };
        let reason = (class != Class::Pass).then(|| {
            format!(
                "green is {word} blue by {:.4} (median difference), {:.0} % confidence, {} and {} \
                 values",
                estimate.abs(),
                self.confidence * 100.0,
                ranks.green().len(),
                ranks.blue().len(),
            )
        });
        Verdict {
            class,
            critical,
            deviation,
            reason,
        }
    }

    fn no_data(&self, green: usize, blue: usize) -> Verdict {
        let class = match self.must_have_data {
            true => Class::NoDataFails,
            false => Class::NoData,
        };
        let green = plural(green as u32, "value");
        let why = format!("{green} on green and {blue} on blue are too few to compare");
        self.without_test(class, self.critical, Some(why))
    }

    fn without_test(&self, class: Class, critical: bool, reason: Option<String>) -> Verdict {
        Verdict {
            class,
            critical,
            deviation: 1.0,
            reason,
        }
    }
}

/// Compares nothing but the means: any difference in a direction that is worse counts.
pub fn compare_means(direction: Direction, green: &[f64], blue: &[f64]) -> Class {
    let (green, blue) = (sample::mean(green), sample::mean(blue));
    if direction != Direction::Decrease && green > blue {
        Class::High
    } else if direction != Direction::Increase && green < blue {
        Class::Low
    } else {
        Class::Pass
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|two| two[0] == two[1])
}

#[cfg(test)]
mod tests;
