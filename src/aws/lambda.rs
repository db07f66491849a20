//! Calls Lambda functions, and reads what they are told of a service: its newest deployment in
//! ECS's own words.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::base64;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use serde_json::{Value, json};

use super::by_hand::Other;
use super::cloud::{CONNECT_WITHIN, Cloud};
use super::ecs::{list, text};
use super::error::AwsError;
use super::raw::replace_body;
use super::retry::Effect;
use super::together::some;
use crate::deployment::ids::{ClusterName, EcsServiceName};
use crate::deployment::plan::Plan;
use crate::deployment::surroundings::FunctionFound;
use crate::gate::FunctionName;

const INVOKE: &str = "lambda:InvokeFunction";
/// No function runs longer than 15 minutes.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15 * 60 + 10);
/// Functions tried at once.
const AT_ONCE: usize = 8;
/// In an URL's path these are safe; AWS's own clients write the others as `%3A`.
const SAFE: &[u8] = b"-_.~";

/// What came of calling a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invoked {
    /// What it answered, or Lambda in its place where it failed.
    pub answer: Vec<u8>,
    /// `Handled` or `Unhandled`, where it failed.
    pub error: Option<String>,
    /// The end of its log, where Lambda sent it.
    pub log: String,
}

/// A service deployment, by ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Of itself.
    pub deployment: String,
    /// Of the service.
    pub service: String,
    /// Of the service revision.
    pub revision: String,
}

/// The newest service deployment of each side; `None` where ECS lists none: it keeps 90 days'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releases {
    /// Green's.
    pub green: Option<Release>,
    /// Blue's.
    pub blue: Option<Release>,
}

/// Makes a request of another service's client one to Lambda, before it is signed, and keeps the
/// answer, headers and all.
#[derive(Debug, Clone)]
struct Call {
    url: String,
    kind: &'static str,
    body: String,
    kept: Arc<Mutex<Invoked>>,
}

impl Intercept for Call {
    fn name(&self) -> &'static str {
        "CallFunction"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_method("POST")?;
        request.set_uri(self.url.clone())?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json");
        headers.insert("x-amz-invocation-type", self.kind);
        headers.insert("x-amz-log-type", "Tail");
        replace_body(request, self.body.as_str());
        bag.interceptor_state()
            .store_put(SigningName::from_static(Other::Lambda.name()));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let header = |name| response.headers().get(name).map(str::to_owned);
        let log = header("x-amz-log-result").and_then(|it| base64::decode(it).ok());
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Invoked {
            answer: response.body().bytes().unwrap_or_default().to_vec(),
            error: header("x-amz-function-error"),
            log: String::from_utf8_lossy(&log.unwrap_or_default()).into_owned(),
        };
        Ok(())
    }
}

impl Cloud {
    /// Calls a function and waits for its answer.
    ///
    /// # Errors
    /// Where the function was not reached, or its answer was lost.
    pub async fn invoke(
        &self,
        function: &FunctionName,
        event: &Value,
    ) -> Result<Invoked, AwsError> {
        let kind = ("RequestResponse", Effect::Writes, Some(ANSWERS_WITHIN));
        self.call_function(function, kind, event.to_string()).await
    }

    /// Whether each of some functions is there and may be called: Lambda says so without running
    /// them.
    pub(super) async fn functions(
        &self,
        functions: &[FunctionName],
    ) -> Vec<(FunctionName, FunctionFound)> {
        let each = functions.iter().map(|function| async move {
            let kind = ("DryRun", Effect::Reads, None);
            let tried = self.call_function(function, kind, String::new()).await;
            let found = match tried {
                Ok(_) => FunctionFound::Ready,
                Err(error) if error.class.may_pass() => FunctionFound::Unknown(error.to_string()),
                Err(error) => FunctionFound::Refused(error.to_string()),
            };
            (function.clone(), found)
        });
        some(AT_ONCE, each.collect()).await
    }

    async fn call_function(
        &self,
        function: &FunctionName,
        (kind, effect, within): (&'static str, Effect, Option<Duration>),
        body: String,
    ) -> Result<Invoked, AwsError> {
        let region = function.region().unwrap_or(self.region());
        let (url, signed_for) = self.place_of(Other::Lambda, region);
        let (url, name) = (url.trim_end_matches('/'), encoded(function.as_str()));
        let call = Call {
            url: format!("{url}/2015-03-31/functions/{name}/invocations"),
            kind,
            body,
            kept: Arc::default(),
        };
        let time_outs = within.map(|within| {
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_WITHIN)
                .operation_attempt_timeout(within)
                .build()
        });
        let send = || {
            let mut config = aws_sdk_scheduler::config::Builder::from(&self.config)
                .region(signed_for.clone())
                .endpoint_url(url)
                .interceptor(call.clone());
            if let Some(time_outs) = &time_outs {
                config = config.timeout_config(time_outs.clone());
            }
            // An operation without a result, whose errors are written as Lambda's are.
            let client = aws_sdk_scheduler::Client::from_conf(config.build());
            async move { client.delete_schedule().name("none").send().await }
        };
        self.call(INVOKE, effect, send).await?;
        Ok(std::mem::take(
            &mut call.kept.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// The newest service deployment of each side of a plan.
    ///
    /// # Errors
    /// Where they can't be read.
    pub async fn releases(&self, plan: &Plan) -> Result<Releases, AwsError> {
        let of = |slot| self.release(&plan.cluster, &plan.slots[slot].service);
        let (green, blue) = tokio::join!(of(plan.green_slot()), of(plan.blue));
        Ok(Releases {
            green: green?,
            blue: blue?,
        })
    }

    async fn release(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<Option<Release>, AwsError> {
        let body = json!({ "cluster": cluster.as_str(), "service": service.as_str() });
        let answer = match self.list_service_deployments(body).await {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let at = |it: &Value| it.get("createdAt").and_then(Value::as_f64).unwrap_or(0.0);
        let all = list(&answer, "serviceDeployments").iter();
        let newest = all.max_by(|one, other| at(one).total_cmp(&at(other)));
        Ok(newest.map(|it| Release {
            deployment: text(it, "serviceDeploymentArn").to_owned(),
            service: text(it, "serviceArn").to_owned(),
            revision: text(it, "targetServiceRevisionArn").to_owned(),
        }))
    }
}

fn encoded(name: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || SAFE.contains(&byte);
    name.bytes()
        .map(|byte| match safe(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
