//! The load balancers' metrics of both slots, minute by minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::retry::Effect;
use crate::deployment::ids::{DeploymentId, LoadBalancerArn, SlotName, TargetGroupArn};
use crate::deployment::metrics::{FiguresSeen, MINUTE, MetricsSeen, MinuteSeen, minute_of};
use crate::deployment::observation::Seen;
use crate::deployment::plan::Plan;

const GET: &str = "cloudwatch:GetMetricData";
const NAMESPACE: &str = "AWS/ApplicationELB";
/// Between two reads: often enough for two that are half a minute apart.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// No minute is looked at sooner after its end.
const NOT_BEFORE: SignedDuration = SignedDuration::from_secs(30);
/// What GetMetricData takes in one call.
const QUERIES_AT_ONCE: usize = 500;

/// What was last read, and for which deployment.
#[derive(Debug)]
pub(super) struct LastRead {
    deployment: DeploymentId,
    at: Timestamp,
    seen: Seen<MetricsSeen>,
}

/// Where a datapoint belongs.
#[derive(Debug, Clone, Copy)]
enum Place {
    Of(SlotName, Figure),
    /// Requests to a load balancer as a whole.
    LoadBalancer,
    /// A metric that is there whether anybody comes or not.
    Published,
}

#[derive(Debug, Clone, Copy)]
enum Figure {
    Requests,
    Http5xx,
    Unreachable,
}

const FIGURES: [(Figure, &str); 3] = [
    (Figure::Requests, "RequestCount"),
    (Figure::Http5xx, "HTTPCode_Target_5XX_Count"),
    (Figure::Unreachable, "TargetConnectionErrorCount"),
];

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
        let first_read = from.checked_add(MINUTE + NOT_BEFORE).ok()?;
        if now < first_read {
            return None;
        }
        let last = self.last_metrics(&plan.id);
        if let Some((at, seen)) = &last
            && now.duration_since(*at) < READ_EVERY
        {
            return Some(seen.clone());
        }
        let read = timeout(at_most, self.read_metrics(plan, from, now)).await;
        let seen = match read {
            Ok(Ok(mut minutes)) => {
                let before = last.as_ref().and_then(|(_, seen)| seen.value());
                for (minute, seen) in &mut minutes {
                    seen.unchanged_since = unchanged_since(before, *minute, seen, now);
                }
                Seen::Value(MetricsSeen { minutes })
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
    ) -> Result<BTreeMap<Timestamp, MinuteSeen>, AwsError> {
        let (places, queries) = queries(plan);
        let mut minutes: BTreeMap<Timestamp, MinuteSeen> = BTreeMap::new();
        for (first, batch) in queries.chunks(QUERIES_AT_ONCE).enumerate() {
            for result in self.metric_data(batch, from, minute_of(now)).await? {
                let id = result
                    .id()
                    .and_then(|id| id.get(1..)?.parse::<usize>().ok());
                let Some(place) = id.and_then(|id| places.get(first * QUERIES_AT_ONCE + id)) else {
                    continue;
                };
                for (minute, value) in datapoints(&result) {
                    let seen = minutes.entry(minute).or_default();
                    note(seen, *place, value.round() as u64);
                }
            }
        }
        Ok(minutes)
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

/// Since when reads have shown the same of a minute.
fn unchanged_since(
    before: Option<&MetricsSeen>,
    minute: Timestamp,
    seen: &MinuteSeen,
    now: Timestamp,
) -> Timestamp {
    let before = before.and_then(|before| before.minutes.get(&minute));
    match before {
        Some(before)
            if (MinuteSeen {
                unchanged_since: before.unchanged_since,
                ..seen.clone()
            }) == *before =>
        {
            before.unchanged_since
        }
        _ => now,
    }
}

fn note(seen: &mut MinuteSeen, place: Place, value: u64) {
    let add = |figure: &mut Option<u64>| *figure = Some(figure.unwrap_or(0) + value);
    match place {
        Place::LoadBalancer => add(&mut seen.load_balancer),
        Place::Published => seen.published = true,
        Place::Of(slot, figure) => {
            let figures: &mut FiguresSeen = &mut seen.slots[slot];
            add(match figure {
                Figure::Requests => &mut figures.requests,
                Figure::Http5xx => &mut figures.http_5xx,
                Figure::Unreachable => &mut figures.unreachable,
            });
        }
    }
}

/// Everything that is to be read, with the place of each query's datapoints.
fn queries(plan: &Plan) -> (Vec<Place>, Vec<MetricDataQuery>) {
    let mut wanted = Vec::new();
    let routes = || {
        let http = |route: &&_| !is_network(route);
        plan.routes.iter().filter(http)
    };
    for slot in SlotName::BOTH {
        let groups: BTreeSet<_> = routes()
            .map(|route| (&route.load_balancer, &route.groups[slot]))
            .collect();
        for (load_balancer, group) in groups {
            for (figure, metric) in FIGURES {
                let place = Place::Of(slot, figure);
                wanted.push((place, metric, load_balancer, Some(group), "Sum"));
            }
            let hosts = "HealthyHostCount";
            wanted.push((
                Place::Published,
                hosts,
                load_balancer,
                Some(group),
                "Maximum",
            ));
        }
    }
    let balancers: BTreeSet<_> = routes().map(|route| &route.load_balancer).collect();
    for load_balancer in balancers {
        let place = Place::LoadBalancer;
        wanted.push((place, "RequestCount", load_balancer, None, "Sum"));
    }
    let places = wanted.iter().map(|(place, ..)| *place).collect();
    let queries = wanted.iter().enumerate().map(|(at, wanted)| {
        let (_, metric, load_balancer, group, statistic) = wanted;
        let id = format!("q{}", at % QUERIES_AT_ONCE);
        query(id, metric, load_balancer, *group, statistic)
    });
    (places, queries.collect())
}

fn is_network(route: &crate::deployment::plan::Route) -> bool {
    route.load_balancer.is_network()
}

/// A load balancer's metric by the minute, or that of one of its target groups.
pub(super) fn query(
    id: String,
    metric: &str,
    load_balancer: &LoadBalancerArn,
    group: Option<&TargetGroupArn>,
    statistic: &str,
) -> MetricDataQuery {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let mut wanted = Metric::builder()
        .namespace(NAMESPACE)
        .metric_name(metric)
        .dimensions(dimension("LoadBalancer", load_balancer.dimension()));
    if let Some(group) = group {
        wanted = wanted.dimensions(dimension("TargetGroup", group.dimension()));
    }
    let statistic = MetricStat::builder()
        .metric(wanted.build())
        .period(60)
        .stat(statistic)
        .build();
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(statistic)
        .build()
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
