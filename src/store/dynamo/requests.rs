//! Requests: one item each, in the order in which they were left.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;

use super::item::{EXPIRES_AT, Item, PK, SK, expiry, key, text, value};
use super::{Answer, DynamoStore, of_service};
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::store::{Request, StoreError};

impl DynamoStore {
    pub(in crate::store) async fn ask(
        &self,
        service: &ServiceName,
        request: &Request,
    ) -> Result<(), StoreError> {
        let line = serde_json::to_string(request);
        let line = line.map_err(|error| self.damaged("a request", 1, error.to_string()))?;
        let sk = format!(
            "{}{:020}#{:06}#{:08x}",
            prefix(&request.deployment),
            request.at.as_nanosecond().max(0),
            self.asked.fetch_add(1, Ordering::Relaxed),
            fastrand::u32(..),
        );
        let mut item = key(&of_service(service), &sk);
        item.insert("request".to_owned(), value(&line));
        item.insert(EXPIRES_AT.to_owned(), expiry(request.at));
        let send = || {
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item.clone()))
                .condition_expression("attribute_not_exists(pk)")
                .send()
        };
        let there =
            |error: &PutItemError| error.is_conditional_check_failed_exception().then_some(());
        // Nobody else draws this key: where it is taken, an answer got lost.
        self.call("dynamodb:PutItem", send, there).await?;
        Ok(())
    }

    pub(in crate::store) async fn requests(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Request>, StoreError> {
        let items = self.query(&of_service(service), &prefix(id)).await?;
        items.iter().map(|item| self.request_in(item)).collect()
    }

    fn request_in(&self, item: &Item) -> Result<Request, StoreError> {
        let line = text(item, "request").unwrap_or_default();
        serde_json::from_str(line).map_err(|error| {
            let what = format!("request {}", text(item, SK).unwrap_or_default());
            self.damaged(&what, error.line(), error.to_string())
        })
    }

    /// Takes what can be taken: what was taken must be answered with, whatever comes after.
    pub(in crate::store) async fn take_requests(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Request>, StoreError> {
        let items = self.query(&of_service(service), &prefix(id)).await?;
        let mut taken = Vec::new();
        for item in &items {
            let request = self.request_in(item)?;
            match self.take(service, item).await {
                Ok(Taken::Here) => taken.push(request),
                Ok(Taken::Elsewhere) => {}
                Err(error) if taken.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(taken)
    }

    async fn take(&self, service: &ServiceName, item: &Item) -> Result<Taken, StoreError> {
        let tries = AtomicUsize::new(0);
        let sk = text(item, SK).unwrap_or_default();
        let send = || {
            tries.fetch_add(1, Ordering::Relaxed);
            self.client
                .delete_item()
                .table_name(&self.table)
                .key(PK, value(&of_service(service)))
                .key(SK, value(sk))
                .condition_expression("attribute_exists(pk)")
                .send()
        };
        let gone =
            |error: &DeleteItemError| error.is_conditional_check_failed_exception().then_some(());
        match self.call("dynamodb:DeleteItem", send, gone).await? {
            Answer::Done(_) => Ok(Taken::Here),
            // A try whose answer got lost may have taken it: better twice than never.
            Answer::Refused(()) if tries.into_inner() > 1 => Ok(Taken::Here),
            Answer::Refused(()) => Ok(Taken::Elsewhere),
        }
    }
}

/// By whom a request was taken.
enum Taken {
    /// This process.
    Here,
    /// Another one that drives, or drove, the same deployment.
    Elsewhere,
}

fn prefix(id: &DeploymentId) -> String {
    format!("request#{id}#")
}
