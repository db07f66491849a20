//! An AWS for tests that answers from a closure and keeps what it was asked.

use std::future::pending;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::cloud::Cloud;

/// A request as it would have travelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// `DescribeServices`, `ModifyRule`.
    pub(super) operation: String,
    /// Where it went.
    pub(super) url: String,
    /// The body.
    pub(super) body: String,
    /// The `content-length` header.
    pub(super) length: String,
    /// The `authorization` header.
    pub(super) authorization: String,
    /// The `x-amz-date` header.
    pub(super) signed_at: String,
}

/// What comes back.
pub(super) enum Answer {
    /// A status and a body.
    Status(u16, String),
    /// A status, a body and the `date` header.
    Dated(u16, String, String),
    /// A connection that fails like this.
    Broken(std::io::ErrorKind),
    /// Nothing, ever.
    Silence,
}

impl Answer {
    pub(super) fn ok(body: impl Into<String>) -> Answer {
        Answer::Status(200, body.into())
    }

    /// An error as ECS writes it.
    pub(super) fn json_error(status: u16, code: &str, message: &str) -> Answer {
        let body = serde_json::json!({ "__type": code, "message": message });
        Answer::Status(status, body.to_string())
    }

    /// An error as ELBv2 writes it.
    pub(super) fn xml_error(status: u16, code: &str, message: &str) -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error></ErrorResponse>"
        );
        Answer::Status(status, body)
    }
}

type Script = dyn FnMut(&Asked) -> Answer + Send;

/// The stand-in; clones share what was asked.
#[derive(Clone)]
pub(super) struct Canned {
    script: Arc<Mutex<Box<Script>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl Canned {
    pub(super) fn new(script: impl FnMut(&Asked) -> Answer + Send + 'static) -> Canned {
        Canned {
            script: Arc::new(Mutex::new(Box::new(script))),
            asked: Arc::default(),
        }
    }

    pub(super) fn cloud(&self) -> Cloud {
        Cloud::with_config(&self.config().build())
    }

    pub(super) fn config(&self) -> aws_types::sdk_config::Builder {
        let credentials = Credentials::for_tests();
        SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.clone())
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The operations asked so far, in order.
    pub(super) fn operations(&self) -> Vec<String> {
        let asked = self.asked();
        asked.into_iter().map(|asked| asked.operation).collect()
    }
}

impl HttpClient for Canned {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = asked(&request);
        self.asked.lock().unwrap().push(asked.clone());
        let answer = (self.script.lock().unwrap())(&asked);
        HttpConnectorFuture::new(async move {
            match answer {
                Answer::Status(status, body) => Ok(response(status, body, None)),
                Answer::Dated(status, body, date) => Ok(response(status, body, Some(date))),
                Answer::Broken(kind) => {
                    let error = std::io::Error::new(kind, "the wire was cut");
                    Err(ConnectorError::io(error.into()))
                }
                Answer::Silence => pending().await,
            }
        })
    }
}

fn response(status: u16, body: String, date: Option<String>) -> HttpResponse {
    let mut response = http::Response::builder().status(status);
    if let Some(date) = date {
        response = response.header("date", date);
    }
    HttpResponse::try_from(response.body(SdkBody::from(body)).unwrap()).unwrap()
}

fn asked(request: &HttpRequest) -> Asked {
    let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
    let body = request.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body).into_owned();
    let target = request.headers().get("x-amz-target");
    let of_form = || {
        let mut pairs = form_urlencoded::parse(body.as_bytes());
        pairs
            .find(|(key, _)| key == "Action")
            .map(|(_, action)| action.into_owned())
    };
    let of_path = || {
        request
            .uri()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    Asked {
        operation: target
            .and_then(|target| target.rsplit('.').next())
            .map(str::to_owned)
            .or_else(of_form)
            .unwrap_or_else(of_path),
        url: request.uri().to_owned(),
        length: header("content-length"),
        authorization: header("authorization"),
        signed_at: header("x-amz-date"),
        body,
    }
}
