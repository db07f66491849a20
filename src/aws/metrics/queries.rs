//! Queries as the SDK has them.

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};

use crate::deployment::ids::{LoadBalancerArn, TargetGroupArn};
use crate::deployment::metrics::{self, Asked, What};
use crate::judge::guards::{self, Source};

/// The queries of a metric or an expression; only `id` gives values back.
pub(super) fn of_source(id: &str, source: &Source) -> Vec<MetricDataQuery> {
    let asked = metrics::of_source(id, source);
    asked.iter().map(as_query).collect()
}

pub(super) fn as_query(asked: &Asked) -> MetricDataQuery {
    let query = MetricDataQuery::builder().id(&asked.id);
    let query = match &asked.what {
        What::Stat(metric, period) => query.metric_stat(of_stat(metric, *period)),
        What::Expression(expression, period) => {
            let period = period.and_then(|it| i32::try_from(it).ok());
            query.expression(expression).set_period(period)
        }
    };
    let hidden = (!asked.returns).then_some(false);
    query.set_return_data(hidden).build()
}

fn of_stat(metric: &guards::MetricStat, period: u32) -> MetricStat {
    let dimensions = metric.dimensions.iter();
    let dimensions = dimensions
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect();
    let wanted = Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions))
        .build();
    MetricStat::builder()
        .metric(wanted)
        .period(i32::try_from(period).unwrap_or(60))
        .stat(&metric.stat)
        .build()
}

/// A load balancer's metric by the minute, or that of one of its target groups.
pub(in crate::aws) fn query(
    id: String,
    metric: &str,
    load_balancer: &LoadBalancerArn,
    group: Option<&TargetGroupArn>,
    statistic: &str,
) -> MetricDataQuery {
    by_zone(id, metric, load_balancer, group, None, statistic, 60)
}

/// The same, of one zone, in periods of so many seconds.
pub(super) fn by_zone(
    id: String,
    metric: &str,
    load_balancer: &LoadBalancerArn,
    group: Option<&TargetGroupArn>,
    zone: Option<&str>,
    statistic: &str,
    period: i32,
) -> MetricDataQuery {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let mut wanted = Metric::builder()
        .namespace("AWS/ApplicationELB")
        .metric_name(metric)
        .dimensions(dimension("LoadBalancer", load_balancer.dimension()));
    if let Some(group) = group {
        wanted = wanted.dimensions(dimension("TargetGroup", group.dimension()));
    }
    if let Some(zone) = zone {
        wanted = wanted.dimensions(dimension("AvailabilityZone", zone));
    }
    let statistic = MetricStat::builder()
        .metric(wanted.build())
        .period(period)
        .stat(statistic)
        .build();
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(statistic)
        .build()
}
