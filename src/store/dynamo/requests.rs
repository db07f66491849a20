//! Requests: one item each, in the order in which they were left.

use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;

use super::item::{EXPIRES_AT, Item, PK, SK, expiry, key, text, value};
use super::{DynamoStore, of_service};
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

    pub(in crate::store) async fn remove_request(
        &self,
        service: &ServiceName,
        request: &Request,
    ) -> Result<(), StoreError> {
        let prefix = prefix(&request.deployment);
        for item in &self.query(&of_service(service), &prefix).await? {
            if self.request_in(item).is_ok_and(|it| it == *request) {
                self.remove(service, item).await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, service: &ServiceName, item: &Item) -> Result<(), StoreError> {
        let sk = text(item, SK).unwrap_or_default();
        let send = || {
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
        // Nobody else writes this key: where it is gone, it was removed.
        self.call("dynamodb:DeleteItem", send, gone).await?;
        Ok(())
    }
}

fn prefix(id: &DeploymentId) -> String {
    format!("request#{id}#")
}
