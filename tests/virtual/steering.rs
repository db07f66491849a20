//! Requests through the store: from another process, or asked of one that is dead.

use std::sync::Arc;
use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, ServiceName};
use bg::deployment::observation::{Ask, OnInterrupt};
use bg::deployment::outcome::Outcome;
use bg::deployment::state::Deployment;
use bg::deployment::trip::Trip;
use bg::runner::{Asks, Run, Until};
use bg::sandbox::RegionOptions;
use bg::sandbox::wire::cloudwatch;
use bg::store::{Request, Steer};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{Stage, request};
use crate::{first_bake, later, stage};

const FULL: Steer = Steer::Promote { full: true };
const ON: Steer = Steer::Promote { full: false };

fn shop() -> ServiceName {
    ServiceName::new("shop")
}

fn asked(stage: &Stage, id: &DeploymentId, steer: Steer) {
    let (service, now) = (shop(), stage.region.now());
    let request = wish(id, now, steer);
    let asked = stage.store.ask(&service, &request).now_or_never();
    asked.expect("it is in memory").expect("it is in memory");
}

fn wish(id: &DeploymentId, at: Timestamp, steer: Steer) -> Request {
    Request {
        deployment: id.clone(),
        by: "ada@engine".to_owned(),
        at,
        steer,
    }
}

/// Leaves a request so many virtual seconds from now.
fn ask_later(stage: &Stage, seconds: u64, id: &DeploymentId, steer: Steer) {
    let (store, id, region) = (Arc::clone(&stage.store), id.clone(), stage.region.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let request = wish(&id, region.now(), steer);
        store.ask(&shop(), &request).await.expect("it is in memory");
    });
}

/// When the first event that fits was recorded.
fn at(stage: &Stage, fits: impl Fn(&Event) -> bool) -> Timestamp {
    let records = stage.records.borrow();
    let record = records.iter().find(|record| fits(&record.event));
    record.expect("it happened").at
}

fn shifts(stage: &Stage) -> Vec<String> {
    let weight = |record: &Record| match &record.event {
        Event::Shifting { weight, .. } => Some(weight.to_string()),
        _ => None,
    };
    stage.records.borrow().iter().filter_map(weight).collect()
}

#[tokio::test(start_paused = true)]
async fn an_abort_is_heeded_within_one_poll() {
    let stage = stage();
    let mut began = None;
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if first_bake(record) {
                began = Some(record.at);
                ask_later(stage, 61, &record.deployment, Steer::Abort);
            }
        })
        .await;
    let by = "ada@engine".to_owned();
    let trip = Trip::Aborted { by };
    assert_eq!(outcome, Outcome::Reverted { trip });
    assert_eq!(stage.weights(), (100, 0));
    let asked_at = began.expect("it baked") + SignedDuration::from_secs(61);
    let heeded_at = at(&stage, |event| matches!(event, Event::Reverting { .. }));
    assert!(heeded_at.duration_since(asked_at).as_secs() <= 5);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_another_deployment_is_left_alone() {
    let stage = stage();
    let other = DeploymentId::new("20260105-080000-other");
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if first_bake(record) {
                asked(stage, &other, Steer::Abort);
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let left = stage.store.requests(&shop(), &other).await;
    assert_eq!(left.expect("it is in memory").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_its_weight_and_an_alarm_meanwhile_reverts() {
    let stage = stage();
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if first_bake(record) {
                ask_later(stage, 20, &record.deployment, Steer::Pause);
                later(stage, 3600, |region| {
                    let input = json!({
                        "AlarmName": "shop-b-5xx", "StateValue": "ALARM", "StateReason": "rung",
                    });
                    region.with_world(|world| {
                        cloudwatch::handle(world, "SetAlarmState", &input).expect("it exists");
                    });
                });
            }
        })
        .await;
    assert!(
        matches!(
            &outcome,
            Outcome::Reverted {
                trip: Trip::Alarm { .. }
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(shifts(&stage), ["10%"]);
    let paused = at(&stage, |event| matches!(event, Event::Paused { .. }));
    let reverted = at(&stage, |event| matches!(event, Event::Reverting { .. }));
    assert!(reverted.duration_since(paused).as_secs() > 3500);
    assert_eq!(stage.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn promote_ends_a_pause_and_a_bake_and_full_skips_steps() {
    for (steer, pause, expected) in [
        (ON, true, ["1%", "5%", "25%", "50%", "100%"].as_slice()),
        (FULL, true, &["1%", "100%"]),
        (FULL, false, &["1%", "100%"]),
    ] {
        let stage = stage();
        let outcome = stage
            .deploy(&request("shop:v2", "progressive"), |stage, record| {
                if first_bake(record) {
                    if pause {
                        ask_later(stage, 10, &record.deployment, Steer::Pause);
                    }
                    ask_later(stage, 20, &record.deployment, steer.clone());
                }
            })
            .await;
        assert_eq!(outcome, Outcome::Promoted);
        assert_eq!(shifts(&stage), expected);
        let began = at(&stage, |event| {
            matches!(event, Event::Baking { step: 0, .. })
        });
        let next = at(
            &stage,
            |event| matches!(event, Event::Shifting { step, .. } if *step > 0),
        );
        assert!(next.duration_since(began).as_secs() <= 30, "past the bake");
        let last = at(&stage, |event| {
            matches!(event, Event::Baking { step: 4, .. })
        });
        let promoted = at(&stage, |event| matches!(event, Event::Promoted { .. }));
        assert!(
            promoted.duration_since(last).as_secs() >= 600,
            "the last bake stays"
        );
    }
}

/// Goes on with the demo service's deployment once its lock is free.
async fn go_on(stage: &Stage, asks: &mut Asks) -> Deployment {
    let id = request("shop:v2", "canary").id;
    let journal = stage
        .store
        .journal(&shop(), &id)
        .await
        .expect("it is in memory");
    let deployment = Deployment::replay(&journal).expect("it is legal");
    let deployment = deployment.expect("it has begun");
    let since = journal.last().expect("it has begun").at;
    let holder = stage.store.lock(&shop(), &stage.holder(&id)).await;
    let run = Run {
        cloud: &stage.cloud,
        store: &stage.store,
        clock: stage.clock(),
        holder: holder.expect("the lease is over"),
        body: None,
        asks,
        show: &mut |_| {},
    };
    let by = "grace@hopper".to_owned();
    run.resume(deployment, by, since, Until::End)
        .await
        .expect("it can")
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_of_a_dead_process_is_heeded_by_the_next() {
    let stage = stage();
    let request = request("shop:v2", "canary");
    let run = stage.deploy(&request, |_, _| {});
    assert!(
        tokio::time::timeout(Duration::from_secs(200), run)
            .await
            .is_err()
    );
    assert_eq!(stage.weights(), (90, 10));
    asked(&stage, &request.id, Steer::Abort);
    tokio::time::sleep(Duration::from_secs(70)).await;
    let ended = go_on(&stage, &mut Asks::default()).await;
    let by = "ada@engine".to_owned();
    let trip = Trip::Aborted { by };
    assert_eq!(ended.outcome(), Some(&Outcome::Reverted { trip }));
    assert_eq!(stage.weights(), (100, 0));
}

/// Leaves a request, and has something done so many virtual milliseconds after.
fn ask_and_then(
    stage: &Stage,
    id: &DeploymentId,
    steer: Steer,
    millis: u64,
    then: impl FnOnce() + Send + 'static,
) {
    let (store, id, region) = (Arc::clone(&stage.store), id.clone(), stage.region.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(61)).await;
        let request = wish(&id, region.now(), steer);
        store.ask(&shop(), &request).await.expect("it is in memory");
        tokio::time::sleep(Duration::from_millis(millis)).await;
        then();
    });
}

/// Where a look takes its time.
fn slow_stage() -> Stage {
    let options = RegionOptions {
        latency: Duration::from_millis(400),
        ..RegionOptions::default()
    };
    Stage::open(options, |_| {})
}

/// The milliseconds from an abort to around its answer: those of the look that shows it.
async fn around_the_answer() -> impl Iterator<Item = u64> {
    let stage = slow_stage();
    let mut began = None;
    stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if first_bake(record) {
                began = Some(record.at);
                ask_and_then(stage, &record.deployment, Steer::Abort, 0, || {});
            }
        })
        .await;
    let asked_at = began.expect("it baked") + SignedDuration::from_secs(61);
    let answered_at = at(&stage, |event| matches!(event, Event::Reverting { .. }));
    let answered = answered_at.duration_since(asked_at).as_millis();
    let answered = u64::try_from(answered).expect("it comes after");
    (answered.saturating_sub(1000)..answered + 150).step_by(130)
}

#[tokio::test(start_paused = true)]
async fn an_abort_is_not_lost_when_a_signal_comes_at_the_same_moment() {
    for millis in around_the_answer().await {
        let stage = slow_stage();
        let mut asks = Asks::default();
        let sender = asks.sender();
        let request = request("shop:v2", "canary");
        let run = stage.deploy_asked(&request, &mut asks, |stage, record| {
            if first_bake(record) {
                let sender = sender.clone();
                let pause = Ask::Interrupt {
                    signal: "SIGHUP".to_owned(),
                    then: OnInterrupt::Pause,
                };
                let then = move || drop(sender.send(pause));
                ask_and_then(stage, &record.deployment, Steer::Abort, millis, then);
            }
        });
        // It would stay paused for ever.
        let outcome = tokio::time::timeout(Duration::from_secs(3600), run).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("{millis} ms: it is lost"));
        let by = "ada@engine".to_owned();
        let trip = Trip::Aborted { by };
        assert_eq!(outcome, Outcome::Reverted { trip }, "{millis} ms");
        assert_eq!(stage.weights(), (100, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_process_heard_and_did_not_live_to_write_down_is_heeded_by_the_next() {
    for millis in around_the_answer().await {
        let stage = slow_stage();
        let request = request("shop:v2", "canary");
        let (dies, death) = tokio::sync::oneshot::channel();
        let mut dies = Some(dies);
        let run = stage.deploy(&request, |stage, record| {
            if let Some(dies) = dies.take_if(|_| first_bake(record)) {
                let then = move || dies.send(()).expect("it still runs");
                ask_and_then(stage, &record.deployment, Steer::Abort, millis, then);
            }
        });
        tokio::select! {
            _ = run => panic!("it bakes for five minutes"),
            _ = death => {}
        }
        tokio::time::sleep(Duration::from_secs(70)).await;
        let ended = go_on(&stage, &mut Asks::default()).await;
        let by = "ada@engine".to_owned();
        let trip = Trip::Aborted { by };
        let outcome = Outcome::Reverted { trip };
        assert_eq!(ended.outcome(), Some(&outcome), "{millis} ms");
        let left = stage.store.requests(&shop(), &request.id).await;
        assert_eq!(left.expect("it is in memory"), [], "{millis} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_promote_that_was_written_down_and_not_removed_ends_no_second_bake() {
    let stage = stage();
    let request = request("shop:v2", "progressive");
    let asked = wish(&request.id, stage.region.now(), ON);
    let mut left = Some(asked.clone());
    let (dies, death) = tokio::sync::oneshot::channel();
    let mut dies = Some(dies);
    let run = stage.deploy(&request, |stage, record| match record.event {
        Event::Baking { step: 0, .. } => {
            let asked = left.take().expect("it bakes once");
            let asked = stage.store.ask(&shop(), &asked).now_or_never();
            asked.expect("it is in memory").expect("it is in memory");
        }
        Event::GoingOn { .. } => {
            let dies = dies.take().expect("it is told once");
            dies.send(()).expect("somebody waits for it");
        }
        _ => {}
    });
    tokio::select! {
        biased;
        _ = death => {}
        _ = run => panic!("it bakes for minutes"),
    }
    // As if it had died right before the removal.
    let again = stage.store.ask(&shop(), &asked).await;
    again.expect("it is in memory");
    tokio::time::sleep(Duration::from_secs(70)).await;
    let ended = go_on(&stage, &mut Asks::default()).await;
    assert_eq!(ended.outcome(), Some(&Outcome::Promoted));
    let journal = stage.store.journal(&shop(), &request.id).await;
    let journal = journal.expect("it is in memory");
    let when = |fits: fn(&Event) -> bool| {
        let found = journal.iter().find(|record| fits(&record.event));
        found.expect("it happened").at
    };
    let first = when(|event| matches!(event, Event::Baking { step: 0, .. }));
    let second = when(|event| matches!(event, Event::Baking { step: 1, .. }));
    let third = when(|event| matches!(event, Event::Shifting { step: 2, .. }));
    assert!(second.duration_since(first).as_secs() < 115, "past a bake");
    assert!(third.duration_since(second).as_secs() >= 175, "past one");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_left_on_purpose_keeps_its_weight_and_can_be_gone_on_with() {
    let stage = stage();
    let mut asks = Asks::default();
    let sender = asks.sender();
    let request = request("shop:v2", "canary");
    let why = "--for 50m".to_owned();
    let leave = Ask::Leave { why: why.clone() };
    let outcome = stage
        .deploy_asked(&request, &mut asks, |stage, record| {
            if first_bake(record) {
                let (sender, leave) = (sender.clone(), leave.clone());
                later(stage, 100, move |_| {
                    sender.send(leave).expect("it still runs");
                });
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Kept { signal: why });
    assert_eq!(stage.weights(), (90, 10));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let left_at = stage.region.now();
    let ended = go_on(&stage, &mut Asks::default()).await;
    assert_eq!(ended.outcome(), Some(&Outcome::Promoted));
    assert_eq!(stage.weights(), (0, 100));
    // 200 s of the first bake were left, and the last takes 300.
    let took = stage.region.now().duration_since(left_at).as_secs();
    assert!((500..=520).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_poll_hears_requests_and_keeps_the_lease_all_the_same() {
    let stage = stage();
    let mut request = request("shop:v2", "canary:10%:30m");
    request.limits.poll = Duration::from_secs(60);
    let id = request.id.clone();
    let store = Arc::clone(&stage.store);
    let outcome = stage
        .deploy(&request, |stage, record| {
            if first_bake(record) {
                ask_later(stage, 320, &id, Steer::Abort);
                let (store, region) = (Arc::clone(&store), stage.region.clone());
                tokio::spawn(async move {
                    for _ in 0..300 {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        let holder = store.holder(&shop()).await.expect("it is in memory");
                        let left = holder.expect("it deploys").lease_until;
                        let left = left.duration_since(region.now());
                        assert!(left > SignedDuration::from_secs(30), "{left:?}");
                    }
                });
            }
        })
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let asked =
        at(&stage, |it| matches!(it, Event::Baking { .. })) + SignedDuration::from_secs(320);
    let heard = at(&stage, |it| matches!(it, Event::Reverting { .. })).duration_since(asked);
    assert!(heard <= SignedDuration::from_secs(6), "{heard:?}");
}
