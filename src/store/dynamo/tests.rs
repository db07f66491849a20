//! The store over the region: answers that get lost, items that expire, bytes that stay the same.

use crate::store::Duty;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::DeploymentId;
use crate::sandbox::faults::{FaultKind, FaultRule, When};
use crate::sandbox::wire::Service;
use crate::sandbox::{Region, RegionOptions};
use crate::store::{Holder, Request, Steer};

struct Scene {
    region: Region,
    store: DynamoStore,
    shop: ServiceName,
}

async fn scene() -> Scene {
    let region = Region::new(RegionOptions {
        read_lag: std::time::Duration::from_secs(5),
        ..RegionOptions::default()
    });
    let store = DynamoStore::new(&Cloud::with_config(&region.sdk_config()), "bg-state");
    assert_eq!(store.make_table().await.unwrap(), Made::Created);
    Scene {
        region,
        store,
        shop: ServiceName::new("shop"),
    }
}

impl Scene {
    fn holder(&self, id: &str) -> Holder {
        Holder {
            deployment: DeploymentId::new(id),
            owner: "ada".to_owned(),
            host: "engine".to_owned(),
            pid: 7,
            run_url: None,
            since: self.region.now(),
            lease_until: self.region.now() + SignedDuration::from_secs(60),
            fence: 0,
            duty: Duty::Deploy,
        }
    }

    fn record(&self, seq: u64) -> Record {
        Record {
            v: Record::VERSION,
            seq,
            at: self.region.now(),
            deployment: DeploymentId::new("d1"),
            event: Event::RegisteringTaskDefinition,
        }
    }

    fn first_of_each_is(&self, kind: FaultKind) {
        self.region.clear_faults();
        for operation in [
            "GetItem",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "Query",
            "TransactWriteItems",
        ] {
            let rule = FaultRule::new(format!("dynamodb:{operation}"), kind, When::First(1));
            self.region.fault(rule);
        }
    }
}

/// Each call's first try goes wrong like this, and nothing is lost, doubled or refused for it.
async fn goes_on_after(kind: FaultKind) {
    let scene = scene().await;
    let (store, shop) = (&scene.store, &scene.shop);
    scene.first_of_each_is(kind);
    let held = store.lock(shop, &scene.holder("d1")).await.unwrap();
    assert_eq!(
        store.holder(shop).await.unwrap().as_ref(),
        Some(&held),
        "{kind:?}"
    );
    store
        .append(shop, Some(&held), &scene.record(0))
        .await
        .unwrap();
    scene.first_of_each_is(kind);
    store
        .append(shop, Some(&held), &scene.record(1))
        .await
        .unwrap();
    let d1 = DeploymentId::new("d1");
    assert_eq!(store.journal(shop, &d1).await.unwrap().len(), 2, "{kind:?}");
    let abort = Request {
        deployment: d1.clone(),
        by: "grace".to_owned(),
        at: scene.region.now(),
        steer: Steer::Abort,
    };
    scene.first_of_each_is(kind);
    store.ask(shop, &abort).await.unwrap();
    let asked = store.requests(shop, &d1).await.unwrap();
    assert_eq!(asked, std::slice::from_ref(&abort), "{kind:?}");
    scene.first_of_each_is(kind);
    store.remove_request(shop, &abort).await.unwrap();
    let left = store.requests(shop, &d1).await.unwrap();
    assert_eq!(left, [], "{kind:?}");
    scene.first_of_each_is(kind);
    let renewed = store.lock(shop, &held).await.unwrap();
    assert_eq!(renewed, held, "{kind:?}");
    scene.first_of_each_is(kind);
    let second = store.take_over(shop, &scene.holder("d2")).await.unwrap();
    assert_eq!(second.fence, held.fence + 1, "{kind:?}");
    scene.first_of_each_is(kind);
    store.unlock(shop, &second).await.unwrap();
    let free = store.holder(shop).await.unwrap().unwrap();
    assert_eq!(free.lease_until, Timestamp::UNIX_EPOCH, "{kind:?}");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_goes_wrong_is_repeated_whether_or_not_it_was_done() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::InternalError,
        FaultKind::ServiceUnavailable,
        FaultKind::TimeoutBefore,
        FaultKind::TimeoutAfter,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Garbled,
    ] {
        goes_on_after(kind).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_names_the_action_and_the_table_and_is_not_repeated() {
    let scene = scene().await;
    scene.region.fault(FaultRule::new(
        "dynamodb:*",
        FaultKind::Denied,
        When::Always,
    ));
    scene.region.forget_calls();
    let denied = scene
        .store
        .holder(&scene.shop)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        denied.contains("table bg-state: not allowed: dynamodb:GetItem"),
        "{denied}"
    );
    assert_eq!(scene.region.calls().len(), 1);
}

/// Months later: nobody may mistake the next holder's fence for one of before.
#[tokio::test(start_paused = true)]
async fn a_fence_grows_also_where_the_lock_was_deleted() {
    let scene = scene().await;
    let first = scene
        .store
        .lock(&scene.shop, &scene.holder("d1"))
        .await
        .unwrap();
    scene.region.with_world(|world| {
        let tables = &mut world.dynamodb.by_name;
        tables.values_mut().for_each(|table| table.items.clear());
    });
    let later = Holder {
        since: first.since + SignedDuration::from_secs(1),
        ..scene.holder("d2")
    };
    let second = scene.store.lock(&scene.shop, &later).await.unwrap();
    assert!(second.fence > first.fence);
    let lost = scene.store.lock(&scene.shop, &first).await.unwrap_err();
    assert!(matches!(lost, StoreError::LockLost), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_outlasts_its_lease_by_months_and_no_longer() {
    let scene = scene().await;
    scene
        .store
        .lock(&scene.shop, &scene.holder("d1"))
        .await
        .unwrap();
    let expires = scene.region.with_world(|world| {
        let table = world.dynamodb.by_name.get("bg-state").unwrap();
        assert_eq!(table.expires_by.as_deref(), Some("expires_at"));
        let key = ("service#shop".to_owned(), "lock".to_owned());
        let at = table.items[&key]["expires_at"]["N"].as_str().unwrap();
        at.parse::<i64>().unwrap() - world.now.as_second()
    });
    assert_eq!(expires / 86_400, 90);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_long_is_named_and_never_sent() {
    let scene = scene().await;
    let mut record = scene.record(0);
    record.event = Event::ActFailed {
        act: crate::deployment::action::ActName::Shift,
        class: crate::deployment::action::FailureClass::Invalid,
        message: "x".repeat(500_000),
    };
    scene.region.forget_calls();
    let refused = scene
        .store
        .append(&scene.shop, None, &record)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, StoreError::TooLong { seq: 0, .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("at most 409600"), "{refused}");
    assert_eq!(scene.region.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_bg_did_not_write_is_named() {
    let scene = scene().await;
    scene
        .store
        .append(&scene.shop, None, &scene.record(0))
        .await
        .unwrap();
    scene.region.with_world(|world| {
        let table = world.dynamodb.by_name.get_mut("bg-state").unwrap();
        let key = (
            "service#shop".to_owned(),
            "journal#d1#000000000000".to_owned(),
        );
        let record = serde_json::json!({ "S": "{\"v\":99}" });
        table
            .items
            .get_mut(&key)
            .unwrap()
            .insert("record".to_owned(), record);
    });
    let damaged = scene
        .store
        .journal(&scene.shop, &DeploymentId::new("d1"))
        .await;
    let damaged = damaged.unwrap_err().to_string();
    assert!(
        damaged.starts_with("table bg-state, journal of deployment d1, line 1:"),
        "{damaged}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_table_with_other_keys_is_refused() {
    let region = Region::new(RegionOptions::default());
    let cloud = Cloud::with_config(&region.sdk_config());
    let attribute = aws_sdk_dynamodb::types::AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(aws_sdk_dynamodb::types::ScalarAttributeType::S)
        .build()
        .unwrap();
    let key = aws_sdk_dynamodb::types::KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(aws_sdk_dynamodb::types::KeyType::Hash)
        .build()
        .unwrap();
    let create = cloud.dynamodb().create_table().table_name("users");
    let create = create.attribute_definitions(attribute).key_schema(key);
    let billing = aws_sdk_dynamodb::types::BillingMode::PayPerRequest;
    create.billing_mode(billing).send().await.unwrap();
    let refused = DynamoStore::new(&cloud, "users").make_table().await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(
        refused,
        "table users can't keep state: its keys are id (HASH, S), and not pk (HASH, S), \
         sk (RANGE, S)"
    );
}

/// What a run of ten records costs; docs/how-to/state.md says so.
#[tokio::test(start_paused = true)]
async fn a_record_costs_one_call_and_so_does_a_renewal() {
    let scene = scene().await;
    let (store, shop) = (&scene.store, &scene.shop);
    scene.region.forget_calls();
    let held = store.lock(shop, &scene.holder("d1")).await.unwrap();
    for seq in 0..10 {
        store
            .append(shop, Some(&held), &scene.record(seq))
            .await
            .unwrap();
    }
    store.lock(shop, &held).await.unwrap();
    store.unlock(shop, &held).await.unwrap();
    let counts = scene.region.call_counts();
    let count = |operation: &str| counts[&(Service::DynamoDb, operation.to_owned())];
    assert_eq!((count("UpdateItem"), count("TransactWriteItems")), (3, 10));
    assert_eq!(counts.len(), 2, "{counts:?}");
}
