//! The metrics that are judged, read in one call.

mod found;
mod history;
mod queries;

use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{MetricDataQuery, MetricDataResult, ScanBy, StatusCode};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::retry::Effect;
use crate::deployment::ids::DeploymentId;
use crate::deployment::metrics::{
    FiguresSeen, MetricGuards, MetricsSeen, MinuteSeen, ValueSeen, minute_of,
};
use crate::deployment::observation::Seen;
use crate::deployment::plan::Plan;
use crate::judge::guards::Number;
pub use found::MetricsAsk;
pub(super) use queries::query;
use queries::{Figure, Place, Queries};

const GET: &str = "cloudwatch:GetMetricData";
/// Between two reads: often enough for two that are half a minute apart.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// The same where a metric has shorter periods than a minute.
const READ_EVERY_IN_HASTE: SignedDuration = SignedDuration::from_secs(5);
/// No minute is looked at sooner after its end.
const NOT_BEFORE: SignedDuration = SignedDuration::from_secs(30);

/// What was last read, and for which deployment.
#[derive(Debug)]
pub(super) struct LastRead {
    deployment: DeploymentId,
    at: Timestamp,
    seen: Seen<MetricsSeen>,
}

impl Cloud {
    /// Both slots' figures from the minute `from` on, read anew every quarter of a minute; `None`
    /// as long as that minute can't have any.
    pub async fn see_metrics(
        &self,
        plan: &Plan,
        from: Timestamp,
        at_most: Duration,
        now: Timestamp,
    ) -> Option<Seen<MetricsSeen>> {
        let pace = Pace::of(plan.guards.metrics.as_ref()?);
        if now < from.checked_add(pace.first_after).ok()? {
            return None;
        }
        let last = self.last_metrics(&plan.id);
        if let Some((at, seen)) = &last
            && now.duration_since(*at) < pace.every
        {
            return Some(seen.clone());
        }
        let read = timeout(at_most, self.read_metrics(plan, from, now)).await;
        let seen = match read {
            Ok(Ok(mut read)) => {
                let before = last.as_ref().and_then(|(_, seen)| seen.value());
                note_what_is_new(&mut read, before, now);
                Seen::Value(read)
            }
            Ok(Err(error)) => Seen::Unreadable(error.to_string()),
            Err(_) => Seen::Unreadable(format!(
                "no answer within {}",
                humantime::format_duration(at_most)
            )),
        };
        self.keep_metrics(LastRead {
            deployment: plan.id.clone(),
            at: now,
            seen: seen.clone(),
        });
        Some(seen)
    }

    async fn read_metrics(
        &self,
        plan: &Plan,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<MetricsSeen, AwsError> {
        let queries = Queries::of(plan);
        let from = queries.start_of_period(from);
        let mut read = MetricsSeen::default();
        for batch in queries.batches() {
            for result in self.metric_data(batch, from, now).await? {
                let place = result.id().and_then(|id| queries.place(id));
                for (at, value) in datapoints(&result) {
                    match place {
                        Some(Place::Value(metric, slot)) => {
                            if let Some(value) = Number::of(value) {
                                let values = read.values.entry((metric, slot)).or_default();
                                values.insert(at, ValueSeen::new(value));
                            }
                        }
                        Some(place) if at < minute_of(now) => {
                            let seen = read.minutes.entry(at).or_default();
                            note(seen, place, value.round() as u64);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(read)
    }

    /// All datapoints of `queries` by the minute, from `start` up to `end`.
    pub(super) async fn metric_data(
        &self,
        queries: &[MetricDataQuery],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<MetricDataResult>, AwsError> {
        let at = |time: Timestamp| DateTime::from_secs(time.as_second());
        let mut results = Vec::new();
        let mut token = None;
        loop {
            let answer = self
                .call(GET, Effect::Reads, || {
                    self.cloudwatch()
                        .get_metric_data()
                        .set_metric_data_queries(Some(queries.to_vec()))
                        .start_time(at(start))
                        .end_time(at(end))
                        .scan_by(ScanBy::TimestampAscending)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            let failed = |result: &&MetricDataResult| {
                let status = result.status_code();
                status == Some(&StatusCode::InternalError) || status == Some(&StatusCode::Forbidden)
            };
            if let Some(failed) = answer.metric_data_results().iter().find(failed) {
                let label = failed.label().unwrap_or("a metric");
                let words = format!("CloudWatch could not read {label}");
                return Err(AwsError::own(GET, ErrorClass::Ambiguous, words));
            }
            results.extend_from_slice(answer.metric_data_results());
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(results);
            }
        }
    }

    fn last_metrics(&self, deployment: &DeploymentId) -> Option<(Timestamp, Seen<MetricsSeen>)> {
        self.with_last_metrics(|last| {
            let last = last
                .as_ref()
                .filter(|last| last.deployment == *deployment)?;
            Some((last.at, last.seen.clone()))
        })
    }

    fn keep_metrics(&self, read: LastRead) {
        self.with_last_metrics(|last| *last = Some(read));
    }
}

/// How often metrics are read.
struct Pace {
    /// How long after its start the first minute or period is looked for.
    first_after: SignedDuration,
    every: SignedDuration,
}

impl Pace {
    fn of(guards: &MetricGuards) -> Pace {
        let periods = guards.watched().map(|it| it.source().period.seconds());
        let shortest = periods.min().unwrap_or(60).min(60);
        let length = SignedDuration::from_secs(i64::from(shortest));
        match shortest < 60 {
            true => Pace {
                first_after: length + READ_EVERY_IN_HASTE,
                every: READ_EVERY_IN_HASTE,
            },
            false => Pace {
                first_after: length + NOT_BEFORE,
                every: READ_EVERY,
            },
        }
    }
}

/// Notes since when reads have shown the same of each minute and value.
fn note_what_is_new(read: &mut MetricsSeen, before: Option<&MetricsSeen>, now: Timestamp) {
    for (minute, seen) in &mut read.minutes {
        let before = before.and_then(|before| before.minutes.get(minute));
        let same = |before: &&MinuteSeen| {
            let seen = MinuteSeen {
                unchanged_since: before.unchanged_since,
                ..seen.clone()
            };
            seen == **before
        };
        seen.unchanged_since = before.filter(same).map_or(now, |it| it.unchanged_since);
    }
    for (place, values) in &mut read.values {
        let before = before.and_then(|before| before.values.get(place));
        for (at, seen) in values {
            let before = before.and_then(|before| before.get(at));
            let same = before.filter(|before| before.value == seen.value);
            seen.unchanged_since = same.map_or(now, |before| before.unchanged_since);
        }
    }
}

fn note(seen: &mut MinuteSeen, place: Place, value: u64) {
    let add = |figure: &mut Option<u64>| *figure = Some(figure.unwrap_or(0) + value);
    match place {
        Place::Value(..) => {}
        Place::LoadBalancer => add(&mut seen.load_balancer),
        Place::Own5xx => add(&mut seen.own_5xx),
        Place::Published => seen.published = true,
        Place::Of(slot, figure) => {
            let figures: &mut FiguresSeen = &mut seen.slots[slot];
            add(match figure {
                Figure::Requests => &mut figures.requests,
                Figure::Http5xx => &mut figures.http_5xx,
                Figure::Unreachable => &mut figures.unreachable,
                Figure::Timed => &mut figures.timed,
                Figure::Slow => &mut figures.slow,
            });
        }
    }
}

/// Each minute's start and value.
pub(super) fn datapoints(result: &MetricDataResult) -> impl Iterator<Item = (Timestamp, f64)> {
    let at =
        |time: &DateTime| Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(time.secs()));
    let values = result.values().iter().copied();
    result
        .timestamps()
        .iter()
        .zip(values)
        .filter_map(move |(time, value)| Some((at(time).ok()?, value)))
}
