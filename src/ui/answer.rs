//! What each request is answered with.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

use super::follow::{Mark, events_of};
use super::guard::{Guard, Pass};
use super::look::Look;
use super::metrics;
use super::pace::Pace;
use super::path::{Shown, Wanted, wanted};
use super::seats::Seats;
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::report::approval::{Unasked, asked};
use crate::report::html;
use crate::report::html::{Live, SCRIPT, Unread};
use crate::report::view::View;
use crate::runner::{Answer, ask_and_wait};
use crate::store::{Steer, StoreError};

/// How long the store is waited for, and CloudWatch, which has 10 seconds of it.
const READ_WITHIN: Duration = Duration::from_secs(15);
const UNKNOWN: &str = "the state store knows nothing of that name";
/// A form is a few dozen bytes, and a reason.
const LONGEST_FORM: usize = 16 * 1024;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
                      connect-src 'self'; img-src data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// What a server is made of.
#[derive(Debug)]
pub(super) struct House {
    pub(super) look: Look,
    pub(super) guard: Guard,
    pub(super) seats: Seats,
    /// Who asks, as a journal has it: `kim@laptop (bg ui)`.
    pub(super) who: String,
}

/// Answers one request.
pub(super) async fn answer(house: Arc<House>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let wanted = wanted(head.uri.path());
    if let Wanted::Steer(service, id, steer) = wanted {
        let body = Limited::new(body, LONGEST_FORM).collect().await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        return match (
            head.method == Method::POST,
            house.guard.ask(&head.headers, &body),
        ) {
            (false, _) => said(StatusCode::METHOD_NOT_ALLOWED, "a form asks for this"),
            (true, Pass::In) => steered(&house, service, id, filled(steer, &body), &body).await,
            (true, Pass::Welcome) => said(StatusCode::FORBIDDEN, "a form needs its cookie"),
            (true, Pass::Out(why)) => said(StatusCode::FORBIDDEN, why),
        };
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return said(
            StatusCode::METHOD_NOT_ALLOWED,
            "there is nothing to send here",
        );
    }
    match house.guard.look(&head.headers, head.uri.query()) {
        Pass::Out(why) => said(StatusCode::FORBIDDEN, why),
        Pass::Welcome => {
            let mut answer = to(head.uri.path());
            if let Ok(cookie) = HeaderValue::from_str(&house.guard.set_cookie()) {
                answer.headers_mut().insert(SET_COOKIE, cookie);
            }
            answer
        }
        Pass::In => shown(&house, wanted).await,
    }
}

async fn shown(house: &Arc<House>, wanted: Wanted) -> Response<Body> {
    match wanted {
        Wanted::Page(page) => match render(house, &page, Part::Whole).await {
            Ok(Some(page)) => of_type("text/html; charset=utf-8", page.text),
            Ok(None) => said(StatusCode::NOT_FOUND, UNKNOWN),
            Err(error) => unread(house, &page, &error),
        },
        Wanted::Events(page) => {
            // Nobody waits for the events of what isn't there.
            let Some(body) = events_of(house, page).await else {
                return said(StatusCode::NOT_FOUND, UNKNOWN);
            };
            let mut answer = Response::new(BoxBody::new(body));
            answer
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            hardened(answer)
        }
        Wanted::Script => of_type("text/javascript; charset=utf-8", SCRIPT.to_owned()),
        Wanted::Metrics => match in_time(figures(&house.look)).await {
            Ok(text) => of_type(metrics::CONTENT_TYPE, text),
            Err(error) => unreadable(&error),
        },
        Wanted::Steer(..) | Wanted::Nothing => said(StatusCode::NOT_FOUND, "there is no such page"),
    }
}

/// How much of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// What changes in it.
    Main,
}

/// A page, or its main part.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) text: String,
    /// What changes when it does; lists have none.
    pub(super) mark: Option<Mark>,
    pub(super) pace: Pace,
}

impl Drawn {
    fn list(text: String) -> Drawn {
        Drawn {
            text,
            mark: None,
            pace: Pace::List,
        }
    }
}

/// `None` where the store knows nothing of it.
pub(super) async fn render(
    house: &House,
    shown: &Shown,
    part: Part,
) -> Result<Option<Drawn>, StoreError> {
    in_time(rendered(house, shown, part)).await
}

/// A store that hangs is one that can't be read.
pub(super) async fn in_time<T>(
    reading: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let read = tokio::time::timeout(READ_WITHIN, reading).await;
    read.unwrap_or(Err(StoreError::TimedOut))
}

async fn rendered(house: &House, shown: &Shown, part: Part) -> Result<Option<Drawn>, StoreError> {
    let look = &house.look;
    Ok(match shown {
        Shown::Services => {
            let page = look.services().await?;
            Some(Drawn::list(match part {
                Part::Whole => html::services_page(&page),
                Part::Main => html::services_main(&page),
            }))
        }
        Shown::History(service) => {
            let page = look.history(service).await?;
            let empty = page.entries.is_empty() && page.problems.is_empty();
            (!empty).then(|| {
                Drawn::list(match part {
                    Part::Whole => html::history_page(&page),
                    Part::Main => html::history_main(&page),
                })
            })
        }
        Shown::Deployment(service, id) => {
            let records = look.store.journal(service, id).await?;
            if records.is_empty() {
                return Ok(None);
            }
            Some(deployment(house, service, id, &records, part).await)
        }
    })
}

async fn deployment(
    house: &House,
    service: &ServiceName,
    id: &DeploymentId,
    records: &[Record],
    part: Part,
) -> Drawn {
    let driver = house.look.driven(service, Some(id)).await;
    let live = Live {
        service,
        id,
        driver: &driver,
        csrf: house.guard.csrf(),
        who: &house.who,
    };
    let measured = house.look.measured(records, part).await;
    let now = house.look.clock.now();
    let text = match part {
        Part::Whole => html::live_page(records, &measured, &live, now),
        Part::Main => html::live_main(records, &measured, &live, now),
    };
    Drawn {
        text,
        mark: Some((records.len(), driver)),
        pace: Pace::of(View::of(records).outcome.as_ref()),
    }
}

/// Asks the process that drives it, and goes back to the page, which shows what came of it.
async fn steered(
    house: &House,
    service: ServiceName,
    id: DeploymentId,
    steer: Steer,
    body: &[u8],
) -> Response<Body> {
    let look = &house.look;
    let driver = match in_time(look.driver(&service)).await {
        Ok(driver) => driver.filter(|it| it.deployment == id),
        Err(error) => return unreadable(&error),
    };
    let Some(holder) = driver else {
        let why = "no process drives this deployment any more: load its page anew";
        return said(StatusCode::CONFLICT, why);
    };
    if matches!(steer, Steer::Approve | Steer::Reject { .. }) {
        let records = match look.store.journal(&service, &id).await {
            Ok(records) => records,
            Err(error) => return unreadable(&error),
        };
        let gate = field(body, "gate").unwrap_or_default();
        if let Err((status, why)) = decides(&View::of(&records), &gate, &house.who) {
            return said(status, &why);
        }
    }
    let answer = ask_and_wait(
        &look.store,
        look.clock,
        &service,
        &holder,
        steer,
        &house.who,
    )
    .await;
    let page = Shown::Deployment(service, id).path();
    match answer {
        Ok(Some(Answer::Taken | Answer::Ended(_) | Answer::Reverts(_))) => to(&page),
        Ok(None) => {
            let why = "its process does not answer; `bg rollback` takes over and puts all traffic \
                       back";
            said(StatusCode::GATEWAY_TIMEOUT, why)
        }
        Err(error) => unreadable(&error),
    }
}

/// Whether the gate that a form is of waits for whoever runs this server.
fn decides(view: &View, gate: &str, who: &str) -> Result<(), (StatusCode, String)> {
    match asked(view, who) {
        Ok(waits) if waits.name == gate => Ok(()),
        Ok(_) => Err((
            StatusCode::CONFLICT,
            "another gate waits now: load the page anew".to_owned(),
        )),
        Err(why @ Unasked::Nobody) => Err((StatusCode::CONFLICT, why.to_string())),
        Err(why @ Unasked::Others { .. }) => Err((StatusCode::FORBIDDEN, why.to_string())),
    }
}

/// With what a form says beside its button.
fn filled(steer: Steer, body: &[u8]) -> Steer {
    match steer {
        Steer::Reject { .. } => Steer::Reject {
            why: field(body, "reason"),
        },
        steer => steer,
    }
}

/// What a form has in a field; nothing but spaces is nothing.
fn field(body: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(body);
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

async fn figures(look: &Look) -> Result<String, StoreError> {
    let mut services = Vec::new();
    for service in look.store.services().await? {
        let is_driven = look.driver(&service).await?.is_some();
        services.push((look.history(&service).await?, is_driven));
    }
    Ok(metrics::metrics(&services).unwrap_or_default())
}

fn of_type(kind: &'static str, text: String) -> Response<Body> {
    let mut answer = Response::new(BoxBody::new(Full::from(text)));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    hardened(answer)
}

fn to(path: &str) -> Response<Body> {
    let mut answer = said(StatusCode::SEE_OTHER, "");
    if let Ok(path) = HeaderValue::from_str(path) {
        answer.headers_mut().insert(LOCATION, path);
    }
    answer
}

/// A status, and what it means, in words.
fn said(status: StatusCode, why: &str) -> Response<Body> {
    let mut answer = of_type("text/plain; charset=utf-8", format!("{why}\n"));
    *answer.status_mut() = status;
    answer
}

fn unreadable(error: &StoreError) -> Response<Body> {
    let why = format!("the state store: {error}");
    said(StatusCode::BAD_GATEWAY, &why)
}

/// A page that says so, and goes on to what was asked for as soon as that can be read.
fn unread(house: &House, page: &Shown, error: &StoreError) -> Response<Body> {
    let events_path = format!("{}/events", page.path().trim_end_matches('/'));
    let unread = Unread {
        events_path: &events_path,
        since: house.look.clock.now(),
        why: &error.to_string(),
    };
    let mut answer = of_type("text/html; charset=utf-8", html::unread_page(&unread));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

fn hardened(mut answer: Response<Body>) -> Response<Body> {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    // With `no-referrer` a browser would send its own forms with the origin `null`.
    headers.insert("referrer-policy", HeaderValue::from_static("same-origin"));
    answer
}
