//! What a survey finds out for the metric guards.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::MetricDataResult;
use jiff::{SignedDuration, Timestamp};

use super::Cloud;
use super::datapoints;
use super::history::Groups;
use super::queries::of_source;
use crate::aws::error::{AwsError, ErrorClass};
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName, Slots};
use crate::deployment::metrics::{History, MetricGuards, MetricsFound, Tried, minute_of};
use crate::deployment::plan::Kind;
use crate::deployment::preflight::Request;
use crate::deployment::surroundings::{Before, Carried, Forward, GroupFound, live};
use crate::judge::guards::{Filled, Number};

/// How far back the config's own metrics are tried.
const TRIED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// And how far back their values are looked at.
const LOOKED_AT: SignedDuration = SignedDuration::from_hours(1);

/// What the metric guards ask of a survey.
#[derive(Debug, Clone)]
pub struct MetricsAsk {
    /// What is to be judged.
    pub guards: MetricGuards,
    /// Each slot's target groups, by name or ARN.
    pub groups: Slots<Vec<String>>,
    /// Whether to look at the requests of the last day.
    pub day: bool,
}

impl MetricsAsk {
    /// What `request` needs to know; nothing where no metric is judged.
    pub fn of(request: &Request) -> Option<MetricsAsk> {
        let guards = request.metrics()?;
        let group = |target: &crate::deployment::preflight::TargetWanted| target.group.clone();
        let groups = |slot| request.slots[slot].targets.iter().map(group).collect();
        matches!(request.kind, Kind::Deploy).then(|| MetricsAsk {
            guards,
            groups: Slots::from_fn(groups),
            day: request.asks_for_requests(),
        })
    }
}

impl Cloud {
    /// Looks at the live slot's last hour, and tries the config's own metrics. What can't be read
    /// is a note: then the usual figures are taken.
    pub(in crate::aws) async fn metrics_found(
        &self,
        ask: &MetricsAsk,
        (cluster, services): (&ClusterName, &Slots<EcsServiceName>),
        found: &BTreeMap<String, Option<GroupFound>>,
        forwards: &[Forward],
        notes: &mut Vec<String>,
        now: Timestamp,
    ) -> Result<(MetricsFound, Vec<Before>), AwsError> {
        let groups = Slots::from_fn(|slot| {
            let names = ask.groups[slot].iter();
            let found = names.filter_map(|name| found.get(name)?.as_ref());
            found.collect::<Vec<_>>()
        });
        let mut refused = None;
        let history = match self.history_of_blue(ask, &groups, forwards, now).await {
            // What nobody asked for stops nothing.
            Err(error) if error.is_for_good() || ask.guards == MetricGuards::by_itself() => {
                notes.push(format!("blue's last hour can't be read: {error}"));
                refused = error.is_for_good().then(|| error.to_string());
                None
            }
            history => history?,
        };
        let filled = Slots::from_fn(|slot| {
            let group = groups[slot].first();
            let both = groups.a.iter().chain(&groups.b);
            let balancer = both.filter_map(|it| it.load_balancer.as_ref()).next();
            let balancer = group.and_then(|it| it.load_balancer.as_ref()).or(balancer);
            let cluster = cluster.as_str();
            Filled {
                target_group: group.map_or_else(String::new, |it| it.arn.dimension().to_owned()),
                load_balancer: balancer.map_or_else(String::new, |it| it.dimension().to_owned()),
                service: services[slot].as_str().to_owned(),
                cluster: cluster.rsplit('/').next().unwrap_or(cluster).to_owned(),
                slot: slot.as_str().to_owned(),
            }
        });
        let sides = [&filled[SlotName::A], &filled[SlotName::B]];
        let tried = match self.try_metrics(&ask.guards, sides, now).await {
            Err(error) if error.is_for_good() => {
                notes.push(format!("the config's metrics can't be tried: {error}"));
                Vec::new()
            }
            tried => tried?,
        };
        let (tried, before) = tried.into_iter().unzip();
        let found = MetricsFound {
            history,
            refused,
            tried,
        };
        Ok((found, before))
    }

    async fn history_of_blue(
        &self,
        ask: &MetricsAsk,
        groups: &Slots<Vec<&GroupFound>>,
        forwards: &[Forward],
        now: Timestamp,
    ) -> Result<Option<History>, AwsError> {
        let arns = Slots::from_fn(|slot| {
            let arns = groups[slot].iter().map(|group| group.arn.clone());
            arns.collect::<Vec<_>>()
        });
        let names = |it: &&Forward| {
            let both = arns.a.iter().chain(&arns.b);
            both.into_iter().any(|group| it.weights.contains_key(group))
        };
        let carried = forwards.iter().filter(names);
        let carried: Vec<Carried> = carried.map(|it| Carried::of(&it.weights, &arns)).collect();
        let Some(slot) = live(&carried) else {
            return Ok(None);
        };
        let pairs = groups[slot].iter().filter_map(|group| {
            let balancer = group.load_balancer.clone()?;
            (!balancer.is_network()).then(|| (balancer, group.arn.clone()))
        });
        let pairs: Groups = pairs.collect();
        let guards = &ask.guards;
        let judges = guards.judges_requests() || guards.load_balancer.is_some();
        if pairs.is_empty() || !(judges || ask.day) {
            return Ok(None);
        }
        let history = self.history(slot, &pairs, ask, now).await?;
        Ok(Some(history))
    }

    /// Asks once for each of the config's own metrics on both slots: a slip of the pen shows
    /// before anything is changed.
    async fn try_metrics(
        &self,
        guards: &MetricGuards,
        filled: [&Filled; 2],
        now: Timestamp,
    ) -> Result<Vec<(Tried, Before)>, AwsError> {
        let mut tried = Vec::new();
        for watched in guards.watched() {
            let mut queries = of_source("a", &watched.source().filled(filled[0]));
            queries.extend(of_source("b", &watched.source().filled(filled[1])));
            let period = SignedDuration::from_secs(watched.source().period.seconds().into());
            let lately = minute_of(now) - TRIED_FOR.max(period);
            let start = minute_of(now) - LOOKED_AT;
            tried.push(match self.metric_data(&queries, start, now).await {
                Ok(results) => {
                    let all = results.iter().flat_map(datapoints);
                    let found = Tried {
                        refused: several_series(&results),
                        values: all.filter(|(at, _)| *at >= lately).count(),
                    };
                    (found, before(&results))
                }
                Err(error) if error.class == ErrorClass::Invalid => {
                    let refused = Tried {
                        refused: Some(error.to_string()),
                        values: 0,
                    };
                    (refused, Before::default())
                }
                Err(error) => return Err(error),
            });
        }
        Ok(tried)
    }
}

/// Each side's values by the start of their periods.
fn before(results: &[MetricDataResult]) -> Before {
    let of = |id: &str| {
        let own = results.iter().filter(|it| it.id() == Some(id));
        let values = own.flat_map(datapoints);
        let values = values.filter_map(|(at, value)| Some((at, Number::of(value)?)));
        values.collect()
    };
    Slots {
        a: of("a"),
        b: of("b"),
    }
}

/// Why an expression such as a SEARCH can't be judged: one side has several series. Pages of one
/// series have the same label.
fn several_series(results: &[MetricDataResult]) -> Option<String> {
    let mut labels: BTreeMap<Option<&str>, BTreeSet<Option<&str>>> = BTreeMap::new();
    for result in results {
        labels
            .entry(result.id())
            .or_default()
            .insert(result.label());
    }
    let most = labels.values().map(BTreeSet::len).max().unwrap_or(0);
    (most > 1).then(|| {
        format!("it gives {most} series, and a guard takes one: SUM or AVG makes one of them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_series_of_one_side_are_refused_and_pages_of_one_are_not() {
        let result = |id: &str, label: &str| {
            let result = MetricDataResult::builder().id(id).label(label);
            result.build()
        };
        let pages = [result("a", "x"), result("a", "x"), result("b", "y")];
        assert_eq!(several_series(&pages), None);
        let search = [result("a", "x"), result("a", "y")];
        assert!(several_series(&search).is_some_and(|why| why.contains("2 series")));
    }
}
