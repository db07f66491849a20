//! Metric guards: green beside blue, minute by minute, out of CloudWatch's own figures.

use bg::deployment::event::{Event, Record};
use bg::deployment::metrics::{ErrorGuard, MetricGuards};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::trip::{Hold, Trip};
use bg::judge::minute::Quality;
use bg::sandbox::RegionOptions;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::world::app::Behaviour;
use bg::sandbox::world::traffic::{Flow, Shape};
use bg::strategy::Weight;
use jiff::{SignedDuration, Timestamp};

use super::harness::{Scene, Stage, request};
use super::{in_first_bake, stage};

/// Judged by metrics alone.
fn judged(image: &str, strategy: &str) -> Request {
    let mut request = request(image, strategy);
    request.guards.alarms.clear();
    request.guards.metrics = Some(MetricGuards::default());
    request
}

fn early(image: &str, strategy: &str) -> Request {
    let mut request = judged(image, strategy);
    if let Some(metrics) = &mut request.guards.metrics {
        metrics.errors = Some(ErrorGuard {
            early_promote: true,
            ..ErrorGuard::default()
        });
    }
    request
}

fn at(records: &[Record], is: impl Fn(&Event) -> bool) -> Option<Timestamp> {
    records.iter().find(|it| is(&it.event)).map(|it| it.at)
}

fn seconds_between(records: &[Record], from: fn(&Event) -> bool, to: fn(&Event) -> bool) -> i64 {
    let moments = (at(records, from), at(records, to));
    let (Some(from), Some(to)) = moments else {
        panic!("{moments:?}");
    };
    to.duration_since(from).as_secs()
}

fn minutes_judged(records: &[Record]) -> usize {
    let judged = |it: &&Record| matches!(it.event, Event::MinuteJudged { .. });
    records.iter().filter(judged).count()
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_reverted_on_its_first_minutes_figures() {
    let stage = stage();
    let outcome = stage
        .deploy(&judged("shop:bad", "canary:10%:30m"), |_, _| {})
        .await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    let Trip::Worse(worse) = &trip else {
        panic!("{trip}");
    };
    assert_eq!(worse.metric, "5xx");
    assert!(worse.green_bad >= 3 && worse.blue_bad == 0, "{worse:?}");
    assert!(worse.confidence >= 99_000, "{worse:?}");
    let said = trip.to_string();
    assert!(said.contains("against blue 0 % (0 of "), "{said}");
    assert!(said.contains("worse by more than 25 %"), "{said}");
    // Two whole minutes at most, CloudWatch's lag, and two reads that agree.
    let records = stage.records.borrow();
    let took = seconds_between(
        &records,
        |it| matches!(it, Event::Baking { .. }),
        |it| matches!(it, Event::Reverting { .. }),
    );
    assert!(took <= 5 * 60, "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_good_version_is_promoted_and_every_whole_minute_was_judged() {
    let stage = stage();
    let outcome = stage.deploy(&judged("shop:v2", "canary"), |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    // Two bakes of five minutes: the last minutes' figures come too late to be judged.
    let judged = minutes_judged(&stage.records.borrow());
    assert!((4..=8).contains(&judged), "{judged}");
}

#[tokio::test(start_paused = true)]
async fn errors_that_both_sides_have_revert_nothing() {
    let stage = stage();
    let outcome = stage
        .deploy(
            &judged("shop:v2", "canary:50%:20m"),
            in_first_bake(|world| {
                let tasks = world
                    .ecs
                    .clusters
                    .values_mut()
                    .flat_map(|it| it.tasks.values_mut());
                for container in tasks.flat_map(|task| &mut task.containers) {
                    container.behaviour.error_rate = 0.05;
                }
            }),
        )
        .await;
    // Five times the limit on green with all traffic, though: by then blue is no excuse.
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    let Trip::Worse(worse) = &trip else {
        panic!("{trip}");
    };
    assert_eq!((worse.by_more_than, worse.limit), (None, Some(10_000)));
    let records = stage.records.borrow();
    let last_bake = at(&records, |it| matches!(it, Event::Baking { step: 1, .. }));
    let reverting = at(&records, |it| matches!(it, Event::Reverting { .. }));
    assert!(last_bake.is_some() && last_bake < reverting);
}

#[tokio::test(start_paused = true)]
async fn a_level_that_blue_has_long_had_is_no_reason_to_revert_with_all_traffic_either() {
    let stage = Stage::open(RegionOptions::default(), |scene| {
        let world = &mut scene.world;
        let tasks = world.ecs.clusters.values_mut();
        for task in tasks.flat_map(|it| it.tasks.values_mut()) {
            for container in &mut task.containers {
                container.behaviour.error_rate = 0.03;
            }
        }
        let bad = Behaviour {
            error_rate: 0.03,
            ..Behaviour::good()
        };
        world.ecs.images.plant("shop:v2", bad);
        world.advance(3600);
    });
    let outcome = stage
        .deploy(&judged("shop:v2", "canary:50%:20m"), |_, _| {})
        .await;
    assert_eq!(outcome, Outcome::Promoted);
}

#[tokio::test(start_paused = true)]
async fn a_bake_ends_early_once_green_is_shown_not_to_be_worse() {
    let busy = |scene: &mut Scene| {
        let flow = Flow::new(&scene.balancer.listener, Shape::Steady(400.0));
        scene.world.traffic.flows = vec![flow];
    };
    let stage = Stage::open(RegionOptions::default(), busy);
    let outcome = stage
        .deploy(&early("shop:v2", "canary:50%:2h"), |_, _| {})
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let records = stage.records.borrow();
    let took = seconds_between(
        &records,
        |it| matches!(it, Event::Baking { step: 0, .. }),
        |it| matches!(it, Event::EnoughEvidence { step: 0, .. }),
    );
    assert!(took < 20 * 60, "{took} s of two hours");
}

#[tokio::test(start_paused = true)]
async fn without_any_traffic_time_alone_decides() {
    let quiet = |scene: &mut Scene| scene.world.traffic.flows.clear();
    let stage = Stage::open(RegionOptions::default(), quiet);
    let outcome = stage
        .deploy(&judged("shop:v2", "canary:50%:15m"), |_, _| {})
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let records = stage.records.borrow();
    let none = |it: &Record| !matches!(&it.event, Event::MinuteJudged { served, .. } if served.green.requests > 0);
    assert!(minutes_judged(&records) > 5 && records.iter().all(none));
}

#[tokio::test(start_paused = true)]
async fn metrics_that_stop_coming_hold_and_then_revert() {
    let stage = stage();
    let outcome = stage
        .deploy(
            &judged("shop:v2", "canary:50%:1h"),
            in_first_bake(|world| world.cloudwatch.lag = SignedDuration::from_hours(10)),
        )
        .await;
    let Outcome::Reverted {
        trip: Trip::PatienceOver { waited_for },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(matches!(waited_for[0], Hold::MetricsBlind { minutes } if minutes >= 3));
    let records = stage.records.borrow();
    let skipped = |it: &Record| {
        matches!(
            it.event,
            Event::MinuteSkipped {
                why: Quality::NoData,
                ..
            }
        )
    };
    assert!(records.iter().any(skipped));
}

/// A version that fails a fifth of its requests must not get through because nobody can see it.
#[tokio::test(start_paused = true)]
async fn metrics_that_cannot_be_read_hold_before_all_traffic_is_on_green() {
    for strategy in ["canary", "progressive"] {
        let stage = stage();
        let outcome = stage
            .deploy(&judged("shop:bad", strategy), |stage, record| {
                if matches!(record.event, Event::GreenReady) {
                    let kind = FaultKind::InternalError;
                    let rule = FaultRule::new("GetMetricData", kind, When::Always);
                    stage.region.fault(rule);
                }
            })
            .await;
        let Outcome::Reverted {
            trip: Trip::PatienceOver { waited_for },
        } = outcome
        else {
            panic!("{strategy}: {outcome:?}");
        };
        let said = waited_for[0].to_string();
        assert!(
            said.starts_with("CloudWatch's metrics can't be read"),
            "{said}"
        );
        let records = stage.records.borrow();
        let full = |it: &Record| matches!(it.event, Event::Shifting { weight, .. } if weight == Weight::FULL);
        assert!(!records.iter().any(full), "{strategy}");
    }
}

#[tokio::test(start_paused = true)]
async fn figures_that_come_late_are_waited_for_before_all_traffic_is_on_green() {
    let stage = stage();
    stage
        .region
        .with_world(|world| world.cloudwatch.lag = SignedDuration::from_secs(170));
    let outcome = stage.deploy(&judged("shop:bad", "canary"), |_, _| {}).await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let records = stage.records.borrow();
    let full =
        |it: &Record| matches!(it.event, Event::Shifting { weight, .. } if weight == Weight::FULL);
    assert!(!records.iter().any(full), "10 % has shown it");
}

#[tokio::test(start_paused = true)]
async fn a_good_version_is_promoted_though_figures_come_minutes_late() {
    for lag in [170, 240, 290] {
        let stage = stage();
        stage
            .region
            .with_world(|world| world.cloudwatch.lag = SignedDuration::from_secs(lag));
        let outcome = stage.deploy(&judged("shop:v2", "canary"), |_, _| {}).await;
        assert_eq!(outcome, Outcome::Promoted, "{lag} s late");
        assert!(minutes_judged(&stage.records.borrow()) > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn judging_what_may_not_be_read_is_refused_with_what_to_allow() {
    let stage = stage();
    let rule = FaultRule::new("GetMetricData", FaultKind::Denied, When::Always);
    stage.region.fault(rule);
    let planning = stage.plan(&judged("shop:v2", "canary")).await;
    assert_eq!(planning.plan, None);
    let problem = &planning.problems[0];
    assert!(
        problem.what.contains("cloudwatch:GetMetricData"),
        "{}",
        problem.what
    );
    assert!(problem.fix.contains("bg iam-policy"), "{}", problem.fix);
}

#[tokio::test(start_paused = true)]
async fn metrics_cost_a_call_every_quarter_of_a_minute() {
    let stage = stage();
    stage
        .deploy(&judged("shop:v2", "canary:10%:30m"), |_, _| {})
        .await;
    let counts = stage.region.call_counts();
    let reads = counts
        .iter()
        .filter(|((_, name), _)| name == "GetMetricData");
    let reads: u64 = reads.map(|(_, count)| count).sum();
    // 35 minutes of bakes.
    assert!((100..=35 * 4 + 10).contains(&reads), "{reads}");
}
