//! A notice in the form that each channel wants.

use minijinja::ErrorKind;
use minijinja::value::{Serde, Value as Filled};
use serde_json::{Value, json};

use super::notice::{Notice, Occasion};
use super::published::{event, publication};
use super::wanted::Channel;
use crate::deployment::task_definition::{strict, unknown_name};

/// More than this and Slack refuses a message.
const LONGEST: usize = 2800;

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Letter {
    /// As JSON.
    Body(Value),
    /// As the parameters of a form.
    Form(Vec<(String, String)>),
}

/// `notice` for a channel; `template` says its first line where the config has one.
///
/// # Errors
/// In words, where the template can't be filled in.
pub fn letter(
    channel: &Channel,
    notice: &Notice,
    template: Option<&str>,
) -> Result<Letter, String> {
    let first = match template {
        Some(template) => filled(template, notice)?,
        None => format!("{} ({}): {}", notice.service, notice.version, notice.text),
    };
    let first = shortened(&first, LONGEST);
    Ok(Letter::Body(match channel {
        Channel::Slack(_) => slack(notice, &first),
        Channel::Teams(_) => teams(notice, &first),
        Channel::Webhook { .. } => webhook(notice, &first),
        Channel::EventBus(bus) => event(bus, notice, webhook(notice, &first)),
        Channel::GitHub(wanted) => wanted.status(notice, &first),
        Channel::Sns(topic) => return Ok(Letter::Form(publication(topic, notice, &first))),
    }))
}

fn filled(template: &str, notice: &Notice) -> Result<String, String> {
    let mut notice = notice.clone();
    // Outside CI there is none, which is no word to read.
    notice.run_url.get_or_insert_default();
    let text = strict().render_str(template, Filled::from(Serde(&notice)));
    text.map_err(|error| {
        let known = serde_json::to_value(notice).unwrap_or_default();
        let known: Vec<&str> = known
            .as_object()
            .into_iter()
            .flat_map(|it| it.keys())
            .map(String::as_str)
            .collect();
        let named = match error.kind() {
            ErrorKind::UndefinedError => unknown_name(template, &known),
            _ => None,
        };
        let what = named.unwrap_or_else(|| error.to_string());
        format!("{what}; it may name {}", known.join(", "))
    })
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Green, amber or red, as Slack and Teams have it.
fn color(occasion: Occasion) -> (&'static str, &'static str) {
    match occasion {
        Occasion::Promoted => ("good", "Good"),
        Occasion::Reverting | Occasion::Reverted | Occasion::Stuck => ("danger", "Attention"),
        Occasion::Gate | Occasion::Holding | Occasion::Kept => ("warning", "Warning"),
        Occasion::Started | Occasion::Shifting | Occasion::Retired => ("#439FE0", "Accent"),
    }
}

/// The three characters that are markup in Slack's texts.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn slack(notice: &Notice, first: &str) -> Value {
    let mut lines: Vec<String> = Vec::new();
    for (label, text) in &notice.details {
        lines.push(format!("*{}*: {}", for_slack(label), for_slack(text)));
    }
    lines.push(format!(
        "{} in {}, {} {}",
        for_slack(&notice.deployment),
        for_slack(&notice.cluster),
        notice.account,
        notice.region
    ));
    if let Some(url) = &notice.run_url {
        lines.push(format!("<{url}|the run>"));
    }
    json!({
        "text": for_slack(first),
        "attachments": [{
            "color": color(notice.occasion).0,
            "mrkdwn_in": ["text"],
            "text": shortened(&lines.join("\n"), LONGEST),
        }],
    })
}

fn teams(notice: &Notice, first: &str) -> Value {
    let facts = notice.details.iter();
    let facts =
        facts.map(|(label, text)| json!({ "title": label, "value": shortened(text, LONGEST) }));
    let mut facts: Vec<Value> = facts.collect();
    facts.push(json!({ "title": "deployment", "value": notice.deployment }));
    facts.push(json!({
        "title": "where",
        "value": format!("{}, {} {}", notice.cluster, notice.account, notice.region),
    }));
    let actions: Vec<Value> = notice
        .run_url
        .iter()
        .map(|url| json!({ "type": "Action.OpenUrl", "title": "The run", "url": url }))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {
                        "type": "TextBlock",
                        "text": first,
                        "wrap": true,
                        "weight": "Bolder",
                        "color": color(notice.occasion).1,
                    },
                    { "type": "FactSet", "facts": facts },
                ],
                "actions": actions,
            },
        }],
    })
}

fn webhook(notice: &Notice, first: &str) -> Value {
    let mut body = serde_json::to_value(notice).unwrap_or_default();
    body["text"] = json!(first);
    let details = notice
        .details
        .iter()
        .map(|(label, text)| json!({ "label": label, "text": text }));
    body["details"] = details.collect();
    body["v"] = json!(1);
    body
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::github::GitHubWanted;
    use super::super::place::{EventBus, TopicArn};
    use super::super::wanted::Held;
    use super::*;

    fn channels() -> [Channel; 6] {
        let url = || Held::Env("X".to_owned());
        [
            Channel::Slack(url()),
            Channel::Teams(url()),
            Channel::Webhook {
                url: url(),
                headers: BTreeMap::new(),
            },
            Channel::Sns(
                TopicArn::parse("arn:aws:sns:eu-west-1:123456789012:deployments.fifo")
                    .expect("it is sound"),
            ),
            Channel::EventBus(EventBus::parse("deployments").expect("it is sound")),
            Channel::GitHub(GitHubWanted {
                environment: "production".to_owned(),
                repository: None,
                url: Some("https://shop.example.com".to_owned()),
                token: "GITHUB_TOKEN".to_owned(),
            }),
        ]
    }

    fn told(channel: &Channel, notice: &Notice, template: Option<&str>) -> Value {
        match letter(channel, notice, template).expect("it is sound") {
            Letter::Body(body) => body,
            Letter::Form(form) => {
                let form = form.into_iter();
                form.map(|(key, value)| (key, Value::String(value)))
                    .collect()
            }
        }
    }

    fn reverted() -> Notice {
        Notice {
            occasion: Occasion::Reverted,
            details: vec![("why".into(), "alarm <shop & co> went off".into())],
            run_url: Some("https://ci.example/runs/7".into()),
            ..Notice::example()
        }
    }

    #[test]
    fn every_channel_gets_its_form() {
        let letters = channels().map(|it| told(&it, &reverted(), None));
        let shown = serde_json::to_string_pretty(&letters.to_vec()).expect("it is JSON");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn markup_of_slack_stays_text() {
        let slack = told(&channels()[0], &reverted(), None);
        let text = slack["attachments"][0]["text"].as_str().expect("a text");
        assert!(
            text.contains("alarm &lt;shop &amp; co&gt; went off"),
            "{text}"
        );
    }

    #[test]
    fn a_template_says_the_first_line_and_must_be_sound() {
        let [.., webhook, topic, _, github] = channels();
        let template = "{{ service }} ({{ kind }}): {{ occasion }}";
        let said = "shop (deploy): reverted";
        assert_eq!(told(&webhook, &reverted(), Some(template))["text"], said);
        assert_eq!(
            told(&github, &reverted(), Some(template))["description"],
            said
        );
        let elsewhere = Notice {
            run_url: None,
            ..reverted()
        };
        let said = &told(&webhook, &elsewhere, Some("{{ service }}: {{ run_url }}"))["text"];
        assert_eq!(said, "shop: ");
        let said = "shop (deploy): reverted";
        let message = told(&topic, &reverted(), Some(template))["Message"].to_string();
        assert!(message.contains(said), "{message}");
        for wrong in ["{{ nobody }}", "{{ service", "{{ debug }}"] {
            assert!(
                letter(&webhook, &reverted(), Some(wrong)).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_text_of_any_length_fits() {
        let long = Notice {
            text: "ä".repeat(9_000),
            ..reverted()
        };
        for channel in channels() {
            let length = told(&channel, &long, None).to_string().chars().count();
            let most = 8_000 + 9_000 * usize::from(channel.name() == "webhook");
            assert!(length < most, "{}: {length}", channel.name());
        }
    }
}
