//! A rehearsal is the same deployment: what it does without a call is what the loop does over the
//! SDK.

use bg::deployment::event::{Event, Record};
use bg::deployment::metrics::{ErrorGuard, MetricGuards};
use bg::deployment::preflight::Request;
use bg::rehearse::{self, Trouble};
use bg::sandbox::RegionOptions;

use super::harness::{Scene, Stage, request};

fn judged(image: &str, strategy: &str) -> Request {
    let mut request = request(image, strategy);
    request.guards.metrics = Some(MetricGuards {
        errors: Some(ErrorGuard::default()),
        ..MetricGuards::none()
    });
    request
}

/// Both worlds move from one due moment to the next.
fn leaping(scene: &mut Scene) {
    let now = scene.world.now;
    scene.world.traffic.leap_from(now);
}

/// The same deployment over the SDK and without it.
async fn both(request: &Request) -> (Vec<Record>, Vec<Record>) {
    let stage = Stage::open(RegionOptions::default(), leaping);
    let planning = stage.plan(request).await;
    let plan = planning.plan.expect("nothing is in the way");
    // ECS's scheduler is awake after somebody has touched the world: in the copy as well.
    stage.region.with_world(|_| ());
    let mut world = stage.region.with_world(|world| world.clone());
    let rehearsed = rehearse::run(&mut world, &plan, planning.body.as_ref(), Trouble::none(1));
    stage.deploy(request, |_, _| {}).await;
    (stage.records.take(), rehearsed.expect("it is legal"))
}

/// What happened, without the figures of single looks.
fn story(records: &[Record]) -> Vec<String> {
    let told = records
        .iter()
        .filter(|it| !matches!(it.event, Event::Started { .. } | Event::Looked(_)));
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
        let (real, rehearsed) = both(&judged(image, strategy)).await;
        assert!(real.len() > 5, "{real:?}");
        assert_eq!(story(&real), story(&rehearsed), "{image} {strategy}");
    }
}
