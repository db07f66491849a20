//! Whom to tell what happens (`notify`).

use std::collections::{BTreeMap, BTreeSet};

use crate::notify::{Channel, Held, NotifyWanted, Occasion};
use crate::strategy::{InputError, Node, Reader, Value};

pub(super) const NOTIFY_KEYS: [&str; 5] = ["slack", "teams", "webhook", "on", "text"];
pub(super) const WEBHOOK_KEYS: [&str; 2] = ["url", "headers"];
const HELD_KEYS: [&str; 1] = ["env"];
const CHANNELS: [&str; 3] = ["slack", "teams", "webhook"];

pub(super) fn read_notify(
    reader: Reader<'_>,
    node: &Node,
) -> Result<Vec<NotifyWanted>, InputError> {
    let items = reader.list(node, "a list of channels")?;
    items.iter().map(|item| read_one(reader, item)).collect()
}

fn read_one(reader: Reader<'_>, node: &Node) -> Result<NotifyWanted, InputError> {
    let form = "a channel: { one of slack, teams, webhook; on, text }";
    let fields = reader.fields(node, form, &NOTIFY_KEYS)?;
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
            .with_hint("give it one of slack, teams, webhook"));
    };
    let channel = match kind {
        "slack" => Channel::Slack(address(reader, to)?),
        "teams" => Channel::Teams(address(reader, to)?),
        _ => webhook(reader, to)?,
    };
    let on = fields
        .optional("on")
        .map(|node| occasions(reader, node))
        .transpose()?;
    let text = fields.optional("text");
    let text = text.map(|node| reader.text(node, "a text")).transpose()?;
    Ok(NotifyWanted {
        channel,
        on: on.unwrap_or_else(|| Occasion::USUAL.into()),
        text,
    })
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
    let uri = text.parse::<http::Uri>().ok();
    let is_web = |uri: &http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    };
    match uri.is_some_and(|uri| is_web(&uri)) {
        true => Ok(address),
        false => {
            let hint = "write https://HOST/PATH, or { env: VARIABLE } for one that is a secret";
            Err(reader.error(node.at, "it is no URL").with_hint(hint))
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
