//! The table that a DynamoDB store needs.

use bg::aws::Cloud;
use bg::deployment::ids::ServiceName;
use bg::sandbox::{Region, RegionOptions};
use bg::store::{DynamoStore, Made, Store, StoreError};

use crate::made::{amazons_dynamodb, fresh_table};

fn region() -> Cloud {
    let region = Region::new(RegionOptions::default());
    Cloud::with_config(&region.sdk_config())
}

/// A service and an AWS account that never had one.
async fn is_missed_made_once_and_kept(cloud: &Cloud) {
    let table = fresh_table();
    let store = Store::Dynamo(DynamoStore::new(cloud, &table));
    let missed = store.holder(&ServiceName::new("shop")).await.unwrap_err();
    assert!(matches!(missed, StoreError::NoTable { .. }), "{missed:?}");
    assert_eq!(
        missed.to_string(),
        format!("table {table} doesn't exist in eu-west-1")
    );
    let store = DynamoStore::new(cloud, &table);
    assert_eq!(store.make_table().await.unwrap(), Made::Created);
    assert_eq!(store.make_table().await.unwrap(), Made::AlreadyThere);
}

#[tokio::test(start_paused = true)]
async fn a_table_is_missed_made_once_and_kept() {
    is_missed_made_once_and_kept(&region()).await;
}

#[tokio::test]
async fn amazons_table_is_missed_made_once_and_kept() {
    if let Some(cloud) = amazons_dynamodb() {
        is_missed_made_once_and_kept(&cloud).await;
    }
}
