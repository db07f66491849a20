//! The config's own metrics: fixed limits on green, and both sides compared by rank.

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::SlotName;
use bg::deployment::metrics::{
    CompareGuard, Compared, LatencyGuard, MetricGuards, ThresholdGuard, Verdict,
};
use bg::deployment::outcome::Outcome;
use bg::deployment::trip::{Hold, Trip};
use bg::judge::guards::{Limit, MetricStat, MissingData, Period, Source, Worse};
use bg::sandbox::RegionOptions;
use bg::sandbox::world::cloudwatch::store::{Metric, Stats};
use bg::strategy::Strategy;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

use super::guards::{baking, judged, reverting, took, tripped};
use super::harness::{Scene, Stage};
use super::stage;

/// A metric that each slot publishes of itself every so many seconds; its value by slot and
/// second.
pub(crate) fn publish(scene: &mut Scene, every: i64, value: impl Fn(SlotName, i64) -> Option<f64>) {
    let world = &mut scene.world;
    let end = world.now.as_second() + 3 * 3600;
    let mut second = world.now.as_second().div_euclid(60) * 60;
    while second < end {
        for slot in SlotName::BOTH {
            let Some(value) = value(slot, second - world.now.as_second()) else {
                continue;
            };
            let dimension = ("Slot".to_owned(), slot.as_str().to_owned());
            let metric = Metric::new("Shop", "Depth", vec![dimension]);
            let at = Timestamp::from_second(second).expect("it is in range");
            let visible = at + SignedDuration::from_secs(every);
            let (store, stats) = (&mut world.cloudwatch.store, Stats::of(value));
            match every < 60 {
                true => store.record_fine(metric, None, at, &stats, visible),
                false => store.record(metric, None, at, &stats, visible),
            }
        }
        second += every;
    }
}

pub(crate) fn depth() -> Source {
    Source::of(MetricStat {
        namespace: "Shop".to_owned(),
        name: "Depth".to_owned(),
        dimensions: [("Slot".to_owned(), "{slot}".to_owned())].into(),
        stat: "Average".to_owned(),
    })
}

pub(crate) fn with_threshold(missing: MissingData, period: u64) -> MetricGuards {
    let mut source = depth();
    source.period = Period::of_seconds(period).expect("CloudWatch has it");
    MetricGuards {
        thresholds: vec![ThresholdGuard {
            name: "queue".to_owned(),
            source,
            limit: Limit::Above("100".parse().expect("a number")),
            crossed: 2,
            of: 3,
            missing,
        }],
        ..MetricGuards::default()
    }
}

fn stage_with(every: i64, value: impl Fn(SlotName, i64) -> Option<f64>) -> Stage {
    Stage::open(RegionOptions::default(), |scene| {
        publish(scene, every, value);
    })
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_green_crosses_in_two_of_three_minutes_reverts() {
    // Blue is over it all the time: the limit is on green.
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(500.0),
        SlotName::B if second > 600 => Some(250.0),
        SlotName::B => Some(50.0),
    });
    let request = judged(
        "shop:v2",
        "canary:10%:40m",
        with_threshold(MissingData::Hold, 60),
    );
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    assert!(
        matches!(&trip, Trip::OverLimit(it) if it.name == "queue"),
        "{trip}"
    );
    let said = trip.to_string();
    assert!(
        said.contains("above 100 in 2 of the last 3 minutes: 50, 250, 250"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn green_under_its_limit_is_promoted() {
    let stage = stage_with(60, |slot, _| (slot == SlotName::B).then_some(99.0));
    let request = judged(
        "shop:v2",
        "canary:10%:15m",
        with_threshold(MissingData::Hold, 60),
    );
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
}

#[tokio::test(start_paused = true)]
async fn periods_of_ten_seconds_are_judged_within_a_minute() {
    let stage = stage_with(10, |slot, second| match slot {
        SlotName::B if second > 600 => Some(250.0),
        _ => Some(50.0),
    });
    let start = stage.region.now();
    let request = judged(
        "shop:v2",
        "canary:10%:40m",
        with_threshold(MissingData::Hold, 10),
    );
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    assert!(matches!(trip, Trip::OverLimit(_)), "{trip}");
    let records = stage.records.borrow();
    let reverting = records
        .iter()
        .find(|it| reverting(&it.event))
        .expect("it did");
    let after = reverting.at.duration_since(start).as_secs() - 600;
    assert!((20..=75).contains(&after), "{after} s after the first one");
}

#[tokio::test(start_paused = true)]
async fn what_missing_data_means_for_a_limit_is_the_configs_to_say() {
    for missing in [MissingData::Ok, MissingData::Hold, MissingData::Revert] {
        let stage = stage();
        let request = judged("shop:v2", "canary:10%:40m", with_threshold(missing, 60));
        let planning = stage.plan(&request).await;
        let warned = planning
            .warnings
            .iter()
            .any(|it| it.contains("no value of"));
        assert_eq!(
            warned,
            missing != MissingData::Ok,
            "{:?}",
            planning.warnings
        );
        let outcome = stage.deploy(&request, |_, _| {}).await;
        match missing {
            MissingData::Ok => assert_eq!(outcome, Outcome::Promoted),
            MissingData::Revert => {
                let trip = tripped(outcome);
                assert!(trip.to_string().contains("no data, no data"), "{trip}");
            }
            MissingData::Hold => {
                let Trip::PatienceOver { waited_for } = tripped(outcome) else {
                    panic!("it holds first");
                };
                assert!(matches!(&waited_for[0], Hold::NoValues { name, .. } if name == "queue"));
            }
        }
    }
}

pub(crate) fn with_compare(every: Option<u32>) -> MetricGuards {
    MetricGuards {
        compare: Some(CompareGuard {
            every,
            pass: 95,
            marginal: 75,
            weights: [].into(),
            metrics: vec![Compared::of("depth", depth())],
        }),
        ..MetricGuards::default()
    }
}

/// Values around `middle`, the same on every run.
pub(crate) fn around(middle: f64, second: i64) -> f64 {
    middle * (1.0 + 0.1 * ((second / 60 * 7919) % 11 - 5) as f64 / 5.0)
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_compares_badly_reverts_at_the_end_of_the_step() {
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(around(100.0, second)),
        SlotName::B => Some(around(160.0, second + 180)),
    });
    let request = judged("shop:v2", "canary:10%:15m", with_compare(None));
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    let Trip::Compared(judgement) = &trip else {
        panic!("{trip}");
    };
    assert_eq!(
        (judgement.verdict, judgement.score),
        (Verdict::Fail, Some(0))
    );
    assert!(
        trip.to_string().contains("depth: green is above blue by"),
        "{trip}"
    );
    let records = stage.records.borrow();
    let took = took(&records, baking, reverting);
    assert!((15 * 60..16 * 60).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_bad_comparison_reverts_within_the_step_where_that_is_asked_for() {
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(around(100.0, second)),
        SlotName::B => Some(around(160.0, second + 180)),
    });
    let request = judged("shop:v2", "canary:10%:1h", with_compare(Some(300)));
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    assert!(matches!(trip, Trip::Compared(_)), "{trip}");
    let records = stage.records.borrow();
    let took = took(&records, baking, reverting);
    assert!((5 * 60..11 * 60).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn metrics_that_compare_well_are_promoted_and_said_to() {
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(around(100.0, second)),
        SlotName::B => Some(around(102.0, second + 180)),
    });
    // The bake is over before there are five values a side: it waits for them.
    let request = judged("shop:v2", "canary:10%:5m", with_compare(None));
    let planning = stage.plan(&request).await;
    let warned = planning
        .warnings
        .iter()
        .any(|it| it.contains("holds until they are there"));
    assert!(warned, "{:?}", planning.warnings);
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    let records = stage.records.borrow();
    let few = |it: &Record| match &it.event {
        Event::Holding { reasons, .. } => {
            reasons.iter().any(|it| matches!(it, Hold::NotCompared(_)))
        }
        _ => false,
    };
    assert!(records.iter().any(few), "it says what it waits for");
    let compared = records.iter().filter_map(|it| match &it.event {
        Event::Compared(judgement) => Some((judgement.step, judgement.verdict)),
        _ => None,
    });
    assert_eq!(compared.collect::<Vec<_>>(), [(0, Verdict::Pass)]);
}

#[tokio::test(start_paused = true)]
async fn values_that_come_while_a_step_waits_for_its_requests_use_up_no_patience() {
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(around(100.0, second)),
        SlotName::B => Some(around(102.0, second + 180)),
    });
    let mut request = judged("shop:v2", "canary", with_compare(None));
    // About ten minutes of a tenth of the demo's requests, and half as long for the values.
    let strategy = "steps:\n- { weight: 10%, bake: 1m, until: { requests: 1100 }, at_most: 30m }\n\
        - { weight: 100% }\nbake: 1m\n";
    request.strategy = Strategy::from_yaml(strategy, "asking").expect("it is well formed");
    request.limits.patience = Duration::from_secs(120);
    let warnings = stage.plan(&request).await.warnings.join("\n");
    let may = "the bake at 10% is 1m and `patience` 2m: that step reverts before they are there";
    assert!(warnings.contains(may), "{warnings}");
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
}

#[tokio::test(start_paused = true)]
async fn periods_that_take_longer_than_patience_are_told_to_revert() {
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(around(100.0, second)),
        SlotName::B => Some(around(102.0, second + 180)),
    });
    let mut guards = with_compare(None);
    let compare = guards.compare.as_mut().expect("it is there");
    compare.metrics[0].source.period = Period::of_seconds(300).expect("CloudWatch has it");
    let request = judged("shop:v2", "canary:10%:5m", guards);
    let warnings = stage.plan(&request).await.warnings.join("\n");
    let told = "needs about 28m for enough values, the bake at 10% is 5m and `patience` 10m: that \
        step reverts";
    assert!(warnings.contains(told), "{warnings}");
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    assert!(matches!(trip, Trip::PatienceOver { .. }), "{trip}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_blue_is_over_is_told_before_it_reverts_green() {
    let stage = stage_with(60, |_, _| Some(150.0));
    let request = judged(
        "shop:v2",
        "canary:10%:15m",
        with_threshold(MissingData::Hold, 60),
    );
    tokio::time::sleep(Duration::from_secs(600)).await;
    let warnings = stage.plan(&request).await.warnings.join("\n");
    let told = "blue itself crossed guards.metrics.threshold \"queue\" in the last hour: above 100 in \
        2 of 3 minutes (150, 150, 150)";
    assert!(warnings.contains(told), "{warnings}");
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    assert!(matches!(trip, Trip::OverLimit(_)), "{trip}");
}

#[tokio::test(start_paused = true)]
async fn periods_under_those_of_a_metric_are_told_before_they_hold() {
    let stage = stage_with(60, |slot, second| {
        (slot == SlotName::A || second > 0).then_some(50.0)
    });
    let request = judged(
        "shop:v2",
        "canary:10%:15m",
        with_threshold(MissingData::Hold, 10),
    );
    // Ten minutes of values, by the minute.
    tokio::time::sleep(Duration::from_secs(600)).await;
    let warnings = stage.plan(&request).await.warnings.join("\n");
    let told = "guards.metrics.threshold \"queue\" has periods of 10s, and CloudWatch showed no more \
        than one value a minute when it was asked: the other periods have none, so that it holds \
        again and again, and may revert a good version when `patience` (10m) is over; set `period: \
        1m`";
    assert!(warnings.contains(told), "{warnings}");
    let mut held = 0;
    let no_values = |it: &Hold| matches!(it, Hold::NoValues { .. });
    stage
        .deploy(&request, |_, record| {
            if let Event::Holding { reasons, .. } = &record.event {
                held += usize::from(reasons.iter().any(no_values));
            }
        })
        .await;
    assert!(held > 5, "it held {held} times");
}

#[tokio::test(start_paused = true)]
async fn a_score_between_the_two_holds_until_patience_ends() {
    let stage = stage_with(60, |slot, second| match slot {
        SlotName::A => Some(around(100.0, second)),
        SlotName::B => Some(around(160.0, second + 180)),
    });
    let mut guards = with_compare(None);
    let compare = guards.compare.as_mut().expect("it is there");
    compare.marginal = 40;
    let less_is_worse = Compared {
        worse: Worse::Decrease,
        ..Compared::of("supply", depth())
    };
    compare.metrics.push(less_is_worse);
    let request = judged("shop:v2", "canary:10%:15m", guards);
    let Trip::PatienceOver { waited_for } = tripped(stage.deploy(&request, |_, _| {}).await) else {
        panic!("it neither passes nor fails");
    };
    let Hold::NotCompared(judgement) = &waited_for[0] else {
        panic!("{waited_for:?}");
    };
    assert_eq!(
        (judgement.verdict, judgement.score),
        (Verdict::Marginal, Some(5_000))
    );
}

#[tokio::test(start_paused = true)]
async fn what_cloudwatch_refuses_shows_before_anything_is_changed() {
    let stage = stage();
    let mut guards = with_threshold(MissingData::Ok, 60);
    guards.thresholds[0].source.expression = Some("SHOUT(m) +".to_owned());
    let planning = stage.plan(&judged("shop:v2", "canary", guards)).await;
    let problem = planning.problems.first().expect("it is refused");
    assert!(
        problem.what.contains("guards.metrics.threshold \"queue\""),
        "{}",
        problem.what
    );
}

#[tokio::test(start_paused = true)]
async fn all_metrics_are_read_in_one_call_four_times_a_minute() {
    let stage = stage_with(60, |_, second| Some(around(50.0, second)));
    let mut guards = with_compare(Some(300));
    guards.latency = Some(LatencyGuard::default());
    guards.thresholds = with_threshold(MissingData::Ok, 60).thresholds;
    let request = judged("shop:v2", "canary:10%:30m", guards);
    stage.plan(&request).await;
    let reads = || -> u64 {
        let counts = stage.region.call_counts();
        let reads = counts
            .iter()
            .filter(|((_, name), _)| name == "GetMetricData");
        reads.map(|(_, count)| count).sum()
    };
    // Blue's last hour: the percentile, the line, its level, the zones, the load balancer; each
    // own metric.
    let once = reads();
    assert_eq!(once, 7);
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    // 35 minutes of bakes.
    let reads = reads() - 2 * once;
    assert!((100..=35 * 4 + 10).contains(&reads), "{reads}");
}
