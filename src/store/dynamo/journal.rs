//! Journals: one item for each record, and one that says that the deployment exists.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Put,
    ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem,
};

use super::item::{Item, key, number, seconds, text, value};
use super::lock::LOCK;
use super::{Answer, DynamoStore, of_service};
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::store::{Holder, StoreError, may_write};

/// DynamoDB's limit for an item, names of attributes and key included.
const MOST: usize = 400 * 1024;
/// The partition that lists the services.
const SERVICES: &str = "services";
/// What a condition that didn't hold is called among a transaction's reasons.
const BROKEN: &str = "ConditionalCheckFailed";

/// What a part of a transaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The lock is still the holder's.
    Lock,
    /// The position is free.
    Position,
    /// The record before it is there.
    Before,
    /// The deployment is listed.
    Deployment,
    /// The service is listed.
    Service,
}

impl DynamoStore {
    pub(in crate::store) async fn append(
        &self,
        service: &ServiceName,
        holder: Option<&Holder>,
        record: &Record,
    ) -> Result<(), StoreError> {
        let parts = self.parts(service, holder, record)?;
        let send = || {
            let items = parts.iter().map(|(_, item)| item.clone()).collect();
            self.client
                .transact_write_items()
                .set_transact_items(Some(items))
                .send()
        };
        let reasons = |error: &TransactWriteItemsError| match error {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => cancelled
                .cancellation_reasons()
                .iter()
                .any(|reason| reason.code() == Some(BROKEN))
                .then(|| cancelled.cancellation_reasons().to_vec()),
            _ => None,
        };
        let call = self.call("dynamodb:TransactWriteItems", send, reasons);
        match call.await? {
            Answer::Done(_) => Ok(()),
            Answer::Refused(reasons) => {
                let broken = parts.iter().map(|(part, _)| *part).zip(&reasons);
                let broken: Vec<(Part, &CancellationReason)> = broken
                    .filter(|(_, reason)| reason.code() == Some(BROKEN))
                    .collect();
                self.why_not(service, holder, record, &broken)
            }
        }
    }

    /// What a broken condition says: first whether this process may write at all, then whether
    /// the record is there already, because an answer got lost.
    fn why_not(
        &self,
        service: &ServiceName,
        holder: Option<&Holder>,
        record: &Record,
        broken: &[(Part, &CancellationReason)],
    ) -> Result<(), StoreError> {
        let of = |part| {
            let mut broken = broken.iter().filter(move |(of, _)| *of == part);
            broken.next().map(|(_, reason)| reason.item())
        };
        if let Some(found) = of(Part::Lock) {
            let present = found.map(|found| self.holder_in(service, found));
            may_write(present.transpose()?.as_ref(), holder, record.at)?;
        }
        let there = of(Part::Position).flatten();
        let there = there.and_then(|item| Record::from_line(text(item, "record")?).ok());
        if there.as_ref() == Some(record) {
            return Ok(());
        }
        Err(StoreError::OutOfTurn {
            deployment: record.deployment.clone(),
            seq: record.seq,
        })
    }

    /// All that has to be so, and is written, for a record to be appended.
    fn parts(
        &self,
        service: &ServiceName,
        holder: Option<&Holder>,
        record: &Record,
    ) -> Result<Vec<(Part, TransactWriteItem)>, StoreError> {
        let pk = of_service(service);
        let id = &record.deployment;
        let mut parts = Vec::new();
        if let Some(holder) = holder {
            let check = self
                .check(&pk, LOCK)
                .condition_expression("fence = :fence AND lease_until > :at")
                .expression_attribute_values(":fence", number(holder.fence))
                .expression_attribute_values(":at", seconds(record.at));
            parts.push((Part::Lock, checked(check)));
        }
        let mut item = key(&pk, &position(id, record.seq));
        item.insert("record".to_owned(), self.line_of(record)?);
        let size = size_of(&item);
        if size > MOST {
            return Err(StoreError::TooLong {
                deployment: id.clone(),
                seq: record.seq,
                bytes: size,
                most: MOST,
            });
        }
        parts.push((Part::Position, self.put_new(item)));
        if record.seq == 0 {
            let index = key(&pk, &format!("deployment#{id}"));
            parts.push((Part::Deployment, self.put_new(index)));
            let listed = key(SERVICES, &pk);
            parts.push((Part::Service, self.put(listed)));
        } else {
            let before = self
                .check(&pk, &position(id, record.seq - 1))
                .condition_expression("attribute_exists(pk)");
            parts.push((Part::Before, checked(before)));
        }
        Ok(parts)
    }

    fn check(
        &self,
        pk: &str,
        sk: &str,
    ) -> aws_sdk_dynamodb::types::builders::ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
    }

    fn put_new(&self, item: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let put = put.build().expect("table and item are set");
        TransactWriteItem::builder().put(put).build()
    }

    /// An item that is always the same: it may be there already.
    fn put(&self, item: Item) -> TransactWriteItem {
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.build().expect("table and item are set");
        TransactWriteItem::builder().put(put).build()
    }

    fn line_of(&self, record: &Record) -> Result<AttributeValue, StoreError> {
        let line = serde_json::to_string(record);
        let line = line.map_err(|error| self.damaged("a record", 1, error.to_string()))?;
        Ok(value(&line))
    }

    pub(in crate::store) async fn journal(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Record>, StoreError> {
        let prefix = format!("journal#{id}#");
        let items = self.query(&of_service(service), &prefix).await?;
        let read = |(index, item): (usize, &Item)| {
            let line = text(item, "record").ok_or_else(|| "it has no record".to_owned());
            line.and_then(|line| Record::from_line(line).map_err(|why| why.to_string()))
                .map_err(|why| self.damaged(&format!("journal of deployment {id}"), index + 1, why))
        };
        items.iter().enumerate().map(read).collect()
    }

    pub(in crate::store) async fn deployments(
        &self,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentId>, StoreError> {
        let ids = self.names(&of_service(service), "deployment#").await?;
        Ok(ids.into_iter().map(DeploymentId::new).collect())
    }

    pub(in crate::store) async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        let names = self.names(SERVICES, "service#").await?;
        Ok(names.into_iter().map(ServiceName::new).collect())
    }
}

fn checked(check: aws_sdk_dynamodb::types::builders::ConditionCheckBuilder) -> TransactWriteItem {
    let check = check.build().expect("table, key and condition are set");
    TransactWriteItem::builder().condition_check(check).build()
}

/// A record's sort key: by position, as text sorts.
fn position(id: &DeploymentId, seq: u64) -> String {
    format!("journal#{id}#{seq:012}")
}

/// What DynamoDB counts of an item: names and texts.
fn size_of(item: &Item) -> usize {
    let texts = item.values().filter_map(|value| value.as_s().ok());
    item.keys().chain(texts).map(String::len).sum()
}
