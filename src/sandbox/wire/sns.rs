//! SNS, publishing only: every topic exists, unless its name says otherwise: `missing`, `denied`.
//! What is published is kept for whoever looks.

use super::AwsError;
use crate::sandbox::world::{World, ecs::json::text, ids};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A message has fewer bytes, all of it.
const LARGEST: usize = 262_144;
/// So long a message of a FIFO topic with the same deduplication id is the same message.
const SAME_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Answers one operation.
///
/// # Errors
/// As SNS does.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "Publish" => publish(world, input),
        _ => Err(AwsError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2010-03-31"),
        )),
    }
}

/// The topic that a message is for.
pub fn topic(input: &Value) -> &str {
    let named = text(input, "TopicArn").or_else(|| text(input, "TargetArn"));
    named.unwrap_or_default()
}

fn publish(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let topic = topic(input);
    check(world, topic, input)?;
    let is_ordered = topic.ends_with(".fifo");
    let now = world.now;
    let same = |one: &Value| {
        let at: Option<jiff::Timestamp> = text(one, "At").and_then(|at| at.parse().ok());
        text(one, "TopicArn") == Some(topic)
            && one.get("MessageDeduplicationId") == input.get("MessageDeduplicationId")
            && at.is_some_and(|at| now < at + SAME_FOR)
    };
    let told = is_ordered && world.published.messages.iter().any(same);
    let mut answer = json!({ "MessageId": ids::uuid(&mut world.rng) });
    if is_ordered {
        let number = 10_000_000_000_000_000_000_u64 + world.published.messages.len() as u64;
        answer["SequenceNumber"] = json!(number.to_string());
    }
    if !told {
        let mut message = input.clone();
        message["TopicArn"] = json!(topic);
        message["At"] = json!(now.to_string());
        world.published.message(message);
    }
    Ok(answer)
}

fn check(world: &World, topic: &str, input: &Value) -> Result<(), AwsError> {
    let invalid =
        |what: &str| AwsError::new("InvalidParameter", format!("Invalid parameter: {what}"));
    let parts: Vec<&str> = topic.split(':').collect();
    if !matches!(parts[..], ["arn", _, "sns", _, _, name] if !name.is_empty()) {
        return Err(invalid("TopicArn"));
    }
    if topic.contains("missing") {
        return Err(AwsError::new("NotFound", "Topic does not exist").with_status(404));
    }
    if topic.contains("denied") {
        let message = format!(
            "User: arn:aws:iam::{}:user/bg is not authorized to perform: SNS:Publish on resource: \
             {topic} because no identity-based policy allows the SNS:Publish action",
            world.account
        );
        return Err(AwsError::new("AuthorizationError", message).with_status(403));
    }
    match text(input, "Message") {
        None | Some("") => return Err(invalid("Empty message")),
        Some(message) if message.len() > LARGEST => return Err(invalid("Message too long")),
        Some(_) => {}
    }
    let is_subject = |subject: &str| {
        let starts = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
        subject.starts_with(starts)
            && subject.chars().count() <= 100
            && !subject.chars().any(char::is_control)
    };
    if text(input, "Subject").is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    check_order(topic.ends_with(".fifo"), input).map_err(invalid)?;
    check_attributes(input)
}

fn check_order(is_ordered: bool, input: &Value) -> Result<(), &'static str> {
    let has = |key: &str| text(input, key).is_some_and(|it| !it.is_empty());
    if is_ordered && !has("MessageGroupId") {
        return Err("The MessageGroupId parameter is required for FIFO topics");
    }
    if is_ordered && !has("MessageDeduplicationId") {
        return Err(
            "The topic should either have ContentBasedDeduplication enabled or \
             MessageDeduplicationId provided explicitly",
        );
    }
    if !is_ordered && has("MessageDeduplicationId") {
        return Err(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter \
             that is not valid for this topic type",
        );
    }
    Ok(())
}

fn check_attributes(input: &Value) -> Result<(), AwsError> {
    let attributes = input.get("MessageAttributes").and_then(Value::as_object);
    for (name, value) in attributes.into_iter().flatten() {
        let kind = text(value, "DataType").unwrap_or_default();
        let is_empty = text(value, "StringValue").is_none_or(str::is_empty);
        if kind.starts_with("String") && is_empty {
            let message = format!(
                "The message attribute '{name}' must contain non-empty message attribute value for \
                 message attribute type '{kind}'."
            );
            return Err(AwsError::new("ParameterValueInvalid", message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:deployments";

    fn world() -> World {
        let start = Timestamp::constant(1_767_603_600, 0);
        World::new("123456789012", "eu-west-1", start, 1)
    }

    #[test]
    fn what_sns_would_refuse_is_refused() {
        let mut world = world();
        let mut publish = |topic: &str, more: Value| {
            let mut input = json!({ "TopicArn": topic, "Message": "hello" });
            for (key, value) in more.as_object().unwrap() {
                input[key] = value.clone();
            }
            handle(&mut world, "Publish", &input).map_err(|error| error.code)
        };
        let code = |code: &str| Err(code.to_owned());
        assert!(publish(TOPIC, json!({ "Subject": "shop" })).is_ok());
        assert_eq!(publish("deployments", json!({})), code("InvalidParameter"));
        assert_eq!(
            publish(&format!("{TOPIC}-missing"), json!({})),
            code("NotFound")
        );
        assert_eq!(
            publish(&format!("{TOPIC}-denied"), json!({})),
            code("AuthorizationError")
        );
        let invalid = || code("InvalidParameter");
        assert_eq!(
            publish(TOPIC, json!({ "Subject": "two\nlines" })),
            invalid()
        );
        assert_eq!(
            publish(TOPIC, json!({ "Subject": "x".repeat(101) })),
            invalid()
        );
        assert_eq!(publish(TOPIC, json!({ "Message": "" })), invalid());
        assert_eq!(
            publish(TOPIC, json!({ "MessageDeduplicationId": "1" })),
            invalid()
        );
        let empty = json!({ "occasion": { "DataType": "String", "StringValue": "" } });
        assert_eq!(
            publish(TOPIC, json!({ "MessageAttributes": empty })),
            code("ParameterValueInvalid")
        );
        assert_eq!(publish(&format!("{TOPIC}.fifo"), json!({})), invalid());
    }

    #[test]
    fn the_same_message_of_a_fifo_topic_is_delivered_once() {
        let mut world = world();
        let message = json!({
            "TopicArn": format!("{TOPIC}.fifo"), "Message": "hello",
            "MessageGroupId": "shop", "MessageDeduplicationId": "d1-1",
        });
        for _ in 0..2 {
            let answer = handle(&mut world, "Publish", &message).unwrap();
            assert_eq!(text(&answer, "SequenceNumber").map(str::len), Some(20));
        }
        assert_eq!(world.published.messages.len(), 1);
        world.advance(301);
        handle(&mut world, "Publish", &message).unwrap();
        assert_eq!(world.published.messages.len(), 2);
    }
}
