//! Another process takes the lock in mid-bake: what this one still does.

use bg::deployment::event::{Event, Record};
use bg::deployment::handover::Drive;
use bg::deployment::ids::{DeploymentId, ServiceName};
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::trip::Trip;
use bg::sandbox::wire::elbv2;
use futures_util::FutureExt;
use serde_json::json;

use crate::harness::{Stage, request};
use crate::{first_bake, later, stage};

/// Deploys; when the first bake begins another process takes the lock, and sets the weights of
/// slots a and b five seconds later, where it sets any.
async fn taken_over(weights: Option<(u32, u32)>) -> (Stage, Outcome) {
    let stage = stage();
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), |stage, record| {
            if !first_bake(record) {
                return;
            }
            let other = stage.holder(&DeploymentId::new("20260105-100000-other"));
            let shop = ServiceName::new("shop");
            let taken = stage.store.take_over(&shop, &other);
            let taken = taken.now_or_never().expect("it is in memory");
            taken.expect("it is in memory");
            let Some((a, b)) = weights else { return };
            let groups = json!([
                { "TargetGroupArn": stage.balancer.group_a, "Weight": a },
                { "TargetGroupArn": stage.balancer.group_b, "Weight": b },
            ]);
            let forward = json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } });
            let input = json!({
                "ListenerArn": stage.balancer.listener, "DefaultActions": [forward],
            });
            later(stage, 5, move |region| {
                region.with_world(|world| {
                    elbv2::handle(world, "ModifyListener", &input).expect("it is well formed");
                });
            });
        })
        .await;
    (stage, outcome)
}

/// What this process wrote after the first bake began.
fn writes(stage: &Stage) -> Vec<String> {
    let records = stage.records.borrow();
    let began = records.iter().find(|record| first_bake(record));
    let began = began.expect("it baked").at;
    let calls = stage.region.calls().into_iter();
    let writes = calls.filter(|call| call.at > began && !call.operation.starts_with("Describe"));
    writes.map(|call| call.operation).collect()
}

/// Whether the journal ends where the lock was lost, although more was shown.
fn journal_was_left(stage: &Stage) -> bool {
    let service = ServiceName::new("shop");
    let id = request("shop:v2", "canary").id;
    let journal = stage.store.journal(&service, &id);
    let journal = journal.now_or_never().expect("it is in memory");
    let journal = journal.expect("it is in memory");
    let ends = |event: &Event| matches!(event, Event::Ended { .. } | Event::Reverting { .. });
    !journal.iter().any(|record| ends(&record.event))
}

#[tokio::test(start_paused = true)]
async fn weights_that_the_other_process_moved_stay_and_nothing_is_written() {
    for (a, b) in [(100, 0), (0, 100), (50, 50)] {
        let (stage, outcome) = taken_over(Some((a, b))).await;
        let Outcome::Stuck {
            why: why @ Stuck::TakenOver { .. },
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        let words = why.to_string();
        assert!(words.contains("another process took over"), "{words}");
        assert!(words.contains("somebody@here"), "{words}");
        assert_eq!(stage.weights(), (u64::from(a), u64::from(b)));
        assert_eq!(writes(&stage), [""; 0]);
        assert_eq!(stage.counts("shop-b"), Some((2, 2)));
        assert!(journal_was_left(&stage));
    }
}

#[tokio::test(start_paused = true)]
async fn weights_that_nobody_moved_go_back_to_blue_and_green_is_left_to_the_other_process() {
    let (stage, outcome) = taken_over(None).await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(trip, Trip::LockLost { .. }), "{trip}");
    assert_eq!(stage.weights(), (100, 0));
    assert_eq!(writes(&stage), ["ModifyListener"]);
    assert_eq!(stage.counts("shop-b"), Some((2, 2)));
    assert!(journal_was_left(&stage));
}

/// What the other process does with the journals right after it took the lock.
enum Does {
    GoesOn,
    BeginsAnother,
}

/// Deploys, and lets another process take lock and traffic in the first bake; the weights stay as
/// they are, as they do where it goes on, or where its own first step has the same.
async fn taken_over_by_one_that(does: Does) -> (Stage, Outcome) {
    let stage = stage();
    let outcome = stage
        .deploy(&request("shop:v2", "canary"), move |stage, record| {
            if !first_bake(record) {
                return;
            }
            let shop = ServiceName::new("shop");
            let id = match does {
                Does::GoesOn => record.deployment.clone(),
                Does::BeginsAnother => DeploymentId::new("20260105-100000-other"),
            };
            let other = stage.holder(&id);
            let taken = stage.store.take_over(&shop, &other).now_or_never();
            let taken = taken.expect("it is in memory").expect("it is in memory");
            let (seq, event) = match does {
                Does::GoesOn => (
                    record.seq + 1,
                    Event::Resumed {
                        by: "kim@build-7".to_owned(),
                        unwatched_since: record.at,
                        drive: Drive::default(),
                    },
                ),
                Does::BeginsAnother => {
                    let first = stage.records.borrow()[0].clone();
                    (0, first.event)
                }
            };
            let written = Record {
                seq,
                event,
                deployment: id,
                ..record.clone()
            };
            let append = stage.store.append(&shop, Some(&taken), &written);
            let appended = append.now_or_never().expect("it is in memory");
            appended.expect("it is the holder");
        })
        .await;
    (stage, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_leaves_traffic_alone_that_another_one_drives_by_now() {
    for does in [Does::GoesOn, Does::BeginsAnother] {
        let (stage, outcome) = taken_over_by_one_that(does).await;
        assert!(
            matches!(
                outcome,
                Outcome::Stuck {
                    why: Stuck::TakenOver { .. }
                }
            ),
            "{outcome:?}"
        );
        assert_eq!(stage.weights(), (90, 10));
        assert_eq!(writes(&stage), [""; 0]);
    }
}
