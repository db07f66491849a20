//! A rehearsal sees every metric guard as the loop over the SDK does.

use std::collections::BTreeMap;

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::SlotName;
use bg::deployment::metrics::{
    BalancerGuard, CompareGuard, Compared, LatencyGuard, MetricGuards, Subject, ThresholdGuard,
};
use bg::deployment::preflight::Request;
use bg::deployment::trip::Trip;
use bg::judge::guards::{Limit, MetricStat, MissingData, Period, Source};
use bg::sandbox::world::cloudwatch::store::{Metric, Stats};
use jiff::{SignedDuration, Timestamp};

use super::guards::judged;
use super::harness::Scene;
use super::rehearsed::{both, leaping, story};
use super::values::{around, publish, with_compare, with_threshold};

/// An hour of traffic, counted in leaps.
fn with_history(scene: &mut Scene) {
    leaping(scene);
    scene.world.advance(3600);
}

/// A statistic of a slot's target group, as the load balancer counts it.
fn of_group(name: &str, stat: &str) -> MetricStat {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    MetricStat {
        namespace: "AWS/ApplicationELB".to_owned(),
        name: name.to_owned(),
        dimensions: BTreeMap::from([
            own("LoadBalancer", "{load_balancer}"),
            own("TargetGroup", "{target_group}"),
        ]),
        stat: stat.to_owned(),
    }
}

/// What both did in the same way; panics where they did not.
async fn same_story(request: &Request, change: impl FnOnce(&mut Scene)) -> Vec<Record> {
    let (real, rehearsed) = both(request, change).await;
    assert_eq!(story(&real), story(&rehearsed));
    rehearsed
}

/// Why a rehearsal reverted.
fn trip(records: &[Record]) -> Option<&Trip> {
    records.iter().find_map(|it| match &it.event {
        Event::Reverting { trip, .. } => Some(trip),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn slow_requests_are_rehearsed_as_they_are_judged() {
    let guards = MetricGuards {
        latency: Some(LatencyGuard::default()),
        ..MetricGuards::none()
    };
    let slow = judged("shop:slow", "canary:10%:30m", guards.clone());
    let records = same_story(&slow, with_history).await;
    let by_time = |it: &Trip| matches!(it, Trip::Worse(worse) if worse.metric.starts_with("over "));
    assert!(trip(&records).is_some_and(by_time), "{records:#?}");
    let quick = judged("shop:v2", "canary:10%:15m", guards);
    let records = same_story(&quick, with_history).await;
    assert_eq!(trip(&records), None);
}

#[tokio::test(start_paused = true)]
async fn the_load_balancers_own_5xx_are_rehearsed_as_they_are_judged() {
    let guards = MetricGuards {
        load_balancer: Some(BalancerGuard::default()),
        ..MetricGuards::default()
    };
    let request = judged("shop:v2", "canary:10%:30m", guards);
    let records = same_story(&request, |scene| {
        with_history(scene);
        let balancer = scene.balancer.arn.split_once(":loadbalancer/");
        let (_, balancer) = balancer.expect("it is an ARN");
        let own = vec![("LoadBalancer".to_owned(), balancer.to_owned())];
        let metric = Metric::new("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", own);
        let world = &mut scene.world;
        let minute = world.now.as_second().div_euclid(60);
        for minute in minute + 10..minute + 60 {
            let at = Timestamp::from_second(minute * 60).expect("it is in range");
            let visible = at + SignedDuration::from_secs(150);
            let (store, stats) = (&mut world.cloudwatch.store, Stats::of(300.0));
            store.record(metric.clone(), None, at, &stats, visible);
        }
    })
    .await;
    let own = |it: &Trip| matches!(it, Trip::Worse(it) if it.subject == Subject::LoadBalancer);
    assert!(trip(&records).is_some_and(own), "{records:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_fixed_limit_is_rehearsed_as_it_is_judged_whatever_its_period() {
    for period in [10, 60, 300] {
        let mut guards = with_threshold(MissingData::Hold, period);
        guards.errors = None;
        let request = judged("shop:v2", "canary:10%:40m", guards);
        let every = period.min(60) as i64;
        let records = same_story(&request, |scene| {
            leaping(scene);
            publish(scene, every, |slot, second| match slot {
                SlotName::B if second > 900 => Some(250.0),
                _ => Some(50.0),
            });
        })
        .await;
        let by_limit = |it: &Trip| matches!(it, Trip::OverLimit(_));
        assert!(trip(&records).is_some_and(by_limit), "{period} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_an_expression_is_rehearsed_as_it_is_judged() {
    let guards = MetricGuards {
        thresholds: vec![ThresholdGuard {
            name: "failed".to_owned(),
            source: Source {
                metrics: BTreeMap::from([
                    (
                        "bad".to_owned(),
                        of_group("HTTPCode_Target_5XX_Count", "Sum"),
                    ),
                    ("all".to_owned(), of_group("RequestCount", "Sum")),
                ]),
                expression: Some("100 * FILL(bad, 0) / all".to_owned()),
                period: Period::of_seconds(120).expect("CloudWatch has it"),
            },
            limit: Limit::Above("3".parse().expect("a number")),
            crossed: 2,
            of: 2,
            missing: MissingData::Hold,
        }],
        ..MetricGuards::none()
    };
    let request = judged("shop:bad", "canary:10%:40m", guards);
    let records = same_story(&request, leaping).await;
    let by_limit = |it: &Trip| matches!(it, Trip::OverLimit(it) if it.name == "failed");
    assert!(trip(&records).is_some_and(by_limit), "{records:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_comparison_is_rehearsed_as_it_is_judged() {
    let time = Source::of(of_group("TargetResponseTime", "p90"));
    let compare = CompareGuard {
        metrics: vec![Compared::of("time", time)],
        ..with_compare(None).compare.expect("it is there")
    };
    let guards = MetricGuards {
        compare: Some(compare),
        ..MetricGuards::none()
    };
    let slow = judged("shop:slow", "canary:10%:15m", guards);
    let records = same_story(&slow, with_history).await;
    let compared = |it: &Trip| matches!(it, Trip::Compared(_));
    assert!(trip(&records).is_some_and(compared), "{records:#?}");
    // One that passes, and one metric's values within the step.
    let mut guards = with_compare(Some(300));
    guards.errors = None;
    let good = judged("shop:v2", "canary:10%:15m", guards);
    let records = same_story(&good, |scene| {
        leaping(scene);
        publish(scene, 60, |slot, second| match slot {
            SlotName::A => Some(around(100.0, second)),
            SlotName::B => Some(around(102.0, second + 180)),
        });
    })
    .await;
    assert_eq!(trip(&records), None);
}
