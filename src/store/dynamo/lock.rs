//! The lock: one item, written by one call.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use jiff::Timestamp;
use serde_json::Value;

use super::item::{EXPIRES_AT, Item, PK, SK, expiry, number, seconds, text, value};
use super::{Answer, DynamoStore, of_service};
use crate::deployment::ids::ServiceName;
use crate::store::{Holder, StoreError};

/// The lock's sort key.
pub(super) const LOCK: &str = "lock";
/// How often a lock is taken over from holders that come and go meanwhile.
const TAKE_OVERS: usize = 5;

/// What a write expects of the lock, and what it does to the fence.
enum Write<'a> {
    /// Nobody's lease runs; the fence grows.
    Take { nonce: &'a str },
    /// The lock is still as it was seen; the fence grows.
    TakeOver {
        nonce: &'a str,
        seen: Option<&'a Holder>,
    },
    /// The fence is the holder's own, and stays.
    Keep,
}

impl Write<'_> {
    fn condition(&self) -> &'static str {
        match self {
            Write::Take { .. } => "attribute_not_exists(pk) OR lease_until <= :now",
            Write::TakeOver { seen: None, .. } => "attribute_not_exists(pk)",
            Write::TakeOver { seen: Some(_), .. } | Write::Keep => "fence = :fence",
        }
    }

    /// What is set beside the holder and the lease.
    fn more(&self) -> &'static str {
        match self {
            Write::Keep => "",
            Write::Take { .. } | Write::TakeOver { .. } => {
                ", taking = :nonce, fence = if_not_exists(fence, :none) + :one"
            }
        }
    }

    fn values(&self, holder: &Holder) -> Vec<(&'static str, AttributeValue)> {
        let grows = |nonce: &str| {
            vec![
                (":nonce", value(nonce)),
                (":none", number(holder.first_fence() - 1)),
                (":one", number(1)),
            ]
        };
        match self {
            Write::Take { nonce } => {
                let mut values = grows(nonce);
                values.push((":now", seconds(holder.since)));
                values
            }
            Write::TakeOver { nonce, seen } => {
                let mut values = grows(nonce);
                values.extend(seen.map(|seen| (":fence", number(seen.fence))));
                values
            }
            Write::Keep => vec![(":fence", number(holder.fence))],
        }
    }
}

impl DynamoStore {
    pub(in crate::store) async fn lock(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        if holder.fence > 0 {
            return match self.write_lock(service, holder, &Write::Keep).await? {
                Answer::Done(written) => self.holder_in(service, &written),
                Answer::Refused(_) => Err(StoreError::LockLost),
            };
        }
        let nonce = nonce();
        let take = Write::Take { nonce: &nonce };
        match self.write_lock(service, holder, &take).await? {
            Answer::Done(written) => self.holder_in(service, &written),
            Answer::Refused(found) => {
                let present = self.holder_in(service, &found)?;
                match is_of(&found, &nonce) {
                    true => Ok(present),
                    false => Err(StoreError::Locked(Box::new(present))),
                }
            }
        }
    }

    pub(in crate::store) async fn take_over(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        let nonce = nonce();
        let mut present = self.holder(service).await?;
        for _ in 0..TAKE_OVERS {
            let take = Write::TakeOver {
                nonce: &nonce,
                seen: present.as_ref(),
            };
            let found = match self.write_lock(service, holder, &take).await? {
                Answer::Done(written) => return self.holder_in(service, &written),
                Answer::Refused(found) => found,
            };
            if is_of(&found, &nonce) {
                return self.holder_in(service, &found);
            }
            present = match found.is_empty() {
                true => None,
                false => Some(self.holder_in(service, &found)?),
            };
        }
        match present {
            Some(present) => Err(StoreError::Locked(Box::new(present))),
            None => Err(StoreError::LockLost),
        }
    }

    pub(in crate::store) async fn unlock(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<(), StoreError> {
        // The fence has to go on growing, so the item stays with a lease that is over.
        let free = Holder {
            lease_until: Timestamp::UNIX_EPOCH,
            ..holder.clone()
        };
        self.write_lock(service, &free, &Write::Keep).await?;
        Ok(())
    }

    pub(in crate::store) async fn holder(
        &self,
        service: &ServiceName,
    ) -> Result<Option<Holder>, StoreError> {
        let item = self.get(service, LOCK).await?;
        item.map(|item| self.holder_in(service, &item)).transpose()
    }

    /// Writes the lock where `write`'s condition holds. Refused, it tells the item that it found.
    async fn write_lock(
        &self,
        service: &ServiceName,
        holder: &Holder,
        write: &Write<'_>,
    ) -> Result<Answer<Item, Item>, StoreError> {
        let update = format!(
            "SET holder = :holder, lease_until = :until, {EXPIRES_AT} = :expires{}",
            write.more()
        );
        let common = [
            (":holder", value(&written(holder))),
            (":until", seconds(holder.lease_until)),
            (":expires", expiry(holder.lease_until.max(holder.since))),
        ];
        let values = common.into_iter().chain(write.values(holder));
        let values: HashMap<_, _> = values.map(|(name, to)| (name.to_owned(), to)).collect();
        let send = || {
            self.client
                .update_item()
                .table_name(&self.table)
                .key(PK, value(&of_service(service)))
                .key(SK, value(LOCK))
                .update_expression(&update)
                .condition_expression(write.condition())
                .set_expression_attribute_values(Some(values.clone()))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .send()
        };
        let found = |error: &UpdateItemError| match error {
            UpdateItemError::ConditionalCheckFailedException(failed) => {
                Some(failed.item().cloned().unwrap_or_default())
            }
            _ => None,
        };
        let answer = self.call("dynamodb:UpdateItem", send, found).await?;
        Ok(match answer {
            Answer::Done(done) => Answer::Done(done.attributes.unwrap_or_default()),
            Answer::Refused(found) => Answer::Refused(found),
        })
    }

    /// The holder that the lock's item names.
    pub(super) fn holder_in(
        &self,
        service: &ServiceName,
        item: &Item,
    ) -> Result<Holder, StoreError> {
        let read = || -> Result<Holder, String> {
            let fence = item.get("fence").and_then(|fence| fence.as_n().ok());
            let fence = fence.ok_or("it has no fence")?;
            let fence: u64 = fence.parse().map_err(|_| "its fence is no whole number")?;
            let holder = text(item, "holder").ok_or("it has no holder")?;
            let mut holder: Value =
                serde_json::from_str(holder).map_err(|error| error.to_string())?;
            if let Some(fields) = holder.as_object_mut() {
                fields.insert("fence".to_owned(), fence.into());
            }
            serde_json::from_value(holder).map_err(|error| error.to_string())
        };
        read().map_err(|why| self.damaged(&format!("lock of service {service}"), 1, why))
    }
}

/// The holder as text, without the fence: only DynamoDB knows that, and keeps it beside.
fn written(holder: &Holder) -> String {
    let mut fields = serde_json::to_value(holder).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("fence");
    }
    fields.to_string()
}

/// Tells one taking from another, also of the same process for the same deployment.
fn nonce() -> String {
    format!("{:016x}", fastrand::u64(..))
}

fn is_of(item: &Item, nonce: &str) -> bool {
    text(item, "taking") == Some(nonce)
}
