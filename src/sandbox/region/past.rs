//! Requests to a task's own address, or to a load balancer's name: the region is the only one that
//! knows where they are.

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Response, StatusCode, Uri, header};
use jiff::Timestamp;
use serde_json::json;

use super::{Gate, Outcome, Region, locked};
use crate::sandbox::world::World;
use crate::sandbox::world::app::Reply;
use crate::sandbox::world::ecs::RunningApp;
use crate::sandbox::world::elb::{Request, Routed};

/// The address that a request is for, where it is a task's: `10.0.1.5:8080`.
fn address(uri: &Uri, headers: &HeaderMap) -> Option<(String, u16)> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let (host, port) = host.or(authority)?.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

impl Region {
    /// What a task answers; `None` where the request is for no task.
    pub(super) fn answer_of_task(&self, uri: &Uri, headers: &HeaderMap) -> Option<Outcome> {
        let (host, port) = address(uri, headers)?;
        let mut gate = locked(&self.inner.gate);
        let mut world = locked(&self.inner.world);
        self.advance(&mut gate, &mut world);
        let Gate { rng, .. } = &mut *gate;
        if let Some(balancer) = world.elb.load_balancer_called(&host) {
            let balancer = balancer.arn.clone();
            return Some(through(&mut world, rng, (&balancer, port), uri, headers));
        }
        let mut instances = world.ecs.all_instances(&world.region);
        let on = instances.find(|it| it.private_address() == host);
        let host = on.map_or(host, |it| it.id);
        let app = world.ecs.application_at(&host, port)?;
        Some(answer(app, rng, world.now, uri))
    }
}

/// What comes back through a load balancer's listener. The name that the client meant stands in
/// `X-Forwarded-Host`, because `Host` is the load balancer's.
fn through(
    world: &mut World,
    rng: &mut Rng,
    (balancer, port): (&str, u16),
    uri: &Uri,
    headers: &HeaderMap,
) -> Outcome {
    let Some(listener) = world.elb.listener_on(balancer, port) else {
        return Outcome::Reset;
    };
    let listener = listener.arn.clone();
    let host = headers
        .get("x-forwarded-host")
        .or(headers.get(header::HOST));
    let named = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let named: Vec<_> = named.collect();
    let request = Request {
        host: host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
        path: uri.path(),
        query: uri.query(),
        headers: &named,
        ..Request::plain()
    };
    let now = world.now;
    match world.elb.route(&listener, &request, rng, now) {
        Routed::Target { target, .. } => match world.ecs.application_at(&target.id, target.port) {
            Some(app) => answer(app, rng, now, uri),
            None => told(502, "502 Bad Gateway"),
        },
        Routed::NoTarget { .. } => told(503, "503 Service Temporarily Unavailable"),
        Routed::Fixed { status, body, .. } => told(status, &body),
        Routed::Redirect { status, location } => told(status, &location),
        Routed::Nowhere => Outcome::Reset,
    }
}

fn answer(app: RunningApp<'_>, rng: &mut Rng, now: Timestamp, uri: &Uri) -> Outcome {
    let age = now.duration_since(app.started_at);
    let Reply::Answer { status, .. } = app.behaviour.respond(rng, age, 1.0) else {
        return Outcome::Reset;
    };
    let body = json!({ "image": app.image, "path": uri.path(), "status": status });
    told(status, &body.to_string())
}

fn told(status: u16, body: &str) -> Outcome {
    let mut answer = Response::new(Bytes::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Outcome::Answered(answer)
}
