//! A deployment whose state is in a DynamoDB table.

use bg::deployment::observation::{Ask, OnInterrupt};
use bg::deployment::outcome::Outcome;
use bg::runner::Asks;
use bg::sandbox::RegionOptions;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::region::Call;
use bg::sandbox::wire::Service;
use bg::store::{DynamoStore, Store};
use jiff::SignedDuration;

use crate::harness::{Stage, request};
use crate::{first_bake, later, stage};

pub(crate) async fn with_table(mut stage: Stage) -> Stage {
    let store = DynamoStore::new(&stage.cloud, "bg-state");
    store.make_table().await.expect("nothing is in its way");
    stage.store = Store::Dynamo(store).into();
    stage.region.forget_calls();
    stage
}

/// docs/how-to/state.md has these figures.
#[tokio::test(start_paused = true)]
async fn a_canary_costs_few_calls_to_its_table() {
    let stage = with_table(stage()).await;
    let start = stage.region.now();
    let outcome = stage.deploy(&request("shop:v2", "canary"), |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    let minutes = stage.region.now().duration_since(start).as_secs() / 60;
    let records = u64::try_from(stage.records.borrow().len()).expect("few");
    let counts = stage.region.call_counts();
    let count = |operation: &str| {
        let key = (Service::DynamoDb, operation.to_owned());
        counts.get(&key).copied().unwrap_or(0)
    };
    let (writes, locks, looks) = (
        count("TransactWriteItems"),
        count("UpdateItem"),
        count("Query"),
    );
    println!("{minutes} minutes: {writes} records, {locks} writes of the lock, {looks} queries");
    assert_eq!(writes, records, "one call for each record");
    assert!(
        locks <= 2 + 4 * minutes.unsigned_abs(),
        "{locks} writes of the lock"
    );
    assert!(looks <= 250, "{looks} queries");
    // The stage itself asks once who holds the lock, to know whose journal it is.
    assert!(count("GetItem") <= 1, "{counts:?}");
    let calls = counts.keys();
    let calls = calls.filter(|(of, name)| *of == Service::DynamoDb && name != "GetItem");
    assert_eq!(calls.count(), 3, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_throttles_and_loses_answers_stops_no_deployment() {
    let stage = with_table(stage()).await;
    for (kind, share) in [
        (FaultKind::Throttle, 0.1),
        (FaultKind::ResetAfter, 0.05),
        (FaultKind::TimeoutAfter, 0.05),
    ] {
        let rule = FaultRule::new("dynamodb:*", kind, When::Chance(share));
        stage.region.fault(rule);
    }
    let outcome = stage.deploy(&request("shop:v2", "canary"), |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_calls_of_a_table() {
    let mut runs: Vec<Vec<Call>> = Vec::new();
    for _ in 0..2 {
        let stage = Stage::open(RegionOptions::default(), |_| {});
        let stage = with_table(stage).await;
        let rule = FaultRule::new("dynamodb:*", FaultKind::Throttle, When::Chance(0.2));
        stage.region.fault(rule);
        stage.deploy(&request("shop:v2", "canary"), |_, _| {}).await;
        runs.push(stage.region.calls());
    }
    assert_eq!(runs[0], runs[1]);
}

/// A signal in the first bake, from when on the table answers nothing.
#[tokio::test(start_paused = true)]
async fn a_table_that_falls_silent_holds_no_revert_up() {
    let stage = with_table(stage()).await;
    let mut asks = Asks::default();
    let sender = asks.sender();
    let request = request("shop:v2", "canary");
    let outcome = stage
        .deploy_asked(&request, &mut asks, |stage, record| {
            if first_bake(record) {
                let sender = sender.clone();
                later(stage, 60, move |region| {
                    let silent = FaultKind::TimeoutBefore;
                    region.fault(FaultRule::new("dynamodb:*", silent, When::Always));
                    let signal = "SIGTERM".to_owned();
                    let then = OnInterrupt::Revert;
                    let _ = sender.send(Ask::Interrupt { signal, then });
                });
            }
        })
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    assert_eq!(stage.weights(), (100, 0));
    let records = stage.records.borrow();
    let began = records.iter().find(|it| first_bake(it)).expect("it baked");
    let signal = began.at + SignedDuration::from_secs(60);
    let end = records.last().expect("it ended").at.duration_since(signal);
    let told = records.iter().map(|it| format!("{} {:?}", it.at, it.event));
    let told: Vec<String> = told.collect();
    assert!(
        end <= SignedDuration::from_secs(6),
        "{end:?} {signal} {told:#?}"
    );
}
