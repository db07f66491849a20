//! Several metrics together: a score from 0 to 100.

use std::collections::BTreeMap;

use super::Class;

/// One metric's part in the score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The groups it counts in.
    pub groups: Vec<String>,
    /// How green's values are.
    pub class: Class,
    /// Whether it fails the whole by itself, unless it passes.
    pub critical: bool,
    /// Whether it is only shown.
    pub muted: bool,
}

/// All metrics together.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// From 0 to 100, rounded to two decimals.
    Of {
        /// The weighted mean of the groups.
        summary: f64,
        /// Each group that was measured: the part of its metrics that pass, in percent.
        groups: BTreeMap<String, f64>,
    },
    /// Half of the metrics or more have no data: it can't be told.
    Unmeasured,
}

/// How a score stands against two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As high as the higher one.
    Pass,
    /// As high as the lower one.
    Marginal,
    /// Under both.
    Fail,
}

impl Standing {
    /// Of a score.
    pub fn of(summary: f64, pass: f64, marginal: f64) -> Standing {
        match summary {
            _ if summary >= pass => Standing::Pass,
            _ if summary >= marginal => Standing::Marginal,
            _ => Standing::Fail,
        }
    }
}

/// Scores `metrics`. Groups with no weight of their own share what all weights leave of 100; the
/// weight of a group without metrics is lost, and those that were not measured are left out, so
/// that the others count for more.
pub fn score(metrics: &[Scored], weights: &BTreeMap<String, f64>) -> Score {
    let metrics: Vec<&Scored> = metrics.iter().filter(|metric| !metric.muted).collect();
    let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut names: BTreeMap<&str, ()> = BTreeMap::new();
    for metric in &metrics {
        for group in &metric.groups {
            names.insert(group, ());
            if metric.class != Class::NoData {
                let (passed, all) = groups.entry(group).or_default();
                *all += 1.0;
                *passed += f64::from(u8::from(metric.class == Class::Pass));
            }
        }
    }
    let shares: BTreeMap<String, f64> = groups
        .iter()
        .map(|(name, (passed, all))| ((*name).to_owned(), 100.0 * passed / all))
        .collect();
    if metrics
        .iter()
        .any(|metric| metric.critical && metric.class != Class::Pass)
    {
        return Score::Of {
            summary: 0.0,
            groups: shares,
        };
    }
    let without = metrics
        .iter()
        .filter(|metric| metric.class == Class::NoData);
    if 2 * without.count() >= metrics.len() {
        return Score::Unmeasured;
    }
    let configured: f64 = weights.values().sum();
    let unweighted = names.keys().filter(|name| !weights.contains_key(**name));
    let rest = (100.0 - configured) / unweighted.count().max(1) as f64;
    let weight = |name: &str| weights.get(name).copied().unwrap_or(rest);
    let there: f64 = names.keys().map(|name| weight(name)).sum();
    let measured: f64 = shares.keys().map(|name| weight(name)).sum();
    if measured <= 0.0 {
        return Score::Unmeasured;
    }
    let sum: f64 = shares
        .iter()
        .map(|(name, share)| weight(name) * share)
        .sum();
    Score::Of {
        summary: (sum / measured * there).round() / 100.0,
        groups: shares,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(class: Class) -> Scored {
        Scored {
            groups: vec!["all".to_owned()],
            class,
            critical: false,
            muted: false,
        }
    }

    #[test]
    fn nothing_but_errors_scores_nothing() {
        let score = score(
            &[metric(Class::Error), metric(Class::Error)],
            &BTreeMap::new(),
        );
        assert!(matches!(score, Score::Of { summary, .. } if summary == 0.0));
    }

    #[test]
    fn half_of_the_metrics_without_data_is_no_score() {
        let metrics = [metric(Class::Pass), metric(Class::NoData)];
        assert_eq!(score(&metrics, &BTreeMap::new()), Score::Unmeasured);
        assert_eq!(score(&[], &BTreeMap::new()), Score::Unmeasured);
    }

    #[test]
    fn a_muted_metric_is_only_shown() {
        let muted = Scored {
            muted: true,
            critical: true,
            ..metric(Class::High)
        };
        let score = score(&[metric(Class::Pass), muted], &BTreeMap::new());
        assert!(matches!(score, Score::Of { summary, .. } if summary == 100.0));
    }
}
