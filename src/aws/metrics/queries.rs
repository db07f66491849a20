//! What is asked of CloudWatch for a deployment, and where each answer belongs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::builders::MetricDataQueryBuilder;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use jiff::Timestamp;

use crate::deployment::ids::{LoadBalancerArn, SlotName, TargetGroupArn};
use crate::deployment::metrics::{MetricGuards, filled};
use crate::deployment::plan::{Plan, Route};
use crate::judge::guards::{self, Source, Watched};

const NAMESPACE: &str = "AWS/ApplicationELB";
/// What GetMetricData takes in one call.
const AT_ONCE: usize = 500;

/// Where a datapoint belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Of(SlotName, Figure),
    /// Requests to a load balancer as a whole.
    LoadBalancer,
    /// What it answered itself with 5xx.
    Own5xx,
    /// A metric that is there whether anybody comes or not.
    Published,
    /// One of the config's own metrics, by its position, on a side.
    Value(usize, SlotName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Requests,
    Http5xx,
    Unreachable,
    Timed,
    Slow,
}

const FIGURES: [(Figure, &str); 3] = [
    (Figure::Requests, "RequestCount"),
    (Figure::Http5xx, "HTTPCode_Target_5XX_Count"),
    (Figure::Unreachable, "TargetConnectionErrorCount"),
];
const RESPONSE_TIME: &str = "TargetResponseTime";

/// Everything that is to be read.
pub(crate) struct Queries {
    places: BTreeMap<String, Place>,
    /// Batches of queries; an expression is in the same one as what it names.
    batches: Vec<Vec<MetricDataQuery>>,
    longest_period: i64,
}

impl Queries {
    /// Of a deployment.
    pub(crate) fn of(plan: &Plan) -> Queries {
        let mut queries = Queries {
            places: BTreeMap::new(),
            batches: vec![Vec::new()],
            longest_period: 60,
        };
        if let Some(guards) = &plan.guards.metrics {
            if plan.counts_requests() {
                queries.ask_for_requests(plan, guards);
            }
            for (metric, watched) in guards.watched().enumerate() {
                queries.ask_for_values(plan, metric, watched);
            }
        }
        queries
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &[MetricDataQuery]> {
        let batches = self.batches.iter().map(Vec::as_slice);
        batches.filter(|batch| !batch.is_empty())
    }

    pub(crate) fn place(&self, id: &str) -> Option<Place> {
        self.places.get(id).copied()
    }

    /// The start of the longest period in which a moment lies: the first one is read whole.
    pub(crate) fn start_of_period(&self, at: Timestamp) -> Timestamp {
        let second = at.as_second();
        let into = second.rem_euclid(self.longest_period);
        Timestamp::from_second(second - into).unwrap_or(at)
    }

    fn push(&mut self, queries: Vec<MetricDataQuery>) {
        match self.batches.last_mut() {
            Some(batch) if batch.len() + queries.len() <= AT_ONCE => batch.extend(queries),
            _ => self.batches.push(queries),
        }
    }

    fn ask(
        &mut self,
        place: Place,
        metric: &str,
        load_balancer: &LoadBalancerArn,
        group: Option<&TargetGroupArn>,
        statistic: &str,
    ) {
        let id = format!("q{}", self.places.len());
        let query = query(id.clone(), metric, load_balancer, group, statistic);
        self.places.insert(id, place);
        self.push(vec![query]);
    }

    fn ask_for_requests(&mut self, plan: &Plan, guards: &MetricGuards) {
        let line = guards.latency.and_then(|latency| latency.line);
        let http = |route: &&Route| !route.load_balancer.is_network();
        let routes: Vec<&Route> = plan.routes.iter().filter(http).collect();
        for slot in SlotName::BOTH {
            let groups: BTreeSet<_> = routes
                .iter()
                .map(|route| (&route.load_balancer, &route.groups[slot]))
                .collect();
            for (load_balancer, group) in groups {
                for (figure, metric) in FIGURES {
                    let place = Place::Of(slot, figure);
                    self.ask(place, metric, load_balancer, Some(group), "Sum");
                }
                if let Some(line) = line {
                    let mut ask = |figure, statistic: &str| {
                        let place = Place::Of(slot, figure);
                        self.ask(place, RESPONSE_TIME, load_balancer, Some(group), statistic);
                    };
                    ask(Figure::Timed, "SampleCount");
                    ask(Figure::Slow, &line.statistic());
                }
                let hosts = "HealthyHostCount";
                self.ask(
                    Place::Published,
                    hosts,
                    load_balancer,
                    Some(group),
                    "Maximum",
                );
            }
        }
        let balancers: BTreeSet<_> = routes.iter().map(|route| &route.load_balancer).collect();
        for load_balancer in balancers {
            self.ask(
                Place::LoadBalancer,
                "RequestCount",
                load_balancer,
                None,
                "Sum",
            );
            if guards.load_balancer.is_some() {
                let own = "HTTPCode_ELB_5XX_Count";
                self.ask(Place::Own5xx, own, load_balancer, None, "Sum");
            }
        }
    }

    fn ask_for_values(&mut self, plan: &Plan, metric: usize, watched: Watched<'_>) {
        let slots = match watched {
            Watched::Threshold(_) => vec![plan.green_slot()],
            Watched::Compared(_) => SlotName::BOTH.to_vec(),
        };
        for slot in slots {
            let source = watched.source().filled(&filled(plan, slot));
            let id = format!("v{metric}{slot}");
            self.places.insert(id.clone(), Place::Value(metric, slot));
            self.longest_period = self.longest_period.max(i64::from(source.period.seconds()));
            self.push(of_source(&id, &source));
        }
    }
}

/// The queries of a metric or an expression; only `id` gives values back.
pub(super) fn of_source(id: &str, source: &Source) -> Vec<MetricDataQuery> {
    let part = |name: &str| format!("{id}_{name}");
    let Some(expression) = &source.expression else {
        let metric = source.metrics.values().next();
        return metric
            .map(|metric| of_stat(id.to_owned(), metric, source).build())
            .into_iter()
            .collect();
    };
    let metrics = source.metrics.iter();
    let mut queries: Vec<_> = metrics
        .map(|(name, metric)| {
            of_stat(part(name), metric, source)
                .return_data(false)
                .build()
        })
        .collect();
    let names: BTreeSet<&str> = source.metrics.keys().map(String::as_str).collect();
    let expression = renamed(expression, &names, &part);
    let whole = MetricDataQuery::builder().id(id).expression(expression);
    // With metrics to name, their period is the expression's.
    let period = i32::try_from(source.period.seconds()).ok();
    let period = period.filter(|_| source.metrics.is_empty());
    queries.push(whole.set_period(period).build());
    queries
}

fn of_stat(id: String, metric: &guards::MetricStat, source: &Source) -> MetricDataQueryBuilder {
    let dimensions = metric.dimensions.iter();
    let dimensions = dimensions
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect();
    let wanted = Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions))
        .build();
    let statistic = MetricStat::builder()
        .metric(wanted)
        .period(i32::try_from(source.period.seconds()).unwrap_or(60))
        .stat(&metric.stat)
        .build();
    MetricDataQuery::builder().id(id).metric_stat(statistic)
}

/// An expression in which each of `names` is called otherwise; quoted text stays.
fn renamed(expression: &str, names: &BTreeSet<&str>, to: &impl Fn(&str) -> String) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut quote = None;
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        let length = match quote {
            None if is_part(c) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        match quote {
            None if names.contains(token) => out.push_str(&to(token)),
            _ => out.push_str(token),
        }
        quote = match (quote, c) {
            (None, '\'' | '"') => Some(c),
            (Some(open), c) if open == c => None,
            (quote, _) => quote,
        };
        rest = after;
    }
    out
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
        .namespace(NAMESPACE)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_names_its_own_metrics_and_nothing_else() {
        let names = BTreeSet::from(["e", "all"]);
        let to = |name: &str| format!("v0b_{name}");
        let renamed = |text| renamed(text, &names, &to);
        assert_eq!(renamed("100 * e / all"), "100 * v0b_e / v0b_all");
        assert_eq!(
            renamed("IF(all>20,FILL(e,0),0)"),
            "IF(v0b_all>20,FILL(v0b_e,0),0)"
        );
        assert_eq!(renamed("e2 + alle - 1e3"), "e2 + alle - 1e3");
        let search = "SUM(SEARCH('{N,all} MetricName=\"e\" all', 'Sum'))";
        assert_eq!(renamed(search), search);
    }
}
