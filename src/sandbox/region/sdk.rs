//! The region as the SDK's HTTP client: the same bytes as over TCP, without a socket.

use super::{Outcome, Region};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion,
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
use aws_types::{SdkConfig, region};
use std::io;

impl HttpConnector for Region {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let region = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (head, body) = request.into_parts();
            let body = body
                .bytes()
                .ok_or_else(|| ConnectorError::user("the body is a stream".into()))?;
            let answer = region
                .call(&head.method, &head.uri, &head.headers, body)
                .await;
            match answer {
                Outcome::Answered(answer) => {
                    HttpResponse::try_from(answer.map(|bytes| SdkBody::from(bytes.to_vec())))
                        .map_err(|error| ConnectorError::other(error.into(), None))
                }
                Outcome::Silence => std::future::pending().await,
                Outcome::Reset => Err(ConnectorError::io(
                    io::Error::from(io::ErrorKind::ConnectionReset).into(),
                )),
            }
        })
    }
}

impl HttpClient for Region {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Region {
    /// An SDK configuration that reaches this region in process: made-up credentials, virtual
    /// time, no retries.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "sandbox", None, None, "bg");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region::Region::new(self.options().region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.clone())
            .sleep_impl(TokioSleep::new())
            .time_source(self.clock())
            .retry_config(RetryConfig::disabled())
            .build()
    }
}
