//! Evaluates a metric alarm as CloudWatch documents it: M out of N, and missing data.

use super::alarm::{AlarmState, Change, MetricSpec, Missing};
use super::query::{self, Source};
use super::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Periods that CloudWatch looks at beyond N, to find enough real datapoints. Its documentation
/// shows five for N = 3.
const EXTRA_PERIODS: usize = 2;

/// The state that an alarm's data call for now, explained where it is another one than `previous`,
/// what the last evaluation came to.
pub(super) fn judge(
    spec: &MetricSpec,
    store: &Store,
    now: Timestamp,
    lag: SignedDuration,
    previous: Option<AlarmState>,
) -> Change {
    let last = newest_period(spec, store, now, lag);
    let range = spec.evaluation_periods + EXTRA_PERIODS;
    let start = last - (range as i64 - 1) * spec.period;
    let values = query::run(&spec.queries, store, (start, last + spec.period), now);
    let points = values
        .ok()
        .and_then(|mut values| values.remove(&spec.watched));
    let points = points.unwrap_or_default();
    let newest_first: Vec<Option<f64>> = (0..range as i64)
        .map(|age| points.get(&(last - age * spec.period)).copied())
        .collect();
    let state = state_of(spec, &newest_first, previous);
    if previous == Some(state) {
        // Words are made where they are news.
        return Change {
            state,
            reason: String::new(),
            reason_data: None,
        };
    }
    explain(spec, state, &newest_first, last)
}

/// The newest value of what an alarm watches.
pub(in crate::sandbox::world) fn newest(
    spec: &MetricSpec,
    store: &Store,
    now: Timestamp,
) -> Option<f64> {
    let period = spec.period.max(1);
    let end = now.as_second().div_euclid(period) * period;
    let start = end - period * (spec.evaluation_periods + EXTRA_PERIODS) as i64;
    let mut values = query::run(&spec.queries, store, (start, end), now).ok()?;
    let points = values.remove(&spec.watched)?;
    points.values().next_back().copied()
}

/// The start of the newest complete period that should have data by now: known to be visible, or
/// old enough that it would be.
fn newest_period(spec: &MetricSpec, store: &Store, now: Timestamp, lag: SignedDuration) -> i64 {
    let period = spec.period.max(1);
    let complete_before = |time: i64| time.div_euclid(period) * period - period;
    let newest_possible = complete_before(now.as_second());
    let by_lag = complete_before((now - lag).as_second());
    let visible = spec.queries.iter().filter_map(|query| match &query.source {
        Source::Stat { metric, .. } => store.newest(metric, newest_possible + period, now),
        Source::Expression(_) => None,
    });
    let visible = visible
        .max()
        .map(|minute| minute.div_euclid(period) * period);
    visible.map_or(by_lag, |visible| visible.max(by_lag))
}

/// The state for datapoints of the evaluation range, newest first.
fn state_of(
    spec: &MetricSpec,
    newest_first: &[Option<f64>],
    previous: Option<AlarmState>,
) -> AlarmState {
    let (n, m) = (spec.evaluation_periods, spec.datapoints_to_alarm);
    let breaches = |value: f64| spec.comparison.breaches(value, spec.threshold);
    let real: Vec<(usize, bool)> = newest_first
        .iter()
        .enumerate()
        .filter_map(|(age, value)| Some((age, breaches((*value)?))))
        .take(n)
        .collect();
    let breaching = real.iter().filter(|(_, breach)| *breach).count();
    let lacking = n - real.len();
    let verdict = |breaching: usize| match breaching >= m {
        true => AlarmState::Alarm,
        false => AlarmState::Ok,
    };
    let retained = previous.unwrap_or(AlarmState::InsufficientData);
    match spec.missing {
        _ if lacking == 0 => verdict(breaching),
        Missing::Breaching => verdict(breaching + lacking),
        Missing::NotBreaching => verdict(breaching),
        Missing::Missing if real.is_empty() => AlarmState::InsufficientData,
        Missing::Ignore if real.is_empty() => retained,
        _ if breaching >= m => AlarmState::Alarm,
        // An OK datapoint among them decides; otherwise all that is known breaches.
        _ if breaching < real.len() => AlarmState::Ok,
        // "The oldest available breaching datapoint is at least as old as DatapointsToAlarm":
        // the gap since then counts as more of the same.
        Missing::Missing if real.last().is_some_and(|(age, _)| age + 1 >= m) => AlarmState::Alarm,
        _ => retained,
    }
}

fn explain(
    spec: &MetricSpec,
    state: AlarmState,
    newest_first: &[Option<f64>],
    last: i64,
) -> Change {
    let points: Vec<(usize, f64)> = newest_first
        .iter()
        .enumerate()
        .filter_map(|(age, value)| Some((age, (*value)?)))
        .take(spec.evaluation_periods)
        .collect();
    let breaches = |value: f64| spec.comparison.breaches(value, spec.threshold);
    let breaching = points.iter().filter(|(_, value)| breaches(*value)).count();
    let listed: Vec<String> = points
        .iter()
        .map(|(age, value)| format!("{value:?} ({})", clock(last - *age as i64 * spec.period)))
        .collect();
    let listed = listed.join(", ");
    let (n, words, threshold) = (
        spec.evaluation_periods,
        spec.comparison.words(),
        spec.threshold,
    );
    let lacking = n - points.len();
    let plural = |count: usize, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let reason = match state {
        AlarmState::InsufficientData => {
            let unknown = plural(lacking.max(1), "datapoint was", "datapoints were");
            format!("Insufficient Data: {unknown} unknown.")
        }
        _ if points.is_empty() => {
            let periods = plural(lacking, "period", "periods");
            let missing = plural(lacking, "missing datapoint was", "missing datapoints were");
            let treated = match state {
                AlarmState::Alarm => "Breaching",
                _ => "NonBreaching",
            };
            format!(
                "Threshold Crossed: no datapoints were received for {periods} and {missing} treated as [{treated}]."
            )
        }
        AlarmState::Alarm => {
            let verb = if breaching == 1 { "was" } else { "were" };
            let datapoints = plural(n, "datapoint", "datapoints");
            let least = plural(spec.datapoints_to_alarm, "datapoint", "datapoints");
            format!(
                "Threshold Crossed: {breaching} out of the last {datapoints} [{listed}] {verb} {words} the threshold ({threshold:?}) (minimum {least} for OK -> ALARM transition)."
            )
        }
        AlarmState::Ok => {
            let good = points.len() - breaching;
            let verb = if good == 1 { "was" } else { "were" };
            let datapoints = plural(n, "datapoint", "datapoints");
            let least = plural(
                (n + 1).saturating_sub(spec.datapoints_to_alarm),
                "datapoint",
                "datapoints",
            );
            format!(
                "Threshold Crossed: {good} out of the last {datapoints} [{listed}] {verb} not {words} the threshold ({threshold:?}) (minimum {least} for ALARM -> OK transition)."
            )
        }
    };
    let recent: Vec<f64> = points.iter().rev().map(|(_, value)| *value).collect();
    let data = json!({ "version": "1.0", "period": spec.period, "recentDatapoints": recent,
        "threshold": spec.threshold });
    Change {
        state,
        reason,
        reason_data: Some(data.to_string()),
    }
}

/// `21/11/26 07:14:00`, as AWS's reasons have it.
fn clock(second: i64) -> String {
    Timestamp::from_second(second)
        .map(|time| time.strftime("%d/%m/%y %H:%M:%S").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::alarm::Comparison;
    use super::super::query::Query;
    use super::super::store::{Metric, Statistic, Stats};
    use super::*;

    fn spec(m: usize, n: usize, missing: Missing) -> MetricSpec {
        MetricSpec {
            queries: vec![Query {
                id: "m1".to_owned(),
                label: None,
                source: Source::Stat {
                    metric: Metric::new("N", "m", vec![]),
                    statistic: Statistic::Sum,
                    period: 60,
                },
                returns: true,
            }],
            watched: "m1".to_owned(),
            period: 60,
            evaluation_periods: n,
            datapoints_to_alarm: m,
            threshold: 5.0,
            comparison: Comparison::Greater,
            missing,
        }
    }

    /// `0`: fine, `X`: breaching, `-`: missing; oldest first, as the documentation prints them.
    fn points(picture: &str) -> Vec<Option<f64>> {
        let mut points: Vec<_> = picture
            .chars()
            .map(|c| match c {
                '0' => Some(0.0),
                'X' => Some(9.0),
                _ => None,
            })
            .collect();
        points.reverse();
        points
    }

    /// The two tables of "Configuring how CloudWatch alarms treat missing data".
    #[test]
    fn missing_data_counts_as_documented() {
        use AlarmState::{Alarm as A, InsufficientData as I, Ok as O};
        let retained = A;
        for (m, picture, missing, ignore, breaching, not_breaching) in [
            (3, "0-X-X", O, O, O, O),
            (3, "----0", O, O, O, O),
            (3, "-----", I, retained, A, O),
            (3, "0XX-X", A, A, A, A),
            (3, "--X--", A, retained, A, O),
            (2, "0-X-X", A, A, A, A),
            (2, "00X0X", A, A, A, A),
            (2, "0-X--", O, O, A, O),
            (2, "----0", O, O, A, O),
            (2, "---X-", A, retained, A, O),
        ] {
            for (policy, wanted) in [
                (Missing::Missing, missing),
                (Missing::Ignore, ignore),
                (Missing::Breaching, breaching),
                (Missing::NotBreaching, not_breaching),
            ] {
                let got = state_of(&spec(m, 3, policy), &points(picture), Some(retained));
                assert_eq!(got, wanted, "{picture} with {m} of 3, {policy:?}");
            }
        }
    }

    #[test]
    fn a_single_new_breach_is_no_alarm_yet() {
        let got = state_of(
            &spec(2, 3, Missing::Missing),
            &points("----X"),
            Some(AlarmState::Ok),
        );
        assert_eq!(got, AlarmState::Ok, "it stays as it was");
    }

    #[test]
    fn late_data_are_waited_for() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let lag = SignedDuration::from_secs(90);
        let mut store = Store::default();
        let metric = Metric::new("N", "m", vec![]);
        store.record(metric.clone(), None, at(600), &Stats::of(1.0), at(0));
        store.record(metric, None, at(660), &Stats::of(9.0), at(660 + 60 + 90));
        let spec = spec(1, 1, Missing::NotBreaching);
        let state = |now| judge(&spec, &store, at(now), lag, None).state;
        assert_eq!(
            state(720),
            AlarmState::Ok,
            "the minute 660 can't be seen yet"
        );
        assert_eq!(state(780), AlarmState::Ok);
        assert_eq!(state(840), AlarmState::Alarm);
    }

    #[test]
    fn reasons_read_like_awss() {
        let explained = |state, picture: &str| {
            explain(
                &spec(2, 3, Missing::Missing),
                state,
                &points(picture),
                1_790_000_040,
            )
            .reason
        };
        assert_eq!(
            explained(AlarmState::Alarm, "0X0XX"),
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0 (21/09/26 14:14:00), 9.0 (21/09/26 14:13:00), 0.0 (21/09/26 14:12:00)] were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
        );
        assert_eq!(
            explained(AlarmState::InsufficientData, "-----"),
            "Insufficient Data: 3 datapoints were unknown."
        );
        assert_eq!(
            explained(AlarmState::Ok, "-----"),
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching]."
        );
    }
}
