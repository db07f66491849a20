//! What is asked of CloudWatch for a deployment, and where each answer belongs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{MetricGuards, filled};
use crate::deployment::ids::{LoadBalancerArn, SlotName, TargetGroupArn};
use crate::deployment::plan::{Plan, Route};
use crate::judge::guards::{MetricStat, Source, Watched};

const NAMESPACE: &str = "AWS/ApplicationELB";
/// What GetMetricData takes in one call.
const AT_ONCE: usize = 500;

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) what: What,
    /// Whether its values are given back.
    pub(crate) returns: bool,
}

/// What it asks for; periods are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Stat(MetricStat, u32),
    /// Metric math; with metrics to name, their period is the expression's.
    Expression(String, Option<u32>),
}

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
    batches: Vec<Vec<Asked>>,
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
            let http = |route: &&Route| !route.load_balancer.is_network();
            let routes: Vec<&Route> = plan.routes.iter().filter(http).collect();
            if plan.counts_requests() {
                queries.ask_for_requests(&routes, guards);
            }
            if plan.counts_requests() || guards.load_balancer.is_some() {
                queries.ask_for_balancers(&routes, guards);
            }
            for (metric, watched) in guards.watched().enumerate() {
                queries.ask_for_values(plan, metric, watched);
            }
        }
        queries
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &[Asked]> {
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

    fn push(&mut self, queries: Vec<Asked>) {
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
        let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut dimensions = BTreeMap::from([own("LoadBalancer", load_balancer.dimension())]);
        dimensions.extend(group.map(|it| own("TargetGroup", it.dimension())));
        let metric = MetricStat {
            namespace: NAMESPACE.to_owned(),
            name: metric.to_owned(),
            dimensions,
            stat: statistic.to_owned(),
        };
        self.places.insert(id.clone(), place);
        self.push(of_source(&id, &Source::of(metric)));
    }

    fn ask_for_requests(&mut self, routes: &[&Route], guards: &MetricGuards) {
        let line = guards.latency.and_then(|latency| latency.line);
        for slot in SlotName::BOTH {
            let groups: BTreeSet<_> = routes
                .iter()
                .map(|route| (route.load_balancer_of(slot), &route.groups[slot]))
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
    }

    fn ask_for_balancers(&mut self, routes: &[&Route], guards: &MetricGuards) {
        let mut balancers = BTreeSet::new();
        for route in routes {
            balancers.extend(SlotName::BOTH.map(|slot| route.load_balancer_of(slot)));
        }
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
pub(crate) fn of_source(id: &str, source: &Source) -> Vec<Asked> {
    let part = |name: &str| format!("{id}_{name}");
    let period = source.period.seconds();
    let of_stat = |id: String, metric: &MetricStat, returns| Asked {
        id,
        what: What::Stat(metric.clone(), period),
        returns,
    };
    let metrics = source.metrics.iter();
    let Some(expression) = &source.expression else {
        let one = metrics.take(1);
        return one
            .map(|(_, it)| of_stat(id.to_owned(), it, true))
            .collect();
    };
    let mut queries: Vec<_> = metrics
        .map(|(name, metric)| of_stat(part(name), metric, false))
        .collect();
    let names: BTreeSet<&str> = source.metrics.keys().map(String::as_str).collect();
    let expression = renamed(expression, &names, &part);
    queries.push(Asked {
        id: id.to_owned(),
        what: What::Expression(expression, names.is_empty().then_some(period)),
        returns: true,
    });
    queries
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
