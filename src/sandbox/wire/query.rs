//! AWS Query (stand-in).

use super::AwsError;
use serde_json::{Map, Value};

/// Which service's XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryService {
    /// Elastic Load Balancing v2.
    Elbv2,
    /// CloudWatch.
    CloudWatch,
    /// STS.
    Sts,
}

/// Reads a form body.
pub fn decode(body: &[u8]) -> Result<(String, Value), AwsError> {
    let mut fields: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    let action = fields.remove("Action");
    Ok((
        action
            .and_then(|action| action.as_str().map(str::to_owned))
            .unwrap_or_default(),
        Value::Object(fields),
    ))
}

/// Writes an answer.
pub fn encode(_: QueryService, operation: &str, value: &Value, request_id: &str) -> Vec<u8> {
    let fields: String = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("<{key}>{}</{key}>", value.as_str().unwrap_or_default()))
        .collect();
    format!("<{operation}Response><{operation}Result>{fields}</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>").into_bytes()
}

/// Writes an error.
pub fn encode_error(_: QueryService, error: &AwsError, request_id: &str) -> Vec<u8> {
    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>", error.code, error.message).into_bytes()
}
