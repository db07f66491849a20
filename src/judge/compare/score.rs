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

/// Scores `metrics`. Groups with no weight of their own share what the others leave of 100;
/// those that were not measured are left out, and the others count for more.
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
    let configured: f64 = names.keys().filter_map(|name| weights.get(*name)).sum();
    let unweighted = names.keys().filter(|name| !weights.contains_key(**name));
    let rest = (100.0 - configured) / unweighted.count().max(1) as f64;
    let weight = |name: &String| weights.get(name).copied().unwrap_or(rest);
    let all: f64 = shares.keys().map(weight).sum();
    let sum: f64 = shares
        .iter()
        .map(|(name, share)| weight(name) * share)
        .sum();
    Score::Of {
        summary: (sum / all * 100.0).round() / 100.0,
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
