//! Slow requests, the load balancer's own 5xx, and the noise between zones: each guard trips on a
//! version that deserves it, and lets a good one through.

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::LoadBalancerArn;
use bg::deployment::metrics::{LatencyGuard, MetricGuards, Subject};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::trip::Trip;
use bg::judge::guards::Over;
use bg::report::view::View;
use bg::sandbox::RegionOptions;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::world::World;
use bg::sandbox::world::cloudwatch::store::{Metric, Stats};
use bg::sandbox::world::traffic::{Mode, OwnAnswer};
use jiff::{SignedDuration, Timestamp};

use super::harness::{Stage, request};
use super::{in_first_bake, later, stage};

/// Judged by metrics alone.
pub(crate) fn judged(image: &str, strategy: &str, guards: MetricGuards) -> Request {
    let mut request = request(image, strategy);
    request.guards.alarms.clear();
    request.guards.metrics = Some(guards);
    request
}

/// The demo account after another hour of traffic.
fn with_history() -> Stage {
    Stage::open(RegionOptions::default(), |scene| scene.world.advance(3600))
}

pub(crate) fn tripped(outcome: Outcome) -> Trip {
    match outcome {
        Outcome::Reverted { trip } => trip,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn took(
    records: &[Record],
    from: impl Fn(&Event) -> bool,
    to: impl Fn(&Event) -> bool,
) -> i64 {
    let at = |is: &dyn Fn(&Event) -> bool| -> Timestamp {
        let found = records.iter().find(|record| is(&record.event));
        found.expect("it happened").at
    };
    at(&to).duration_since(at(&from)).as_secs()
}

pub(crate) fn baking(event: &Event) -> bool {
    matches!(event, Event::Baking { .. })
}

pub(crate) fn reverting(event: &Event) -> bool {
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
    drop(records);
    assert_eq!(stage.diagnosis(), None, "nothing points at green");
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

#[tokio::test(start_paused = true)]
async fn the_load_balancers_own_5xx_are_judged_without_being_asked_for() {
    let stage = with_history();
    let request = judged("shop:v2", "canary:10%:30m", MetricGuards::by_itself());
    let trip = tripped(stage.deploy(&request, empty_group(1200)).await);
    let Trip::Worse(worse) = &trip else {
        panic!("{trip}");
    };
    assert_eq!(worse.subject, Subject::LoadBalancer, "{trip}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asked_for_holds_nothing_where_it_has_no_figures() {
    let stage = with_history();
    let request = judged("shop:v2", "canary:50%:1h", MetricGuards::by_itself());
    let outcome = stage
        .deploy(
            &request,
            in_first_bake(|world| world.cloudwatch.lag = SignedDuration::from_hours(10)),
        )
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let records = stage.records.borrow();
    let holds = |it: &&Record| matches!(it.event, Event::Holding { .. });
    assert_eq!(records.iter().filter(holds).count(), 0);
    let skipped = |it: &&Record| matches!(it.event, Event::MinuteSkipped { .. });
    assert!(records.iter().filter(skipped).count() >= 30);
}

#[tokio::test(start_paused = true)]
async fn where_cloudwatch_may_not_be_read_the_plan_says_so_and_goes_on() {
    let stage = with_history();
    let denied = FaultRule::new("GetMetricData", FaultKind::Denied, When::Always);
    stage.region.fault(denied);
    let request = judged("shop:v2", "canary:10%:10m", MetricGuards::by_itself());
    let planning = stage.plan(&request).await;
    let told = [planning.warnings, planning.notes].concat().join("\n");
    let plan = planning.plan.expect("nothing is in the way");
    assert_eq!(plan.guards.metrics, None);
    assert!(told.contains("blue's last hour can't be read"), "{told}");
    assert!(told.contains("own 5xx are not judged"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn figures_that_change_after_they_were_judged_are_counted_and_nothing_else() {
    let stage = with_history();
    let request = judged("shop:v2", "canary:10%:20m", MetricGuards::default());
    let mut changed = false;
    let outcome = stage
        .deploy(&request, |stage, record| {
            let Event::MinuteJudged { minute, .. } = record.event else {
                return;
            };
            if std::mem::replace(&mut changed, true) {
                return;
            }
            let arn = LoadBalancerArn::new(&stage.balancer.arn);
            let balancer = ("LoadBalancer".to_owned(), arn.dimension().to_owned());
            later(stage, 60, move |region| {
                region.with_world(|world| {
                    let name = "HTTPCode_ELB_5XX_Count";
                    let metric = Metric::new("AWS/ApplicationELB", name, vec![balancer.clone()]);
                    let (store, now) = (&mut world.cloudwatch.store, world.now);
                    store.record(metric, Some("Count"), minute, &Stats::of(500.0), now);
                });
            });
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let records = stage.records.borrow();
    let revised = records.iter().filter_map(|it| match it.event {
        Event::MinuteRevised { served, .. } => Some(served.balancer.own_5xx),
        _ => None,
    });
    assert_eq!(revised.collect::<Vec<_>>(), [500]);
    assert_eq!(
        View::of(records.iter()).read_to.map(|it| it.revised),
        Some(1)
    );
}

#[tokio::test(start_paused = true)]
async fn noise_between_blues_zones_is_measured_and_allowed_for() {
    let quiet = stage();
    let request = judged("shop:v2", "canary", MetricGuards::default());
    let planning = quiet.plan(&request).await;
    let too_few = planning
        .notes
        .iter()
        .any(|it| it.contains("takes 30 minutes with traffic in two zones"));
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
