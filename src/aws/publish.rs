//! Publishes to SNS's topics and puts events on EventBridge's buses; what is said is given to it.

use serde_json::Value;

use super::by_hand::Other;
use super::cloud::Cloud;
use super::codes::of_code;
use super::ecs::{list, text};
use super::error::AwsError;
use super::retry::Effect;
use crate::notify::{EventBus, TopicArn};

const PUBLISH: &str = "sns:Publish";
const PUT_EVENTS: &str = "events:PutEvents";

impl Cloud {
    /// Publishes to `topic`, which may be in another region; `form` has Publish's parameters.
    ///
    /// # Errors
    /// Where SNS didn't take it, or its answer was lost.
    pub async fn publish(
        &self,
        topic: &TopicArn,
        form: &[(String, String)],
    ) -> Result<(), AwsError> {
        let call = (PUBLISH, Effect::Tells);
        self.ask_query(Other::Sns, call, topic.region(), form)
            .await?;
        Ok(())
    }

    /// Puts events on `bus`, which may be in another region; `body` is PutEvents' input.
    ///
    /// # Errors
    /// Where EventBridge didn't take one, or its answer was lost.
    pub async fn put_events(&self, bus: &EventBus, body: &Value) -> Result<(), AwsError> {
        let region = bus.region().unwrap_or(self.region());
        let call = (PUT_EVENTS, Effect::Tells);
        let answer = self
            .ask_json(Other::EventBridge, call, region, body)
            .await?;
        refused(&answer).map_or(Ok(()), Err)
    }
}

/// What became of an event that was not taken, in an answer that is none of an error.
fn refused(answer: &Value) -> Option<AwsError> {
    let failed = answer.get("FailedEntryCount").and_then(Value::as_u64);
    if failed == Some(0) {
        return None;
    }
    let code = |entry: &&Value| !text(entry, "ErrorCode").is_empty();
    let entry = list(answer, "Entries").iter().find(code);
    let Some(entry) = entry else {
        let words = "the answer doesn't say whether the event was taken";
        return Some(AwsError::invalid(PUT_EVENTS, words));
    };
    let (code, message) = (text(entry, "ErrorCode"), text(entry, "ErrorMessage"));
    let class = of_code(Some(code), message, 400);
    Some(AwsError {
        code: Some(code.to_owned()),
        ..AwsError::own(PUT_EVENTS, class, message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::canned::{Answer, Canned};

    #[tokio::test]
    async fn a_topic_and_a_bus_are_told_where_they_are() {
        let canned = Canned::new(|asked| match asked.url.contains("//sns.") {
            true => Answer::ok(
                "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
                 </PublishResponse>",
            ),
            false => Answer::ok("{\"FailedEntryCount\":0}"),
        });
        let cloud = canned.cloud();
        let topic = "arn:aws:sns:ap-south-1:123456789012:deployments";
        let topic = TopicArn::parse(topic).expect("it is sound");
        let form = [("Subject".to_owned(), "a & b".to_owned())];
        cloud.publish(&topic, &form).await.expect("it is taken");
        let bus = "arn:aws:events:ap-south-1:123456789012:event-bus/deployments";
        let bus = EventBus::parse(bus).expect("it is sound");
        cloud
            .put_events(&bus, &json!({}))
            .await
            .expect("it is taken");
        let asked = canned.asked();
        let [sns, events] = asked.as_slice() else {
            panic!("two calls, not {asked:?}");
        };
        assert!(
            sns.url.starts_with("https://sns.ap-south-1.amazonaws.com"),
            "{sns:?}"
        );
        assert!(sns.authorization.contains("/ap-south-1/sns/"), "{sns:?}");
        assert_eq!(
            sns.body,
            "Action=Publish&Version=2010-03-31&Subject=a+%26+b"
        );
        let url = "https://events.ap-south-1.amazonaws.com";
        assert!(events.url.starts_with(url), "{events:?}");
        assert!(
            events.authorization.contains("/ap-south-1/events/"),
            "{events:?}"
        );
    }

    #[tokio::test]
    async fn an_event_that_was_not_taken_is_an_error_although_the_answer_is_none() {
        let bus = EventBus::parse("deployments").expect("it is sound");
        let put = async |answer: Value| {
            let canned = Canned::new(move |_| Answer::ok(answer.to_string()));
            let put = canned.cloud().put_events(&bus, &json!({})).await;
            put.map_err(|error| error.to_string())
        };
        let taken = json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] });
        assert_eq!(put(taken).await, Ok(()));
        let entry = json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "sorry" });
        let failed = put(json!({ "FailedEntryCount": 1, "Entries": [entry] })).await;
        let why = "events:PutEvents: InternalFailure: sorry".to_owned();
        assert_eq!(failed, Err(why));
        assert!(put(json!({})).await.is_err());
    }
}
