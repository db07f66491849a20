//! AWS at its worst that isn't a fault: answers that lag, and runs that must be repeatable.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bg::aws::Cloud;
use bg::deployment::event::Record;
use bg::deployment::outcome::Outcome;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::{Region, RegionOptions};
use serde_json::json;

use crate::harness::{Stage, request};

#[tokio::test(start_paused = true)]
async fn lagging_answers_cost_time_and_nothing_else() {
    for seconds in [5, 20] {
        let options = RegionOptions {
            read_lag: Duration::from_secs(seconds),
            ..RegionOptions::default()
        };
        let stage = Stage::open(options, |_| {});
        let request = request("shop:v2", "canary:10%:1m");
        let outcome = stage.deploy(&request, |_, _| {}).await;
        assert_eq!(outcome, Outcome::Promoted, "{seconds} s");
        assert_eq!(stage.weights(), (0, 100), "{seconds} s");
        let services = stage.ecs("ListServices", &json!({ "cluster": "demo" }));
        let arns = services["serviceArns"].as_array().map(Vec::len);
        assert_eq!(arns, Some(2), "{seconds} s");
        let revisions = stage.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "shop" }));
        let arns = revisions["taskDefinitionArns"].as_array().map(Vec::len);
        assert_eq!(arns, Some(2), "{seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn lagging_answers_keep_no_bad_version_from_being_reverted() {
    for seconds in [5, 20] {
        let options = RegionOptions {
            read_lag: Duration::from_secs(seconds),
            ..RegionOptions::default()
        };
        let stage = Stage::open(options, |_| {});
        let outcome = stage
            .deploy(&request("shop:bad", "canary"), |_, _| {})
            .await;
        assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
        assert_eq!(stage.weights(), (100, 0), "{seconds} s");
    }
}

/// The region, with every request written down as it goes out.
#[derive(Debug, Clone)]
struct Recorder {
    region: Region,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut headers: Vec<_> = request.headers().iter().collect();
        headers.sort();
        let body = request.body().bytes().unwrap_or_default();
        let written = format!(
            "{} {} {headers:?} {}",
            request.method(),
            request.uri(),
            String::from_utf8_lossy(body)
        );
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(written);
        HttpConnector::call(&self.region, request)
    }
}

impl HttpClient for Recorder {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The journal and the requests of a canary in a region where one call in twenty goes wrong.
async fn transcript(seed: u64, image: &str) -> (Vec<Record>, Vec<String>) {
    let options = RegionOptions {
        seed,
        ..RegionOptions::default()
    };
    let mut stage = Stage::open(options, |_| {});
    let recorder = Recorder {
        region: stage.region.clone(),
        requests: Arc::default(),
    };
    let config = stage.region.sdk_config().into_builder();
    stage.cloud = Cloud::with_config(&config.http_client(recorder.clone()).build());
    let request = request(image, "canary:10%:3m");
    stage
        .deploy(&request, |stage, record| {
            if record.seq == 0 {
                for kind in [
                    FaultKind::Throttle,
                    FaultKind::ResetAfter,
                    FaultKind::TimeoutBefore,
                ] {
                    let rule = FaultRule::new("*", kind, When::Chance(0.02));
                    stage.region.fault(rule);
                }
            }
        })
        .await;
    let requests = recorder
        .requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    (stage.records.take(), requests.clone())
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_journal_and_the_same_bytes() {
    for image in ["shop:v2", "shop:bad", "shop:crash"] {
        let (records, requests) = transcript(7, image).await;
        let (again, requests_again) = transcript(7, image).await;
        assert_eq!(records, again, "{image}");
        assert!(requests.len() > 200, "{image}: {}", requests.len());
        let differs = requests.iter().zip(&requests_again).find(|(a, b)| a != b);
        assert_eq!(differs, None, "{image}");
        assert_eq!(requests.len(), requests_again.len(), "{image}");
        let (_, others) = transcript(8, image).await;
        assert_ne!(requests, others, "{image}: the seed matters");
    }
}
