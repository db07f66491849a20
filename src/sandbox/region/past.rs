//! Requests to a task's own address, past every load balancer: the region is the only one that
//! knows where it is.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri, header};
use serde_json::json;

use super::{Gate, Outcome, Region, locked};
use crate::sandbox::world::app::Reply;

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
        let app = world.ecs.application_at(&host, port)?;
        let age = world.now.duration_since(app.started_at);
        let Gate { rng, .. } = &mut *gate;
        let Reply::Answer { status, .. } = app.behaviour.respond(rng, age, 1.0) else {
            return Some(Outcome::Reset);
        };
        let body = json!({ "image": app.image, "path": uri.path(), "status": status });
        let mut answer = Response::new(Bytes::from(body.to_string()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        Some(Outcome::Answered(answer))
    }
}
