//! Describing alarms and their history.

use super::super::AwsError;
use super::super::query::input::{CLOUDWATCH, page, text, texts, time_value};
use super::metrics::optional_time;
use super::read::{dimensions, invalid};
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::alarm::{Alarm, Kind};
use crate::sandbox::world::cloudwatch::query::Source;
use serde_json::{Value, json};

pub(super) fn alarms(world: &World, input: &Value) -> Result<Value, AwsError> {
    let names = texts(input, "AlarmNames");
    let prefix = text(input, "AlarmNamePrefix");
    if names.len() > 100 {
        return invalid("AlarmNames must not have more than 100 elements");
    }
    if !names.is_empty() && prefix.is_some() {
        return invalid("AlarmNames and AlarmNamePrefix cannot be used together");
    }
    let mut types = texts(input, "AlarmTypes");
    if types.is_empty() {
        types.push("MetricAlarm".to_owned());
    }
    let state = text(input, "StateValue");
    let action = text(input, "ActionPrefix");
    let fits = |alarm: &&Alarm| {
        types.iter().any(|kind| kind == alarm.kind.type_name())
            && (names.is_empty() || names.contains(&alarm.name))
            && prefix.is_none_or(|prefix| alarm.name.starts_with(prefix))
            && state.is_none_or(|state| alarm.state.as_str() == state)
            && action.is_none_or(|action| acts(alarm, action))
    };
    let found: Vec<&Alarm> = world.cloudwatch.alarms().values().filter(fits).collect();
    let size = max_records(input)?;
    let token = text(input, "NextToken");
    let (found, next) = page(found, token, size, "InvalidNextToken")?;
    let views = |kind: &str| -> Vec<Value> {
        let alarms = found.iter().filter(|alarm| alarm.kind.type_name() == kind);
        alarms.map(|alarm| view(alarm)).collect()
    };
    Ok(json!({
        "MetricAlarms": views("MetricAlarm"),
        "CompositeAlarms": views("CompositeAlarm"),
        "LogAlarms": views("LogAlarm"),
        "NextToken": next,
    }))
}

/// Whether it has an action that begins like that.
fn acts(alarm: &Alarm, prefix: &str) -> bool {
    let lists = ["AlarmActions", "OKActions", "InsufficientDataActions"];
    let lists = lists
        .iter()
        .filter_map(|list| alarm.settings.get(*list)?.as_array());
    let mut actions = lists.flatten().filter_map(Value::as_str);
    actions.any(|action| action.starts_with(prefix))
}

fn max_records(input: &Value) -> Result<usize, AwsError> {
    match CLOUDWATCH.integer(input, "MaxRecords")? {
        None => Ok(50),
        Some(size) if (1..=100).contains(&size) => Ok(size as usize),
        Some(_) => invalid("MaxRecords must be between 1 and 100"),
    }
}

pub(super) fn alarms_for_metric(world: &World, input: &Value) -> Result<Value, AwsError> {
    let namespace = CLOUDWATCH.required(input, "Namespace")?;
    let name = CLOUDWATCH.required(input, "MetricName")?;
    let mut wanted = dimensions(input)?;
    wanted.sort();
    let alarms = world.cloudwatch.alarms().values().filter(|alarm| {
        let Kind::Metric(spec) = &alarm.kind else {
            return false;
        };
        let same = |source: &Source| match source {
            Source::Stat { metric, .. } => wanted.is_empty() || metric.dimensions == wanted,
            Source::Expression(_) => false,
        };
        spec.watches(namespace, name) && spec.queries.iter().any(|query| same(&query.source))
    });
    Ok(json!({ "MetricAlarms": alarms.map(view).collect::<Vec<_>>() }))
}

fn view(alarm: &Alarm) -> Value {
    let mut view = Value::Object(alarm.settings.clone());
    view["AlarmArn"] = json!(alarm.arn);
    view["ActionsEnabled"] = json!(alarm.actions_enabled);
    view["AlarmConfigurationUpdatedTimestamp"] = time_value(alarm.configured_at);
    view["StateValue"] = json!(alarm.state.as_str());
    view["StateReason"] = json!(alarm.reason);
    view["StateReasonData"] = json!(alarm.reason_data);
    view["StateUpdatedTimestamp"] = time_value(alarm.updated_at);
    view["StateTransitionedTimestamp"] = time_value(alarm.transitioned_at);
    view
}

pub(super) fn history(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (name, kind) = (text(input, "AlarmName"), text(input, "HistoryItemType"));
    let types = texts(input, "AlarmTypes");
    let (from, to) = (
        optional_time(input, "StartDate"),
        optional_time(input, "EndDate"),
    );
    let items = world.cloudwatch.history().filter(|item| {
        name.is_none_or(|name| name == item.alarm)
            && kind.is_none_or(|kind| kind == item.item_type)
            && (types.is_empty() || types.iter().any(|kind| kind == item.alarm_type))
            && from.is_none_or(|from| item.at >= from)
            && to.is_none_or(|to| item.at <= to)
    });
    let mut views: Vec<Value> = items
        .map(|item| {
            json!({
                "AlarmName": item.alarm,
                "AlarmType": item.alarm_type,
                "Timestamp": time_value(item.at),
                "HistoryItemType": item.item_type,
                "HistorySummary": item.summary,
                "HistoryData": item.data.to_string(),
            })
        })
        .collect();
    if text(input, "ScanBy") != Some("TimestampAscending") {
        views.reverse();
    }
    let token = text(input, "NextToken");
    let (views, next) = page(views, token, max_records(input)?, "InvalidNextToken")?;
    Ok(json!({ "AlarmHistoryItems": views, "NextToken": next }))
}
