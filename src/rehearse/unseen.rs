//! Guards on metrics that a rehearsal has no values of: its region publishes the load balancers'
//! alone.

use super::alarms::own_dimension;
use crate::judge::guards::{MetricGuards, MetricStat, PLACEHOLDERS, Source};
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::math;
use crate::sandbox::world::cloudwatch::store::Statistic;
use crate::sandbox::world::elb::Kind;
use crate::sandbox::world::traffic::publishes;

/// Takes out of `guards` those on what `world` doesn't publish, and tells which:
/// `threshold "queue"`. What remains is named as `world` names it.
pub fn leave_out_unseen(guards: &mut MetricGuards, world: &World) -> Vec<String> {
    let mut out = Vec::new();
    let mut stays = |key: &str, name: &str, source: &mut Source| {
        fit(source, world);
        let seen = is_seen(source, world);
        if !seen {
            out.push(format!("{key} {name:?}"));
        }
        seen
    };
    guards
        .thresholds
        .retain_mut(|it| stays("threshold", &it.name, &mut it.source));
    if let Some(compare) = &mut guards.compare {
        compare
            .metrics
            .retain_mut(|it| stays("compare", &it.name, &mut it.source));
    }
    guards.compare.take_if(|it| it.metrics.is_empty());
    let mut balancers = world.elb.load_balancers.values();
    if !out.is_empty() && balancers.all(|it| it.kind == Kind::Network) {
        // Nobody asked for these where they came with a limit that is left out.
        guards.load_balancer.take_if(|it| it.limit.is_none());
    }
    out
}

fn fit(source: &mut Source, world: &World) {
    let metrics = source.metrics.values_mut();
    for (name, value) in metrics.flat_map(|it| &mut it.dimensions) {
        if let Some(own) = own_dimension(world, name, value) {
            *value = own;
        }
    }
}

fn is_seen(source: &Source, world: &World) -> bool {
    let known = source.expression.as_ref();
    let known = known.is_none_or(|it| math::parse(it).is_ok());
    let measured = |it: &MetricStat| {
        let dimensions = &it.dimensions;
        let own = |(name, value): (&String, &String)| {
            let filled = PLACEHOLDERS.iter().any(|it| value.contains(it));
            name == "AvailabilityZone" || filled || own_dimension(world, name, value).is_some()
        };
        publishes(&it.namespace, &it.name)
            && dimensions.contains_key("LoadBalancer")
            && dimensions.iter().all(own)
            && Statistic::parse(&it.stat).is_some()
    };
    known && !source.metrics.is_empty() && source.metrics.values().all(measured)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::judge::guards::{CompareGuard, Compared};
    use crate::sandbox::demo;

    fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Source {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Source::of(MetricStat {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(own).collect(),
            stat: "Sum".to_owned(),
        })
    }

    /// What is left out of these in the demo account, and what remains.
    fn left_out(metrics: Vec<Compared>) -> (Vec<String>, MetricGuards) {
        let mut world = World::new("123456789012", "eu-west-1", Timestamp::UNIX_EPOCH, 1);
        demo::build(&mut world).expect("the region takes it");
        let mut guards = MetricGuards {
            compare: Some(CompareGuard {
                every: None,
                pass: 95,
                marginal: 75,
                weights: BTreeMap::new(),
                metrics,
            }),
            ..MetricGuards::default()
        };
        (leave_out_unseen(&mut guards, &world), guards)
    }

    #[test]
    fn only_what_load_balancers_publish_is_judged() {
        let sides = [
            ("LoadBalancer", "{load_balancer}"),
            ("TargetGroup", "{target_group}"),
        ];
        let (out, guards) = left_out(vec![
            Compared::of("orders", metric("Shop", "Orders", &[("Slot", "{slot}")])),
            Compared::of(
                "requests",
                metric("AWS/ApplicationELB", "RequestCount", &sides),
            ),
            Compared::of(
                "typo",
                metric("AWS/ApplicationELB", "RequestsCount", &sides),
            ),
            Compared::of(
                "nobody's",
                metric("AWS/ApplicationELB", "RequestCount", &[]),
            ),
        ]);
        let named = [
            "compare \"orders\"",
            "compare \"typo\"",
            "compare \"nobody's\"",
        ];
        assert_eq!(out, named);
        let kept = guards.watched().map(|it| it.name().to_owned());
        assert_eq!(kept.collect::<Vec<_>>(), ["requests"]);
    }

    #[test]
    fn a_network_load_balancer_has_connections_and_no_answers() {
        let sides = [("LoadBalancer", "{load_balancer}")];
        let of = |name| Compared::of(name, metric("AWS/NetworkELB", name, &sides));
        let (out, _) = left_out(vec![of("NewFlowCount"), of("RequestCount")]);
        assert_eq!(out, ["compare \"RequestCount\""]);
    }

    #[test]
    fn the_live_load_balancer_s_own_name_becomes_the_rehearsal_s() {
        let live = [("LoadBalancer", "app/shop/0123456789abcdef")];
        let count = metric("AWS/ApplicationELB", "RequestCount", &live);
        let other = [("LoadBalancer", "app/another/0123456789abcdef")];
        let of_other = metric("AWS/ApplicationELB", "RequestCount", &other);
        let (out, guards) = left_out(vec![
            Compared::of("ours", count),
            Compared::of("another's", of_other),
        ]);
        assert_eq!(out, ["compare \"another's\""]);
        let ours = guards.watched().next().expect("it stays").source();
        let balancer = &ours.metrics["m"].dimensions["LoadBalancer"];
        assert!(balancer.starts_with("app/shop/"), "{balancer}");
        assert_ne!(balancer, live[0].1);
    }

    #[test]
    fn what_the_region_can_t_work_out_is_left_out() {
        let searched = Source {
            metrics: BTreeMap::new(),
            expression: Some("SUM(SEARCH('{Shop,Slot} Orders', 'Sum'))".to_owned()),
            ..metric("Shop", "Orders", &[])
        };
        let (out, guards) = left_out(vec![Compared::of("found", searched)]);
        assert_eq!(out, ["compare \"found\""]);
        assert_eq!(guards.compare, None);
    }
}
