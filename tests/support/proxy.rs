//! A proxy before an emulator that logs each call and puts faults into chosen ones, in the shape in
//! which AWS would answer.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is done to a call instead of passing it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service's own "Rate exceeded".
    Throttle,
    /// The service's own 500.
    InternalError,
    /// The connection is closed without an answer; the call never reached the service.
    Reset,
    /// The call is passed on, and then the connection is closed without an answer.
    LostAnswer,
    /// The call is passed on after so long.
    Delay(Duration),
}

/// One call that came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The service's name in the signature, such as `ecs`.
    pub(crate) service: String,
    /// Such as `DescribeServices`.
    pub(crate) operation: String,
    /// The parameters of a Query call; empty in other protocols.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The answer's status; none where the connection was closed instead.
    pub(crate) status: Option<u16>,
    /// What was done to it.
    pub(crate) fault: Option<Fault>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    seen: BTreeMap<String, usize>,
    faults: Vec<(usize, Fault)>,
    over: Option<String>,
}

/// A running proxy; it stops when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one before `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a loopback port");
        let address = listener.local_addr().expect("a bound address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, upstream, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// As an SDK takes it for an endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts `fault` into the `nth` call of every operation, counted from 0.
    pub(crate) fn fault_each(&self, nth: usize, fault: Fault) {
        lock(&self.state).faults.push((nth, fault));
    }

    /// From now on the credentials with this access key are over.
    pub(crate) fn end_credentials(&self, key: &str) {
        lock(&self.state).over = Some(format!("Credential={key}/"));
    }

    /// All calls so far, in the order of their answers.
    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.state).calls.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nothing panics under this lock")
}

async fn serve(stream: TcpStream, upstream: SocketAddr, state: Arc<Mutex<State>>) {
    let answer = service_fn(|request| handle(request, upstream, Arc::clone(&state)));
    // It ends with an error where the client leaves or a fault closes it: both are as wanted.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

/// Why a connection is closed without an answer.
type Closed = Box<dyn std::error::Error + Send + Sync>;

async fn handle(
    request: Request<Incoming>,
    upstream: SocketAddr,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (service, operation) = (service(&parts.headers), operation(&parts, &body));
    let parameters = form_urlencoded::parse(&body).into_owned();
    let parameters = parameters
        .filter(|(name, _)| !name.starts_with('{'))
        .collect();
    if is_over(&state, &parts.headers) {
        return Ok(refusal(&parts.headers, &Refusal::expired()));
    }
    let fault = next_fault(&state, &operation);
    let answer = match fault {
        None => Ok(pass(parts, body, upstream).await?),
        Some(Fault::Throttle) => Ok(refusal(&parts.headers, &Refusal::throttled())),
        Some(Fault::InternalError) => Ok(refusal(&parts.headers, &Refusal::internal())),
        Some(Fault::Reset) => Err(Closed::from("reset")),
        Some(Fault::Delay(length)) => {
            tokio::time::sleep(length).await;
            Ok(pass(parts, body, upstream).await?)
        }
        Some(Fault::LostAnswer) => {
            pass(parts, body, upstream).await?;
            Err(Closed::from("lost"))
        }
    };
    let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
    let call = Call {
        service,
        operation,
        parameters,
        status,
        fault,
    };
    lock(&state).calls.push(call);
    answer
}

fn next_fault(state: &Mutex<State>, operation: &str) -> Option<Fault> {
    let mut state = lock(state);
    let seen = state.seen.entry(operation.to_owned()).or_default();
    let nth = *seen;
    *seen += 1;
    let found = state.faults.iter().find(|(wanted, _)| *wanted == nth);
    found.map(|(_, fault)| *fault)
}

fn is_over(state: &Mutex<State>, headers: &HeaderMap) -> bool {
    let signed = headers.get("authorization").and_then(|it| it.to_str().ok());
    let over = lock(state).over.clone();
    signed
        .zip(over)
        .is_some_and(|(signed, over)| signed.contains(&over))
}

/// The service that a request is signed for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn service(headers: &HeaderMap) -> String {
    let signed = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let scope = signed.and_then(|text| text.split("Credential=").nth(1)?.split('/').nth(3));
    scope.unwrap_or("unsigned").to_owned()
}

/// The operation's name, wherever the protocol carries it; method and path where it does not.
fn operation(parts: &Parts, body: &[u8]) -> String {
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    if let Some((_, name)) = target.and_then(|target| target.rsplit_once('.')) {
        return name.to_owned();
    }
    if let Some((_, name)) = parts.uri.path().rsplit_once("/operation/") {
        return name.to_owned();
    }
    let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action");
    action.map_or_else(
        || format!("{} {}", parts.method, parts.uri.path()),
        |(_, name)| name.into_owned(),
    )
}

/// Sends a request on and brings the answer back whole.
async fn pass(
    parts: Parts,
    body: Bytes,
    upstream: SocketAddr,
) -> Result<Response<Full<Bytes>>, Closed> {
    let stream = TcpStream::connect(upstream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::from_parts(parts, Full::new(body));
    request.headers_mut().remove(CONNECTION);
    let (mut head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    Ok(Response::from_parts(head, Full::new(body)))
}

/// An error answer, told apart only by protocol.
struct Refusal {
    status: StatusCode,
    json: &'static str,
    xml: &'static str,
    message: &'static str,
}

impl Refusal {
    fn throttled() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            json: "ThrottlingException",
            xml: "Throttling",
            message: "Rate exceeded",
        }
    }

    fn expired() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            json: "ExpiredTokenException",
            xml: "ExpiredToken",
            message: "The security token included in the request is expired",
        }
    }

    fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            json: "ServerException",
            xml: "InternalFailure",
            message: "The request processing has failed because of an unknown error",
        }
    }
}

/// `refusal` in the protocol of the request: CBOR, JSON, or XML for everything else.
fn refusal(headers: &HeaderMap, refusal: &Refusal) -> Response<Full<Bytes>> {
    let Refusal {
        status,
        json,
        xml,
        message,
    } = refusal;
    let protocol = headers.get("smithy-protocol").map(HeaderValue::as_bytes);
    let (kind, body) = if protocol == Some(b"rpc-v2-cbor".as_slice()) {
        (
            "application/cbor",
            cbor(&[("__type", json), ("message", message)]),
        )
    } else if headers.contains_key("x-amz-target") {
        let body = serde_json::json!({ "__type": json, "message": message });
        ("application/x-amz-json-1.1", body.to_string().into_bytes())
    } else {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{xml}</Code>\
             <Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        );
        ("text/xml", body.into_bytes())
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = *status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("x-amzn-requestid", HeaderValue::from_static("1"));
    if kind == "application/cbor" {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

fn cbor(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| ciborium::Value::Text(text.to_owned());
    let fields = fields.iter().map(|(name, value)| (text(name), text(value)));
    let mut bytes = Vec::new();
    ciborium::into_writer(&ciborium::Value::Map(fields.collect()), &mut bytes)
        .expect("a vector takes everything");
    bytes
}
