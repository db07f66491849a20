//! The alarms that call step policies: unlike those of target tracking, nobody makes them for
//! green but this program.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ScalableTarget;
use super::names::Names;

/// The tag on an alarm that this program made; its value names the service, `CLUSTER/SERVICE`.
pub const MADE_FOR_TAG: &str = "bg:made-for";

/// Characters that CloudWatch takes in an alarm's name.
const LONGEST: usize = 255;
/// What of an alarm makes it up but for its name and actions: fields of DescribeAlarms that
/// PutMetricAlarm doesn't take are left out, so that what is new to both is carried, too.
const SHOWN_ONLY: [&str; 13] = [
    "AlarmName",
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "StateValue",
    "StateReason",
    "StateReasonData",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "EvaluationState",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "Tags",
];
/// Its lists of actions.
const ACTIONS: [&str; 3] = ["OKActions", "AlarmActions", "InsufficientDataActions"];
/// What it measures, and in which direction it rings.
const MEASURES: [&str; 7] = [
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "ExtendedStatistic",
    "Metrics",
    "ComparisonOperator",
];

/// When it rings.
const RINGS: [&str; 5] = [
    "Threshold",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "TreatMissingData",
];

/// An alarm that calls one of green's step policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepAlarm {
    /// The policy's name.
    pub policy: String,
    /// Blue's policy, for which green's stands in among the actions.
    pub in_place_of: String,
    /// As PutMetricAlarm takes it.
    pub body: Value,
}

impl StepAlarm {
    /// Its name.
    pub fn name(&self) -> &str {
        self.body["AlarmName"].as_str().unwrap_or_default()
    }

    /// The body with green's policy among the actions.
    pub fn calling(&self, policy: &str) -> Value {
        let mut body = self.body.clone();
        for list in ACTIONS {
            let actions = body.get_mut(list).and_then(Value::as_array_mut);
            for action in actions.into_iter().flatten() {
                if *action == self.in_place_of.as_str() {
                    *action = Value::from(policy);
                }
            }
        }
        body
    }
}

/// What the names of the alarms begin with that this program made for a service. A service's name
/// has no slash in it.
pub fn alarm_prefix(cluster: &str, service: &str) -> String {
    format!("bg/{cluster}/{service}/")
}

/// Blue's, measuring green, and the names of those that green has of its own in their place and
/// that ring at something else. What is green's own stays as it is.
pub(super) fn carried(
    names: &Names<'_>,
    blue: &ScalableTarget,
    green: Option<&ScalableTarget>,
) -> (Vec<StepAlarm>, Vec<String>) {
    let of_blue = |alarm: &Value| {
        let policies = blue.policies.iter();
        let called = |policy: &&Value| calls(alarm, policy["PolicyARN"].as_str());
        policies.filter(called).cloned().collect::<Vec<_>>()
    };
    let (mut alarms, mut others) = (Vec::new(), Vec::new());
    for alarm in &blue.alarms {
        // One alarm may call several; each policy gets its own then.
        for (at, policy) in of_blue(alarm).iter().enumerate() {
            let carried = carry(names, alarm, policy, at);
            match green.and_then(|green| own(names, green, &carried)) {
                None => alarms.push(carried),
                Some(own) if are_alike(own, &carried.body, &RINGS) => {}
                Some(own) => others.extend(own["AlarmName"].as_str().map(str::to_owned)),
            }
        }
    }
    (alarms, others)
}

fn carry(names: &Names<'_>, alarm: &Value, policy: &Value, at: usize) -> StepAlarm {
    let arn = policy["PolicyARN"].as_str().unwrap_or_default();
    let settings = alarm.as_object().into_iter().flatten();
    let settings = settings
        .filter(|(field, _)| !SHOWN_ONLY.contains(&field.as_str()) && set(alarm, field).is_some())
        .map(|(field, value)| (field.clone(), names.renamed(value)));
    let mut body: Map<String, Value> = settings.collect();
    let moved = MEASURES
        .iter()
        .any(|it| body.get(*it).is_some_and(|to| alarm.get(*it) != Some(to)));
    for list in ACTIONS {
        let actions = alarm[list].as_array().into_iter().flatten();
        // What measures something that both slots share tells others already. Another service
        // is scaled by its own.
        let kept = actions.filter(|action| {
            let action = action.as_str().unwrap_or_default();
            action == arn || (moved && at == 0 && !action.contains(":autoscaling:"))
        });
        body.insert(list.to_owned(), kept.cloned().collect());
    }
    let (blue, green) = names.service;
    let own = alarm_prefix(names.cluster, blue.as_str());
    let name = alarm["AlarmName"].as_str().unwrap_or_default();
    let name = name.strip_prefix(&own).unwrap_or(name);
    let name = match at {
        0 => name.to_owned(),
        _ => format!("{name} {}", at + 1),
    };
    let prefix = alarm_prefix(names.cluster, green.as_str());
    body.insert("AlarmName".to_owned(), json!(fitting(&prefix, &name)));
    let made_for = format!("{}/{green}", names.cluster);
    body.insert(
        "Tags".to_owned(),
        json!([{ "Key": MADE_FOR_TAG, "Value": made_for }]),
    );
    StepAlarm {
        policy: policy["PolicyName"].as_str().unwrap_or_default().to_owned(),
        in_place_of: arn.to_owned(),
        body: Value::Object(body),
    }
}

/// The end of a long name tells more than its beginning, which is often the same for all.
fn fitting(prefix: &str, name: &str) -> String {
    let room = LONGEST.saturating_sub(prefix.chars().count());
    let over = name.chars().count().saturating_sub(room);
    let end: String = name.chars().skip(over).collect();
    format!("{prefix}{end}")
}

/// The one that green has in its place and that this program didn't make: it measures the same
/// and calls the same policy.
fn own<'a>(names: &Names<'_>, green: &'a ScalableTarget, wanted: &StepAlarm) -> Option<&'a Value> {
    let prefix = alarm_prefix(names.cluster, names.service.1.as_str());
    let mut policies = green.policies.iter();
    let policy = policies.find(|it| it["PolicyName"] == wanted.policy.as_str());
    let arn = policy.and_then(|it| it["PolicyARN"].as_str());
    green.alarms.iter().find(|alarm| {
        let name = alarm["AlarmName"].as_str().unwrap_or_default();
        !name.starts_with(&prefix) && calls(alarm, arn) && are_alike(alarm, &wanted.body, &MEASURES)
    })
}

fn are_alike(one: &Value, other: &Value, fields: &[&str]) -> bool {
    fields.iter().all(|it| set(one, it) == set(other, it))
}

/// A field's value, where there is something in it.
fn set<'a>(of: &'a Value, field: &str) -> Option<&'a Value> {
    of.get(field)
        .filter(|it| !(it.is_null() || **it == json!([])))
}

fn calls(alarm: &Value, policy: Option<&str>) -> bool {
    let mut lists = ACTIONS.iter().filter_map(|list| alarm[*list].as_array());
    policy.is_some_and(|policy| lists.any(|list| list.iter().any(|action| action == policy)))
}
