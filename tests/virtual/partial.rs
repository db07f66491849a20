//! Several routes of which one doesn't move: go back, or on, and never stay split.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bg::aws::Cloud;
use bg::deployment::event::{Event, Record};
use bg::deployment::observation::Ask;
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::preflight::Request;
use bg::runner::Asks;
use bg::sandbox::{Region, RegionOptions};
use bg::strategy::{Step, Strategy, Weight};
use jiff::{SignedDuration, Timestamp};

use crate::first_bake;
use crate::harness::{Stage, request};
use crate::routes::{all_weights, three_routes};

/// How a write of the one route fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Denied,
    Throttled,
    /// No answer, and nothing happened.
    Lost,
    /// No answer, and it happened.
    AnswerLost,
}

/// When it begins to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    FirstRaise,
    LastRaise,
    Revert,
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Long {
    Once,
    /// Longer than a shift may take to be confirmed.
    Minutes,
    ForEver,
}

impl At {
    fn begins_with(self, record: &Record) -> bool {
        match self {
            At::FirstRaise => matches!(record.event, Event::Shifting { step: 0, .. }),
            At::LastRaise => matches!(record.event, Event::Shifting { step: 1, .. }),
            At::Revert => first_bake(record),
        }
    }
}

/// The region, behind a wire that spoils the writes of one route from some moment on.
#[derive(Clone)]
struct Wire {
    region: Region,
    route: String,
    how: How,
    long: Long,
    from: Arc<Mutex<Option<Timestamp>>>,
    struck: Arc<AtomicU64>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    fn spoils(&self, request: &HttpRequest) -> bool {
        let body = request.body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        let from = *self.from.lock().unwrap_or_else(PoisonError::into_inner);
        // A rule's ARN names its listener too, before its own id.
        let names_it = || body.split('&').any(|field| field.ends_with(&self.route));
        let Some(from) = from.filter(|_| body.starts_with("Action=Modify") && names_it()) else {
            return false;
        };
        let before = self.struck.load(Ordering::Relaxed);
        let spoils = match self.long {
            Long::Once => before == 0,
            Long::Minutes => self.region.now() < from + SignedDuration::from_secs(90),
            Long::ForEver => true,
        };
        self.struck.fetch_add(u64::from(spoils), Ordering::Relaxed);
        spoils
    }
}

fn refusal(code: &str) -> HttpResponse {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>not now</Message></Error></ErrorResponse>"
    );
    let response = http::Response::builder()
        .status(400)
        .body(SdkBody::from(body));
    let response = response.expect("it is well formed");
    HttpResponse::try_from(response).expect("it is well formed")
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !self.spoils(&request) {
            return HttpConnector::call(&self.region, request);
        }
        let (region, how) = (self.region.clone(), self.how);
        HttpConnectorFuture::new(async move {
            match how {
                How::Denied => Ok(refusal("AccessDenied")),
                How::Throttled => Ok(refusal("Throttling")),
                How::Lost => std::future::pending().await,
                How::AnswerLost => {
                    let _ = HttpConnector::call(&region, request).await;
                    std::future::pending().await
                }
            }
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn short_canary() -> Request {
    let seconds = Duration::from_secs;
    let step = |percent, bake| {
        Step::new(
            Weight::of_percent(percent).expect("it is a percentage"),
            bake,
        )
    };
    let steps = vec![step(10, seconds(5)), step(100, Duration::ZERO)];
    let mut request = request("shop:v2", "canary");
    request.strategy = Strategy::new("short", steps, seconds(5)).expect("it goes up to 100 %");
    request.guards.healthy_for = seconds(5);
    request.limits.patience = seconds(150);
    request
}

/// How it ended, with the slots' weights on all three routes.
async fn play(route: usize, at: At, how: How, long: Long) -> (Outcome, [(u64, u64); 3]) {
    let mut arns = None;
    let mut stage = Stage::open(RegionOptions::default(), |scene| {
        arns = Some(three_routes(scene));
    });
    let (listener, rule) = arns.expect("the scene was changed");
    let ids = [
        stage.balancer.listener.clone(),
        listener.clone(),
        rule.clone(),
    ];
    let id = ids[route].rsplit('/').next().expect("an ARN has an id");
    let wire = Wire {
        region: stage.region.clone(),
        route: id.to_owned(),
        how,
        long,
        from: Arc::default(),
        struck: Arc::default(),
    };
    let config = stage.region.sdk_config().to_builder();
    stage.cloud = Cloud::with_config(&config.http_client(wire.clone()).build());
    let mut asks = Asks::default();
    let sender = asks.sender();
    let request = short_canary();
    let outcome = stage.deploy_asked(&request, &mut asks, |stage, record| {
        if at.begins_with(record) {
            let mut from = wire.from.lock().unwrap_or_else(PoisonError::into_inner);
            from.get_or_insert(stage.region.now());
        }
        if at == At::Revert && first_bake(record) {
            let by = "somebody".to_owned();
            sender.send(Ask::Abort { by }).expect("it still runs");
        }
    });
    let outcome = outcome.await;
    assert!(
        wire.struck.load(Ordering::Relaxed) > 0,
        "nothing was spoilt"
    );
    (outcome, all_weights(&stage, &listener, &rule))
}

/// What a case has to come to: where all three routes are, or that it says that one is not.
fn judge(
    route: usize,
    (at, how, long): (At, How, Long),
    outcome: &Outcome,
    weights: [(u64, u64); 3],
) -> Result<(), String> {
    let all = |wanted| weights == [wanted; 3];
    let back = matches!(outcome, Outcome::Reverted { .. }) && all((100, 0));
    let on = *outcome == Outcome::Promoted && all((0, 100));
    // A route that never takes the write again, after it had moved, is all that may be left.
    let one_is_left = {
        let mut others = weights.to_vec();
        others.remove(route);
        matches!(
            outcome,
            Outcome::Stuck {
                why: Stuck::RevertNotConfirmed { .. }
            }
        ) && others == [(100, 0); 2]
            && weights[route] == (90, 10)
    };
    let dead = long == Long::ForEver && how != How::AnswerLost;
    let right = match (at, how, long) {
        (At::Revert | At::LastRaise, _, Long::ForEver) if dead => one_is_left,
        // It shows at the next look, or is written once more. A raise that is denied is not.
        (At::FirstRaise | At::LastRaise, How::AnswerLost, _)
        | (At::FirstRaise | At::LastRaise, How::Throttled | How::Lost, Long::Once) => on,
        _ => back,
    };
    match right {
        true => Ok(()),
        false => Err(format!(
            "{at:?} {how:?} {long:?} route {route}: {weights:?}, {outcome:?}"
        )),
    }
}

#[tokio::test(start_paused = true)]
async fn one_route_that_does_not_move_takes_the_others_back_or_comes_along() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    // The first listener, and the rule.
    for route in [0, 2] {
        for at in [At::FirstRaise, At::LastRaise, At::Revert] {
            for how in [How::Denied, How::Throttled, How::Lost, How::AnswerLost] {
                for long in [Long::Once, Long::Minutes, Long::ForEver] {
                    let (outcome, weights) = Box::pin(play(route, at, how, long)).await;
                    wrong.extend(judge(route, (at, how, long), &outcome, weights).err());
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} cases");
    assert!(
        wrong.is_empty(),
        "{} went wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
