//! Puts ELBv2 and CloudWatch under the real SDK, for tests of these two codecs and handlers.

use crate::sandbox::wire::{AwsError, cbor, cloudwatch, elbv2, query};
use crate::sandbox::world::World;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use std::sync::{Arc, Mutex};

/// A world that answers the SDK's requests.
#[derive(Debug, Clone)]
pub(crate) struct Wire(pub(crate) Arc<Mutex<World>>);

impl Wire {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn config(&self) -> SdkConfig {
        let credentials =
            aws_credential_types::Credentials::new("AKIAIOSFODNN7EXAMPLE", "x", None, None, "test");
        SdkConfig::builder()
            .region(aws_types::region::Region::new("eu-west-1"))
            .credentials_provider(
                aws_credential_types::provider::SharedCredentialsProvider::new(credentials),
            )
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .http_client(self.clone())
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build()
    }

    fn answer(&self, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut world = self.0.lock().unwrap();
        let status = |error: &AwsError| error.status;
        if let Some(operation) = path.rsplit_once("/operation/").map(|(_, name)| name) {
            let result = cbor::decode(body)
                .and_then(|input| cloudwatch::handle(&mut world, operation, &input));
            return match result {
                Ok(output) => (200, cbor::encode(&output)),
                Err(error) => (status(&error), cbor::encode_error(&error)),
            };
        }
        let (operation, input) = query::decode(body).unwrap();
        let service = query::QueryService::Elbv2;
        match elbv2::handle(&mut world, &operation, &input) {
            Ok(output) => (200, query::encode(service, &operation, &output, "id")),
            Err(error) => (status(&error), query::encode_error(service, &error, "id")),
        }
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().unwrap();
        let body = request.body().bytes().unwrap_or_default();
        let (status, body) = self.answer(request.uri().path(), body);
        let response = http::Response::builder()
            .status(status)
            .header("smithy-protocol", "rpc-v2-cbor")
            .body(SdkBody::from(body))
            .unwrap();
        HttpConnectorFuture::ready(Ok(response.try_into().unwrap()))
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
