//! REST with XML bodies, as Route 53 speaks it. Everything decodes to strings; lists are known by
//! their names.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::AwsError;

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";
/// Lists, and what their items are called.
const LISTS: [(&str, &str); 14] = [
    ("Changes", "Change"),
    ("ResourceRecords", "ResourceRecord"),
    ("ResourceRecordSets", "ResourceRecordSet"),
    ("HostedZones", "HostedZone"),
    ("NameServers", "NameServer"),
    ("VPCs", "VPC"),
    ("HealthChecks", "HealthCheck"),
    ("ChildHealthChecks", "ChildHealthCheck"),
    ("HealthCheckObservations", "HealthCheckObservation"),
    ("Regions", "Region"),
    ("ResetElements", "ResettableElementName"),
    ("Tags", "Tag"),
    ("AddTags", "Tag"),
    ("RemoveTagKeys", "Key"),
];

fn item_of(list: &str) -> Option<&'static str> {
    let known = LISTS.iter().find(|(name, _)| *name == list);
    known.map(|(_, item)| *item)
}

/// An element that is being read.
struct Open {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Open {
    fn new(name: &str) -> Open {
        Open {
            name: name.to_owned(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    fn close(self) -> (String, Value) {
        let value = if item_of(&self.name).is_some() {
            self.children.into_iter().map(|(_, value)| value).collect()
        } else if self.children.is_empty() {
            Value::String(self.text)
        } else {
            Value::Object(self.children.into_iter().collect())
        };
        (self.name, value)
    }
}

/// Reads a body: the fields of its root.
///
/// # Errors
/// `MalformedXML` where it is none.
pub fn decode(body: &[u8]) -> Result<Value, AwsError> {
    let broken = |why: String| AwsError::new("MalformedXML", why);
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let text = std::str::from_utf8(body).map_err(|error| broken(error.to_string()))?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open::new("")];
    loop {
        let event = reader.read_event();
        let event = event.map_err(|error| broken(error.to_string()))?;
        let Some(top) = open.last_mut() else {
            return Err(broken("an element ends that never began".to_owned()));
        };
        match event {
            Event::Start(start) => open.push(Open::new(start.local_name().as_ref())),
            Event::Empty(start) => top
                .children
                .push(Open::new(start.local_name().as_ref()).close()),
            Event::Text(text) => top.text.push_str(&text.xml10_content()),
            Event::CData(data) => top.text.push_str(&data.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = &*reference;
                let character = reference.resolve_char_ref();
                match character.map_err(|error| broken(error.to_string()))? {
                    Some(character) => top.text.push(character),
                    None => top
                        .text
                        .push_str(resolve_predefined_entity(name).unwrap_or_default()),
                }
            }
            Event::End(_) => {
                let done = open.pop().map(Open::close);
                if let (Some(done), Some(parent)) = (done, open.last_mut()) {
                    parent.children.push(done);
                }
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty());
    let root = root.and_then(|root| root.children.into_iter().next());
    match root {
        Some((_, fields @ Value::Object(_))) => Ok(fields),
        Some(_) => Ok(Value::Object(Map::new())),
        None => Err(broken("the document ends early".to_owned())),
    }
}

/// Writes an answer.
pub fn encode(operation: &str, output: &Value) -> Vec<u8> {
    let mut xml = format!("<?xml version=\"1.0\"?>\n<{operation}Response xmlns=\"{NAMESPACE}\">");
    if let Value::Object(fields) = output {
        for (name, value) in fields {
            element(&mut xml, name, value);
        }
    }
    xml.push_str(&format!("</{operation}Response>"));
    xml.into_bytes()
}

/// Writes an error answer.
pub fn encode_error(error: &AwsError, request_id: &str) -> Vec<u8> {
    let error = error_response(NAMESPACE, error, request_id);
    format!("<?xml version=\"1.0\"?>\n{error}").into_bytes()
}

/// The element that tells of an error, which looks the same in the Query protocol.
pub(super) fn error_response(namespace: &str, error: &AwsError, request_id: &str) -> String {
    let blame = if error.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{blame}</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        escape(error.code.as_str()),
        escape(error.message.as_str()),
        escape(request_id),
    )
}

fn element(xml: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    xml.push_str(&format!("<{name}>"));
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => xml.push_str(&value.to_string()),
        Value::String(text) => xml.push_str(&escape(text.as_str())),
        Value::Array(items) => {
            let item_name = item_of(name).unwrap_or("member");
            items.iter().for_each(|item| element(xml, item_name, item));
        }
        Value::Object(fields) => match fields.get("$time").and_then(Value::as_f64) {
            Some(seconds) => xml.push_str(&super::query::iso8601(seconds)),
            None => {
                for (name, value) in fields {
                    element(xml, name, value);
                }
            }
        },
    }
    xml.push_str(&format!("</{name}>"));
}
