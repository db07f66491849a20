//! Fixed limits that blue itself crossed: a version that is as good would be reverted for them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::fine::called;
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::{MetricGuards, ThresholdGuard};
use crate::deployment::surroundings::Before;
use crate::judge::guards::{MissingData, Number, Watched};

/// What to say of each limit that would have tripped on slot `live`. `before` may be empty.
pub(super) fn before(guards: &MetricGuards, before: &[Before], live: SlotName) -> Vec<String> {
    let limits = guards.thresholds.iter().zip(before);
    let told = limits.filter_map(|(guard, before)| {
        let values = newest_that_trip(guard, &before[live])?;
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        Some(format!(
            "blue itself crossed {} in the last hour: {} in {} ({}); a version as good as blue \
             may be reverted: set another limit",
            called(Watched::Threshold(guard)),
            guard.limit,
            guard.how_often(),
            values.join(", ")
        ))
    });
    told.collect()
}

/// The values of the newest periods that the guard would have tripped on.
fn newest_that_trip(
    guard: &ThresholdGuard,
    values: &BTreeMap<Timestamp, Number>,
) -> Option<Vec<Number>> {
    let (first, last) = (values.keys().next()?, values.keys().next_back()?);
    let period = SignedDuration::from_secs(guard.source.period.seconds().into());
    let starts = std::iter::successors(Some(*first), |at| at.checked_add(period).ok());
    let starts = starts.take_while(|at| at <= last);
    let series: Vec<Option<Number>> = starts.map(|at| values.get(&at).copied()).collect();
    // What blue did not publish is nothing against green.
    let guard = ThresholdGuard {
        missing: MissingData::Ok,
        ..guard.clone()
    };
    let ends = (1..=series.len()).rev();
    let tripped = ends.map(|end| &series[..end]).find(|it| guard.trips(it))?;
    let from = tripped.len().saturating_sub(guard.of as usize);
    Some(tripped[from..].iter().flatten().copied().collect())
}
