//! Runs summed up: what a table shows.

use jiff::SignedDuration;
use serde::Serialize;

use super::fault::Kind;
use super::tally::{End, Tally};

/// One strategy against one fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was wrong.
    pub fault: String,
    /// The strategy's name.
    pub strategy: String,
    /// Whether the version ought to be reverted.
    pub bad: bool,
    /// How many runs.
    pub runs: usize,
    /// How many of them ended on blue.
    pub reverted: usize,
    /// How many of them ended with green serving everything.
    pub promoted: usize,
    /// Seconds from the first shift (or the beginning, where none came) until something tripped:
    /// the median of the reverted ones.
    pub noticed: Option<i64>,
    /// The same until all traffic was back.
    pub back: Option<i64>,
    /// Seconds from the beginning until green served everything for good: the median.
    pub took: Option<i64>,
    /// Requests to green, on average.
    pub to_green: f64,
    /// Failed requests among them, on average.
    pub failed: f64,
    /// Whether the version's fault is that so many requests fail.
    #[serde(skip)]
    pub(super) by_errors: bool,
}

impl Row {
    pub(super) fn of(fault: &str, version: Kind, strategy: &str, tallies: &[Tally]) -> Row {
        let ended = |end: End| tallies.iter().filter(move |it| it.end == end);
        let mean = |of: fn(&Tally) -> u64| {
            let sum: u64 = tallies.iter().map(of).sum();
            sum as f64 / tallies.len().max(1) as f64
        };
        Row {
            fault: fault.to_owned(),
            strategy: strategy.to_owned(),
            bad: version.is_bad(),
            runs: tallies.len(),
            reverted: ended(End::Reverted).count(),
            promoted: ended(End::Promoted).count(),
            noticed: median(ended(End::Reverted).filter_map(|it| it.noticed)),
            back: median(ended(End::Reverted).filter_map(|it| it.back)),
            took: median(ended(End::Promoted).map(|it| it.took)),
            to_green: mean(|it| it.to_green),
            failed: mean(|it| it.failed),
            by_errors: matches!(version, Kind::Errors(_)),
        }
    }
}

fn median(lengths: impl Iterator<Item = SignedDuration>) -> Option<i64> {
    let mut seconds: Vec<i64> = lengths.map(|it| it.as_secs()).collect();
    seconds.sort_unstable();
    seconds.get(seconds.len() / 2).copied()
}

/// A strategy's failed requests over all bad versions that fail requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mean {
    /// The strategy's name.
    pub strategy: String,
    /// The geometric mean of the faults' averages.
    pub failed: f64,
    /// The same as a share of the last strategy's.
    pub of_last: f64,
}

/// Each strategy's geometric mean, where at least two are side by side and there is anything to
/// compare.
pub fn means(rows: &[Row]) -> Vec<Mean> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.strategy.as_str()) {
            names.push(&row.strategy);
        }
    }
    let mean = |name: &&str| {
        let own = rows
            .iter()
            .filter(|it| it.strategy == **name && it.by_errors);
        let logs: Vec<f64> = own.map(|it| it.failed.max(1.0).ln()).collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    };
    let found: Option<Vec<f64>> = names.iter().map(mean).collect();
    let Some(found) = found.filter(|it| it.len() > 1) else {
        return Vec::new();
    };
    let last = found[found.len() - 1];
    let each = names.iter().zip(&found);
    each.map(|(name, failed)| Mean {
        strategy: (*name).to_owned(),
        failed: *failed,
        of_last: failed / last,
    })
    .collect()
}
