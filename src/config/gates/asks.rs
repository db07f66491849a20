//! What a gate asks, but for the clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gate::{
    Address, ApprovalCheck, Asks, Check, CommandCheck, HeaderValue, HttpCheck, StatusRange,
    json_path,
};
use crate::strategy::{Fields, InputError, Node, Reader, Value};

pub(in crate::config) const HTTP_KEYS: [&str; 12] = [
    "url", "path", "through", "port", "method", "headers", "status", "contains", "json", "retries",
    "every", "timeout",
];
/// What a path is asked of; the test route is true.
const THROUGH: [(&str, bool); 2] = [("targets", false), ("test-route", true)];
const HEADER_KEYS: [&str; 1] = ["env"];
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "OPTIONS"];
/// More tries than this are no retries but a wait.
const MOST_RETRIES: u32 = 1000;

pub(super) fn http(reader: Reader<'_>, node: &Node) -> Result<Asks, InputError> {
    let mut check = HttpCheck {
        to: Address::Targets("/".to_owned()),
        port: None,
        method: "GET".to_owned(),
        headers: BTreeMap::new(),
        status: vec![StatusRange(200, 299)],
        contains: None,
        json: BTreeMap::new(),
        retries: 2,
        every: Duration::from_secs(5),
        each: Duration::from_secs(10),
    };
    if let Value::Text(_) = &node.value {
        check.to = address(reader, node)?;
        return Ok(Asks::Check(Check::Http(Box::new(check))));
    }
    let form = "a URL, a path, or { url or path, through, port, method, headers, status, contains, json, retries, \
                every, timeout }";
    let fields = reader.fields(node, form, &HTTP_KEYS)?;
    check.to = match (fields.optional("url"), fields.optional("path")) {
        (Some(node), None) | (None, Some(node)) => address(reader, node)?,
        (None, None) => {
            let hint = "path: /health asks each of green's targets (with through: test-route, the test route), \
                        url: https://… what it names";
            let error = reader.error(node.at, "`url` or `path` is missing");
            return Err(error.with_hint(hint));
        }
        (Some(_), Some(path)) => {
            return Err(reader.error(path.at, "`url` and `path` are two addresses"));
        }
    };
    if let Some(node) = fields.optional("through") {
        let through = reader.choice(node, &THROUGH)?;
        check.to = match (check.to, through) {
            (Address::Targets(path), true) => Address::TestRoute(path),
            (Address::Url(_), _) => {
                let what = "`through` goes with `path`: a URL is asked as it is";
                return Err(reader.error(node.at, what));
            }
            (to, _) => to,
        };
    }
    if let Some(node) = fields.optional("port") {
        check.port = Some(reader.port(node)?);
        if !check.asks_targets() {
            let what = "`port` tells green's targets apart: it goes with `path` alone";
            return Err(reader.error(node.at, what));
        }
    }
    if let Some(node) = fields.optional("method") {
        let method = reader.text(node, "an HTTP method")?.to_uppercase();
        if !METHODS.contains(&method.as_str()) {
            let what = format!("{method} is not one of {}", METHODS.join(", "));
            return Err(reader.error(node.at, what));
        }
        check.method = method;
    }
    if let Some(node) = fields.optional("headers") {
        check.headers = headers(reader, node)?;
    }
    if let Some(node) = fields.optional("status") {
        check.status = status(reader, node)?;
    }
    if let Some(node) = fields.optional("contains") {
        check.contains = Some(reader.text(node, "what the body must contain")?);
    }
    if let Some(node) = fields.optional("json") {
        check.json = json(reader, node)?;
    }
    if let Some(node) = fields.optional("retries") {
        check.retries = retries(reader, node)?;
    }
    let length = |key: &str, usual: Duration| length(reader, &fields, key, usual);
    check.every = length("every", check.every)?;
    check.each = length("timeout", check.each)?;
    Ok(Asks::Check(Check::Http(Box::new(check))))
}

fn length(
    reader: Reader<'_>,
    fields: &Fields<'_, '_>,
    key: &str,
    usual: Duration,
) -> Result<Duration, InputError> {
    let Some(node) = fields.optional(key) else {
        return Ok(usual);
    };
    let length = reader.duration(node)?;
    let sound = (Duration::from_secs(1)..=Duration::from_secs(600)).contains(&length);
    sound
        .then_some(length)
        .ok_or_else(|| reader.error(node.at, format!("`{key}` must be from 1s to 10m")))
}

fn address(reader: Reader<'_>, node: &Node) -> Result<Address, InputError> {
    let text = reader.name(node, "a URL or a path")?;
    if text.starts_with('/') {
        return Ok(Address::Targets(text));
    }
    let uri = text.parse::<http::Uri>().ok();
    let is_web = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    match uri.filter(is_web).is_some_and(|uri| uri.host().is_some()) {
        true => Ok(Address::Url(text)),
        false => {
            let what = format!("{text:?} is neither a URL nor a path");
            let hint = "write https://HOST/PATH, or /PATH for each of green's targets";
            Err(reader.error(node.at, what).with_hint(hint))
        }
    }
}

fn headers(reader: Reader<'_>, node: &Node) -> Result<BTreeMap<String, HeaderValue>, InputError> {
    let Value::Map(entries) = &node.value else {
        return Err(reader.mismatch(node, "{ NAME: value } or { NAME: { env: VARIABLE } }"));
    };
    let mut headers = BTreeMap::new();
    for entry in entries {
        if entry.key.parse::<http::HeaderName>().is_err() {
            let what = format!("{:?} is not a header's name", entry.key);
            return Err(reader.error(entry.at, what));
        }
        let value = match &entry.node.value {
            Value::Map(_) => {
                let fields = reader.fields(&entry.node, "{ env: VARIABLE }", &HEADER_KEYS)?;
                let name = reader.name(fields.required("env")?, "an environment variable")?;
                HeaderValue::Env(name)
            }
            _ => {
                let text = reader.text(&entry.node, "a header's value")?;
                if http::HeaderValue::from_str(&text).is_err() {
                    let what = "a header's value has no line breaks or control characters";
                    return Err(reader.error(entry.node.at, what));
                }
                HeaderValue::Text(text)
            }
        };
        headers.insert(entry.key.clone(), value);
    }
    Ok(headers)
}

fn status(reader: Reader<'_>, node: &Node) -> Result<Vec<StatusRange>, InputError> {
    match &node.value {
        Value::List(items) if !items.is_empty() => {
            items.iter().map(|item| range(reader, item)).collect()
        }
        _ => Ok(vec![range(reader, node)?]),
    }
}

/// `200`, `2xx`, `200-299`.
fn range(reader: Reader<'_>, node: &Node) -> Result<StatusRange, InputError> {
    let (Value::Number(text) | Value::Text(text)) = &node.value else {
        return Err(reader.mismatch(node, "a status such as 200, 2xx or 200-299"));
    };
    let class = text
        .strip_suffix("xx")
        .and_then(|it| it.parse::<u16>().ok());
    let (from, to) = match (class, text.split_once('-')) {
        (Some(class), _) => (
            class.checked_mul(100),
            class.checked_mul(100).map(|it| it + 99),
        ),
        (None, Some((from, to))) => (from.trim().parse().ok(), to.trim().parse().ok()),
        (None, None) => (text.parse().ok(), text.parse().ok()),
    };
    let range = from.zip(to).filter(|(from, to)| from <= to);
    let sound = range.filter(|(from, to)| *from >= 100 && *to <= 599);
    sound
        .map(|(from, to)| StatusRange(from, to))
        .ok_or_else(|| {
            let what = format!("{text:?} is not a status such as 200, 2xx or 200-299");
            reader.error(node.at, what)
        })
}

fn json(
    reader: Reader<'_>,
    node: &Node,
) -> Result<BTreeMap<String, serde_json::Value>, InputError> {
    let Value::Map(entries) = &node.value else {
        return Err(reader.mismatch(node, "{ \"$.path\": value }"));
    };
    let mut json = BTreeMap::new();
    for entry in entries {
        if let Err(why) = json_path(&entry.key) {
            let what = format!("{:?} is not a JSON path: {why}", entry.key);
            let error = reader.error(entry.at, what);
            return Err(error.with_hint("a path begins with $: $.status, $.checks[*].up"));
        }
        json.insert(entry.key.clone(), entry.node.to_json());
    }
    Ok(json)
}

fn retries(reader: Reader<'_>, node: &Node) -> Result<u32, InputError> {
    let (Value::Number(text) | Value::Text(text)) = &node.value else {
        return Err(reader.mismatch(node, "how often it is tried again"));
    };
    let retries = text.parse().ok().filter(|it| *it <= MOST_RETRIES);
    retries.ok_or_else(|| {
        let what = format!("{text} is not a whole number from 0 to {MOST_RETRIES}");
        reader.error(node.at, what)
    })
}

/// A list of a program and its arguments, or a line for the shell.
pub(super) fn command(reader: Reader<'_>, node: &Node) -> Result<Asks, InputError> {
    let argv = match &node.value {
        Value::List(items) => {
            let words = items.iter().map(|item| reader.text(item, "an argument"));
            words.collect::<Result<Vec<_>, _>>()?
        }
        _ => {
            let line = reader.text(node, "a command, or a list of a program and its arguments")?;
            vec!["sh".to_owned(), "-c".to_owned(), line]
        }
    };
    if argv.is_empty() {
        return Err(reader.error(node.at, "the list names no program"));
    }
    Ok(Asks::Check(Check::Command(CommandCheck { argv })))
}

/// `anyone`, or a list of names.
pub(super) fn approval(reader: Reader<'_>, node: &Node) -> Result<Asks, InputError> {
    let approvers = match &node.value {
        Value::Text(text) if text == "anyone" => Vec::new(),
        Value::List(items) if !items.is_empty() => {
            let names = items
                .iter()
                .map(|item| reader.name(item, "a person's name"));
            names.collect::<Result<Vec<_>, _>>()?
        }
        _ => return Err(reader.mismatch(node, "anyone, or a list of names such as [kim, lee]")),
    };
    Ok(Asks::Check(Check::Approval(ApprovalCheck { approvers })))
}
