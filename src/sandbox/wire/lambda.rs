//! Lambda: functions that were made for ECS's lifecycle hooks. Every function exists and answers
//! SUCCEEDED, unless its name says otherwise: `missing`, `denied`, `failed`, `mute`, `error`,
//! `in-progress`.

use super::AwsError;
use crate::sandbox::world::{World, ecs::json::text};
use aws_smithy_types::base64;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// What paths of calls begin with.
pub(super) const FUNCTIONS_PATH: &str = "/2015-03-31/functions/";
/// How often one that is in progress says so, and when it wants to be asked again, in seconds.
const IN_PROGRESS_TIMES: u64 = 2;
const CALL_BACK_DELAY: u64 = 60;

/// What a request below [`FUNCTIONS_PATH`] means.
///
/// # Errors
/// For a path that means nothing here.
pub(super) fn recognise<'a>(
    path: &str,
    query: Option<&str>,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> Result<(String, Value), AwsError> {
    let unknown = || AwsError::unknown_operation(path);
    let function = path.strip_suffix("/invocations").ok_or_else(unknown)?;
    let function = format!("name={function}");
    let mut function = form_urlencoded::parse(function.as_bytes());
    let name = function.next().ok_or_else(unknown)?.1;
    let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut qualifiers = query.filter(|(key, _)| key == "Qualifier");
    let input = json!({
        "FunctionName": name,
        "Qualifier": qualifiers.next().map(|it| it.1),
        "InvocationType": header("x-amz-invocation-type").unwrap_or("RequestResponse"),
        "LogType": header("x-amz-log-type"),
        "Payload": String::from_utf8_lossy(body),
    });
    Ok(("Invoke".to_owned(), input))
}

/// The ARN of the function that a call names, with its qualifier.
pub fn arn(account: &str, region: &str, input: &Value) -> String {
    let name = text(input, "FunctionName").unwrap_or_default();
    let arn = match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
    };
    match text(input, "Qualifier") {
        Some(qualifier) => format!("{arn}:{qualifier}"),
        None => arn,
    }
}

/// Answers one operation.
///
/// # Errors
/// As Lambda does where there is no such function, or it may not be called, or with what is no
/// JSON.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    if operation != "Invoke" {
        return Err(AwsError::unknown_operation(operation));
    }
    let arn = arn(&world.account, &world.region, input);
    if arn.contains("missing") {
        let message = format!("Function not found: {arn}");
        return Err(AwsError::new("ResourceNotFoundException", message).with_status(404));
    }
    if arn.contains("denied") {
        let message = format!(
            "User: arn:aws:iam::{}:user/bg is not authorized to perform: lambda:InvokeFunction on \
             resource: {arn} because no identity-based policy allows the lambda:InvokeFunction \
             action",
            world.account
        );
        return Err(AwsError::new("AccessDeniedException", message).with_status(403));
    }
    let kind = text(input, "InvocationType");
    if kind == Some("DryRun") {
        return Ok(json!({ "StatusCode": 204 }));
    }
    let payload = text(input, "Payload").filter(|it| !it.is_empty());
    let event = payload.map_or(Ok(Value::Null), serde_json::from_str);
    let event: Value = event.map_err(|error| {
        let message = format!("Could not parse request body into json: {error}");
        AwsError::new("InvalidRequestContentException", message)
    })?;
    world.lambda.events.push((arn.clone(), event.clone()));
    let (payload, error) = run(world, &arn, &event);
    if kind == Some("Event") {
        return Ok(json!({ "StatusCode": 202 }));
    }
    let log = (text(input, "LogType") == Some("Tail")).then(|| log(error));
    Ok(json!({
        "StatusCode": 200,
        "ExecutedVersion": "$LATEST",
        "FunctionError": error,
        "LogResult": log,
        "Payload": payload,
    }))
}

fn run(world: &mut World, arn: &str, event: &Value) -> (Value, Option<&'static str>) {
    let status = |status: &str| json!({ "hookStatus": status });
    if arn.contains("error") {
        let answer = json!({
            "errorMessage": "no table users", "errorType": "OperationalError", "stackTrace": [],
        });
        return (answer, Some("Unhandled"));
    }
    let answer = if arn.contains("failed") {
        json!({ "hookStatus": "FAILED", "reason": "2 of 3 checks passed" })
    } else if arn.contains("mute") {
        Value::Null
    } else if arn.contains("in-progress") {
        in_progress(world, event)
    } else {
        status("SUCCEEDED")
    };
    (answer, None)
}

/// Counts in `hookDetails`, and notices where they were lost on the way.
fn in_progress(world: &mut World, event: &Value) -> Value {
    let execution = text(event, "executionId").unwrap_or_default().to_owned();
    let told = event.pointer("/hookDetails/asked").and_then(Value::as_u64);
    let told = told.unwrap_or(0);
    let asked = world.lambda.asked.entry(execution).or_default();
    *asked += 1;
    // Whoever died after a call repeats it as it was.
    if told + 2 < *asked {
        return json!({ "hookStatus": "FAILED", "reason": "the hookDetails were lost" });
    }
    if told >= IN_PROGRESS_TIMES {
        return json!({ "hookStatus": "SUCCEEDED" });
    }
    json!({
        "hookStatus": "IN_PROGRESS",
        "callBackDelay": CALL_BACK_DELAY,
        "hookDetails": { "asked": told + 1 },
    })
}

/// The end of a function's log, as Lambda sends it.
fn log(error: Option<&str>) -> String {
    let id = "5f40ed04-7e54-437d-b95d-98bc872fec49";
    let said = match error {
        Some(_) => "looking for users\n[ERROR] OperationalError: no table users\n",
        None => "looking for users\n",
    };
    let log = format!(
        "START RequestId: {id} Version: $LATEST\n{said}END RequestId: {id}\nREPORT RequestId: \
         {id}\tDuration: 3.12 ms\tBilled Duration: 4 ms\n"
    );
    base64::encode(log)
}

/// What a call gives: the function's answer as it is, and everything else in headers.
pub(super) fn answer(value: &Value, request_id: &str) -> Response<Bytes> {
    let payload = value.get("Payload").map(ToString::to_string);
    let mut response = Response::new(Bytes::from(payload.unwrap_or_default()));
    let status = value.get("StatusCode").and_then(Value::as_u64);
    let status = status.and_then(|it| u16::try_from(it).ok()).unwrap_or(200);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let said = [
        ("x-amz-function-error", text(value, "FunctionError")),
        ("x-amz-log-result", text(value, "LogResult")),
        ("x-amz-executed-version", text(value, "ExecutedVersion")),
        ("x-amzn-requestid", Some(request_id)),
    ];
    for (name, text) in said {
        if let Some(text) = text.and_then(|text| text.parse().ok()) {
            headers.insert(name, text);
        }
    }
    response
}
