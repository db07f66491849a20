//! ELBv2's and Route 53's calls as the fixed JSON input of a universal target. Pure.

use serde_json::{Map, Value, json};

use super::listeners::{Item, names};
use super::xml::Element;
use crate::deployment::ids::{HostedZoneId, RouteArn};

/// What a universal target's ARN begins with.
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:";
/// The target that writes records.
pub(super) const RECORDS: &str = "arn:aws:scheduler:::aws-sdk:route53:changeResourceRecordSets";
/// Fields of actions and records that are numbers in the API models; XML writes all alike.
const NUMBERS: [&str; 5] = [
    "Order",
    "Weight",
    "DurationSeconds",
    "SessionTimeout",
    "TTL",
];
/// And those that are true or false.
const FLAGS: [&str; 4] = [
    "Enabled",
    "UseExistingClientSecret",
    "EvaluateTargetHealth",
    "MultiValueAnswer",
];
/// What the items of lists are called.
const ITEMS: [&str; 2] = ["member", "ResourceRecord"];

/// The target that writes an action list: `modifyListener` or `modifyRule`.
pub(super) fn target(kind: Item) -> String {
    let call = match kind {
        Item::Listener => "modifyListener",
        Item::Rule => "modifyRule",
    };
    format!("{UNIVERSAL}{call}")
}

/// Its input: the listener or rule, and the whole action list.
pub(super) fn input(kind: Item, arn: &RouteArn, actions: &Element) -> String {
    let names = names(kind);
    let list: Vec<Value> = actions.children.iter().filter_map(value).collect();
    json!({ names.arn: arn.as_str(), names.actions: list }).to_string()
}

/// The input that writes records as they stand here.
pub(super) fn input_of_records(zone: &HostedZoneId, sets: &[Element]) -> String {
    let change = |set| Some(json!({ "Action": "UPSERT", "ResourceRecordSet": value(set)? }));
    let changes: Vec<Value> = sets.iter().filter_map(change).collect();
    json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } }).to_string()
}

/// An element as JSON; `None` for one that is empty.
fn value(element: &Element) -> Option<Value> {
    let all_are = |name| element.children.iter().all(|child| child.name == name);
    if element.children.is_empty() {
        return leaf(element);
    }
    if ITEMS.into_iter().any(all_are) {
        let items = element.children.iter().filter_map(value);
        return Some(items.collect());
    }
    if all_are("entry") {
        let entry = |entry: &Element| {
            let text = |name| entry.text_of(name).unwrap_or_default().to_owned();
            (text("key"), Value::String(text("value")))
        };
        return Some(Value::Object(element.children.iter().map(entry).collect()));
    }
    let field = |child: &Element| Some((child.name.clone(), value(child)?));
    let fields: Map<_, _> = element.children.iter().filter_map(field).collect();
    Some(Value::Object(fields))
}

fn leaf(element: &Element) -> Option<Value> {
    let (name, text) = (element.name.as_str(), element.text.as_str());
    if text.is_empty() {
        return None;
    }
    let typed = match name {
        _ if NUMBERS.contains(&name) => text.parse::<i64>().ok().map(Value::from),
        _ if FLAGS.contains(&name) => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    Some(typed.unwrap_or_else(|| Value::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_list_becomes_what_the_api_model_says() {
        let list = Element::parse(
            b"<DefaultActions><member><Type>authenticate-cognito</Type><Order>1</Order>\
              <AuthenticateCognitoConfig><SessionTimeout>600</SessionTimeout>\
              <UserPoolArn>arn:pool</UserPoolArn><Scope/>\
              <AuthenticationRequestExtraParams><entry><key>display</key><value>page</value>\
              </entry></AuthenticationRequestExtraParams></AuthenticateCognitoConfig></member>\
              <member><Type>forward</Type><Order>2</Order><ForwardConfig><TargetGroups>\
              <member><TargetGroupArn>arn:a</TargetGroupArn><Weight>100</Weight></member>\
              <member><TargetGroupArn>arn:b</TargetGroupArn><Weight>0</Weight></member>\
              </TargetGroups><TargetGroupStickinessConfig><Enabled>true</Enabled>\
              <DurationSeconds>60</DurationSeconds></TargetGroupStickinessConfig>\
              </ForwardConfig><Unheard>5</Unheard></member></DefaultActions>",
        )
        .unwrap();
        let input = input(Item::Listener, &RouteArn::new("arn:listener"), &list);
        let input: Value = serde_json::from_str(&input).unwrap();
        let expected = json!({
            "ListenerArn": "arn:listener",
            "DefaultActions": [
                { "Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {
                    "SessionTimeout": 600, "UserPoolArn": "arn:pool",
                    "AuthenticationRequestExtraParams": { "display": "page" } } },
                { "Type": "forward", "Order": 2, "Unheard": "5", "ForwardConfig": {
                    "TargetGroups": [
                        { "TargetGroupArn": "arn:a", "Weight": 100 },
                        { "TargetGroupArn": "arn:b", "Weight": 0 }],
                    "TargetGroupStickinessConfig": { "Enabled": true, "DurationSeconds": 60 } } },
            ],
        });
        assert_eq!(input, expected);
        assert!(target(Item::Rule).ends_with(":elasticloadbalancingv2:modifyRule"));
    }

    #[test]
    fn records_become_what_the_api_model_says() {
        let sets = Element::parse(
            b"<ResourceRecordSets><ResourceRecordSet><Name>a.b.</Name><Type>CNAME</Type>\
              <SetIdentifier>1</SetIdentifier><Weight>255</Weight><TTL>60</TTL><ResourceRecords>\
              <ResourceRecord><Value>c.d</Value></ResourceRecord></ResourceRecords>\
              </ResourceRecordSet><ResourceRecordSet><Name>a.b.</Name><Weight>0</Weight><AliasTarget>\
              <DNSName>e.f.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth>\
              </AliasTarget></ResourceRecordSet></ResourceRecordSets>",
        )
        .unwrap();
        let input = input_of_records(&HostedZoneId::new("Z1"), &sets.children);
        let input: Value = serde_json::from_str(&input).unwrap();
        let upsert = |set: Value| json!({ "Action": "UPSERT", "ResourceRecordSet": set });
        let plain = json!({
            "Name": "a.b.", "Type": "CNAME", "SetIdentifier": "1", "Weight": 255, "TTL": 60,
            "ResourceRecords": [{ "Value": "c.d" }],
        });
        let alias = json!({
            "Name": "a.b.", "Weight": 0,
            "AliasTarget": { "DNSName": "e.f.", "EvaluateTargetHealth": true },
        });
        let changes = [upsert(plain), upsert(alias)];
        assert_eq!(
            input,
            json!({ "HostedZoneId": "Z1", "ChangeBatch": { "Changes": changes } })
        );
    }
}
