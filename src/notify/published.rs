//! Notices as AWS's services take them: SNS's Publish, EventBridge's PutEvents.

use serde_json::{Value, json};

use super::channel::shortened;
use super::notice::{Notice, Occasion};
use super::place::{EventBus, TopicArn};

/// A subject has at most so many characters, and so many have a group's id.
const SUBJECT: usize = 99;
const GROUP: usize = 128;
/// No part of a message or event is longer: all of one has to stay below 256 KiB.
const PART: usize = 10_000;

/// The parameters of Publish, with `first` as its text's first line.
pub(super) fn publication(topic: &TopicArn, notice: &Notice, first: &str) -> Vec<(String, String)> {
    let mut form = vec![
        ("TopicArn".to_owned(), topic.as_str().to_owned()),
        ("Subject".to_owned(), subject(notice)),
        ("Message".to_owned(), message(notice, first)),
    ];
    let attributes = [
        ("occasion", notice.occasion.as_str()),
        ("service", &notice.service),
        ("cluster", &notice.cluster),
        ("deployment", &notice.deployment),
    ];
    for (n, (name, value)) in (1..).zip(attributes) {
        let entry = |part: &str| format!("MessageAttributes.entry.{n}.{part}");
        form.push((entry("Name"), name.to_owned()));
        form.push((entry("Value.DataType"), "String".to_owned()));
        form.push((entry("Value.StringValue"), value.to_owned()));
    }
    if topic.is_ordered() {
        form.push(("MessageGroupId".to_owned(), group(&notice.service)));
        let id = format!("{}-{}", notice.deployment, notice.seq);
        form.push(("MessageDeduplicationId".to_owned(), id));
    }
    form
}

/// Subjects of e-mail are ASCII, in one line.
fn subject(notice: &Notice) -> String {
    let Notice {
        service,
        occasion,
        version,
        ..
    } = notice;
    let subject = format!("{service} {}: {version}", occasion.as_str());
    let plain = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    subject.chars().map(plain).take(SUBJECT).collect()
}

fn group(service: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '-' };
    service.chars().map(plain).take(GROUP).collect()
}

fn message(notice: &Notice, first: &str) -> String {
    let mut lines = vec![first.to_owned(), String::new()];
    for (label, text) in &notice.details {
        lines.push(format!("{label}: {}", shortened(text, PART)));
    }
    lines.push(format!("deployment: {}", notice.deployment));
    lines.push(format!(
        "where: {}, {} {}",
        notice.cluster, notice.account, notice.region
    ));
    if let Some(url) = &notice.run_url {
        lines.push(format!("the run: {url}"));
    }
    lines.join("\n")
}

/// The input of PutEvents; `detail` is what a webhook gets.
pub(super) fn event(bus: &EventBus, notice: &Notice, mut detail: Value) -> Value {
    let details = notice.details.iter().map(|(label, text)| {
        let text = shortened(text, PART);
        json!({ "label": label, "text": text })
    });
    detail["details"] = details.collect();
    json!({ "Entries": [{
        "Time": notice.at.as_second(),
        "Source": "bg",
        "DetailType": detail_type(notice.occasion),
        "Detail": detail.to_string(),
        "EventBusName": bus.as_str(),
    }] })
}

/// `Deployment Promoted`.
fn detail_type(occasion: Occasion) -> String {
    let (first, rest) = occasion.as_str().split_at(1);
    format!("Deployment {}{rest}", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(form: &'a [(String, String)], key: &str) -> Option<&'a str> {
        let found = form.iter().find(|(it, _)| it == key);
        found.map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_subject_is_one_short_line_of_ascii_whatever_is_deployed() {
        let notice = Notice {
            version: format!("shop:väter\n{}", "x".repeat(200)),
            ..Notice::example()
        };
        let subject = subject(&notice);
        assert!(
            subject.starts_with("shop promoted: shop:v?ter?xx"),
            "{subject}"
        );
        assert_eq!(subject.len(), SUBJECT);
    }

    #[test]
    fn only_an_ordered_topic_gets_a_group_and_what_tells_repeats_apart() {
        let topic = |end: &str| {
            let arn = format!("arn:aws:sns:eu-west-1:123456789012:deployments{end}");
            TopicArn::parse(&arn).expect("it is sound")
        };
        let plain = publication(&topic(""), &Notice::example(), "first");
        assert_eq!(of(&plain, "MessageGroupId"), None);
        assert_eq!(of(&plain, "MessageDeduplicationId"), None);
        assert_eq!(
            of(&plain, "MessageAttributes.entry.1.Name"),
            Some("occasion")
        );
        let value = "MessageAttributes.entry.1.Value.StringValue";
        assert_eq!(of(&plain, value), Some("promoted"));
        let ordered = publication(&topic(".fifo"), &Notice::example(), "first");
        assert_eq!(of(&ordered, "MessageGroupId"), Some("shop"));
        let id = of(&ordered, "MessageDeduplicationId");
        assert_eq!(id, Some("20260105-071400-k3v9-7"));
    }

    #[test]
    fn an_event_says_in_its_type_what_happened() {
        assert_eq!(detail_type(Occasion::Promoted), "Deployment Promoted");
        for (_, occasion) in Occasion::ALL {
            let words = detail_type(occasion);
            assert!(words.starts_with("Deployment "), "{words}");
        }
    }
}
