//! The suite.

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, ServiceName};
use bg::store::{Duty, Holder, Request, Steer, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000 + seconds)
}

fn shop() -> ServiceName {
    ServiceName::new("shop")
}

fn record(id: &str, seq: u64) -> Record {
    Record {
        v: Record::VERSION,
        seq,
        at: at(1),
        deployment: DeploymentId::new(id),
        event: Event::RegisteringTaskDefinition,
    }
}

fn holder(id: &str, since: i64) -> Holder {
    Holder {
        deployment: DeploymentId::new(id),
        owner: "ada".to_owned(),
        host: "engine".to_owned(),
        pid: 7,
        run_url: Some("https://ci.example/1".to_owned()),
        since: at(since),
        lease_until: at(since + 60),
        fence: 0,
        duty: Duty::Deploy,
    }
}

fn request(id: &str, steer: Steer) -> Request {
    Request {
        deployment: DeploymentId::new(id),
        by: "grace@hopper".to_owned(),
        at: at(2),
        steer,
    }
}

/// What was appended comes back, in order, and nothing of other deployments.
pub(crate) async fn a_journal_reads_as_it_was_written(store: &Store) {
    let held = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let mut written = Vec::new();
    for seq in 0..12 {
        let mut record = record("d1", seq);
        record.event = Event::ActFailed {
            act: bg::deployment::action::ActName::Shift,
            class: bg::deployment::action::FailureClass::Invalid,
            message: format!("number {seq}: \"quoted\", ünïcode, and\na line"),
        };
        store.append(&shop(), Some(&held), &record).await.unwrap();
        written.push(record);
    }
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    assert_eq!(read.unwrap(), written);
    let other = store.journal(&shop(), &DeploymentId::new("d")).await;
    assert_eq!(other.unwrap(), []);
}

/// An answer that got lost makes a writer try again.
pub(crate) async fn a_record_is_written_once_however_often_it_is_tried(store: &Store) {
    let held = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    for _ in 0..3 {
        let tried = store.append(&shop(), Some(&held), &record("d1", 0)).await;
        tried.unwrap();
    }
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    assert_eq!(read.unwrap(), [record("d1", 0)]);
}

/// A journal never forks, and never has a gap.
pub(crate) async fn of_two_writers_of_one_position_one_wins(store: &Store) {
    let held = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    store
        .append(&shop(), Some(&held), &record("d1", 0))
        .await
        .unwrap();
    let mut other = record("d1", 0);
    other.event = Event::ProvisioningGreen;
    let lost = store.append(&shop(), Some(&held), &other).await;
    assert!(
        matches!(lost, Err(StoreError::OutOfTurn { seq: 0, .. })),
        "{lost:?}"
    );
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    assert_eq!(read.unwrap(), [record("d1", 0)]);
}

/// What came before must be there, of this deployment and not of another.
pub(crate) async fn a_journal_never_has_a_gap(store: &Store) {
    let held = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    store.append(&shop(), None, &record("d2", 0)).await.unwrap();
    let early = store.append(&shop(), Some(&held), &record("d1", 1)).await;
    assert!(
        matches!(early, Err(StoreError::OutOfTurn { seq: 1, .. })),
        "{early:?}"
    );
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    assert_eq!(read.unwrap(), []);
}

/// A store may read in pages: DynamoDB's have a megabyte.
pub(crate) async fn a_long_journal_reads_whole(store: &Store) {
    for seq in 0..12 {
        let mut record = record("d1", seq);
        record.event = Event::ActFailed {
            act: bg::deployment::action::ActName::Shift,
            class: bg::deployment::action::FailureClass::Invalid,
            message: "x".repeat(200_000),
        };
        store.append(&shop(), None, &record).await.unwrap();
    }
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    let read: Vec<u64> = read.unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(read, (0..12).collect::<Vec<_>>());
}

/// Ids sort by time.
pub(crate) async fn deployments_and_services_are_listed_in_order(store: &Store) {
    let bakery = ServiceName::new("bakery");
    for (service, id) in [(&shop(), "d2"), (&bakery, "d9"), (&shop(), "d1")] {
        store.append(service, None, &record(id, 0)).await.unwrap();
    }
    let ids = store.deployments(&shop()).await.unwrap();
    assert_eq!(ids, [DeploymentId::new("d1"), DeploymentId::new("d2")]);
    assert_eq!(store.services().await.unwrap(), [bakery, shop()]);
}

/// Also when its holder before gave it back.
pub(crate) async fn a_lock_is_one_holder_s_until_its_lease_is_over_and_its_fence_grows(
    store: &Store,
) {
    let first = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let locked = store.lock(&shop(), &holder("d2", 30)).await;
    let Err(StoreError::Locked(shown)) = locked else {
        panic!("{locked:?}");
    };
    assert_eq!(*shown, first, "it says who has it");
    let second = store.lock(&shop(), &holder("d2", 61)).await.unwrap();
    assert!(second.fence > first.fence);
    store.unlock(&shop(), &first).await.unwrap();
    let third = store.lock(&shop(), &holder("d3", 62)).await;
    assert!(matches!(third, Err(StoreError::Locked(_))), "{third:?}");
    store.unlock(&shop(), &second).await.unwrap();
    let third = store.lock(&shop(), &holder("d3", 63)).await.unwrap();
    assert!(third.fence > second.fence);
}

/// A process that slept through its lease must not think that nothing happened meanwhile.
pub(crate) async fn a_lease_is_renewed_late_but_never_after_somebody_else_held_the_lock(
    store: &Store,
) {
    let first = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let later = Holder {
        lease_until: at(900),
        ..first.clone()
    };
    let renewed = store.lock(&shop(), &later).await.unwrap();
    assert_eq!((renewed.fence, renewed.since), (first.fence, first.since));
    let second = store.lock(&shop(), &holder("d2", 901)).await.unwrap();
    store.unlock(&shop(), &second).await.unwrap();
    let lost = store.lock(&shop(), &renewed).await;
    assert!(matches!(lost, Err(StoreError::LockLost)), "{lost:?}");
}

/// Its own unlock must not free it either.
pub(crate) async fn a_lock_that_was_taken_over_is_lost_to_its_holder(store: &Store) {
    let first = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let second = Holder {
        pid: 8,
        ..holder("d1", 1)
    };
    let second = store.take_over(&shop(), &second).await.unwrap();
    assert!(second.fence > first.fence);
    let lost = store.lock(&shop(), &first).await;
    assert!(matches!(lost, Err(StoreError::LockLost)), "{lost:?}");
    store.unlock(&shop(), &first).await.unwrap();
    assert_eq!(store.holder(&shop()).await.unwrap(), Some(second));
}

/// Whoever takes over doesn't know whether there is anything to take over.
pub(crate) async fn a_lock_that_nobody_has_can_be_taken_over(store: &Store) {
    let taken = store.take_over(&shop(), &holder("d1", 0)).await.unwrap();
    assert_eq!(store.holder(&shop()).await.unwrap(), Some(taken.clone()));
    store.unlock(&shop(), &taken).await.unwrap();
    let next = store.take_over(&shop(), &holder("d2", 1)).await.unwrap();
    assert!(next.fence > taken.fence);
}

/// The fence is what keeps two processes from writing one story.
pub(crate) async fn who_lost_the_lock_or_let_the_lease_run_out_writes_no_journal(store: &Store) {
    let first = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let late = Record {
        at: at(61),
        ..record("d1", 0)
    };
    let over = store.append(&shop(), Some(&first), &late).await;
    assert!(matches!(over, Err(StoreError::LeaseOver)), "{over:?}");
    let second = store.take_over(&shop(), &holder("d1", 1)).await.unwrap();
    let lost = store.append(&shop(), Some(&first), &record("d1", 0)).await;
    assert!(matches!(lost, Err(StoreError::LockLost)), "{lost:?}");
    store
        .append(&shop(), Some(&second), &record("d1", 0))
        .await
        .unwrap();
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    assert_eq!(read.unwrap().len(), 1);
}

/// Retiring goes on after the lock was given back.
pub(crate) async fn after_the_end_a_record_needs_no_lock(store: &Store) {
    let held = store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    store
        .append(&shop(), Some(&held), &record("d1", 0))
        .await
        .unwrap();
    store.unlock(&shop(), &held).await.unwrap();
    store.append(&shop(), None, &record("d1", 1)).await.unwrap();
    let read = store.journal(&shop(), &DeploymentId::new("d1")).await;
    assert_eq!(read.unwrap().len(), 2);
}

/// Eight at once, on two threads.
pub(crate) async fn of_many_that_take_the_lock_at_once_one_gets_it(store: &Store) {
    let takers =
        (0..8).map(|n| async move { store.lock(&shop(), &holder(&format!("d{n}"), 0)).await });
    let taken = futures_of(takers).await;
    let got: Vec<_> = taken.iter().filter_map(|it| it.as_ref().ok()).collect();
    assert_eq!(got.len(), 1, "{taken:?}");
    let stored = store.holder(&shop()).await.unwrap();
    assert_eq!(stored.as_ref(), got.first().copied());
    for refused in taken.iter().filter_map(|it| it.as_ref().err()) {
        assert!(matches!(refused, StoreError::Locked(_)), "{refused:?}");
    }
}

/// Two people lose patience with a process at once.
pub(crate) async fn of_many_that_take_the_lock_over_at_once_the_last_keeps_it(store: &Store) {
    store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let takers = (0..4).map(|n| async move {
        let taker = Holder {
            pid: n,
            ..holder("d1", 1)
        };
        store.take_over(&shop(), &taker).await.unwrap()
    });
    let taken = futures_of(takers).await;
    let stored = store.holder(&shop()).await.unwrap().unwrap();
    let mut fences: Vec<u64> = taken.iter().map(|holder| holder.fence).collect();
    fences.sort_unstable();
    fences.dedup();
    assert_eq!(fences.len(), 4, "each has a fence of its own: {taken:?}");
    assert_eq!(fences.last(), Some(&stored.fence));
    for holder in taken {
        let kept = store.lock(&shop(), &holder).await;
        assert_eq!(kept.is_ok(), holder == stored, "{kept:?}");
    }
}

async fn futures_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(all).await
}

/// A request for one deployment never hits the next, and a reader may die before it heeds one.
pub(crate) async fn a_request_stays_with_its_deployment_until_it_is_removed(store: &Store) {
    let (d1, d2) = (DeploymentId::new("d1"), DeploymentId::new("d2"));
    let asked = [
        request("d1", Steer::Pause),
        request("d1", Steer::Promote { full: true }),
        request("d1", Steer::Abort),
    ];
    for request in &asked {
        store.ask(&shop(), request).await.unwrap();
    }
    assert_eq!(store.requests(&shop(), &d2).await.unwrap(), []);
    assert_eq!(store.requests(&shop(), &d1).await.unwrap(), asked);
    store.remove_request(&shop(), &asked[1]).await.unwrap();
    let left = [asked[0].clone(), asked[2].clone()];
    assert_eq!(store.requests(&shop(), &d1).await.unwrap(), left);
    for request in &asked {
        store.remove_request(&shop(), request).await.unwrap();
    }
    assert_eq!(store.requests(&shop(), &d1).await.unwrap(), []);
}

/// A process that lost its lock, one that has it, and who asked: all may remove it.
pub(crate) async fn many_can_remove_a_request_at_once(store: &Store) {
    let (shop, d1) = (shop(), DeploymentId::new("d1"));
    let abort = request("d1", Steer::Abort);
    store.remove_request(&shop, &abort).await.unwrap();
    store.ask(&shop, &abort).await.unwrap();
    let removals = (0..4).map(|_| store.remove_request(&shop, &abort));
    for removed in futures_of(removals).await {
        removed.unwrap();
    }
    assert_eq!(store.requests(&shop, &d1).await.unwrap(), []);
}

/// Its process may be dead; taking the lock doesn't lose what was asked.
pub(crate) async fn a_request_waits_for_whoever_goes_on_with_a_deployment(store: &Store) {
    let d1 = DeploymentId::new("d1");
    store.lock(&shop(), &holder("d1", 0)).await.unwrap();
    let abort = request("d1", Steer::Abort);
    store.ask(&shop(), &abort).await.unwrap();
    store.lock(&shop(), &holder("d1", 61)).await.unwrap();
    assert_eq!(store.requests(&shop(), &d1).await.unwrap(), [abort]);
}

/// An empty store is no error.
pub(crate) async fn nothing_is_there_before_it_was_written(store: &Store) {
    let d1 = DeploymentId::new("d1");
    assert_eq!(store.holder(&shop()).await.unwrap(), None);
    assert_eq!(store.services().await.unwrap(), []);
    assert_eq!(store.deployments(&shop()).await.unwrap(), []);
    assert_eq!(store.journal(&shop(), &d1).await.unwrap(), []);
    assert_eq!(store.requests(&shop(), &d1).await.unwrap(), []);
}
