//! A deployment that trips because of green says why, before its tasks are gone.

use bg::deployment::diagnosis::Diagnosis;
use bg::deployment::event::Event;
use bg::deployment::observation::Ask;
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::trip::Trip;
use bg::runner::Asks;
use bg::sandbox::demo::CLUSTER;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::world::World;
use bg::sandbox::world::ecs::tasks::{Owner, StopCode, Task};

use crate::harness::{Stage, request};
use crate::rehearsed::judged;
use crate::stage;

impl Stage {
    /// What the latest deployment's journal says was found, and after how many of its records.
    pub(crate) fn diagnosis(&self) -> Option<(usize, Diagnosis)> {
        let records = self.records.borrow();
        records
            .iter()
            .enumerate()
            .find_map(|(at, record)| match &record.event {
                Event::Diagnosed { diagnosis } => Some((at, diagnosis.clone())),
                _ => None,
            })
    }

    fn position(&self, is: impl Fn(&Event) -> bool) -> usize {
        let records = self.records.borrow();
        let found = records.iter().position(|record| is(&record.event));
        found.expect("it is on record")
    }
}

#[tokio::test(start_paused = true)]
async fn the_cause_is_in_the_journal_with_traffic_back_and_green_still_there() {
    for (image, rule) in [
        ("shop:missing", "image-not-found"),
        ("shop:oom", "out-of-memory"),
        ("shop:unhealthy", "health-check-error"),
        ("shop:crash", "exit-error"),
    ] {
        let stage = stage();
        let outcome = stage.deploy(&request(image, "canary"), |_, _| {}).await;
        assert!(matches!(outcome, Outcome::Reverted { .. }), "{image}");
        let (at, diagnosis) = stage.diagnosis().expect("it was found out");
        assert_eq!(diagnosis.findings[0].rule, rule, "{image}: {diagnosis:#?}");
        let back = stage.position(|it| matches!(it, Event::TrafficReverted));
        let away = stage.position(|it| matches!(it, Event::PuttingGreenAway));
        assert!(back < at && at < away, "{image}: {back} {at} {away}");
        let size = serde_json::to_string(&diagnosis)
            .expect("it is plain data")
            .len();
        assert!(size < 16_000, "{image}: {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_crash_under_traffic_are_kept() {
    let stage = stage();
    stage
        .deploy(&request("shop:crash", "canary"), |_, _| {})
        .await;
    let (_, diagnosis) = stage.diagnosis().expect("it was found out");
    let words = "app: panic: the cart is empty";
    let evidence = &diagnosis.findings[0].evidence;
    assert!(evidence.iter().any(|it| it == words), "{evidence:?}");
}

/// Green's answers beside blue's are the only guard that can trip first.
fn by_metrics(image: &str) -> Request {
    let mut request = judged(image, "canary:10%:30m");
    request.guards.alarms.clear();
    request
}

#[tokio::test(start_paused = true)]
async fn a_version_that_runs_and_answers_badly_is_told_in_its_own_words() {
    for request in [request("shop:bad", "canary"), by_metrics("shop:bad")] {
        let stage = stage();
        stage.deploy(&request, |_, _| {}).await;
        let (at, diagnosis) = stage.diagnosis().expect("it was looked for");
        let first = &diagnosis.findings[0];
        assert_eq!(first.rule, "read-its-log", "{diagnosis:#?}");
        assert!(
            first.evidence[0].starts_with("app: ERROR GET /cart 500"),
            "{first:?}"
        );
        let command = "aws logs tail /ecs/shop --since 20";
        assert!(first.fix.starts_with(command), "{first:?}");
        assert!(
            first.fix.contains("Z --log-stream-name-prefix shop/app/"),
            "{first:?}"
        );
        let back = stage.position(|it| matches!(it, Event::TrafficReverted));
        let away = stage.position(|it| matches!(it, Event::PuttingGreenAway));
        assert!(back < at && at < away, "{back} {at} {away}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_died_behind_bad_answers_are_why() {
    let stage = stage();
    let outcome = stage
        .deploy(&by_metrics("shop:bad"), |stage, record| {
            if matches!(record.event, Event::Reverting { .. }) {
                stage.region.with_world(crash_one_of_green);
            }
        })
        .await;
    let by_answers = |it: &Trip| matches!(it, Trip::Worse(_));
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(by_answers(&trip), "{trip}");
    let (_, diagnosis) = stage.diagnosis().expect("it was found out");
    assert_eq!(diagnosis.findings[0].rule, "exit-killed", "{diagnosis:#?}");
}

/// Kills a container of green, as the kernel does.
fn crash_one_of_green(world: &mut World) {
    let of_green = |task: &Task| match &task.owner {
        Owner::Service { service, .. } => service == "shop-b" && task.is_running(),
        Owner::Nobody { .. } => false,
    };
    let cluster = world.ecs.clusters.get_mut(CLUSTER).expect("it is there");
    let mut tasks = cluster.tasks.values_mut();
    let task = tasks.find(|it| of_green(it)).expect("green runs");
    task.containers[0].exit_code = Some(137);
    let (id, words) = (task.id.clone(), "Essential container in task exited");
    world.take_task(
        CLUSTER,
        &id,
        StopCode::EssentialContainerExited,
        words.to_owned(),
    );
}

#[tokio::test(start_paused = true)]
async fn somebody_s_own_abort_is_not_looked_into() {
    let stage = stage();
    let mut asks = Asks::default();
    let sender = asks.sender();
    let outcome = stage
        .deploy_asked(&request("shop:bad", "canary"), &mut asks, |_, record| {
            if matches!(record.event, Event::Baking { .. }) {
                let _ = sender.send(Ask::Abort {
                    by: "ann".to_owned(),
                });
            }
        })
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    assert_eq!(stage.diagnosis(), None);
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_hangs_holds_green_for_seconds_and_traffic_not_at_all() {
    let stage = stage();
    let hangs = FaultRule::new("logs:*", FaultKind::TimeoutBefore, When::Always);
    stage.region.fault(hangs);
    let outcome = stage
        .deploy(&request("shop:crash", "canary"), |_, _| {})
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let records = stage.records.borrow();
    let at = |is: &dyn Fn(&Event) -> bool| {
        let found = records.iter().find(|record| is(&record.event));
        found.expect("it is on record").at
    };
    let back = at(&|it| matches!(it, Event::TrafficReverted));
    let away = at(&|it| matches!(it, Event::PuttingGreenAway));
    let held = away.duration_since(back).as_secs();
    assert!(held <= 16, "{held} s");
    drop(records);
    let (_, diagnosis) = stage.diagnosis().expect("ECS tells enough");
    assert_eq!(diagnosis.findings[0].rule, "exit-error", "{diagnosis:#?}");
}
