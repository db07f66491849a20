//! The table itself: made once, by `bg init --state`.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use tokio::time::sleep;

use super::DynamoStore;
use super::item::{EXPIRES_AT, PK, SK};
use crate::aws::ErrorClass;
use crate::store::StoreError;

/// Between two looks at a table that is being made.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked at: AWS needs about ten seconds.
const LOOKS: usize = 120;

/// What was done for the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    Created,
    /// It was there, with the right keys.
    AlreadyThere,
}

impl DynamoStore {
    /// Makes the table, billed by request, and lets DynamoDB delete what has expired. A table
    /// that is there already is looked at instead.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where it has other keys; when it can't be made or looked at.
    pub async fn make_table(&self) -> Result<Made, StoreError> {
        let made = match self.describe().await {
            Ok(_) => Made::AlreadyThere,
            Err(StoreError::NoTable { .. }) => self.create().await?,
            Err(error) => return Err(error),
        };
        self.wait_until_active().await?;
        self.let_items_expire().await?;
        Ok(made)
    }

    async fn describe(&self) -> Result<TableDescription, StoreError> {
        let shown = self.plain_call("dynamodb:DescribeTable", || {
            self.client.describe_table().table_name(&self.table).send()
        });
        let shown = shown.await?.table;
        shown.ok_or_else(|| self.unfit("DynamoDB describes it without a word"))
    }

    async fn create(&self) -> Result<Made, StoreError> {
        let keys = [(PK, KeyType::Hash), (SK, KeyType::Range)];
        let attributes = keys.iter().map(|(name, _)| {
            AttributeDefinition::builder()
                .attribute_name(*name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect("name and type are set")
        });
        let attributes: Vec<_> = attributes.collect();
        let keys = keys.into_iter().map(|(name, kind)| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .expect("name and type are set")
        });
        let keys: Vec<_> = keys.collect();
        let created = self.plain_call("dynamodb:CreateTable", || {
            self.client
                .create_table()
                .table_name(&self.table)
                .set_attribute_definitions(Some(attributes.clone()))
                .set_key_schema(Some(keys.clone()))
                .billing_mode(BillingMode::PayPerRequest)
                .send()
        });
        match created.await {
            Ok(_) => Ok(Made::Created),
            // Somebody else makes it, or a try of this process whose answer got lost.
            Err(StoreError::Aws { source, .. }) if source.class == ErrorClass::Conflict => {
                Ok(Made::Created)
            }
            Err(error) => Err(error),
        }
    }

    async fn wait_until_active(&self) -> Result<(), StoreError> {
        let mut status = None;
        for _ in 0..LOOKS {
            match self.describe().await {
                Ok(table) => {
                    self.check_keys(&table)?;
                    status = table.table_status;
                    if matches!(status, Some(TableStatus::Active | TableStatus::Updating)) {
                        return Ok(());
                    }
                }
                // A table that was just made may not be seen yet.
                Err(StoreError::NoTable { .. }) => {}
                Err(error) => return Err(error),
            }
            sleep(LOOK).await;
        }
        let status = status.map_or("not seen".to_owned(), |status| status.to_string());
        Err(self.unfit(format!("it is still {status} after {LOOKS} looks")))
    }

    fn check_keys(&self, table: &TableDescription) -> Result<(), StoreError> {
        let type_of = |name: &str| {
            let mut definitions = table.attribute_definitions().iter();
            let found = definitions.find(|definition| definition.attribute_name() == name);
            found.map_or("?", |definition| definition.attribute_type().as_str())
        };
        let keys = table.key_schema().iter().map(|key| {
            let (name, kind) = (key.attribute_name(), key.key_type().as_str());
            format!("{name} ({kind}, {})", type_of(name))
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        let wanted = format!("{PK} (HASH, S), {SK} (RANGE, S)");
        match keys == wanted {
            true => Ok(()),
            false => Err(self.unfit(format!("its keys are {keys}, and not {wanted}"))),
        }
    }

    async fn let_items_expire(&self) -> Result<(), StoreError> {
        let shown = self.plain_call("dynamodb:DescribeTimeToLive", || {
            self.client
                .describe_time_to_live()
                .table_name(&self.table)
                .send()
        });
        let shown = shown
            .await?
            .time_to_live_description
            .unwrap_or_else(|| aws_sdk_dynamodb::types::TimeToLiveDescription::builder().build());
        match (shown.time_to_live_status(), shown.attribute_name()) {
            (None | Some(TimeToLiveStatus::Disabled), _) => {}
            (_, Some(EXPIRES_AT)) => return Ok(()),
            (_, other) => {
                let other = other.unwrap_or("another attribute");
                return Err(self.unfit(format!(
                    "its time to live is on {other}, and not on {EXPIRES_AT}"
                )));
            }
        }
        let specification = TimeToLiveSpecification::builder()
            .attribute_name(EXPIRES_AT)
            .enabled(true)
            .build()
            .expect("attribute and switch are set");
        let set = self.plain_call("dynamodb:UpdateTimeToLive", || {
            self.client
                .update_time_to_live()
                .table_name(&self.table)
                .time_to_live_specification(specification.clone())
                .send()
        });
        match set.await {
            Ok(_) => Ok(()),
            // A try whose answer got lost has done it.
            Err(StoreError::Aws { source, .. }) if source.message.contains("already enabled") => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn unfit(&self, why: impl Into<String>) -> StoreError {
        StoreError::Unfit {
            table: self.table.clone(),
            why: why.into(),
        }
    }
}
