//! An application behind a target: a real HTTP server that behaves as its version does.

use super::listen::{Broken, Service};
use super::{Plane, TargetKey, lock};
use crate::sandbox::world::app::Reply;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Tells the load balancer the latency in virtual microseconds: measured over loopback at sixty
/// times the speed it would be mostly noise.
pub(super) const LATENCY_HEADER: &str = "x-sandbox-latency-micros";

/// The service of one target.
pub(super) fn service(plane: &Arc<Plane>, target: TargetKey, group: String) -> Service {
    let plane: Weak<Plane> = Arc::downgrade(plane);
    Arc::new(move |_request, _client| {
        let answer = plane
            .upgrade()
            .and_then(|plane| answer(&plane, &target, &group));
        Box::pin(async move {
            let Some((wait, response)) = answer else {
                return Err(Broken);
            };
            tokio::time::sleep(wait).await;
            Ok(response)
        })
    })
}

/// What the application answers, the version that it is of above all, and after how long; none if it breaks the connection.
fn answer(
    plane: &Plane,
    (id, port): &TargetKey,
    group: &str,
) -> Option<(Duration, Response<Full<Bytes>>)> {
    let (latency, status, body) = {
        let world = lock(&plane.world);
        let app = world.ecs.application_at(id, *port)?;
        let age = world.now.duration_since(app.started_at);
        match app.behaviour.respond(&mut lock(&plane.rng), age, 1.0) {
            Reply::Answer { status, latency } => {
                let body = serde_json::json!({
                    "image": app.image,
                    "service": app.service,
                    "status": status,
                    "task": app.task_arn,
                    "target": format!("{id}:{port}"),
                    "target_group": group,
                });
                (latency, status, body)
            }
            Reply::Reset => return None,
        }
    };
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    headers.insert(LATENCY_HEADER, HeaderValue::from(micros));
    Some((plane.real(latency), response))
}
