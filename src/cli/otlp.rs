//! A deployment's trace in OpenTelemetry's own protocol, and the way to a collector that the
//! standard's variables name. They are read by OpenTelemetry's own library.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value as Held};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

use super::session::run_url;
use crate::aws::{Web, WebRequest};
use crate::notify::address_flaw;
use crate::report::spans::{Attribute, Span, Trace, Value, Went};
use crate::strategy::format_duration;

const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const COMPRESSIONS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
];
const HEADERS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
];
const TIMEOUTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];

/// How much longer one try may take than all of them: theirs is the time that is told.
const GRACE: Duration = Duration::from_millis(500);

/// Whether the environment names a collector, and doesn't say that nothing is to be sent.
pub(super) fn is_wanted() -> bool {
    let disabled = value(&["OTEL_SDK_DISABLED"]).is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let none = value(&["OTEL_TRACES_EXPORTER"]).is_some_and(|it| it == "none");
    value(&ENDPOINTS).is_some() && !disabled && !none
}

/// The first of these variables that holds something: an empty one is as good as none.
fn value(names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| env::var(name).ok());
    values.find(|value| !value.trim().is_empty())
}

/// Why no trace can be sent, where one is to be.
pub(super) fn unusable() -> Option<String> {
    settings().err().filter(|_| is_wanted())
}

/// What the environment says of the way, all of it looked at.
struct Settings {
    protocol: Protocol,
    timeout: Option<Duration>,
}

fn settings() -> Result<Settings, String> {
    check_address()?;
    check_headers()?;
    check_compression()?;
    Ok(Settings {
        protocol: protocol()?,
        timeout: timeout()?,
    })
}

/// Which of these variables it is that holds something.
fn variable(names: &[&'static str; 2]) -> &'static str {
    let held = names.iter().find(|name| value(&[**name]).is_some());
    held.unwrap_or(&names[1])
}

/// Sends a trace to the collector, in `at_most` so long.
///
/// # Errors
/// In words, which name neither the address nor a header.
pub(super) async fn send(web: Web, trace: &Trace, at_most: Duration) -> Result<(), String> {
    let Settings { protocol, timeout } = settings()?;
    let within = timeout.map_or(at_most, |it| it.min(at_most));
    let why = Why::default();
    let way = Way {
        web,
        within: within + GRACE,
        why: why.clone(),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(way)
        .with_protocol(protocol)
        .with_timeout(within);
    // Its own words hold the address.
    let unusable = "OTEL_EXPORTER_OTLP_ENDPOINT can't be used: write http://HOST:4318";
    let mut exporter = exporter.build().map_err(|_| unusable.to_owned())?;
    exporter.set_resource(&resource());
    let sent = tokio::time::timeout(within, exporter.export(spans(trace))).await;
    let failed = |error: String| why.take().unwrap_or(error);
    match sent {
        Ok(sent) => sent.map_err(|error| failed(error.to_string())),
        Err(_) => Err(failed(format!(
            "it did not answer within {}",
            format_duration(within)
        ))),
    }
}

/// The same as a document: `ExportTraceServiceRequest` in OTLP's JSON.
pub(super) fn document(trace: &Trace) -> ExportTraceServiceRequest {
    let mut resource = ResourceAttributesWithSchema::from(&resource());
    resource
        .attributes
        .0
        .sort_by(|one, other| one.key.cmp(&other.key));
    ExportTraceServiceRequest {
        resource_spans: group_spans_by_resource_and_scope(spans(trace), &resource),
    }
}

/// What the environment says in milliseconds.
fn timeout() -> Result<Option<Duration>, String> {
    let Some(text) = value(&TIMEOUTS) else {
        return Ok(None);
    };
    let milliseconds = text.trim().parse().map_err(|_| {
        let name = variable(&TIMEOUTS);
        format!("{name} is a number of milliseconds, and not {text:?}")
    })?;
    Ok(Some(Duration::from_millis(milliseconds)))
}

fn check_address() -> Result<(), String> {
    let address = value(&ENDPOINTS).unwrap_or_default();
    match address_flaw(address.trim()) {
        None => Ok(()),
        Some((what, _)) => {
            let what = what.trim_start_matches("it ");
            let name = variable(&ENDPOINTS);
            Err(format!(
                "{name} {what}: write http://HOST:4318, and secrets as OTEL_EXPORTER_OTLP_HEADERS"
            ))
        }
    }
}

/// The library sends as it likes where it can't read this.
fn check_compression() -> Result<(), String> {
    match value(&COMPRESSIONS).as_deref().map(str::trim) {
        None | Some("gzip" | "none") => Ok(()),
        Some(other) => Err(format!(
            "{} asks for {other}: gzip and none are known",
            variable(&COMPRESSIONS)
        )),
    }
}

/// The library leaves out what it can't read, and a collector would refuse what comes without it.
fn check_headers() -> Result<(), String> {
    let headers = value(&HEADERS).unwrap_or_default();
    let is_header = |part: &str| {
        let name = part.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(|name| name.parse::<http::HeaderName>().is_ok())
    };
    let mut parts = headers.split(',').map(str::trim).enumerate();
    match parts.find(|(_, part)| !part.is_empty() && !is_header(part)) {
        None => Ok(()),
        Some((at, _)) => Err(format!(
            "part {} of {} is no NAME=VALUE; a comma stands between two, and %2C for one in a value",
            at + 1,
            variable(&HEADERS)
        )),
    }
}

fn protocol() -> Result<Protocol, String> {
    match value(&PROTOCOLS).as_deref() {
        None | Some("http/protobuf") => Ok(Protocol::HttpBinary),
        Some("http/json") => Ok(Protocol::HttpJson),
        Some("grpc") => Err(
            "OTEL_EXPORTER_OTLP_PROTOCOL asks for grpc, which bg doesn't speak: set \
             http/protobuf and the collector's address for it, port 4318 as a rule"
                .to_owned(),
        ),
        Some(other) => Err(format!(
            "OTEL_EXPORTER_OTLP_PROTOCOL asks for {other}: http/protobuf and http/json are known"
        )),
    }
}

/// Who tells: the environment's words for it come first.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let run = run_url().map(|url| KeyValue::new("cicd.pipeline.run.url.full", url));
    let of_environment = Resource::builder().build();
    let named = of_environment
        .iter()
        .any(|(key, name)| key.as_str() == "service.name" && !is_default(name));
    let known = |key: &str| {
        of_environment
            .iter()
            .any(|(known, _)| known.as_str() == key)
    };
    let more = [Some(version), run].into_iter().flatten();
    let more: Vec<_> = more.filter(|it| !known(it.key.as_str())).collect();
    let builder = Resource::builder().with_attributes(more);
    match named {
        true => builder.build(),
        false => builder.with_service_name("bg").build(),
    }
}

/// What the library calls a service that nobody gave a name.
fn is_default(name: &Held) -> bool {
    name.as_str().starts_with("unknown_service")
}

fn spans(trace: &Trace) -> Vec<SpanData> {
    let scope = InstrumentationScope::builder("bg")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    let one = |span: &Span| SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(trace.id.bytes()),
            SpanId::from_bytes(span.id.bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: span
            .parent
            .map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.bytes())),
        parent_span_is_remote: span.parent.is_some() && span.parent == trace.caller,
        span_kind: SpanKind::Internal,
        name: span.name.clone().into(),
        start_time: SystemTime::from(span.from),
        end_time: SystemTime::from(span.until),
        attributes: attributes(&span.attributes),
        dropped_attributes_count: 0,
        events: events(span),
        links: SpanLinks::default(),
        status: match &span.went {
            Went::Unsaid => Status::Unset,
            Went::Well => Status::Ok,
            Went::Badly(why) => Status::error(why.clone()),
        },
        instrumentation_scope: scope.clone(),
    };
    trace.spans.iter().map(one).collect()
}

fn events(span: &Span) -> SpanEvents {
    let mut events = SpanEvents::default();
    events.events.extend(span.events.iter().map(|it| {
        let (at, more) = (SystemTime::from(it.at), attributes(&it.attributes));
        Event::new(it.name, at, more, 0)
    }));
    events
}

fn attributes(attributes: &[Attribute]) -> Vec<KeyValue> {
    let value = |value: &Value| match value {
        Value::Text(text) => Held::from(text.clone()),
        Value::Count(count) => Held::from(i64::from(*count)),
        Value::Figure(figure) => Held::from(*figure),
    };
    let one = |(name, it): &Attribute| KeyValue::new(*name, value(it));
    attributes.iter().map(one).collect()
}

/// Why the last try failed, in words: the library's own say less.
#[derive(Debug, Clone, Default)]
struct Why(Arc<Mutex<Option<String>>>);

impl Why {
    fn set(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The same way out that everything else takes.
#[derive(Debug)]
struct Way {
    web: Web,
    within: Duration,
    why: Why,
}

#[async_trait]
impl HttpClient for Way {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let mut headers = std::collections::BTreeMap::new();
        for (name, value) in &head.headers {
            headers.insert(name.to_string(), value.to_str()?.to_owned());
        }
        let request = WebRequest {
            method: head.method.to_string(),
            url: head.uri.to_string(),
            headers,
            body: body.to_vec(),
            within: self.within,
        };
        let answer = self.web.send(&request).await.inspect_err(|why| {
            self.why.set(why.clone());
        })?;
        if !(200..300).contains(&answer.status) {
            self.why.set(format!("it answered {}", answer.status));
        }
        let response = Response::builder().status(answer.status);
        Ok(response.body(Bytes::from(answer.body))?)
    }
}
