//! The stores that the suite runs against.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region as AwsRegion;
use bg::aws::Cloud;
use bg::sandbox::{Region, RegionOptions};
use bg::store::{DynamoStore, FileStore, Made, MemoryStore, Store};
use tempfile::TempDir;

use crate::dynamodb_local;

/// A store, and what has to live as long as it does.
pub(crate) struct MadeStore {
    store: Store,
    _dir: Option<TempDir>,
}

impl MadeStore {
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

impl From<Store> for MadeStore {
    fn from(store: Store) -> MadeStore {
        MadeStore { store, _dir: None }
    }
}

pub(crate) async fn in_memory() -> Option<MadeStore> {
    Some(Store::Memory(MemoryStore::default()).into())
}

pub(crate) async fn in_a_folder() -> Option<MadeStore> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::File(FileStore::new(dir.path()));
    Some(MadeStore {
        store,
        _dir: Some(dir),
    })
}

pub(crate) async fn in_the_regions_dynamodb() -> Option<MadeStore> {
    let region = Region::new(RegionOptions {
        speed: 100.0,
        ..RegionOptions::default()
    });
    Some(in_a_table(&Cloud::with_config(&region.sdk_config())).await)
}

pub(crate) async fn in_amazons_dynamodb() -> Option<MadeStore> {
    Some(in_a_table(&amazons_dynamodb()?).await)
}

/// Amazon's own implementation, on this machine.
pub(crate) fn amazons_dynamodb() -> Option<Cloud> {
    amazons_config().map(|config| Cloud::with_config(&config))
}

/// How an SDK's client reaches it.
pub(crate) fn amazons_config() -> Option<SdkConfig> {
    let url = dynamodb_local::url("the contract with Amazon's DynamoDB Local")?;
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "x", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(AwsRegion::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .endpoint_url(url)
        .build();
    Some(config)
}

/// A table's name that no other test has.
pub(crate) fn fresh_table() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    format!("bg-state-{}", MADE.fetch_add(1, Ordering::Relaxed))
}

async fn in_a_table(cloud: &Cloud) -> MadeStore {
    let store = DynamoStore::new(cloud, fresh_table());
    assert_eq!(store.make_table().await.unwrap(), Made::Created);
    Store::Dynamo(store).into()
}
