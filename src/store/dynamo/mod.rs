//! A store in one DynamoDB table, for every machine that reaches it.
//!
//! ```text
//! pk               sk                                what it holds
//! service#SERVICE  lock                              holder, fence, lease_until, taking, expires_at
//! service#SERVICE  deployment#ID                     nothing: that the deployment exists
//! service#SERVICE  journal#ID#000000000012           record
//! service#SERVICE  request#ID#TIME#COUNT#RANDOM      request, expires_at
//! services         service#SERVICE                   nothing: that the service exists
//! ```
//!
//! All reads are consistent, and every write names what it expects to find: a repeat after an
//! answer that was lost finds what the last try did, and a try that arrives late does nothing.

mod item;
mod journal;
mod lock;
mod requests;
mod table;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::sync::atomic::AtomicU64;

use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use self::item::{Item, PK, SK, text, value};
use super::StoreError;
use crate::aws::{AwsError, Cloud, Effect, ErrorClass, Renewing, classify, repeat};
use crate::deployment::ids::ServiceName;

pub use table::Made;

/// A table of journals and locks.
pub struct DynamoStore {
    client: Client,
    credentials: Renewing,
    table: String,
    region: String,
    /// How many requests this process has left: those of one moment keep their order.
    asked: AtomicU64,
}

impl fmt::Debug for DynamoStore {
    /// The SDK's client would fill pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoStore")
            .field("table", &self.table)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// What came of a call with a condition.
enum Answer<T, R> {
    /// It was done.
    Done(T),
    /// The condition didn't hold; what was found instead.
    Refused(R),
}

impl DynamoStore {
    /// A store in `table`, in the account and region of `cloud`. Nothing is asked yet.
    pub fn new(cloud: &Cloud, table: impl Into<String>) -> DynamoStore {
        DynamoStore {
            client: cloud.dynamodb(),
            credentials: cloud.credentials().clone(),
            table: table.into(),
            region: cloud.region().to_owned(),
            asked: AtomicU64::new(0),
        }
    }

    /// Makes a call; `refused` finds in a service's error what a condition was broken by.
    async fn call<T, R, E, F>(
        &self,
        operation: &'static str,
        mut send: impl FnMut() -> F,
        refused: impl Fn(&E) -> Option<R>,
    ) -> Result<Answer<T, R>, StoreError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let refused = &refused;
        let answer = repeat(operation, Effect::Stores, || {
            let sent = send();
            async move {
                let error = match sent.await {
                    Ok(done) => return Ok(Answer::Done(done)),
                    Err(error) => error,
                };
                match error.as_service_error().and_then(refused) {
                    Some(found) => Ok(Answer::Refused(found)),
                    None => {
                        let error = whole(classify(operation, &error));
                        self.credentials.heed(&error);
                        Err(error)
                    }
                }
            }
        });
        answer.await.map_err(|error| self.failed(error))
    }

    /// The same for a call without a condition.
    async fn plain_call<T, E, F>(
        &self,
        operation: &'static str,
        send: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let never = |_: &E| None::<std::convert::Infallible>;
        match self.call(operation, send, never).await? {
            Answer::Done(done) => Ok(done),
            Answer::Refused(never) => match never {},
        }
    }

    fn failed(&self, source: AwsError) -> StoreError {
        let table = self.table.clone();
        match source.class {
            ErrorClass::NotFound => StoreError::NoTable {
                table,
                region: self.region.clone(),
            },
            _ => StoreError::Aws { table, source },
        }
    }

    /// One item, as the last write left it.
    async fn get(&self, service: &ServiceName, sk: &str) -> Result<Option<Item>, StoreError> {
        let got = self.plain_call("dynamodb:GetItem", || {
            self.client
                .get_item()
                .table_name(&self.table)
                .key(PK, value(&of_service(service)))
                .key(SK, value(sk))
                .consistent_read(true)
                .send()
        });
        Ok(got.await?.item)
    }

    /// All items under `pk` whose `sk` begins with `prefix`, in order.
    async fn query(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let (mut items, mut from): (Vec<Item>, Option<Item>) = (Vec::new(), None);
        loop {
            let page = self.plain_call("dynamodb:Query", || {
                self.client
                    .query()
                    .table_name(&self.table)
                    .consistent_read(true)
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":pk", value(pk))
                    .expression_attribute_values(":prefix", value(prefix))
                    .set_exclusive_start_key(from.clone())
                    .send()
            });
            let page = page.await?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }

    /// What follows `prefix` in the sort keys under `pk`.
    async fn names(&self, pk: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        let items = self.query(pk, prefix).await?;
        let names = items
            .iter()
            .filter_map(|item| text(item, SK)?.strip_prefix(prefix).map(str::to_owned));
        Ok(names.collect())
    }

    /// An item that this program can't have written.
    fn damaged(&self, what: &str, line: usize, why: String) -> StoreError {
        StoreError::Damaged {
            what: format!("table {}, {what}", self.table),
            line,
            why,
        }
    }
}

/// DynamoDB names each refusal: one without a name is an answer that was cut short, such as one
/// that tells which condition was broken.
fn whole(error: AwsError) -> AwsError {
    match (error.class, &error.code) {
        (ErrorClass::Invalid, None) => AwsError {
            class: ErrorClass::Ambiguous,
            ..error
        },
        _ => error,
    }
}

/// A service's partition.
fn of_service(service: &ServiceName) -> String {
    format!("service#{service}")
}
