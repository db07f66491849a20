//! A deployment's trace, as a collector gets it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;

use super::support::{Ended, Scene, until};

const DEPLOY: [&str; 4] = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector on loopback.
struct Collector {
    address: String,
    got: Arc<Mutex<Vec<(String, ExportTraceServiceRequest)>>>,
}

impl Collector {
    /// One that answers each request with these statuses in turn, and then with 200.
    fn answering(statuses: &'static [u16]) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        thread::spawn(move || {
            for (n, stream) in listener.incoming().flatten().enumerate() {
                let status = statuses.get(n).copied().unwrap_or(200);
                if let Some(request) = take(stream, status).filter(|_| status == 200) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(request);
                }
            }
        });
        let address = format!("http://{address}");
        Collector { address, got }
    }

    fn got(&self) -> Vec<(String, ExportTraceServiceRequest)> {
        self.got
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The only request's head and its spans.
    #[track_caller]
    fn only(&self) -> (String, Vec<Span>) {
        let got = self.got();
        assert_eq!(got.len(), 1, "requests");
        (got[0].0.clone(), spans(&got[0].1))
    }
}

/// The head and what was sent, in whichever of both forms.
fn take(stream: TcpStream, status: u16) -> Option<(String, ExportTraceServiceRequest)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    if head.contains("content-encoding: gzip") {
        let packed = std::mem::take(&mut body);
        let mut unpacked = GzDecoder::new(&packed[..]);
        unpacked.read_to_end(&mut body).expect("it is gzip");
    }
    let request = match head.contains("application/json") {
        true => serde_json::from_slice(&body).expect("it is OTLP's JSON"),
        false => ExportTraceServiceRequest::decode(&body[..]).expect("it is OTLP"),
    };
    Some((head, request))
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
    scopes.flat_map(|it| it.spans.clone()).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let held = attributes.iter().find(|it| it.key == key)?.value.clone()?;
    match held.value? {
        any_value::Value::StringValue(text) => Some(text),
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Panics unless they are one tree whose times lie inside one another; the root of it.
#[track_caller]
fn root(spans: &[Span]) -> &Span {
    let ids: BTreeSet<_> = spans.iter().map(|it| &it.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "ids are unique");
    let (roots, parts): (Vec<_>, Vec<_>) = spans
        .iter()
        .partition(|it| !ids.contains(&it.parent_span_id));
    assert_eq!(roots.len(), 1, "roots");
    for span in parts {
        let around = |it: &&Span| it.span_id == span.parent_span_id;
        let parent = spans.iter().find(around).expect("it has a parent");
        assert_eq!(span.trace_id, parent.trace_id);
        assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano);
    }
    roots[0]
}

/// What `bg report --otlp` prints of the last deployment.
#[track_caller]
fn by_hand(scene: &Scene) -> Vec<Span> {
    let printed = scene.bg(&["report", "--otlp"]).exits(0).stdout;
    let request = serde_json::from_str(&printed).expect("it is OTLP's JSON");
    spans(&request)
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|it| it.name.as_str()).collect()
}

#[track_caller]
fn tells_no_secret(scene: &Scene, ended: &Ended) {
    let journal = scene.bg(&["show", "--output", "json"]).exits(0).stdout;
    let printed = scene.bg(&["report", "--otlp"]).exits(0).stdout;
    let told = [&ended.stdout, &ended.stderr, &journal, &printed];
    assert!(told.iter().all(|it| !it.contains("very-secret")), "{ended}");
}

#[test]
fn a_collector_gets_the_trace_of_whoever_is_promoted_and_whoever_is_reverted() {
    let scene = Scene::at_speed(100);
    let collector = Collector::answering(&[503]);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address.as_str()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20very-secret",
        ),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=checkout"),
        ("TRACEPARENT", PARENT),
        ("CODEBUILD_BUILD_URL", "https://ci.example/run/7"),
    ];
    let ended = scene.bg_with(&variables, &DEPLOY).exits(0);
    tells_no_secret(&scene, &ended);
    let (head, sent) = collector.only();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains("application/x-protobuf"), "{head}");
    assert!(head.contains("Bearer very-secret"), "{head}");
    let whole = root(&sent);
    assert_eq!(whole.name, "deploy shop");
    assert_eq!(hex(&whole.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&whole.parent_span_id), "00f067aa0ba902b7");
    let about = |key| text(&whole.attributes, key);
    assert_eq!(about("bg.outcome").as_deref(), Some("promoted"));
    assert_eq!(about("cloud.region").as_deref(), Some("eu-west-1"));
    let told = names(&sent);
    for name in [
        "prepare",
        "start green",
        "step 10%",
        "step 100%",
        "bake",
        "promote",
    ] {
        assert!(told.contains(&name), "no {name} in {told:?}");
    }
    let resource = collector.got()[0].1.resource_spans[0].resource.clone();
    let resource = resource.expect("a resource").attributes;
    for (key, value) in [
        ("service.name", "bg"),
        ("team", "checkout"),
        ("cicd.pipeline.run.url.full", "https://ci.example/run/7"),
    ] {
        assert_eq!(text(&resource, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(by_hand(&scene), sent, "by hand it is the same");

    let collector = Collector::answering(&[]);
    let variables = [
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("{}/in", collector.address),
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json".to_owned()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
        ("OTEL_SERVICE_NAME", "deployer".to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let failed = ["deploy", "--image", "shop:missing"];
    scene.bg_with(&variables, &failed).exits(4);
    let (head, sent) = collector.only();
    assert!(head.starts_with("POST /in HTTP/1.1"), "{head}");
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let whole = root(&sent);
    let status = whole.status.as_ref().expect("a status");
    assert_eq!(status.code(), StatusCode::Error);
    assert!(!status.message.is_empty());
    assert!(whole.parent_span_id.is_empty(), "nobody started it");
    assert!(names(&sent).contains(&"revert"), "{:?}", names(&sent));
    let resource = collector.got()[0].1.resource_spans[0].resource.clone();
    let resource = resource.expect("a resource").attributes;
    assert_eq!(text(&resource, "service.name").as_deref(), Some("deployer"));
}

#[test]
fn whoever_goes_on_after_a_kill_tells_the_same_trace_and_a_tick_its_last_part() {
    let scene = Scene::at_speed(100);
    let mut first = scene.start_with(&[("TRACEPARENT", PARENT)], &[], &DEPLOY);
    first.until_it_says("baking");
    first.signal("KILL");
    first.end();
    let begun = by_hand(&scene);
    let collector = Collector::answering(&[]);
    let other = PARENT.replace("4bf9", "ffff");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address.as_str()),
        ("TRACEPARENT", other.as_str()),
    ];
    let resume = ["resume", "--wait-lock", "30m", "--no-wait-retire"];
    scene.bg_with(&variables, &resume).exits(0);
    let (_, sent) = collector.only();
    let whole = root(&sent).clone();
    assert_eq!(hex(&whole.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    let ids = |spans: &[Span]| {
        spans
            .iter()
            .map(|it| it.span_id.clone())
            .collect::<Vec<_>>()
    };
    assert!(ids(&sent).starts_with(&ids(&begun)), "{:?}", names(&begun));
    let bakes = sent.iter().flat_map(|it| &it.events);
    assert!(bakes.into_iter().any(|it| it.name == "resumed"));

    until("blue to be retired", || {
        let tick = scene.bg_with(&variables, &["tick"]).exits(0);
        tick.stdout.contains(": retired").then_some(())
    });
    let got = collector.got();
    assert_eq!(got.len(), 2, "requests");
    let after = spans(&got[1].1);
    assert_eq!(names(&after), ["retire"]);
    assert_eq!(after[0].parent_span_id, whole.span_id);
    assert_eq!(after[0].trace_id, whole.trace_id);
    let all = by_hand(&scene);
    assert_eq!(all.len(), sent.len() + 1);
    assert_eq!(all.last(), after.last());
}

#[test]
fn a_collector_that_is_dead_or_silent_or_of_another_kind_fails_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = format!(
        "http://{}/very-secret",
        silent.local_addr().expect("an address")
    );
    let refuses = Collector::answering(&[401]);
    let refuses = format!("{}/very-secret", refuses.address);
    let scene = Scene::at_speed(100);
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    for (variables, warned) in [
        (
            [
                (endpoint, silent.as_str()),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
            ],
            "it did not answer within 300ms",
        ),
        (
            [(endpoint, refuses.as_str()), ("A", "b")],
            "it answered 401",
        ),
        (
            [(endpoint, "very-secret"), ("A", "b")],
            "OTEL_EXPORTER_OTLP_ENDPOINT is no URL: write http://HOST:4318",
        ),
        (
            [
                (endpoint, silent.as_str()),
                ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,very-secret"),
            ],
            "part 2 of OTEL_EXPORTER_OTLP_HEADERS is no NAME=VALUE",
        ),
        (
            [
                (endpoint, silent.as_str()),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ],
            "is a number of milliseconds, and not \"10s\"",
        ),
        (
            [
                (endpoint, silent.as_str()),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
            ],
            "asks for brotli: gzip and none are known",
        ),
        (
            [
                (endpoint, silent.as_str()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ],
            "doesn't speak",
        ),
    ] {
        let flags = [&DEPLOY[..], &["--force"]].concat();
        let ended = scene.bg_with(&variables, &flags).exits(0);
        let ended = ended
            .complains("the collector was not told")
            .complains(warned);
        tells_no_secret(&scene, &ended.complains("--otlp` prints it"));
    }
    let wrong = [
        (endpoint, "very-secret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    let plan = scene
        .bg_with(&wrong, &["plan", "--image", "shop:v3"])
        .exits(0);
    plan.says("the collector will not be told of the trace: OTEL_EXPORTER_OTLP_ENDPOINT is no URL");
    let unsampled = PARENT.replace("b7-01", "b7-00");
    for more in [
        ("OTEL_SDK_DISABLED", "true"),
        ("TRACEPARENT", unsampled.as_str()),
    ] {
        let collector = Collector::answering(&[]);
        let variables = [(endpoint, collector.address.as_str()), more];
        let flags = [&DEPLOY[..], &["--force"]].concat();
        let ended = scene.bg_with(&variables, &flags).exits(0);
        assert!(!ended.stderr.contains("collector"), "{ended}");
        assert!(collector.got().is_empty(), "{more:?}");
    }
}
