//! A port with a service behind it that can be closed without breaking what is in flight.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a service gives: an answer, or nothing, and then the connection is reset.
pub(super) type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Broken>> + Send>>;

/// Answers one request; the address is the client's.
pub(super) type Service = Arc<dyn Fn(Request<Incoming>, SocketAddr) -> Answering + Send + Sync>;

/// What is done with a connection until it ends, or until the receiver's sender is dropped because
/// the port is closed.
pub(super) type Handler = Arc<
    dyn Fn(TcpStream, SocketAddr, watch::Receiver<()>) -> Pin<Box<dyn Future<Output = ()> + Send>>
        + Send
        + Sync,
>;

/// Speaks HTTP/1.1 and answers each request with `service`.
pub(super) fn http(service: Service) -> Handler {
    Arc::new(move |stream, client, stopped| {
        Box::pin(connection(stream, client, service.clone(), stopped))
    })
}

/// The connection is to be broken without an answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection is broken on purpose")]
pub(super) struct Broken;

/// Time after which accepting is tried again when it failed: no file descriptors, most likely.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// An open port. Dropping it closes the port; requests in flight are still answered.
#[derive(Debug)]
pub(super) struct Listening {
    address: SocketAddr,
    serves: String,
    _stop: watch::Sender<()>,
}

impl Listening {
    /// Opens a loopback port, 0 for a free one. `serves` tells what it is for.
    pub(super) fn open(port: u16, serves: &str, handler: Handler) -> io::Result<Self> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let named = |error: io::Error| {
            let message = format!("cannot listen on {wanted}: {error}");
            io::Error::new(error.kind(), message)
        };
        let listener = std::net::TcpListener::bind(wanted).map_err(named)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let (stop, stopped) = watch::channel(());
        tokio::spawn(accept(listener, handler, stopped));
        Ok(Self {
            address,
            serves: serves.to_owned(),
            _stop: stop,
        })
    }

    /// Its address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it was opened for this.
    pub(super) fn serves(&self, what: &str) -> bool {
        self.serves == what
    }
}

/// Resolves when the sender is dropped.
async fn closed(stopped: &mut watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

async fn accept(listener: TcpListener, handler: Handler, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            () = closed(&mut stopped) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    tokio::spawn(handler(stream, client, stopped.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
        }
    }
}

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    service: Service,
    mut stopped: watch::Receiver<()>,
) {
    // Small answers must not wait for more: best effort, a socket without it works too.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| service(request, client));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        // How a connection ends is the client's matter.
        _ = connection.as_mut() => {}
        () = closed(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
