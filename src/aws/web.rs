//! Plain HTTP requests, past every AWS service: what a gate asks. They take the same way out as
//! calls do, so that a test can stand at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use super::cloud::Cloud;
use super::error::ErrorClass;
use crate::deployment::plan::Plan;

/// The way out, which may be taken along.
#[derive(Debug, Clone)]
pub struct Web(SdkConfig);

/// A request.
#[derive(Clone)]
pub struct WebRequest {
    /// `GET`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Sent with it.
    pub headers: BTreeMap<String, String>,
    /// What is sent.
    pub body: Vec<u8>,
    /// How long the answer may take.
    pub within: Duration,
}

/// Its address, headers and body may be secrets.
impl fmt::Debug for WebRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRequest")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAnswer {
    /// 100 to 599.
    pub status: u16,
    /// As it came.
    pub body: Vec<u8>,
}

impl Cloud {
    /// Sends a request. Redirections are answers like others.
    ///
    /// # Errors
    /// In words, where no answer came.
    pub async fn web(&self, request: &WebRequest) -> Result<WebAnswer, String> {
        self.way_out().send(request).await
    }

    /// The way out alone, without any AWS service.
    pub fn way_out(&self) -> Web {
        Web(self.config.clone())
    }

    /// A request to one of green's targets, past the load balancer.
    pub fn to_target(&self, request: &WebRequest, address: &str, path: &str) -> WebRequest {
        let url = format!("http://{address}{path}");
        match self.sandbox() {
            // Its tasks have addresses that nothing else knows.
            Some(sandbox) => {
                let mut headers = request.headers.clone();
                headers.insert("host".to_owned(), address.to_owned());
                WebRequest {
                    url: format!("{}{path}", sandbox.trim_end_matches('/')),
                    headers,
                    ..request.clone()
                }
            }
            None => WebRequest {
                url,
                ..request.clone()
            },
        }
    }

    /// Addresses of green's healthy targets, as `HOST:PORT`, each once.
    ///
    /// # Errors
    /// In words, where they can't be read, or there are none.
    pub async fn green_addresses(
        &self,
        plan: &Plan,
        port: Option<u16>,
    ) -> Result<Vec<String>, String> {
        let mut found: Vec<(String, i32)> = Vec::new();
        let targets = plan.slots[plan.green_slot()].targets.iter();
        for target in targets.filter(|it| port.is_none_or(|port| port == it.port)) {
            let seen = self.targets_of(&target.group).await;
            let seen = seen.map_err(|error| error.to_string())?;
            for it in seen {
                let state = it.target_health().and_then(|it| it.state());
                let Some((id, port)) = it.target().and_then(|it| Some((it.id()?, it.port()?)))
                else {
                    continue;
                };
                if state != Some(&TargetHealthStateEnum::Healthy) {
                    continue;
                }
                // One port may be behind several load balancers.
                let place = (id.to_owned(), port);
                if !found.contains(&place) {
                    found.push(place);
                }
            }
        }
        if found.is_empty() {
            return Err("green has no healthy target".to_owned());
        }
        self.addresses_of(&found).await
    }

    /// Targets by the address of their task's interface, or of the instance that they are on.
    async fn addresses_of(&self, targets: &[(String, i32)]) -> Result<Vec<String>, String> {
        let ids = targets.iter().map(|(id, _)| id);
        let instances: BTreeSet<String> = ids.filter(|id| is_instance(id)).cloned().collect();
        let known = self.instance_addresses(&instances).await;
        let known = known.map_err(|error| match error.class {
            ErrorClass::Denied => "green's targets are instances, and asking for their addresses \
                                   isn't allowed (ec2:DescribeInstances): `bg iam-policy` prints \
                                   what is needed"
                .to_owned(),
            _ => error.to_string(),
        })?;
        let address = |(id, port): &(String, i32)| {
            let host = match is_instance(id) {
                true => known
                    .get(id)
                    .ok_or_else(|| format!("EC2 shows no private address of instance {id}"))?,
                false => id,
            };
            Ok(match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            })
        };
        targets.iter().map(address).collect()
    }
}

fn is_instance(id: &str) -> bool {
    id.starts_with("i-")
}

impl Web {
    /// Sends a request. Redirections are answers like others.
    ///
    /// # Errors
    /// In words, where no answer came. They never name the address.
    pub async fn send(&self, request: &WebRequest) -> Result<WebAnswer, String> {
        let client = self.0.http_client();
        let client = client.ok_or("there is no HTTP client")?;
        let (base, _) = split(&request.url).ok_or("it is no URL")?;
        let timeout = TimeoutConfig::builder()
            .connect_timeout(request.within)
            .operation_timeout(request.within)
            .build();
        let wanted = request.clone();
        let mut operation = Operation::builder()
            .service_name("web")
            .operation_name("Ask")
            .http_client(client)
            .endpoint_url(base)
            .no_auth()
            .no_retry()
            .timeout_config(timeout)
            .serializer(move |()| to_http(&wanted))
            .deserializer::<WebAnswer, Infallible>(from_http);
        if let Some(sleep) = self.0.sleep_impl() {
            operation = operation.sleep_impl(sleep);
        }
        if let Some(time) = self.0.time_source() {
            operation = operation.time_source(time);
        }
        let answer = operation.build().invoke(()).await;
        answer.map_err(|error| match innermost(&error) {
            why if why.is_empty() => "no answer".to_owned(),
            why => why,
        })
    }
}

/// `https://host` and `/path?query`.
fn split(url: &str) -> Option<(&str, &str)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']).map(|at| start + at);
    Some(end.map_or((url, "/"), |end| url.split_at(end)))
}

fn to_http(request: &WebRequest) -> Result<HttpRequest, BoxError> {
    let (_, path) = split(&request.url).unwrap_or((&request.url, "/"));
    let path = path.split('#').next().unwrap_or(path);
    let path = match path.strip_prefix('?') {
        Some(query) => format!("/?{query}"),
        None => path.to_owned(),
    };
    let mut http = HttpRequest::new(SdkBody::from(request.body.clone()));
    http.set_method(&request.method)?;
    http.set_uri(path)?;
    for (name, value) in &request.headers {
        http.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(http)
}

fn from_http(answer: &HttpResponse) -> Result<WebAnswer, OrchestratorError<Infallible>> {
    Ok(WebAnswer {
        status: answer.status().as_u16(),
        body: answer.body().bytes().unwrap_or_default().to_vec(),
    })
}

/// The last of the reasons behind an error: the others only say that it failed.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_at_its_path() {
        assert_eq!(split("https://a.b:1/c?d"), Some(("https://a.b:1", "/c?d")));
        assert_eq!(split("http://a"), Some(("http://a", "/")));
        assert_eq!(split("http://a?b"), Some(("http://a", "?b")));
        assert_eq!(split("a"), None);
    }
}
