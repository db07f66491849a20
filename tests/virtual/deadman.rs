//! The dead-man switch: AWS itself puts traffic back when nobody is left to do it.

use std::pin::pin;
use std::time::Duration;

use bg::deployment::deadman::Deadman;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, RoleArn};
use bg::deployment::observation::{Ask, OnInterrupt};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::state::Deployment;
use bg::deployment::trip::Trip;
use bg::runner::{Asks, Clock, LEASE, Run, Until};
use bg::sandbox::RegionOptions;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::store::{Duty, Holder};
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::harness::{Stage, request};
use crate::{first_bake, stage};

const SECOND: Duration = Duration::from_secs(1);
/// Until it fires, and the minute in which it does.
const FIRED: Duration = Duration::from_secs(300 + 61);

fn deadman(strategy: &str) -> Request {
    let mut request = request("shop:v2", strategy);
    request.deadman = Some(Deadman {
        after: Duration::from_secs(300),
        role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
        leftovers: Vec::new(),
    });
    request
}

/// The names of all schedules that there are.
fn schedules(stage: &Stage) -> Vec<String> {
    stage.region.with_world(|world| {
        let names = world.scheduler.schedules.keys();
        names.cloned().collect()
    })
}

fn calls(stage: &Stage) -> u64 {
    stage.region.with_world(|world| world.scheduler.calls)
}

/// Lets a process run until it bakes at its first step, and for a minute more.
async fn run_into_the_first_bake(stage: &Stage, run: &mut (impl Future<Output = Outcome> + Unpin)) {
    let bakes = || stage.records.borrow().iter().any(first_bake);
    while !bakes() {
        let ended = timeout(SECOND, &mut *run).await;
        assert!(ended.is_err(), "it ends before it bakes");
    }
    assert!(timeout(60 * SECOND, run).await.is_err());
}

fn trip_of(outcome: Outcome) -> Trip {
    match outcome {
        Outcome::Reverted { trip } => trip,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_goes_back_by_itself_when_the_process_never_comes_back() {
    let stage = stage();
    let request = deadman("canary");
    {
        let mut run = pin!(stage.deploy(&request, |_, _| {}));
        run_into_the_first_bake(&stage, &mut run).await;
    }
    assert_eq!(stage.weights(), (90, 10));
    sleep(200 * SECOND).await;
    assert_eq!(stage.weights(), (90, 10), "it has its time");
    sleep(FIRED - 200 * SECOND).await;
    assert_eq!(stage.weights(), (100, 0));
    assert_eq!(schedules(&stage), [] as [&str; 0]);
    assert_eq!(calls(&stage), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_leaves_no_schedule_however_it_ends() {
    for (image, strategy) in [
        ("shop:v2", "linear"),
        ("shop:bad", "canary"),
        ("shop:crash", "canary"),
    ] {
        let stage = stage();
        let mut request = deadman(strategy);
        request.definition = crate::harness::request(image, strategy).definition;
        let outcome = stage.deploy(&request, |_, _| {}).await;
        let good = image == "shop:v2";
        assert_eq!(outcome == Outcome::Promoted, good, "{outcome:?}");
        assert_eq!(schedules(&stage), [] as [&str; 0], "{image}");
        sleep(FIRED).await;
        assert_eq!(calls(&stage), 0, "{image}");
        assert_eq!(stage.weights(), if good { (0, 100) } else { (100, 0) });
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_out_that_is_throttled_for_a_while_does_no_harm() {
    let stage = stage();
    let outcome = stage
        .deploy(&deadman("canary"), |stage, record| {
            if first_bake(record) {
                let now = stage.region.now();
                let until = now + SignedDuration::from_secs(150);
                let throttled = When::Between(now, until);
                let rule = FaultRule::new("scheduler:*", FaultKind::Throttle, throttled);
                stage.region.fault(rule);
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    assert_eq!(calls(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn a_push_out_that_never_succeeds_reverts_before_it_fires() {
    let stage = stage();
    let outcome = stage
        .deploy(&deadman("canary"), |stage, record| {
            if first_bake(record) {
                let rule = FaultRule::new("UpdateSchedule", FaultKind::Throttle, When::Always);
                stage.region.fault(rule);
            }
        })
        .await;
    let trip = trip_of(outcome);
    assert!(trip.to_string().contains("dead-man switch"), "{trip}");
    assert_eq!(stage.weights(), (100, 0));
    assert_eq!(calls(&stage), 0, "the process itself was quicker");
    assert_eq!(schedules(&stage), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_frozen_while_it_fired_reverts_when_it_goes_on() {
    let stage = stage();
    let request = deadman("canary");
    let mut run = pin!(stage.deploy(&request, |_, _| {}));
    run_into_the_first_bake(&stage, &mut run).await;
    sleep(FIRED).await;
    assert_eq!(stage.weights(), (100, 0));
    let trip = trip_of(run.await);
    assert!(matches!(trip, Trip::DeadmanDue { .. }), "{trip}");
    assert_eq!(stage.weights(), (100, 0));
    assert_eq!(stage.counts("shop-b").expect("it was created").0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_refuses_keeps_traffic_where_it_is() {
    let stage = stage();
    let rule = FaultRule::new("CreateSchedule", FaultKind::Denied, When::Always);
    stage.region.fault(rule);
    let outcome = stage.deploy(&deadman("canary"), |_, _| {}).await;
    assert!(matches!(trip_of(outcome), Trip::Refused { .. }));
    let shifted = |record: &Record| matches!(record.event, Event::Shifting { .. });
    assert!(!stage.records.borrow().iter().any(shifted));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_kept_stays_armed_and_the_next_deployment_takes_it_away_first() {
    let stage = stage();
    let mut asks = Asks::default();
    let sender = asks.sender();
    let outcome = stage
        .deploy_asked(&deadman("canary"), &mut asks, |_, record| {
            if first_bake(record) {
                let keep = Ask::Interrupt {
                    signal: "SIGTERM".to_owned(),
                    then: OnInterrupt::Keep,
                };
                let _ = sender.send(keep);
            }
        })
        .await;
    assert!(matches!(outcome, Outcome::Kept { .. }), "{outcome:?}");
    assert_eq!(schedules(&stage).len(), 1);
    let groups = [(&stage.balancer.group_a, 100), (&stage.balancer.group_b, 0)];
    let groups = groups.map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight }));
    let action = json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } });
    let by_hand = json!({ "ListenerArn": stage.balancer.listener, "DefaultActions": [action] });
    stage.elb("ModifyListener", &by_hand);

    let mut next = deadman("all-at-once");
    next.id = DeploymentId::new("20260105-100000-next");
    let warnings = stage.plan(&next).await.warnings.join("\n");
    assert!(warnings.contains("dead-man switch"), "{warnings}");
    assert_eq!(stage.deploy(&next, |_, _| {}).await, Outcome::Promoted);
    sleep(FIRED).await;
    assert_eq!(calls(&stage), 0);
    assert_eq!(stage.weights(), (0, 100));
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_behind_do_not_keep_it_from_being_taken_away() {
    let options = RegionOptions {
        read_lag: Duration::from_secs(4),
        ..RegionOptions::default()
    };
    let stage = Stage::open(options, |_| {});
    let outcome = stage.deploy(&deadman("canary"), |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    assert_eq!(schedules(&stage), [] as [&str; 0]);
}

/// Another process goes on with what was dropped.
async fn resumed(stage: &Stage, request: &Request) -> Outcome {
    resumed_asked(stage, request, &mut Asks::default()).await
}

/// The same, of which somebody asks for something.
async fn resumed_asked(stage: &Stage, request: &Request, asks: &mut Asks) -> Outcome {
    let (service, now) = (&request.service, stage.region.now());
    let journal = stage.store.journal(service, &request.id).await;
    let journal = journal.expect("it is in memory");
    let deployment = Deployment::replay(&journal).expect("it is legal");
    let last = journal.last().expect("it began").at;
    let holder = Holder {
        deployment: request.id.clone(),
        owner: "somebody else".to_owned(),
        host: "there".to_owned(),
        pid: 2,
        run_url: None,
        since: now,
        lease_until: now + LEASE,
        fence: 0,
        duty: Duty::Deploy,
    };
    let holder = stage.store.take_over(service, &holder).await;
    let run = Run {
        cloud: &stage.cloud,
        store: &stage.store,
        clock: Clock::starting_at(now, 1.0),
        holder: holder.expect("it is in memory"),
        body: None,
        asks,
        show: &mut |_| {},
    };
    let by = "somebody else".to_owned();
    let deployment = deployment.expect("it began");
    let ended = run.resume(deployment, by, last, Until::End).await;
    let ended = ended.expect("the journal is in memory");
    ended.outcome().expect("it has ended").clone()
}

/// Drops the process after so long, and has another go on after a while.
async fn dropped_after(seconds: u64, gone_for: Duration) -> (Stage, Outcome) {
    let stage = stage();
    let request = deadman("canary:10%:2m");
    let begun = timeout(
        Duration::from_millis(1000 * seconds + 500),
        stage.deploy(&request, |_, _| {}),
    );
    assert!(begun.await.is_err(), "it ended within {seconds} s");
    sleep(gone_for).await;
    let outcome = resumed(&stage, &request).await;
    assert_eq!(schedules(&stage), [] as [&str; 0], "after {seconds} s");
    (stage, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_process_that_goes_on_soon_finds_the_switch_and_takes_it_away() {
    for seconds in [5, 60, 75, 80, 90, 150, 205, 215, 400] {
        let (stage, outcome) = dropped_after(seconds, 20 * SECOND).await;
        assert_eq!(outcome, Outcome::Promoted, "after {seconds} s");
        assert_eq!((calls(&stage), stage.weights()), (0, (0, 100)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_goes_on_after_it_fired_reverts() {
    for seconds in [100, 150, 250, 400] {
        let (stage, outcome) = dropped_after(seconds, FIRED).await;
        assert!(matches!(trip_of(outcome), Trip::DeadmanDue { .. }));
        assert_eq!((calls(&stage), stage.weights()), (1, (100, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_the_lock_takes_the_switch_over_with_it() {
    let by = "ada".to_owned();
    for abort in [None, Some(Ask::Abort { by })] {
        let stage = stage();
        let request = deadman("canary");
        let mut first = pin!(stage.deploy(&request, |_, _| {}));
        run_into_the_first_bake(&stage, &mut first).await;
        let mut asks = Asks::default();
        let goes_on = abort.is_none();
        if let Some(abort) = abort {
            asks.sender().send(abort).expect("somebody listens");
        }
        let (lost, second) = tokio::join!(first, resumed_asked(&stage, &request, &mut asks));
        assert_ne!(lost, Outcome::Promoted, "it had lost the lock");
        let weights = match second {
            Outcome::Promoted => (0, 100),
            _ => (100, 0),
        };
        assert_eq!(second == Outcome::Promoted, goes_on, "{second:?}");
        assert_eq!(schedules(&stage), [] as [&str; 0]);
        sleep(FIRED).await;
        assert_eq!((calls(&stage), stage.weights()), (0, weights));
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_nobody_takes_over_with_the_lock_fires() {
    let stage = stage();
    let request = deadman("canary");
    let mut first = pin!(stage.deploy(&request, |_, _| {}));
    run_into_the_first_bake(&stage, &mut first).await;
    let other = stage.holder(&request.id);
    let taken = stage.store.take_over(&request.service, &other).await;
    taken.expect("it is in memory");
    let trip = trip_of(first.await);
    assert!(matches!(trip, Trip::LockLost { .. }), "{trip}");
    assert_eq!(schedules(&stage).len(), 1, "it is the other one's");
    sleep(FIRED).await;
    assert_eq!((calls(&stage), stage.weights()), (1, (100, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_switch_whose_first_try_fails_puts_traffic_back_with_its_second() {
    let stage = stage();
    let request = deadman("canary");
    {
        let mut run = pin!(stage.deploy(&request, |_, _| {}));
        run_into_the_first_bake(&stage, &mut run).await;
    }
    // The process is dead; what struck a client would strike nobody.
    let fault = |when| FaultRule::new("ModifyListener", FaultKind::InternalError, when);
    stage.region.fault(fault(When::Always));
    stage.region.fault(fault(When::First(1)).of_schedules());
    sleep(FIRED + 30 * SECOND).await;
    assert_eq!((calls(&stage), stage.weights()), (2, (100, 0)));
    assert_eq!(schedules(&stage), [] as [&str; 0]);
}
