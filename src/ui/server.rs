//! Listens on loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::answer::{House, answer};
use super::guard::{Guard, Token};
use super::look::Look;
use super::seats::Seats;

/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that runs; dropping it closes the port.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the pages of what `look` sees to whoever has `token`; `who` is named where they ask for
/// something. `csrf` is the secret of its forms.
///
/// # Errors
/// When the listener's address can't be told, or is not of this machine alone.
pub fn serve(
    listener: TcpListener,
    look: Look,
    [token, csrf]: [Token; 2],
    who: String,
) -> io::Result<Server> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let why = format!("{address} is not a loopback address");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let guard = Guard::new(token, csrf, address.port());
    let house = Arc::new(House {
        look,
        guard,
        seats: Seats::default(),
        who,
    });
    let task = tokio::spawn(accept(listener, house));
    Ok(Server { address, task })
}

async fn accept(listener: TcpListener, house: Arc<House>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&house)));
            }
            // Out of file descriptors, most likely: others will be freed.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn converse(stream: TcpStream, house: Arc<House>) {
    let service = service_fn(|request| {
        let house = Arc::clone(&house);
        async move { Ok::<_, Infallible>(answer(house, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // An error here is the browser's going away.
    let _ = connection.await;
}
