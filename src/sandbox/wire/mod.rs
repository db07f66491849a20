//! AWS's wire protocols in front of the world: which service and operation a request means,
//! and how its answer is written.
//!
//! Handlers all have the shape `handle(world, operation, input) -> Result<Value, AwsError>`
//! with the field names of AWS's API models. A timestamp inside a value is
//! `{"$time": EPOCH_SECONDS}` ([`time`]); each codec writes it in its own way.

pub mod cbor;
pub mod cloudwatch;
pub mod discovery;
pub mod dynamodb;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod error;
pub mod events;
pub mod iam;
pub mod json;
pub mod lambda;
pub mod logs;
pub mod needs;
mod page;
pub mod query;
pub mod route53;
pub mod scaling;
pub mod scheduler;
pub mod secrets;
pub mod sns;
pub mod ssm;
pub mod sts;
pub mod xml;

pub use error::AwsError;

use crate::sandbox::world::World;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use jiff::Timestamp;
use query::QueryService;
use serde_json::{Value, json};

/// An AWS service that the region plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Elastic Container Service.
    Ecs,
    /// Elastic Load Balancing v2.
    Elbv2,
    /// CloudWatch metrics and alarms.
    CloudWatch,
    /// Security Token Service.
    Sts,
    /// Application Auto Scaling.
    Scaling,
    /// Elastic Container Registry.
    Ecr,
    /// EventBridge Scheduler.
    Scheduler,
    /// DynamoDB.
    DynamoDb,
    /// CloudWatch Logs.
    Logs,
    /// Identity and Access Management.
    Iam,
    /// Secrets Manager.
    Secrets,
    /// Systems Manager's parameters.
    Ssm,
    /// Cloud Map.
    Discovery,
    /// Lambda.
    Lambda,
    /// Route 53.
    Route53,
    /// Simple Notification Service.
    Sns,
    /// EventBridge.
    Events,
    /// EC2.
    Ec2,
}

impl Service {
    /// The service's prefix in IAM actions, for example `ecs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Elbv2 => "elasticloadbalancing",
            Self::CloudWatch => "cloudwatch",
            Self::Sts => "sts",
            Self::Scaling => "application-autoscaling",
            Self::Ecr => "ecr",
            Self::Scheduler => "scheduler",
            Self::DynamoDb => "dynamodb",
            Self::Logs => "logs",
            Self::Iam => "iam",
            Self::Secrets => "secretsmanager",
            Self::Ssm => "ssm",
            Self::Discovery => "servicediscovery",
            Self::Lambda => "lambda",
            Self::Route53 => "route53",
            Self::Sns => "sns",
            Self::Events => "events",
            Self::Ec2 => "ec2",
        }
    }
}

/// How a request was written, and its answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0 and 1.1.
    Json,
    /// AWS Query: form in, XML out.
    Query(QueryService),
    /// Smithy RPC v2 CBOR.
    Cbor,
    /// REST with JSON bodies.
    RestJson,
    /// REST with XML bodies.
    RestXml,
}

/// A request that was understood.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The service it is for.
    pub service: Service,
    /// How it was written.
    pub protocol: Protocol,
    /// The operation's name in AWS's API model.
    pub name: String,
    /// Its input.
    pub input: Value,
}

const ECS_TARGET: &str = "AmazonEC2ContainerServiceV20141113.";
const ECR_TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";
const SCALING_TARGET: &str = "AnyScaleFrontendService.";
const DYNAMODB_TARGET: &str = "DynamoDB_20120810.";
const LOGS_TARGET: &str = "Logs_20140328.";
const SECRETS_TARGET: &str = "secretsmanager.";
const DISCOVERY_TARGET: &str = "Route53AutoNaming_v20170314.";
const SSM_TARGET: &str = "AmazonSSM.";
const EVENTS_TARGET: &str = "AWSEvents.";
const CLOUDWATCH_TARGET: &str = "GraniteServiceVersion20100801.";
const CLOUDWATCH_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

const SCHEDULES_PATH: &str = "/schedules";

/// A moment, as handlers put it into their answers.
pub fn time(at: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are far below 2^53"
    )]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    json!({ "$time": seconds })
}

/// Which service and operation a request means, with its input.
///
/// # Errors
/// When no service here knows the request, or its body cannot be read.
pub fn recognise(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Operation, AwsError> {
    let path = uri.path();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(name) = path.strip_prefix(CLOUDWATCH_PATH) {
        return Ok(Operation {
            service: Service::CloudWatch,
            protocol: Protocol::Cbor,
            name: name.to_owned(),
            input: cbor::decode(body)?,
        });
    }
    if path.starts_with(SCHEDULES_PATH) {
        let query = uri.query().unwrap_or_default();
        let (name, input) = scheduler::recognise(method.as_str(), path, query, body)?;
        return Ok(Operation {
            service: Service::Scheduler,
            protocol: Protocol::RestJson,
            name,
            input,
        });
    }
    if let Some(path) = path.strip_prefix(lambda::FUNCTIONS_PATH) {
        let (name, input) = lambda::recognise(path, uri.query(), header, body)?;
        return Ok(Operation {
            service: Service::Lambda,
            protocol: Protocol::RestJson,
            name,
            input,
        });
    }
    if path.starts_with(route53::PATH) {
        let query = uri.query().unwrap_or_default();
        let (name, input) = route53::recognise(method.as_str(), path, query, body)?;
        return Ok(Operation {
            service: Service::Route53,
            protocol: Protocol::RestXml,
            name,
            input,
        });
    }
    if let Some(target) = header("x-amz-target") {
        let services = [
            (ECS_TARGET, Service::Ecs),
            (SCALING_TARGET, Service::Scaling),
            (ECR_TARGET, Service::Ecr),
            (DYNAMODB_TARGET, Service::DynamoDb),
            (CLOUDWATCH_TARGET, Service::CloudWatch),
            (LOGS_TARGET, Service::Logs),
            (SECRETS_TARGET, Service::Secrets),
            (SSM_TARGET, Service::Ssm),
            (EVENTS_TARGET, Service::Events),
            (DISCOVERY_TARGET, Service::Discovery),
        ];
        let (service, name) = services
            .into_iter()
            .find_map(|(prefix, service)| Some((service, target.strip_prefix(prefix)?)))
            .ok_or_else(|| AwsError::unknown_operation(target))?;
        return Ok(Operation {
            service,
            protocol: Protocol::Json,
            name: name.to_owned(),
            input: json::decode(body)?,
        });
    }
    let version = form_urlencoded::parse(body)
        .find(|(key, _)| key == "Version")
        .map(|(_, version)| version);
    let (service, dialect) = match version.as_deref() {
        Some("2015-12-01") => (Service::Elbv2, QueryService::Elbv2),
        Some("2010-08-01") => (Service::CloudWatch, QueryService::CloudWatch),
        Some("2011-06-15") => (Service::Sts, QueryService::Sts),
        Some("2010-05-08") => (Service::Iam, QueryService::Iam),
        Some("2010-03-31") => (Service::Sns, QueryService::Sns),
        Some("2016-11-15") => (Service::Ec2, QueryService::Ec2),
        _ => return Err(AwsError::unknown_operation(path)),
    };
    let (name, input) = query::decode(body)?;
    Ok(Operation {
        service,
        protocol: Protocol::Query(dialect),
        name,
        input,
    })
}

/// Refuses a request that is signed for another region, as AWS's endpoints do. One that isn't
/// signed passes: nothing here checks who calls.
///
/// # Errors
/// When it is signed for another region than `region`.
pub fn check_region(headers: &HeaderMap, protocol: Protocol, region: &str) -> Result<(), AwsError> {
    let signed = headers.get(AUTHORIZATION);
    let signed = signed.and_then(|value| value.to_str().ok());
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request
    let scope = signed.and_then(|text| text.split_once("Credential=")?.1.split('/').nth(2));
    // IAM and Route 53 are the same in all regions, and signed for one of them.
    let global = [Protocol::Query(QueryService::Iam), Protocol::RestXml];
    let home = global.contains(&protocol).then_some("us-east-1");
    let Some(other) = scope.filter(|scope| *scope != region && Some(*scope) != home) else {
        return Ok(());
    };
    let (code, status) = match protocol {
        Protocol::Query(_) | Protocol::RestXml => ("SignatureDoesNotMatch", 403),
        Protocol::Json | Protocol::Cbor => ("InvalidSignatureException", 400),
        Protocol::RestJson => ("InvalidSignatureException", 403),
    };
    let message = format!(
        "Credential should be scoped to a valid region, not '{other}': the sandbox is {region}."
    );
    Err(AwsError::new(code, message).with_status(status))
}

impl Operation {
    /// Whether it only looks.
    pub fn is_read(&self) -> bool {
        let verbs = [
            "Describe",
            "List",
            "GetItem",
            "GetLogEvents",
            "GetSchedule",
            "Query",
        ];
        verbs.iter().any(|verb| self.name.starts_with(verb))
    }

    /// Whether the world is the same afterwards.
    pub fn changes_nothing(&self) -> bool {
        let looks = ["Get", "BatchGet", "Simulate"];
        self.is_read() || looks.iter().any(|verb| self.name.starts_with(verb))
    }

    /// Whether its answer may lag behind writes: DynamoDB's doesn't where that is asked for.
    pub fn may_lag(&self) -> bool {
        let consistent = self.input.get("ConsistentRead").and_then(Value::as_bool);
        self.is_read() && consistent != Some(true)
    }

    /// Lets the world answer.
    ///
    /// # Errors
    /// As AWS does for this operation.
    pub fn perform(&self, world: &mut World) -> Result<Value, AwsError> {
        let handle = match self.service {
            Service::Ecs => ecs::handle,
            Service::Elbv2 => elbv2::handle,
            Service::CloudWatch => cloudwatch::handle,
            Service::Sts => sts::handle,
            Service::Scaling => scaling::handle,
            Service::Ecr => ecr::handle,
            Service::Scheduler => scheduler::handle,
            Service::DynamoDb => dynamodb::handle,
            Service::Logs => logs::handle,
            Service::Iam => iam::handle,
            Service::Secrets => secrets::handle,
            Service::Ssm => ssm::handle,
            Service::Discovery => discovery::handle,
            Service::Lambda => lambda::handle,
            Service::Route53 => route53::handle,
            Service::Sns => sns::handle,
            Service::Events => events::handle,
            Service::Ec2 => ec2::handle,
        };
        let result = handle(world, &self.name, &self.input);
        let apart = [Service::DynamoDb, Service::Sns, Service::Events];
        if !self.changes_nothing() && !apart.contains(&self.service) {
            world.ecs.wake();
        }
        result
    }

    /// Writes the answer in the request's own protocol.
    pub fn answer(&self, result: &Result<Value, AwsError>, request_id: &str) -> Response<Bytes> {
        if let (Service::Lambda, Ok(value)) = (self.service, result) {
            return lambda::answer(value, request_id);
        }
        let (status, body) = match (self.protocol, result) {
            (Protocol::Json | Protocol::RestJson, Ok(value)) => (200, json::encode(value)),
            (Protocol::Json | Protocol::RestJson, Err(error)) => {
                (error.status, json::encode_error(error))
            }
            (Protocol::Cbor, Ok(value)) => (200, cbor::encode(value)),
            (Protocol::Cbor, Err(error)) => (error.status, cbor::encode_error(error)),
            (Protocol::RestXml, Ok(value)) => {
                let made = self.name.starts_with("Create");
                (if made { 201 } else { 200 }, xml::encode(&self.name, value))
            }
            (Protocol::RestXml, Err(error)) => (error.status, xml::encode_error(error, request_id)),
            (Protocol::Query(service), Ok(value)) => {
                (200, query::encode(service, &self.name, value, request_id))
            }
            (Protocol::Query(service), Err(error)) => (
                error.status,
                query::encode_error(service, error, request_id),
            ),
        };
        let mut response = respond(self.protocol, status, body, request_id);
        if let (Protocol::RestJson, Err(error)) = (self.protocol, result)
            && let Ok(code) = error.code.parse()
        {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        if self.service == Service::DynamoDb {
            let version = HeaderValue::from_static("application/x-amz-json-1.0");
            response.headers_mut().insert(CONTENT_TYPE, version);
        }
        response
    }
}

/// A layer's bytes, or that there are none, as S3 says it.
pub fn layer(layer: Option<&Value>) -> Response<Bytes> {
    let (status, body) = match layer {
        Some(layer) => (200, layer.to_string()),
        None => (404, "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
    };
    respond(Protocol::RestJson, status, body.into_bytes(), "layer")
}

/// The answer to a request that no service here knows.
pub fn refuse(error: &AwsError, request_id: &str) -> Response<Bytes> {
    respond(
        Protocol::Json,
        error.status,
        json::encode_error(error),
        request_id,
    )
}

fn respond(protocol: Protocol, status: u16, body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    let content_type = match protocol {
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::Query(_) | Protocol::RestXml => "text/xml",
        Protocol::Cbor => "application/cbor",
        Protocol::RestJson => "application/json",
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.parse().expect("a constant"));
    if let Ok(id) = request_id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    if protocol == Protocol::Cbor {
        headers.insert(
            "smithy-protocol",
            "rpc-v2-cbor".parse().expect("a constant"),
        );
    }
    response
}
