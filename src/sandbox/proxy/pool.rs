//! Kept-alive connections from the load balancers to the applications.

use super::lock;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use tokio::net::TcpStream;

/// Idle connections kept for each application.
const IDLE: usize = 64;

/// Idle connections by application.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Mutex<BTreeMap<SocketAddr, Vec<SendRequest<Incoming>>>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection could be made.
    Unreachable,
    /// The connection broke before the answer was complete.
    Broken,
}

impl Pool {
    /// Sends a request and reads the whole answer. A kept connection that turns out to be closed
    /// before anything was sent on it is replaced by a new one.
    pub(super) async fn send(
        &self,
        to: SocketAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response<Bytes>, Failure> {
        while let Some(mut kept) = self.take(to) {
            if kept.ready().await.is_err() {
                continue;
            }
            match kept.try_send_request(request).await {
                Ok(response) => return self.finish(to, kept, response).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Broken),
                },
            }
        }
        let stream = TcpStream::connect(to).await;
        let stream = stream.map_err(|_| Failure::Unreachable)?;
        // Best effort, as on the other side.
        let _ = stream.set_nodelay(true);
        let (mut fresh, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Unreachable)?;
        // The connection's end shows at the sender.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        let response = fresh.send_request(request).await;
        let response = response.map_err(|_| Failure::Broken)?;
        self.finish(to, fresh, response).await
    }

    async fn finish(
        &self,
        to: SocketAddr,
        sender: SendRequest<Incoming>,
        response: Response<Incoming>,
    ) -> Result<Response<Bytes>, Failure> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| Failure::Broken)?;
        self.put(to, sender);
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    fn take(&self, to: SocketAddr) -> Option<SendRequest<Incoming>> {
        let mut idle = lock(&self.idle);
        let kept = idle.get_mut(&to)?;
        while let Some(sender) = kept.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        idle.remove(&to);
        None
    }

    fn put(&self, to: SocketAddr, sender: SendRequest<Incoming>) {
        let mut idle = lock(&self.idle);
        let kept = idle.entry(to).or_default();
        if kept.len() < IDLE && !sender.is_closed() {
            kept.push(sender);
        }
    }
}
