//! A region on a loopback port says in a header what its clock shows and how fast it runs.

use std::net::ToSocketAddrs;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::runner::Clock;

/// A loopback port answers at once, or it isn't one of ours.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The clock of the region at `url`; `None` where that is no region, or not on loopback.
pub(super) async fn of(url: &str) -> Option<Clock> {
    let authority = url.strip_prefix("http://")?.split('/').next()?;
    let address = authority
        .to_socket_addrs()
        .ok()?
        .find(|address| address.ip().is_loopback())?;
    let answer = tokio::time::timeout(ANSWER_WITHIN, head_of(address, authority))
        .await
        .ok()??;
    clock_in(&answer)
}

async fn head_of(address: std::net::SocketAddr, host: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(16 * 1024).read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// `x-bg-sandbox-clock: EPOCH_MILLISECONDS;SPEED`
fn clock_in(answer: &str) -> Option<Clock> {
    let header = answer
        .lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("x-bg-sandbox-clock")
                .then(|| value.trim())
        })?;
    let (now, speed) = header.split_once(';')?;
    let now = Timestamp::from_millisecond(now.parse().ok()?).ok()?;
    let speed: f64 = speed.trim().parse().ok()?;
    (speed.is_finite() && speed > 0.0).then(|| Clock::starting_at(now, speed))
}
