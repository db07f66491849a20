//! What ELBv2 and CloudWatch are asked and answer, as plain values.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;
use serde_json::{Map, Value, json};

/// An element that has begun.
#[derive(Default)]
struct Open {
    name: String,
    fields: Map<String, Value>,
    members: Vec<Value>,
    text: String,
}

impl Open {
    fn value(self) -> Value {
        match (
            self.fields.is_empty(),
            self.members.is_empty(),
            self.text.trim(),
        ) {
            (false, ..) => Value::Object(self.fields),
            (true, false, _) => Value::Array(self.members),
            // A tag can have an empty value; any other empty element says nothing.
            (true, true, "") if self.name != "Value" => Value::Null,
            (true, true, text) => json!(text),
        }
    }
}

/// The result in an answer of the Query protocol. All plain values are texts.
pub(crate) fn parsed(answer: &str) -> Value {
    let document = document(answer);
    let parts = document.as_object().into_iter().flatten();
    let mut results = parts.filter(|(name, _)| name.ends_with("Result"));
    results
        .next()
        .map_or(Value::Null, |(_, result)| result.clone())
}

/// An answer in XML: what its outermost element holds. Lists have members, or are called as their
/// items are with an `s`.
pub(crate) fn document(answer: &str) -> Value {
    let mut reader = Reader::from_str(answer);
    let mut open = vec![Open::default()];
    loop {
        let event = reader.read_event();
        let event = event.unwrap_or_else(|error| panic!("{error} in {answer}"));
        let top = open.last_mut().expect("the document itself");
        match event {
            Event::Start(start) => open.push(Open {
                name: start.local_name().as_ref().to_owned(),
                ..Open::default()
            }),
            Event::Text(text) => top.text.push_str(&text.xml10_content()),
            Event::GeneralRef(it) => {
                let entity = resolve_predefined_entity(&it);
                top.text.push_str(entity.unwrap_or("?"));
            }
            Event::End(_) => {
                let ended = open.pop().expect("it has begun");
                let name = ended.name.clone();
                let outer = open.last_mut().expect("no more ends than begins");
                match name.as_str() {
                    "member" => outer.members.push(ended.value()),
                    name if outer.name.strip_suffix('s') == Some(name) => {
                        outer.members.push(ended.value());
                    }
                    _ => drop(outer.fields.insert(name, ended.value())),
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let document = open.pop().map(Open::value).unwrap_or_default();
    let responses = document.as_object().and_then(|it| it.values().next());
    responses.cloned().unwrap_or_default()
}

/// A document for Route 53.
pub(crate) fn xml(value: &Value) -> String {
    let fields = value.as_object().into_iter().flatten();
    let written = fields.map(|(name, value)| match value {
        Value::Array(items) => {
            let item = name.trim_end_matches('s');
            let items: String = items.iter().map(|it| xml(&json!({ item: it }))).collect();
            format!("<{name}>{items}</{name}>")
        }
        Value::Object(_) => format!("<{name}>{}</{name}>", xml(value)),
        Value::String(text) => format!("<{name}>{}</{name}>", escape(text.as_str())),
        plain => format!("<{name}>{plain}</{name}>"),
    });
    written.collect()
}

/// An input as the Query protocol writes it.
pub(crate) fn query(input: &Value) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    flatten("", input, &mut parameters);
    parameters
}

fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let below = |name: &str| match prefix.is_empty() {
        true => name.to_owned(),
        false => format!("{prefix}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&below(name), value, into);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&below(&format!("member.{}", at + 1)), item, into);
            }
        }
        Value::String(text) => into.push((prefix.to_owned(), text.clone())),
        plain => into.push((prefix.to_owned(), plain.to_string())),
    }
}

pub(crate) fn borrowed(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    let parameters = parameters.iter();
    parameters
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
