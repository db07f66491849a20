//! A rehearsal is the same deployment: what it does without a call is what the loop does over the
//! SDK.

use bg::aws::{Cloud, CollectAsk, SurveyAsk};
use bg::deployment::deadman::Deadman;
use bg::deployment::diagnosis::Diagnosis;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{RoleArn, SlotName};
use bg::deployment::metrics::{ErrorGuard, MetricGuards};
use bg::deployment::preflight::Request;
use bg::deployment::preflight::plan;
use bg::deployment::state::Deployment;
use bg::rehearse::{self, Contender, Row, Scenario, Series, Trouble, means};
use bg::sandbox::world::World;
use bg::sandbox::world::app::Behaviour;
use bg::sandbox::world::traffic::{Flow, Shape};
use bg::sandbox::{Region, RegionOptions};
use std::time::Duration;

use super::harness::{Scene, Stage, request};

pub(crate) fn judged(image: &str, strategy: &str) -> Request {
    let mut request = request(image, strategy);
    request.guards.metrics = Some(MetricGuards {
        errors: Some(ErrorGuard::default()),
        ..MetricGuards::none()
    });
    request
}

/// Both worlds move from one due moment to the next.
pub(crate) fn leaping(scene: &mut Scene) {
    let now = scene.world.now;
    scene.world.traffic.leap_from(now);
}

/// The same deployment over the SDK and without it, in the demo account after `change`.
pub(crate) async fn both(
    request: &Request,
    change: impl FnOnce(&mut Scene),
) -> (Vec<Record>, Vec<Record>) {
    let mut stage = Stage::open(RegionOptions::default(), change);
    let planning = stage.plan(request).await;
    let plan = planning.plan.expect("nothing is in the way");
    // ECS's scheduler is awake after somebody has touched the world: in the copy as well.
    stage.region.with_world(|_| ());
    let mut world = stage.region.with_world(|world| world.clone());
    rehearse::leave_out_unread(&mut world, &plan);
    let rehearsed = rehearse::run(&mut world, &plan, planning.body.as_ref(), Trouble::none(1));
    // The survey is made twice, and must not use up what the loop may ask for.
    stage.cloud = Cloud::with_config(&stage.region.sdk_config());
    stage.deploy(request, |_, _| {}).await;
    (stage.records.take(), rehearsed.expect("it is legal"))
}

/// What happened, without the figures of single looks, and without a diagnosis: that asks for logs,
/// of which a rehearsal has none.
pub(crate) fn story(records: &[Record]) -> Vec<String> {
    let left_out = |event: &Event| {
        let diagnosed = matches!(event, Event::Diagnosed { .. });
        diagnosed || matches!(event, Event::Started { .. } | Event::Looked(_))
    };
    let told = records.iter().filter(|it| !left_out(&it.event));
    told.map(|it| format!("{} {:?}", it.at, it.event)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_tells_the_story_that_the_loop_over_the_sdk_tells() {
    for (image, strategy) in [
        ("shop:v2", "canary"),
        ("shop:v2", "progressive"),
        ("shop:bad", "canary:10%:30m"),
        ("shop:slow", "canary"),
        ("shop:crash", "canary"),
        ("shop:unhealthy", "canary"),
        ("shop:missing", "canary"),
        ("shop:oom", "linear"),
    ] {
        let (real, rehearsed) = both(&judged(image, strategy), leaping).await;
        assert!(real.len() > 5, "{real:?}");
        assert_eq!(story(&real), story(&rehearsed), "{image} {strategy}");
    }
}

/// A request as a rehearsal has it, judged by metrics.
fn rehearsed(strategy: &str) -> Request {
    let mut request = judged("rehearsed/new:2", strategy);
    request.guards.alarms.clear();
    request
}

/// The account that the first request names, and each request's plan in it.
async fn planned(scenario: &Scenario, requests: Vec<(&str, Request)>) -> (World, Vec<Contender>) {
    let start = RegionOptions::default().start;
    let world = rehearse::build(&requests[0].1, scenario, SlotName::A, start);
    let world: World = world.expect("the region takes it");
    let mut contenders = Vec::new();
    for (name, mut request) in requests {
        rehearse::fit(&mut request);
        let region = Region::with(world.clone(), RegionOptions::default());
        let cloud = Cloud::with_config(&region.sdk_config());
        let found = cloud.survey(&SurveyAsk::of(&request), world.now).await;
        let planning = plan(&request, &found.expect("nothing fails"));
        contenders.push(Contender {
            name: name.to_owned(),
            plan: planning.plan.expect("nothing is in the way"),
            body: planning.body,
        });
    }
    (world, contenders)
}

/// What becomes of the scenario's faults under each request, over so many seeds.
async fn rows(scenario: &str, requests: Vec<(&str, Request)>, seeds: u64) -> Vec<Row> {
    let scenario = Scenario::parse(scenario, "the scenario").expect("it is one");
    let (world, contenders) = planned(&scenario, requests).await;
    let series = Series {
        world: &world,
        scenario: &scenario,
        contenders: &contenders,
        first_seed: 1,
        seeds,
    };
    series.rows().expect("it is legal")
}

#[tokio::test(start_paused = true)]
async fn why_green_failed_is_recorded_where_the_loop_does_it() {
    let scenario = Scenario::default();
    for (image, strategy) in [("shop:missing", "canary"), ("shop:bad", "canary:10%:30m")] {
        let (real, _) = both(&judged(image, strategy), leaping).await;
        let findings = real.iter().find_map(|it| match &it.event {
            Event::Diagnosed { diagnosis } => Some(diagnosis.findings.clone()),
            _ => None,
        });
        let (world, contenders) = planned(&scenario, vec![("own", rehearsed(strategy))]).await;
        let series = Series {
            world: &world,
            scenario: &scenario,
            contenders: &contenders,
            first_seed: 1,
            seeds: 0,
        };
        let story = |tag: &str| series.story(&contenders[0], |_| Behaviour::for_image(tag));
        let (records, failing) = story(image).expect("it is legal");
        let failing = failing.expect("green failed");
        let findings = findings.expect("the loop found some");
        let ask = CollectAsk::of_green(&failing.deployment);
        let only_read_on = findings[0].rule == Diagnosis::READ_ITS_LOG;
        assert!(ask.suspected_since.is_some() && only_read_on == (image == "shop:bad"));
        let told = failing.told(records, findings);
        assert_eq!(around_the_diagnosis(&told), around_the_diagnosis(&real));
        let replayed = Deployment::replay(&told).expect("it is legal");
        assert!(replayed.is_some_and(|it| it.outcome().is_some()));
        let (_, failing) = story("shop:v2").expect("it is legal");
        assert!(failing.is_none());
    }
}

/// What is recorded just before the diagnosis, and just after it.
fn around_the_diagnosis(records: &[Record]) -> [std::mem::Discriminant<Event>; 2] {
    let is = |it: &Record| matches!(it.event, Event::Diagnosed { .. });
    let at = records.iter().position(is).expect("it was diagnosed");
    [at - 1, at + 1].map(|at| std::mem::discriminant(&records[at].event))
}

#[tokio::test(start_paused = true)]
async fn every_usual_fault_is_reverted_and_no_good_version_beside_one() {
    let mut request = judged("rehearsed/new:2", "canary:10%:10m");
    request.limits.patience = Duration::from_secs(1800);
    let rows = rows("requests: 100\n", vec![("canary", request)], 2).await;
    for row in &rows {
        let expected = if row.bad { row.runs } else { 0 };
        assert_eq!(row.reverted, expected, "{row:?}");
        assert!(!row.bad || row.back >= row.noticed, "{row:?}");
    }
    assert!(
        rows.iter()
            .any(|it| it.fault == "start-up 3m" && it.to_green == 0.0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_good_version_is_hardly_ever_reverted_whatever_the_traffic_does() {
    let scenario = include_str!("../../examples/rehearsal/good.yaml");
    let rows = rows(scenario, vec![("progressive", rehearsed("progressive"))], 3).await;
    let runs: usize = rows.iter().map(|it| it.runs).sum();
    let reverted: usize = rows.iter().map(|it| it.reverted).sum();
    assert_eq!((rows.len(), runs), (16, 48));
    // One in a hundred may be: two of 48 would be a chance of one in a dozen.
    assert!(reverted <= 1, "{rows:#?}");
}

#[tokio::test(start_paused = true)]
async fn progressive_lets_through_a_fifth_of_what_the_practice_does() {
    let mut practice = rehearsed("canary");
    rehearse::practice(&mut practice);
    let requests = vec![
        ("progressive", rehearsed("progressive")),
        ("codedeploy", practice),
    ];
    let scenario = include_str!("../../examples/rehearsal/practice.yaml");
    let rows = rows(scenario, requests, 4).await;
    let means = means(&rows);
    assert!(means[0].of_last <= 0.2, "{means:?}\n{rows:#?}");
    let healthy = |strategy: &str| {
        let own = |it: &&Row| it.strategy == strategy && it.fault.starts_with("good, 1 %");
        rows.iter().find(own).map(|it| it.reverted)
    };
    assert_eq!(healthy("progressive"), Some(0));
    // Half of its minutes are above the line: hardly any run gets by.
    assert!(healthy("codedeploy") >= Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_dead_man_switch_puts_back_what_a_dead_process_left() {
    let mut armed = judged("rehearsed/new:2", "canary:10%:10m");
    armed.deadman = Some(Deadman {
        after: Duration::from_secs(120),
        role: RoleArn::new("arn:aws:iam::123456789012:role/bg-deadman"),
        leftovers: Vec::new(),
    });
    let bare = judged("rehearsed/new:2", "canary:10%:10m");
    let scenario = "requests: 100\nfaults: [{ dies: 20m }]\n";
    let rows = rows(scenario, vec![("armed", armed), ("bare", bare)], 3).await;
    let failed = |at: usize| rows[at].failed;
    assert!(rows[0].bad && failed(0) * 3.0 < failed(1), "{rows:#?}");
}

#[test]
fn leaps_count_what_seconds_count() {
    let counted = |leaps: bool| {
        let mut scene = Stage::scene();
        let World { traffic, .. } = &mut scene.world;
        traffic.flows = vec![Flow::new(&scene.balancer.listener, Shape::Steady(200.0))];
        let now = scene.world.now;
        for task in scene
            .world
            .ecs
            .clusters
            .values_mut()
            .flat_map(|it| it.tasks.values_mut())
        {
            task.containers[0].behaviour.error_rate = 0.02;
        }
        if leaps {
            scene.world.traffic.leap_from(now);
        }
        let before = scene.world.traffic.ledger.clone();
        scene.world.advance(3600);
        scene.world.settle();
        let after = &scene.world.traffic.ledger;
        let requests = after.requests() - before.requests();
        (requests as f64, (after.failed() - before.failed()) as f64)
    };
    let (seconds, leaps) = (counted(false), counted(true));
    for (requests, failed) in [seconds, leaps] {
        // 720,000 and 14,400, four standard deviations each way.
        assert!((requests - 720_000.0).abs() < 3_400.0, "{requests}");
        assert!((failed - 0.02 * requests).abs() < 480.0, "{failed}");
    }
}
