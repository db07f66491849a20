//! Bodies as they travel: what the SDK doesn't know must not be lost on the way through it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// Keeps the body of the answer to one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// The body; empty where no answer came.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Kept {
    fn name(&self) -> &'static str {
        "KeepBody"
    }

    /// Only now: over a real connection the body is read right before it is parsed.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        }
        Ok(())
    }
}

/// Puts the fields of each JSON object of a request in order: the SDK writes its maps in whatever
/// order they happen to have.
#[derive(Debug)]
pub(super) struct Sorted;

impl Intercept for Sorted {
    fn name(&self) -> &'static str {
        "SortFields"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(body) = request.body().bytes() {
            let mut fields: Value = serde_json::from_slice(body)?;
            fields.sort_all_objects();
            replace_body(request, fields.to_string());
        }
        Ok(())
    }
}

/// Puts `body` in the place of what the SDK has serialised. Before signing.
pub(super) fn replace_body(request: &mut HttpRequest, body: impl Into<Vec<u8>>) {
    let body = body.into();
    let length = body.len().to_string();
    *request.body_mut() = SdkBody::from(body);
    request.headers_mut().insert("content-length", length);
}

/// One method for one operation of a service that speaks JSON: the body as given, the answer as it
/// came. The service's client comes first.
macro_rules! json_operations {
    ($client:ident; $($(#[$doc:meta])* $name:ident($operation:literal, $effect:expr);)*) => {
        impl Cloud {$(
            $(#[$doc])*
            pub(super) async fn $name(
                &self,
                body: serde_json::Value,
            ) -> Result<serde_json::Value, AwsError> {
                use $crate::aws::raw::{Kept, parse, replace_body};
                let text = body.to_string();
                let send = || {
                    let (text, kept) = (text.clone(), Kept::default());
                    let request = self
                        .$client()
                        .$name()
                        .customize()
                        .interceptor(kept.clone())
                        .mutate_request(move |request| replace_body(request, text.as_str()));
                    async move { request.send().await.map(|_| kept.take()) }
                };
                self.call_and_read($operation, $effect, send, parse).await
            }
        )*}
    };
}
pub(super) use json_operations;

/// The fields of an answer; null where it has none.
pub(super) fn parse(answer: &[u8]) -> Result<Value, String> {
    if answer.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(answer).map_err(|error| error.to_string())
}
