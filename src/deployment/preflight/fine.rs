//! Periods under a minute, of metrics that have one value a minute: most periods have none.

use std::time::Duration;

use crate::deployment::metrics::{MetricGuards, Tried};
use crate::judge::guards::{MissingData, Period, Watched};
use crate::strategy::format_duration;

/// Values that one side of a metric by the minute has where it was tried, both ends counted.
const BY_THE_MINUTE: usize = 16;
const HALF_A_MINUTE: u32 = 30;
/// AWS's own services publish by the minute.
const OF_AWS: &str = "AWS/";

/// A guard's name in the config.
pub(super) fn called(watched: Watched<'_>) -> String {
    let key = match watched {
        Watched::Threshold(_) => "threshold",
        Watched::Compared(_) => "compare",
    };
    format!("guards.metrics.{key} {:?}", watched.name())
}

/// What to say of each guard whose periods are shorter than those of its metric. `tried` may be
/// empty.
pub(super) fn too_fine(guards: &MetricGuards, tried: &[Tried], patience: Duration) -> Vec<String> {
    let watched = guards.watched().enumerate();
    let told = watched.filter_map(|(at, watched)| {
        let period = watched.source().period;
        let seconds = period.seconds();
        if seconds >= Period::MINUTE.seconds() {
            return None;
        }
        let values = tried.get(at).map_or(0, |it| it.values);
        // Both slots have values; of 30 s each, one slot's would be as many.
        let sides = if seconds < HALF_A_MINUTE { 2 } else { 1 };
        let shown = (1..=sides * BY_THE_MINUTE).contains(&values);
        let mut metrics = watched.source().metrics.values();
        let by_aws = metrics.any(|it| it.namespace.starts_with(OF_AWS));
        let of_aws = by_aws && values <= 2 * BY_THE_MINUTE;
        let why = match (of_aws, shown && !is_sparse(watched)) {
            (true, _) => "CloudWatch has one value a minute of what AWS's own services publish",
            (_, true) => "CloudWatch showed no more than one value a minute when it was asked",
            _ => return None,
        };
        Some(format!(
            "{} has periods of {period}, and {why}: the other periods have none, {}; set \
             `period: 1m`",
            called(watched),
            then(watched, patience)
        ))
    });
    told.collect()
}

/// Whether periods without a value are nothing unusual.
fn is_sparse(watched: Watched<'_>) -> bool {
    match watched {
        Watched::Threshold(guard) => guard.missing == MissingData::Ok,
        Watched::Compared(metric) => metric.values.missing_is_zero,
    }
}

/// What comes of periods without a value.
fn then(watched: Watched<'_>, patience: Duration) -> String {
    match watched {
        Watched::Threshold(guard) => match guard.missing {
            // One of two is missing at most: never so many in a row that it holds.
            MissingData::Hold if guard.source.period.seconds() >= HALF_A_MINUTE => {
                "and count as good".to_owned()
            }
            MissingData::Ok => "and count as good".to_owned(),
            MissingData::Hold => format!(
                "so that it holds again and again, and may revert a good version when `patience` \
                 ({}) is over",
                format_duration(patience)
            ),
            MissingData::Revert => "so that it reverts a good version".to_owned(),
        },
        Watched::Compared(metric) if metric.values.missing_is_zero => "and count as 0".to_owned(),
        Watched::Compared(_) => "so that enough of them come late or never".to_owned(),
    }
}
