//! The region on a loopback port, for any AWS client.

use super::region::{Outcome, Region};
use super::wire::needs::Need;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Header of every answer: `VIRTUAL_EPOCH_MILLISECONDS;SPEED`.
pub const CLOCK_HEADER: &str = "x-bg-sandbox-clock";
/// Where it tells what IAM would have had to allow for `bg`'s own calls so far, as JSON.
pub const NEEDS_PATH: &str = "/needs";
/// Where it tells what was published: `messages` of SNS and `events` of EventBridge, as JSON.
pub const PUBLISHED_PATH: &str = "/published";
/// How often the world moves when nobody asks anything.
const CATCH_UP_EVERY: Duration = Duration::from_millis(50);

/// A region that is being served. Dropping it closes the port; answers under way are finished.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for `--endpoint-url` and `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Region {
    /// Serves this region over HTTP until the returned handle is dropped.
    ///
    /// # Errors
    /// When the listener's address cannot be told, or is not a loopback address: nothing here
    /// checks who calls.
    pub fn serve(&self, listener: TcpListener) -> io::Result<Server> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{address} is not a loopback address; listen on 127.0.0.1 or ::1"),
            ));
        }
        self.with_world(|world| world.layers_at = format!("http://{address}"));
        let (stop, stopped) = watch::channel(());
        tokio::spawn(catch_up(self.clone(), stopped.clone()));
        tokio::spawn(accept(self.clone(), listener, stopped));
        Ok(Server {
            address,
            _stop: stop,
        })
    }
}

/// Resolves once the server's handle is dropped.
async fn over(stopped: &mut watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

async fn catch_up(region: Region, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            () = over(&mut stopped) => return,
            () = tokio::time::sleep(CATCH_UP_EVERY) => region.catch_up(),
        }
    }
}

async fn accept(region: Region, listener: TcpListener, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            () = over(&mut stopped) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(converse(region.clone(), stream, stopped.clone()));
                }
                // Out of file descriptors, most likely: others will be freed.
                Err(_) => tokio::time::sleep(CATCH_UP_EVERY).await,
            },
        }
    }
}

async fn converse(region: Region, stream: TcpStream, mut stopped: watch::Receiver<()>) {
    // Answers are small and written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(region.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // An error here is the client's going away, or an injected reset.
    let _ = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = over(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}

async fn answer(region: Region, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if head.uri.path() == NEEDS_PATH {
        let needs = json!(region.needs().iter().map(Need::to_json).collect::<Vec<_>>());
        return Ok(Response::new(Full::from(needs.to_string())));
    }
    if head.uri.path() == PUBLISHED_PATH {
        let told = region.with_world(|world| {
            let all = &world.published;
            json!({ "messages": all.messages, "events": all.events })
        });
        return Ok(Response::new(Full::from(told.to_string())));
    }
    let answer = region
        .call(&head.method, &head.uri, &head.headers, &body)
        .await;
    match answer {
        Outcome::Answered(answer) => {
            let mut answer = answer.map(Full::new);
            let clock = region.clock();
            let shown = format!("{};{}", clock.now().as_millisecond(), clock.speed());
            if let Ok(value) = HeaderValue::try_from(shown) {
                answer.headers_mut().insert(CLOCK_HEADER, value);
            }
            Ok(answer)
        }
        Outcome::Silence => std::future::pending().await,
        Outcome::Reset => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{
        RegionOptions,
        faults::{FaultKind, FaultRule, When},
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn served(speed: f64) -> (Region, Server) {
        let region = Region::new(RegionOptions {
            speed,
            ..RegionOptions::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = region.serve(listener).unwrap();
        (region, server)
    }

    fn list_clusters(connection: &str) -> String {
        format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\
             x-amz-target: AmazonEC2ContainerServiceV20141113.ListClusters\r\n\
             content-length: 2\r\n\r\n{{}}"
        )
    }

    async fn exchange(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an error; what came before it counts.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn every_answer_tells_the_virtual_time_and_its_speed() {
        let (_, server) = served(60.0).await;
        let answer = exchange(&server, &list_clusters("close")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(r#"{"clusterArns":[]}"#), "{answer}");
        let clock = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-bg-sandbox-clock: "))
            .unwrap();
        let (millis, speed) = clock.trim().split_once(';').unwrap();
        assert!(millis.parse::<i64>().unwrap() >= 1_767_603_600_000);
        assert_eq!(speed, "60");
    }

    #[tokio::test]
    async fn a_request_that_is_signed_for_another_region_is_refused() {
        let (_, server) = served(1.0).await;
        for (region, status) in [("eu-west-1", "HTTP/1.1 200"), ("us-east-2", "HTTP/1.1 400")] {
            let signed = format!(
                "authorization: AWS4-HMAC-SHA256 Credential=x/20260101/{region}/ecs/aws4_request, \
                 SignedHeaders=host, Signature=00\r\ncontent-length"
            );
            let request = list_clusters("close").replace("content-length", &signed);
            let answer = exchange(&server, &request).await;
            assert!(answer.starts_with(status), "{answer}");
            let refused = answer.contains("InvalidSignatureException");
            assert_eq!(refused, region == "us-east-2", "{answer}");
        }
    }

    #[tokio::test]
    async fn a_reset_closes_the_connection_without_an_answer() {
        let (region, server) = served(1.0).await;
        region.fault(FaultRule::new(
            "ListClusters",
            FaultKind::ResetBefore,
            When::Nth(1),
        ));
        assert_eq!(exchange(&server, &list_clusters("close")).await, "");
        let answer = exchange(&server, &list_clusters("close")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn dropping_the_handle_closes_idle_connections_and_the_port() {
        let (_, server) = served(1.0).await;
        let address = server.address();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(list_clusters("keep-alive").as_bytes())
            .await
            .unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        drop(server);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn only_loopback_is_served() {
        let region = Region::new(RegionOptions::default());
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let error = region.serve(listener).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
