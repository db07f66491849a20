//! EventBridge, putting events only: every bus exists, unless its name says otherwise: `denied`,
//! `failing`. What is put there is kept for whoever looks.

use super::AwsError;
use crate::sandbox::world::{
    World,
    ecs::json::{list, text},
    ids,
};
use serde_json::{Value, json};

/// So many events may come at once.
const AT_ONCE: usize = 10;

/// Answers one operation.
///
/// # Errors
/// As EventBridge does. What is wrong with one event is in the answer.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "PutEvents" => put_events(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

/// The ARN of the bus that an event is for.
pub fn bus(account: &str, region: &str, entry: &Value) -> String {
    let name = text(entry, "EventBusName").unwrap_or("default");
    match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("arn:aws:events:{region}:{account}:event-bus/{name}"),
    }
}

fn put_events(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let entries = list(input, "Entries");
    if entries.is_empty() || entries.len() > AT_ONCE {
        let message = format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member \
             must have length between 1 and {AT_ONCE}"
        );
        return Err(AwsError::new("ValidationException", message));
    }
    let mut answers = Vec::new();
    for entry in entries {
        let bus = bus(&world.account, &world.region, entry);
        if bus.contains("denied") {
            let message = format!(
                "User: arn:aws:iam::{}:user/bg is not authorized to perform: events:PutEvents on \
                 resource: {bus} because no identity-based policy allows the events:PutEvents \
                 action",
                world.account
            );
            return Err(AwsError::new("AccessDeniedException", message));
        }
        answers.push(match wrong(entry, &bus) {
            Some((code, message)) => json!({ "ErrorCode": code, "ErrorMessage": message }),
            None => {
                let mut event = entry.clone();
                event["EventBusName"] = json!(bus);
                world.published.event(event);
                json!({ "EventId": ids::uuid(&mut world.rng) })
            }
        });
    }
    let failed = answers.iter().filter(|it| it.get("ErrorCode").is_some());
    Ok(json!({ "FailedEntryCount": failed.count(), "Entries": answers }))
}

fn wrong(entry: &Value, bus: &str) -> Option<(&'static str, String)> {
    for key in ["Source", "DetailType", "Detail"] {
        if text(entry, key).is_none_or(str::is_empty) {
            let message =
                format!("Parameter {key} is not valid. Reason: {key} is a required argument.");
            return Some(("InvalidArgument", message));
        }
    }
    let detail = text(entry, "Detail").map(serde_json::from_str::<Value>);
    if !matches!(detail, Some(Ok(Value::Object(_)))) {
        return Some(("MalformedDetail", "Detail is malformed.".to_owned()));
    }
    if text(entry, "Source").is_some_and(|source| source.starts_with("aws.")) {
        let message = "Not authorized for the source.".to_owned();
        return Some(("NotAuthorizedForSourceException", message));
    }
    bus.contains("failing").then(|| {
        let message = "Internal failure, try again.".to_owned();
        ("InternalFailure", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn each_event_has_an_answer_of_its_own() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 1);
        let event = |detail: &str, bus: &str| {
            json!({
                "Source": "bg", "DetailType": "Deployment Started", "Detail": detail,
                "EventBusName": bus,
            })
        };
        let entries = json!([
            event("{}", "default"),
            event("[", "default"),
            event("{}", "failing"),
            { "Source": "bg" },
        ]);
        let answer = handle(&mut world, "PutEvents", &json!({ "Entries": entries })).unwrap();
        assert_eq!(answer["FailedEntryCount"], 3);
        assert!(answer["Entries"][0]["EventId"].is_string());
        let codes = list(&answer, "Entries").iter().skip(1);
        let codes: Vec<_> = codes.map(|it| it["ErrorCode"].clone()).collect();
        assert_eq!(
            codes,
            ["MalformedDetail", "InternalFailure", "InvalidArgument"]
        );
        let kept = &world.published.events;
        let bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default";
        assert_eq!((kept.len(), &kept[0]["EventBusName"]), (1, &json!(bus)));
        let error = handle(&mut world, "PutEvents", &json!({ "Entries": [] })).unwrap_err();
        assert_eq!(error.code, "ValidationException");
        let denied = json!({ "Entries": [event("{}", "denied")] });
        let error = handle(&mut world, "PutEvents", &denied).unwrap_err();
        assert_eq!(error.code, "AccessDeniedException");
    }
}
