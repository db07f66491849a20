//! Whom to tell what happens (`notify`).

use std::collections::{BTreeMap, BTreeSet};

use crate::notify::{
    Channel, EventBus, GitHubWanted, Held, NotifyWanted, Occasion, Repository, TopicArn,
    address_flaw,
};
use crate::strategy::{InputError, Node, Reader, Value};

pub(super) const NOTIFY_KEYS: [&str; 8] = [
    "slack",
    "teams",
    "webhook",
    "sns",
    "event_bus",
    "github_deployment",
    "on",
    "text",
];
pub(super) const WEBHOOK_KEYS: [&str; 2] = ["url", "headers"];
pub(super) const GITHUB_KEYS: [&str; 4] = ["environment", "repository", "url", "token"];
const HELD_KEYS: [&str; 1] = ["env"];
const CHANNELS: [&str; 6] = [
    "slack",
    "teams",
    "webhook",
    "sns",
    "event_bus",
    "github_deployment",
];
/// Where the token for GitHub is, left out.
const GITHUB_TOKEN: &str = "GITHUB_TOKEN";

pub(super) fn read_notify(
    reader: Reader<'_>,
    node: &Node,
) -> Result<Vec<NotifyWanted>, InputError> {
    let items = reader.list(node, "a list of channels")?;
    let items = items.iter().map(|item| read_one(reader, item));
    // A line of it may hold a secret.
    items
        .map(|it| it.map_err(InputError::without_line))
        .collect()
}

fn read_one(reader: Reader<'_>, node: &Node) -> Result<NotifyWanted, InputError> {
    let kinds = CHANNELS.join(", ");
    let form = format!("a channel: {{ one of {kinds}; on, text }}");
    let fields = reader.fields(node, &form, &NOTIFY_KEYS)?;
    let channels = CHANNELS
        .iter()
        .filter_map(|key| Some((*key, fields.optional(key)?)));
    let channels: Vec<_> = channels.collect();
    let &[(kind, to)] = channels.as_slice() else {
        let what = match channels.as_slice() {
            [] => "it names no channel".to_owned(),
            _ => "it names two channels: each has an entry of its own".to_owned(),
        };
        return Err(reader
            .error(node.at, what)
            .with_hint(format!("give it one of {kinds}")));
    };
    let channel = match kind {
        "slack" => Channel::Slack(address(reader, to)?),
        "teams" => Channel::Teams(address(reader, to)?),
        "sns" => Channel::Sns(parsed(reader, to, "a topic's ARN", TopicArn::parse)?),
        "event_bus" => {
            let form = "an event bus: its name or ARN";
            Channel::EventBus(parsed(reader, to, form, EventBus::parse)?)
        }
        "github_deployment" => Channel::GitHub(github(reader, to)?),
        _ => webhook(reader, to)?,
    };
    let on = fields
        .optional("on")
        .map(|node| occasions(reader, node))
        .transpose()?;
    let text = fields.optional("text");
    let text = text.map(|node| reader.text(node, "a text")).transpose()?;
    Ok(NotifyWanted {
        on: on.unwrap_or_else(|| channel.usual().iter().copied().collect()),
        channel,
        text,
    })
}

/// A text that has a form of its own.
fn parsed<T>(
    reader: Reader<'_>,
    node: &Node,
    expected: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, InputError> {
    let text = reader.text(node, expected)?;
    parse(&text).map_err(|why| reader.error(node.at, why))
}

fn github(reader: Reader<'_>, node: &Node) -> Result<GitHubWanted, InputError> {
    let form = "{ environment, repository, url, token }";
    let fields = reader.fields(node, form, &GITHUB_KEYS)?;
    let environment = reader.name(fields.required("environment")?, "an environment's name")?;
    let repository = fields.optional("repository");
    let repository = repository
        .map(|node| parsed(reader, node, "OWNER/NAME", Repository::parse))
        .transpose()?;
    let url = fields.optional("url");
    let url = url.map(|node| url_of(reader, node)).transpose()?;
    let token = match fields.optional("token") {
        None => GITHUB_TOKEN.to_owned(),
        Some(node) => match held(reader, node, "{ env: VARIABLE }")? {
            Held::Env(name) => name,
            Held::Text(_) => {
                let what = "a token has no place in a file";
                return Err(reader
                    .error(node.at, what)
                    .without_line()
                    .with_hint("name the environment variable that has it: { env: VARIABLE }"));
            }
        },
    };
    Ok(GitHubWanted {
        environment,
        repository,
        url,
        token,
    })
}

fn url_of(reader: Reader<'_>, node: &Node) -> Result<String, InputError> {
    let text = reader.text(node, "a URL")?;
    match address_flaw(&text) {
        None => Ok(text),
        Some((what, hint)) => Err(reader.error(node.at, what).without_line().with_hint(hint)),
    }
}

fn webhook(reader: Reader<'_>, node: &Node) -> Result<Channel, InputError> {
    let is_plain = match &node.value {
        Value::Map(entries) => entries.iter().any(|entry| entry.key == "env"),
        _ => true,
    };
    if is_plain {
        return Ok(Channel::Webhook {
            url: address(reader, node)?,
            headers: BTreeMap::new(),
        });
    }
    let fields = reader.fields(node, "a URL, or { url, headers }", &WEBHOOK_KEYS)?;
    let url = address(reader, fields.required("url")?)?;
    let mut headers = BTreeMap::new();
    if let Some(node) = fields.optional("headers") {
        let Value::Map(entries) = &node.value else {
            return Err(reader.mismatch(node, "{ NAME: value } or { NAME: { env: VARIABLE } }"));
        };
        for entry in entries {
            if entry.key.parse::<http::HeaderName>().is_err() {
                let what = format!("{:?} is not a header's name", entry.key);
                return Err(reader.error(entry.at, what));
            }
            headers.insert(
                entry.key.to_lowercase(),
                held(reader, &entry.node, "a header's value")?,
            );
        }
    }
    Ok(Channel::Webhook { url, headers })
}

/// An address that may be a secret, as Slack's and Teams' are.
fn address(reader: Reader<'_>, node: &Node) -> Result<Held, InputError> {
    let address = held(reader, node, "a URL, or { env: VARIABLE }")?;
    let Held::Text(text) = &address else {
        return Ok(address);
    };
    match address_flaw(text) {
        None => Ok(address),
        Some((what, hint)) => {
            let secret = "{ env: VARIABLE } is for one that is a secret";
            let error = reader.error(node.at, what).without_line();
            Err(error.with_hint(hint).with_hint(secret))
        }
    }
}

fn held(reader: Reader<'_>, node: &Node, what: &str) -> Result<Held, InputError> {
    match &node.value {
        Value::Map(_) => {
            let fields = reader.fields(node, "{ env: VARIABLE }", &HELD_KEYS)?;
            let name = reader.name(fields.required("env")?, "an environment variable")?;
            Ok(Held::Env(name))
        }
        _ => Ok(Held::Text(reader.text(node, what)?)),
    }
}

fn occasions(reader: Reader<'_>, node: &Node) -> Result<BTreeSet<Occasion>, InputError> {
    let items = reader.list(node, "a list of occasions")?;
    if items.is_empty() {
        return Err(reader.error(node.at, "`on` is empty: nothing would ever be told"));
    }
    items
        .iter()
        .map(|item| reader.choice(item, &Occasion::ALL))
        .collect()
}
