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
    MetricsSeen, MetricsWanted, Pace, Queries, note, note_what_is_new,
};
use crate::deployment::observation::Seen;
use crate::deployment::plan::Plan;
use crate::strategy::format_duration;
pub use found::MetricsAsk;
use queries::as_query;
pub(super) use queries::query;

const GET: &str = "cloudwatch:GetMetricData";

/// What was last read, and for which deployment.
#[derive(Debug)]
pub(super) struct LastRead {
    deployment: DeploymentId,
    at: Timestamp,
    seen: Seen<MetricsSeen>,
}

impl Cloud {
    /// Both slots' figures from `wanted` on, read anew every quarter of a minute; `None` as long as
    /// the first that was not judged can't have any.
    pub async fn see_metrics(
        &self,
        plan: &Plan,
        wanted: MetricsWanted,
        at_most: Duration,
        now: Timestamp,
    ) -> Option<Seen<MetricsSeen>> {
        let pace = Pace::of(plan.guards.metrics.as_ref()?);
        if now < wanted.from.checked_add(pace.first_after).ok()? {
            return None;
        }
        let last = self.last_metrics(&plan.id);
        if let Some((at, seen)) = &last
            && now.duration_since(*at) < pace.every
        {
            return Some(seen.clone());
        }
        let read = timeout(at_most, self.read_metrics(plan, wanted.read_from, now)).await;
        let seen = match read {
            Ok(Ok(mut read)) => {
                let before = last.as_ref().and_then(|(_, seen)| seen.value());
                note_what_is_new(&mut read, before, now);
                Seen::Value(read)
            }
            Ok(Err(error)) => Seen::Unreadable(error.to_string()),
            Err(_) => Seen::Unreadable(format!("no answer within {}", format_duration(at_most))),
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
            let batch: Vec<_> = batch.iter().map(as_query).collect();
            for result in self.metric_data(&batch, from, now).await? {
                let place = result.id().and_then(|id| queries.place(id));
                for (at, value) in datapoints(&result) {
                    if let Some(place) = place {
                        note(&mut read, place, at, value, now);
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
            let last = answer.next_token().is_none();
            // A part has the rest behind its token; without one it stays a part.
            let failed = |result: &&MetricDataResult| match result.status_code() {
                Some(StatusCode::InternalError | StatusCode::Forbidden) => true,
                Some(StatusCode::PartialData) => last,
                _ => false,
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
