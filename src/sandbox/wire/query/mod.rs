//! The Query protocol: form bodies in, XML out. Used by ELBv2, STS and older CloudWatch clients.
//!
//! Everything decodes to strings (`"5"`, `"true"`); [`input`] reads them back typed.

pub mod input;
#[cfg(test)]
pub(crate) mod testing;

use super::{AwsError, xml};
use input::fail;
use jiff::Timestamp;
use quick_xml::escape::escape;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A service that speaks Query, for its XML namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryService {
    /// Elastic Load Balancing, version 2015-12-01.
    Elbv2,
    /// CloudWatch, version 2010-08-01.
    CloudWatch,
    /// Security Token Service, version 2011-06-15.
    Sts,
    /// Identity and Access Management, version 2010-05-08.
    Iam,
    /// Simple Notification Service, version 2010-03-31.
    Sns,
    /// EC2, version 2016-11-15, with a dialect of its own.
    Ec2,
}

impl QueryService {
    fn namespace(self) -> &'static str {
        match self {
            Self::Elbv2 => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
            Self::CloudWatch => "http://monitoring.amazonaws.com/doc/2010-08-01/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
        }
    }

    /// What the elements of a list are called.
    fn of_list(self) -> &'static str {
        match self {
            Self::Ec2 => "item",
            _ => "member",
        }
    }
}

/// Fields that are string maps in the API models: XML writes them as `entry` lists.
const MAPS: [&str; 2] = ["AuthenticationRequestExtraParams", "ExtendedStatistics"];

/// Parts of a dotted key beyond which a request is refused: no API nests this deep.
const MAX_DEPTH: usize = 24;

#[derive(Debug, Default)]
struct Node {
    leaf: Option<String>,
    children: BTreeMap<String, Node>,
}

/// Reads a form body: the operation, and its input as nested values.
///
/// # Errors
/// `MissingAction` without an `Action`; `MalformedQueryString` for keys nested too deep.
pub fn decode(body: &[u8]) -> Result<(String, Value), AwsError> {
    let mut root = Node::default();
    let mut operation = None;
    for (key, value) in form_urlencoded::parse(body) {
        match key.as_ref() {
            "Action" => operation = Some(value.into_owned()),
            "Version" => {}
            _ if key.split('.').count() > MAX_DEPTH => {
                return Err(fail(
                    "MalformedQueryString",
                    "A parameter is nested too deep",
                ));
            }
            _ => {
                let node = key.split('.').fold(&mut root, |node, part| {
                    node.children.entry(part.to_owned()).or_default()
                });
                node.leaf = Some(value.into_owned());
            }
        }
    }
    let operation = operation.ok_or_else(|| fail("MissingAction", "Missing Action"))?;
    let input = match value_of(root) {
        input @ Value::Object(_) => input,
        _ => Value::Object(Map::new()),
    };
    Ok((operation, input))
}

fn value_of(mut node: Node) -> Value {
    if node.children.is_empty() {
        return node
            .leaf
            .map_or_else(|| Value::Object(Map::new()), Value::String);
    }
    if node.children.len() == 1 {
        if let Some(list) = node.children.remove("member") {
            return value_of(list);
        }
        if let Some(entries) = node.children.remove("entry") {
            return map_of(entries);
        }
    }
    if let Some(numbered) = node
        .children
        .keys()
        .map(|key| key.parse::<u32>().ok())
        .collect::<Option<Vec<_>>>()
    {
        let mut items: Vec<_> = numbered
            .into_iter()
            .zip(node.children.into_values())
            .collect();
        items.sort_by_key(|(number, _)| *number);
        return items.into_iter().map(|(_, item)| value_of(item)).collect();
    }
    let fields = node.children.into_iter();
    Value::Object(fields.map(|(key, child)| (key, value_of(child))).collect())
}

/// A map: most services call the parts of an entry `key` and `value`; SNS's attributes have a
/// `Name`, and a `Value` with fields.
fn map_of(entries: Node) -> Value {
    let pairs = entries.children.into_values();
    Value::Object(
        pairs
            .map(|mut entry| {
                let mut part = |names: [&str; 2]| {
                    let found = names
                        .into_iter()
                        .find_map(|name| entry.children.remove(name));
                    found.unwrap_or_default()
                };
                let key = part(["key", "Name"]).leaf.unwrap_or_default();
                let value = match part(["value", "Value"]) {
                    Node { leaf, children } if children.is_empty() => {
                        Value::String(leaf.unwrap_or_default())
                    }
                    node => value_of(node),
                };
                (key, value)
            })
            .collect(),
    )
}

/// Writes an answer: `OpResponse` around `OpResult`, or in EC2's dialect around the fields.
pub fn encode(service: QueryService, operation: &str, output: &Value, request_id: &str) -> Vec<u8> {
    let mut xml = String::with_capacity(512);
    let namespace = service.namespace();
    let (item, request_id) = (service.of_list(), escape(request_id));
    xml.push_str(&format!("<{operation}Response xmlns=\"{namespace}\">"));
    if service == QueryService::Ec2 {
        xml.push_str(&format!("<requestId>{request_id}</requestId>"));
        for (key, value) in output.as_object().into_iter().flatten() {
            element(&mut xml, key, value, item);
        }
    } else {
        element(&mut xml, &format!("{operation}Result"), output, item);
        xml.push_str(&format!(
            "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        ));
    }
    xml.push_str(&format!("</{operation}Response>"));
    xml.into_bytes()
}

/// Writes an error answer.
pub fn encode_error(service: QueryService, error: &AwsError, request_id: &str) -> Vec<u8> {
    match service {
        QueryService::Ec2 => format!(
            "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
             <RequestID>{}</RequestID></Response>",
            escape(error.code.as_str()),
            escape(error.message.as_str()),
            escape(request_id),
        )
        .into_bytes(),
        _ => xml::error_response(service.namespace(), error, request_id).into_bytes(),
    }
}

fn element(xml: &mut String, name: &str, value: &Value, item: &str) {
    if value.is_null() {
        return;
    }
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    match value {
        Value::Null => {}
        Value::Bool(flag) => xml.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::String(text) => xml.push_str(&escape(text.as_str())),
        Value::Array(items) => {
            for one in items {
                element(xml, item, one, item);
            }
        }
        Value::Object(fields) => object(xml, name, fields, item),
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

fn object(xml: &mut String, name: &str, fields: &Map<String, Value>, item: &str) {
    if let Some(seconds) = fields.get("$time").and_then(Value::as_f64) {
        xml.push_str(&iso8601(seconds));
    } else if MAPS.contains(&name) {
        for (key, value) in fields {
            xml.push_str("<entry>");
            element(xml, "key", &Value::String(key.clone()), item);
            element(xml, "value", value, item);
            xml.push_str("</entry>");
        }
    } else {
        for (key, value) in fields {
            element(xml, key, value, item);
        }
    }
}

/// `2026-11-21T07:14:00.000Z`, as AWS's XML has it.
pub(super) fn iso8601(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(millis)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_members_become_lists_and_objects() {
        let body = b"Action=CreateRule&Version=2015-12-01&ListenerArn=arn%3Ax&Priority=10\
            &Actions.member.1.Type=forward\
            &Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=90\
            &Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight=10\
            &Conditions.1.Field=path-pattern&Conditions.1.Values.1=%2Fapi%2F*";
        let (operation, input) = decode(body).unwrap();
        assert_eq!(operation, "CreateRule");
        assert_eq!(
            input,
            json!({
                "ListenerArn": "arn:x",
                "Priority": "10",
                "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [
                    {"Weight": "90"}, {"Weight": "10"}]}}],
                "Conditions": [{"Field": "path-pattern", "Values": ["/api/*"]}],
            })
        );
    }

    #[test]
    fn eleven_members_keep_their_order() {
        let body: String = (1..=11)
            .map(|n| format!("&Names.member.{n}=n{n}"))
            .collect::<String>();
        let (_, input) = decode(format!("Action=X{body}").as_bytes()).unwrap();
        let names = input["Names"].as_array().unwrap();
        assert_eq!(names.first().unwrap(), "n1");
        assert_eq!(names.last().unwrap(), "n11");
    }

    #[test]
    fn string_maps_are_entries_in_both_directions() {
        let (_, input) =
            decode(b"Action=X&AuthenticationRequestExtraParams.entry.1.key=display&AuthenticationRequestExtraParams.entry.1.value=page").unwrap();
        assert_eq!(
            input["AuthenticationRequestExtraParams"],
            json!({"display": "page"})
        );
        let xml = String::from_utf8(encode(QueryService::Elbv2, "X", &input, "r")).unwrap();
        assert!(xml.contains("<entry><key>display</key><value>page</value></entry>"));
    }

    #[test]
    fn attributes_are_entries_with_fields() {
        let entry = "MessageAttributes.entry.1";
        let body = format!(
            "Action=Publish&{entry}.Name=service&{entry}.Value.DataType=String\
             &{entry}.Value.StringValue=shop"
        );
        let (_, input) = decode(body.as_bytes()).unwrap();
        let service = json!({ "DataType": "String", "StringValue": "shop" });
        assert_eq!(input["MessageAttributes"], json!({ "service": service }));
    }

    #[test]
    fn answers_are_wrapped_escaped_and_dated() {
        let output = json!({"Rules": [{"Name": "a<b", "At": {"$time": 1_700_000_000.5}, "Is": true, "No": null}]});
        let xml = String::from_utf8(encode(
            QueryService::Elbv2,
            "DescribeRules",
            &output,
            "id-1",
        ));
        assert_eq!(
            xml.unwrap(),
            "<DescribeRulesResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeRulesResult><Rules><member><At>2023-11-14T22:13:20.500Z</At><Is>true</Is>\
             <Name>a&lt;b</Name></member></Rules></DescribeRulesResult>\
             <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DescribeRulesResponse>"
        );
    }

    #[test]
    fn a_body_without_an_action_is_refused() {
        assert_eq!(decode(b"Version=1").unwrap_err().code, "MissingAction");
        let deep = format!("Action=X&{}=1", vec!["a"; 40].join("."));
        assert_eq!(
            decode(deep.as_bytes()).unwrap_err().code,
            "MalformedQueryString"
        );
    }
}
