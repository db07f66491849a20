//! DynamoDB's tables and what is in them.

use super::World;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// A new table is of use after so long.
const CREATED_AFTER: SignedDuration = SignedDuration::from_secs(3);
/// A repeat of a transaction is known by its token for so long.
const TOKENS_KEPT: SignedDuration = SignedDuration::from_mins(10);

/// Attributes by name, each as AWS writes it: `{"S": "text"}`.
pub type Item = BTreeMap<String, Value>;
/// What an item's partition and sort keys hold; the sort key is empty where a table has none.
pub type Key = (String, String);

/// One table. Its keys are texts.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name of the partition key.
    pub partition_key: String,
    /// Name of the sort key.
    pub sort_key: Option<String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// The attribute that says when an item may be deleted.
    pub expires_by: Option<String>,
    /// Its items, in the order of a query.
    pub items: BTreeMap<Key, Item>,
}

impl Table {
    /// Whether it is ready at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        now >= self.created + CREATED_AFTER
    }

    /// Deletes what has expired.
    fn expire(&mut self, now: Timestamp) {
        let Some(name) = &self.expires_by else { return };
        let expired = |item: &Item| {
            let at = item.get(name)?.get("N")?.as_str()?;
            Some(at.parse::<i64>().ok()? < now.as_second())
        };
        self.items.retain(|_, item| expired(item) != Some(true));
    }
}

/// All of an account's tables.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// By name.
    pub by_name: BTreeMap<String, Table>,
    /// The transactions of late, by token: when, and what was asked.
    pub transactions: BTreeMap<String, (Timestamp, Value)>,
}

/// Lets time act on the tables.
pub fn catch_up(world: &mut World) {
    let now = world.now;
    let tables = &mut world.dynamodb;
    tables
        .by_name
        .values_mut()
        .for_each(|table| table.expire(now));
    tables
        .transactions
        .retain(|_, (at, _)| now < *at + TOKENS_KEPT);
}
