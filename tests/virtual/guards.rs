//! Metric guards besides failed requests: each trips on a version that deserves it, and lets a good
//! one through.

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::SlotName;
use bg::deployment::metrics::{
    CompareGuard, Compared, LatencyGuard, MetricGuards, Subject, ThresholdGuard, Verdict,
};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::trip::{Hold, Trip};
use bg::judge::guards::{Limit, MetricStat, MissingData, Over, Period, Source};
use bg::sandbox::RegionOptions;
use bg::sandbox::world::World;
use bg::sandbox::world::cloudwatch::store::{Metric, Stats};
use bg::sandbox::world::traffic::{Mode, OwnAnswer};
use jiff::{SignedDuration, Timestamp};

use super::harness::{Scene, Stage, request};
use super::{in_first_bake, later, stage};

/// Judged by metrics alone.
fn judged(image: &str, strategy: &str, guards: MetricGuards) -> Request {
    let mut request = request(image, strategy);
    request.guards.alarms.clear();
    request.guards.metrics = Some(guards);
    request
}

/// The demo account after another hour of traffic.
fn with_history() -> Stage {
    Stage::open(RegionOptions::default(), |scene| scene.world.advance(3600))
}

fn tripped(outcome: Outcome) -> Trip {
    match outcome {
        Outcome::Reverted { trip } => trip,
        other => panic!("{other:?}"),
    }
}

fn took(records: &[Record], from: impl Fn(&Event) -> bool, to: impl Fn(&Event) -> bool) -> i64 {
    let at = |is: &dyn Fn(&Event) -> bool| -> Timestamp {
        let found = records.iter().find(|record| is(&record.event));
        found.expect("it happened").at
    };
    at(&to).duration_since(at(&from)).as_secs()
}

fn baking(event: &Event) -> bool {
    matches!(event, Event::Baking { .. })
}

fn reverting(event: &Event) -> bool {
    matches!(event, Event::Reverting { .. })
}

/// Makes every answer of every task take forty times as long.
fn slow_down(world: &mut World) {
    let clusters = world.ecs.clusters.values_mut();
    for task in clusters.flat_map(|cluster| cluster.tasks.values_mut()) {
        for container in &mut task.containers {
            container.behaviour.latency *= 40;
        }
    }
}

fn with_latency() -> MetricGuards {
    MetricGuards {
        latency: Some(LatencyGuard::default()),
        ..MetricGuards::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_version_is_reverted_by_a_line_from_blues_last_hour() {
    let stage = with_history();
    let request = judged("shop:slow", "canary:10%:30m", with_latency());
    let plan = stage.plan(&request).await.plan.expect("nothing is wrong");
    let latency = plan
        .guards
        .metrics
        .and_then(|it| it.latency)
        .expect("it is judged");
    let line = latency.line.expect("blue had traffic");
    assert!((20_000..60_000).contains(&line.micros), "{line:?}");
    assert!((30_000..70_000).contains(&line.exceeded), "{line:?}");
    let trip = tripped(stage.deploy(&request, |_, _| {}).await);
    let Trip::Worse(worse) = &trip else {
        panic!("{trip}");
    };
    assert!(worse.metric.starts_with("over "), "{trip}");
    assert!(worse.by_more_than == Some(25), "{trip}");
    let records = stage.records.borrow();
    let took = took(&records, baking, reverting);
    assert!(took <= 8 * 60, "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_as_quick_as_blue_is_promoted() {
    let stage = with_history();
    let request = judged("shop:v2", "canary:25%:20m", with_latency());
    let outcome = stage.deploy(&request, |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    let slow = |record: &Record| match &record.event {
        Event::MinuteJudged { served, .. } => served.blue.slow + served.green.slow,
        _ => 0,
    };
    let slow: u64 = stage.records.borrow().iter().map(slow).sum();
    assert!(slow > 100, "some requests are always over the line: {slow}");
}

#[tokio::test(start_paused = true)]
async fn slowness_that_both_sides_have_is_held_against_the_limit_alone() {
    let stage = with_history();
    let mut guards = with_latency();
    guards.latency = Some(LatencyGuard {
        over: Over::Micros(500_000),
        limit: Some(50_000),
        ..LatencyGuard::default()
    });
    let request = judged("shop:v2", "canary:50%:20m", guards);
    let outcome = stage.deploy(&request, in_first_bake(slow_down)).await;
    let Trip::Worse(worse) = tripped(outcome) else {
        panic!("another guard was quicker");
    };
    assert_eq!((worse.by_more_than, worse.limit), (None, Some(50_000)));
    assert!(worse.metric.contains("over 500 ms"), "{worse:?}");
}

/// Two requests a second find their group empty for so long, from the beginning of a minute of
/// the first bake on.
fn empty_group(seconds: u64) -> impl FnMut(&Stage, &Record) {
    move |stage: &Stage, record: &Record| {
        if !super::first_bake(record) {
            return;
        }
        let into = record.at.as_second().rem_euclid(60).unsigned_abs();
        for second in (121 - into..).take(seconds as usize) {
            let balancer = stage.balancer.arn.clone();
            later(stage, second, move |region| {
                region.with_world(|world| {
                    world.traffic.mode = Mode::On;
                    let now = world.now;
                    let traffic = &mut world.traffic;
                    traffic.count_real_own(&balancer, OwnAnswer::NoTarget, now);
                    traffic.count_real_own(&balancer, OwnAnswer::NoTarget, now);
                });
            });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_target_group_is_noticed_in_its_second_minute() {
    let stage = with_history();
    let request = judged("shop:v2", "canary:10%:30m", MetricGuards::default());
    let trip = tripped(stage.deploy(&request, empty_group(1200)).await);
    let Trip::Worse(worse) = &trip else {
        panic!("{trip}");
    };
    assert_eq!(worse.subject, Subject::LoadBalancer, "{trip}");
    let said = trip.to_string();
    assert!(
        said.contains("answered") && said.contains("itself with 5xx"),
        "{said}"
    );
    let records = stage.records.borrow();
    let bad = records.iter().filter(|record| {
        matches!(&record.event, Event::MinuteJudged { served, .. } if served.balancer.own_5xx > 0)
    });
    assert_eq!(bad.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_one_minute_at_the_load_balancer_reverts_nothing() {
    let stage = with_history();
    let request = judged("shop:v2", "canary:10%:20m", MetricGuards::default());
    let outcome = stage.deploy(&request, empty_group(45)).await;
    assert_eq!(outcome, Outcome::Promoted);
    let own = |record: &Record| match &record.event {
        Event::MinuteJudged { served, .. } => served.balancer.own_5xx,
        _ => 0,
    };
    let own: Vec<u64> = stage
        .records
        .borrow()
        .iter()
        .map(own)
        .filter(|it| *it > 0)
        .collect();
    assert_eq!(own, [90]);
}

/// A metric that each slot publishes of itself every so many seconds; its value by slot and
/// second.
fn publish(scene: &mut Scene, every: i64, value: impl Fn(SlotName, i64) -> Option<f64>) {
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

fn depth() -> Source {
    Source::of(MetricStat {
        namespace: "Shop".to_owned(),
        name: "Depth".to_owned(),
        dimensions: [("Slot".to_owned(), "{slot}".to_owned())].into(),
        stat: "Average".to_owned(),
    })
}

fn with_threshold(missing: MissingData, period: u64) -> MetricGuards {
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

fn with_compare(every: Option<u32>) -> MetricGuards {
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
fn around(middle: f64, second: i64) -> f64 {
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
async fn noise_between_blues_zones_is_measured_and_allowed_for() {
    let quiet = stage();
    let request = judged("shop:v2", "canary", MetricGuards::default());
    let planning = quiet.plan(&request).await;
    let too_few = planning.notes.iter().any(|it| it.contains("30 are needed"));
    assert!(too_few, "{:?}", planning.notes);
    // One of blue's two tasks, each in a zone of its own, has bad spells of five minutes.
    let noisy = Stage::open(RegionOptions::default(), |scene| {
        for spell in 0..12 {
            let mut tasks = scene
                .world
                .ecs
                .clusters
                .values_mut()
                .flat_map(|cluster| cluster.tasks.values_mut());
            let task = tasks.next().expect("blue runs");
            for container in &mut task.containers {
                container.behaviour.error_rate = if spell % 2 == 0 { 0.2 } else { 0.01 };
            }
            scene.world.advance(300);
        }
    });
    let plan = noisy.plan(&request).await.plan.expect("nothing is wrong");
    let errors = plan
        .guards
        .metrics
        .and_then(|it| it.errors)
        .expect("judged");
    assert!(errors.noise >= 500, "{}", errors.noise);
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
    // Blue's last hour: the percentile, the line, the zones, the load balancer; each own metric.
    let once = reads();
    assert_eq!(once, 6);
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    // 35 minutes of bakes.
    let reads = reads() - 2 * once;
    assert!((100..=35 * 4 + 10).contains(&reads), "{reads}");
}
