//! The region as the SDK reaches it, with somebody who looks on around each request.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bg::aws::Cloud;
use bg::sandbox::Region;

/// On which side of a request's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It was sent, and nothing has happened yet.
    Before,
    /// It has had its effect; its answer is on the way.
    After,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its operation's name.
    pub(crate) operation: String,
    /// Its body, byte for byte.
    pub(crate) body: Vec<u8>,
}

type Watch = dyn Fn(&Region, &Asked, Side) + Send + Sync;

#[derive(Clone)]
struct Watched {
    region: Region,
    watch: Arc<Watch>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// AWS as `region` plays it; `watch` is told of each request, twice.
pub(crate) fn watched(
    region: &Region,
    watch: impl Fn(&Region, &Asked, Side) + Send + Sync + 'static,
) -> Cloud {
    let watched = Watched {
        region: region.clone(),
        watch: Arc::new(watch),
    };
    let config = region.sdk_config().to_builder().http_client(watched);
    Cloud::with_config(&config.build())
}

impl HttpConnector for Watched {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Watched { region, watch } = self.clone();
        HttpConnectorFuture::new(async move {
            let asked = Asked {
                operation: operation(&request),
                body: request.body().bytes().unwrap_or_default().to_vec(),
            };
            watch(&region, &asked, Side::Before);
            let answer = HttpConnector::call(&region, request).await;
            watch(&region, &asked, Side::After);
            answer
        })
    }
}

impl HttpClient for Watched {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// An operation's name, as its service's protocol tells it.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let body = request.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let action = body
        .strip_prefix("Action=")
        .and_then(|it| it.split('&').next());
    let path = || request.uri().rsplit('/').next().unwrap_or_default();
    action.unwrap_or_else(path).to_owned()
}

/// Whether an operation changes anything.
pub(crate) fn writes(operation: &str) -> bool {
    let reads = ["Describe", "List", "Get", "BatchGet"];
    !reads.iter().any(|read| operation.starts_with(read))
}
