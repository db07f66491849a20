//! A load balancer's listener: routes, forwards, counts.

use super::app::LATENCY_HEADER;
use super::listen::Service;
use super::pool::Failure;
use super::{Plane, lock};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{Pin, Request as Routable, Routed, TargetId};
use crate::sandbox::world::traffic::{Answer, OwnAnswer};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, LOCATION, SERVER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// The load balancer's idle time-out: its default attribute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Headers that hold for one connection only.
const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The service of one listener, by its ARN.
pub(super) fn service(plane: &Arc<Plane>, listener: &str) -> Service {
    let plane: Weak<Plane> = Arc::downgrade(plane);
    let listener: Arc<str> = Arc::from(listener);
    Arc::new(move |request, client| {
        let (plane, listener) = (plane.upgrade(), listener.clone());
        Box::pin(async move {
            match plane {
                Some(plane) => Ok(serve(&plane, &listener, request, client).await),
                None => Ok(own(StatusCode::SERVICE_UNAVAILABLE)),
            }
        })
    })
}

async fn serve(
    plane: &Arc<Plane>,
    listener: &str,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Response<Full<Bytes>> {
    let (load_balancer, routed) = route(plane, listener, &request, client);
    let count_own = |answer: OwnAnswer| {
        let mut world = lock(&plane.world);
        let now = world.now;
        world.traffic.count_real_own(&load_balancer, answer, now);
    };
    match routed {
        Routed::Target { group, target, pin } => {
            let forwarded = forward(plane, request, client, &target).await;
            let (answer, mut response) = match forwarded {
                Ok((answer, response)) => (answer, response),
                Err(answer) => {
                    let status = match answer {
                        Answer::TimedOut => StatusCode::GATEWAY_TIMEOUT,
                        _ => StatusCode::BAD_GATEWAY,
                    };
                    (answer, own(status))
                }
            };
            let mut world = lock(&plane.world);
            let World { traffic, now, .. } = &mut *world;
            traffic.count_real(&load_balancer, &group, answer, *now);
            if let Some(pin) = pin {
                let lasts = Duration::try_from(pin.until.duration_since(*now));
                let lasts = plane.real(lasts.unwrap_or_default());
                set_cookies(response.headers_mut(), &pin, lasts);
            }
            response
        }
        Routed::NoTarget { .. } => {
            count_own(OwnAnswer::NoTarget);
            own(StatusCode::SERVICE_UNAVAILABLE)
        }
        Routed::Fixed {
            status,
            content_type,
            body,
        } => {
            count_own(OwnAnswer::Fixed);
            let mut response = own(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
            *response.body_mut() = Full::from(body);
            set(response.headers_mut(), CONTENT_TYPE, &content_type);
            response
        }
        Routed::Redirect { status, location } => {
            count_own(OwnAnswer::Redirect);
            let mut response = own(StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND));
            set(response.headers_mut(), LOCATION, &location);
            response
        }
        Routed::Nowhere => own(StatusCode::NOT_IMPLEMENTED),
    }
}

/// Decides where a request goes; with the load balancer's ARN.
fn route(
    plane: &Plane,
    listener: &str,
    request: &Request<Incoming>,
    client: SocketAddr,
) -> (String, Routed) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    let host = request.headers().get(HOST).map(text).unwrap_or_default();
    let routable = Routable {
        host: &host,
        path: request.uri().path(),
        query: request.uri().query(),
        method: request.method().as_str(),
        headers: &headers,
        source: client.ip(),
        pin: pin_of(request.headers()),
    };
    let mut world = lock(&plane.world);
    let World { elb, now, .. } = &mut *world;
    let load_balancer = elb.listeners.get(listener);
    let load_balancer = load_balancer.map(|listener| listener.load_balancer.clone());
    let routed = elb.route(listener, &routable, &mut lock(&plane.rng), *now);
    (load_balancer.unwrap_or_default(), routed)
}

/// The client's stickiness cookie.
fn pin_of(headers: &HeaderMap) -> Option<Pin> {
    let cookies = headers.get_all(COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| matches!(*name, "AWSALBTG" | "AWSALBTGCORS"))?;
    Pin::from_cookie(value)
}

fn set_cookies(headers: &mut HeaderMap, pin: &Pin, lasts: Duration) {
    let value = pin.cookie_value();
    let age = lasts.as_secs().max(1);
    for cookie in [
        format!("AWSALBTG={value}; Max-Age={age}; Path=/"),
        format!("AWSALBTGCORS={value}; Max-Age={age}; Path=/; SameSite=None"),
    ] {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// Sends a request to a target's application; an error tells how it went unanswered.
async fn forward(
    plane: &Arc<Plane>,
    mut request: Request<Incoming>,
    client: SocketAddr,
    target: &TargetId,
) -> Result<(Answer, Response<Full<Bytes>>), Answer> {
    let key = (target.id.clone(), target.port);
    let to = plane.address_of(&key).ok_or(Answer::Unreachable)?;
    prepare(&mut request, client);
    let begun = Instant::now();
    let sent = plane.pool.send(to, request);
    let response = match tokio::time::timeout(plane.real(IDLE_TIMEOUT), sent).await {
        Err(_) => return Err(Answer::TimedOut),
        Ok(Err(Failure::Unreachable)) => return Err(Answer::Unreachable),
        Ok(Err(Failure::Broken)) => return Err(Answer::Broken),
        Ok(Ok(response)) => response,
    };
    let (mut parts, body) = response.into_parts();
    let told = parts.headers.remove(LATENCY_HEADER);
    let told = told.and_then(|micros| micros.to_str().ok()?.parse().ok());
    let latency = told.map_or_else(
        || begun.elapsed().mul_f64(plane.options.speed),
        Duration::from_micros,
    );
    drop_hop_by_hop(&mut parts.headers);
    let answer = Answer::Status(parts.status.as_u16(), latency);
    Ok((answer, Response::from_parts(parts, Full::new(body))))
}

/// Makes a client's request one to the target.
fn prepare(request: &mut Request<Incoming>, client: SocketAddr) {
    // A client may send the whole address in the request line; the target gets the path only.
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str()).parse();
    *request.uri_mut() = path.unwrap_or_default();
    let headers = request.headers_mut();
    drop_hop_by_hop(headers);
    if let Ok(client) = HeaderValue::from_str(&client.ip().to_string()) {
        headers.append("x-forwarded-for", client);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(',').map(|name| name.trim().to_owned()))
        .collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// An answer of the load balancer's own.
fn own(status: StatusCode) -> Response<Full<Bytes>> {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n\
         <center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    let mut response = Response::new(Full::from(page));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

fn set(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
