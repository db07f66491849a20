//! HTTP gates: an address, or each of green's targets.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use jiff::SignedDuration;

use super::Context;
use crate::aws::WebRequest;
use crate::gate::{Address, GateAnswer, HeaderValue, HttpCheck};
use crate::judge::words::plural;

impl Context {
    pub(super) async fn ask_web(&self, check: &HttpCheck) -> GateAnswer {
        let headers = match headers(check) {
            Ok(headers) => headers,
            Err(why) => return GateAnswer::Failed { why },
        };
        let request = WebRequest {
            method: check.method.clone(),
            url: String::new(),
            headers,
            body: Vec::new(),
            within: check.each,
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_web(check, &request).await {
                Ok(what) => return GateAnswer::Passed { what },
                Err(why) if tries > check.retries => {
                    let tries = plural(tries, "try").replace("trys", "tries");
                    let why = format!("{why}, after {tries}");
                    return GateAnswer::Failed { why };
                }
                Err(_) => self.wait(check.every).await,
            }
        }
    }

    async fn wait(&self, length: Duration) {
        let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
        let until = self.clock.now().checked_add(length);
        if let Ok(until) = until {
            self.clock.sleep_until(until).await;
        }
    }

    /// One request to the address, or one to each target.
    async fn try_web(&self, check: &HttpCheck, request: &WebRequest) -> Result<String, String> {
        match &check.to {
            Address::Url(url) => {
                let request = WebRequest {
                    url: url.clone(),
                    ..request.clone()
                };
                let status = self.one(check, &request, url).await?;
                Ok(format!("{url} answered {status}"))
            }
            Address::TestRoute(path) => {
                let through = self.cloud.through_test_route(&self.plan, request, path);
                let (request, label) = through.await?;
                let told = format!("{path} through {label}");
                let status = self.one(check, &request, &told).await?;
                Ok(format!("{told} answered {status}"))
            }
            Address::Targets(path) => {
                let addresses = self.cloud.green_addresses(&self.plan, check.port).await?;
                for address in &addresses {
                    let request = self.cloud.to_target(request, address, path);
                    self.one(check, &request, &format!("{address}{path}"))
                        .await?;
                }
                let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
                Ok(format!("{path} of {} answered", plural(count, "target")))
            }
        }
    }

    async fn one(
        &self,
        check: &HttpCheck,
        request: &WebRequest,
        told: &str,
    ) -> Result<u16, String> {
        let answer = self.cloud.web(request).await;
        let answer = answer.map_err(|why| format!("{told} can't be reached: {why}"))?;
        check
            .judge(answer.status, &answer.body)
            .map_err(|why| format!("{told} {why}"))?;
        Ok(answer.status)
    }
}

/// The values of headers, as they are now.
fn headers(check: &HttpCheck) -> Result<BTreeMap<String, String>, String> {
    let value = |value: &HeaderValue| match value {
        HeaderValue::Text(text) => Ok(text.clone()),
        HeaderValue::Env(name) => env::var(name)
            .map_err(|_| format!("the environment variable {name}, for a header, is not set")),
    };
    let headers = check.headers.iter();
    headers
        .map(|(name, it)| Ok((name.clone(), value(it)?)))
        .collect()
}
