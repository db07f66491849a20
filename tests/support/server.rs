//! Ports of servers that a test starts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Between two tries.
const TRY: Duration = Duration::from_millis(50);

/// A loopback port that nothing listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    listener.local_addr().expect("a bound address").port()
}

/// Waits until something answers HTTP at `address`; false if `limit` passes first.
pub(crate) async fn answers(address: SocketAddr, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        let tried = tokio::time::timeout(Duration::from_secs(2), greet(address)).await;
        if matches!(tried, Ok(Ok(true))) {
            return true;
        }
        sleep(TRY).await;
    }
    false
}

async fn greet(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    Ok(&start == b"HTTP/")
}
