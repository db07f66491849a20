//! Making, changing and deleting alarms.

use super::super::AwsError;
use super::super::query::input::{CLOUDWATCH, fail, has, text, texts};
use super::read::{invalid, metric, period, queries, statistic, typed};
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::ActionsSwitch;
use crate::sandbox::world::cloudwatch::alarm::{
    Alarm, AlarmState, Change, Comparison, Kind, MetricSpec, Missing,
};
use crate::sandbox::world::cloudwatch::query::{self, Query, Source};
use crate::sandbox::world::cloudwatch::rule::Rule;
use serde_json::{Value, json};

pub(super) fn put_metric(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let spec = spec(input)?;
    put(world, input, Kind::Metric(Box::new(spec)))
}

pub(super) fn put_composite(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = CLOUDWATCH.required(input, "AlarmName")?;
    let rule = match Rule::parse(CLOUDWATCH.required(input, "AlarmRule")?) {
        Ok(rule) => rule,
        Err(why) => return invalid(format!("AlarmRule must not contain syntax errors: {why}")),
    };
    let known = world.cloudwatch.alarms();
    let missing: Vec<&str> = rule
        .children()
        .into_iter()
        .filter(|child| *child == name || !known.contains_key(*child))
        .collect();
    if !missing.is_empty() {
        return invalid(format!(
            "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
            missing.join(", ")
        ));
    }
    put(world, input, Kind::Composite(rule))
}

pub(super) fn put_log(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    put(world, input, Kind::Log)
}

fn put(world: &mut World, input: &Value, kind: Kind) -> Result<Value, AwsError> {
    let name = CLOUDWATCH.required(input, "AlarmName")?;
    let enabled = CLOUDWATCH.flag(input, "ActionsEnabled")?.unwrap_or(true);
    let arn = format!(
        "arn:aws:cloudwatch:{}:{}:alarm:{name}",
        world.region, world.account
    );
    let mut settings = typed(input);
    if let Some(fields) = settings.as_object_mut() {
        fields.remove("Tags");
        fields.retain(|_, value| !value.is_null());
    }
    for field in ["OKActions", "AlarmActions", "InsufficientDataActions"] {
        settings[field] = json!(texts(input, field));
    }
    if matches!(kind, Kind::Metric(_)) && !has(input, "Metrics") && !has(input, "Dimensions") {
        settings["Dimensions"] = json!([]);
    }
    let settings = settings.as_object().cloned().unwrap_or_default();
    let mut alarm = Alarm::new(name, arn, kind, settings, world.now);
    alarm.actions_enabled = enabled;
    world.cloudwatch.put_alarm(alarm, world.now);
    Ok(json!({}))
}

fn spec(input: &Value) -> Result<MetricSpec, AwsError> {
    CLOUDWATCH.required(input, "AlarmName")?;
    let evaluation_periods = count(input, "EvaluationPeriods")?;
    let Some(evaluation_periods) = evaluation_periods else {
        return Err(fail(
            "MissingParameter",
            "The parameter EvaluationPeriods is required.",
        ));
    };
    let datapoints_to_alarm = count(input, "DatapointsToAlarm")?.unwrap_or(evaluation_periods);
    if datapoints_to_alarm > evaluation_periods {
        return invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods");
    }
    let comparison = CLOUDWATCH.required(input, "ComparisonOperator")?;
    let Some(comparison) = Comparison::parse(comparison) else {
        return invalid(format!("ComparisonOperator {comparison} is not supported"));
    };
    let Some(threshold) = CLOUDWATCH.number(input, "Threshold")? else {
        return Err(fail(
            "MissingParameter",
            "The parameter Threshold is required.",
        ));
    };
    let missing = text(input, "TreatMissingData").unwrap_or("missing");
    let Some(missing) = Missing::parse(missing) else {
        return invalid(format!(
            "TreatMissingData {missing} is not one of [breaching, notBreaching, ignore, missing]"
        ));
    };
    let queries = match has(input, "Metrics") {
        true => queries(input, "Metrics")?,
        false => vec![single(input)?],
    };
    let returned: Vec<&Query> = queries.iter().filter(|query| query.returns).collect();
    let [watched] = returned.as_slice() else {
        return invalid("Exactly one element of the metrics list should return data.");
    };
    query::check(&queries).or_else(|why| invalid(format!("Error in expression: {why}")))?;
    Ok(MetricSpec {
        watched: watched.id.clone(),
        period: MetricSpec::period_of(&queries),
        queries,
        evaluation_periods,
        datapoints_to_alarm,
        threshold,
        comparison,
        missing,
    })
}

/// A positive count; AWS's limit is a day of minutes.
fn count(input: &Value, field: &str) -> Result<Option<usize>, AwsError> {
    match CLOUDWATCH.integer(input, field)? {
        None => Ok(None),
        Some(count) if (1..=1440).contains(&count) => Ok(Some(count as usize)),
        Some(_) => invalid(format!("{field} must be between 1 and 1440")),
    }
}

fn single(input: &Value) -> Result<Query, AwsError> {
    let named = (text(input, "Statistic"), text(input, "ExtendedStatistic"));
    let ((Some(named), None) | (None, Some(named))) = named else {
        let message =
            "Exactly one of the parameters must be specified: Statistic, ExtendedStatistic.";
        return Err(fail("InvalidParameterCombination", message));
    };
    Ok(Query {
        id: "m1".to_owned(),
        label: None,
        source: Source::Stat {
            metric: metric(input)?,
            statistic: statistic(named)?,
            period: period(input, "Period")?,
        },
        returns: true,
    })
}

pub(super) fn set_state(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = CLOUDWATCH.required(input, "AlarmName")?;
    let state = CLOUDWATCH.required(input, "StateValue")?;
    let Some(state) = AlarmState::parse(state) else {
        return invalid(format!(
            "StateValue {state} is not one of [OK, ALARM, INSUFFICIENT_DATA]"
        ));
    };
    let change = Change {
        state,
        reason: CLOUDWATCH.required(input, "StateReason")?.to_owned(),
        reason_data: text(input, "StateReasonData").map(str::to_owned),
    };
    let set = world.cloudwatch.set_state(name, change, world.now);
    let not_found = || AwsError {
        status: 404,
        ..fail("ResourceNotFound", format!("There is no alarm {name}."))
    };
    set.ok_or_else(not_found)?;
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let names = texts(input, "AlarmNames");
    if names.len() > 100 {
        return invalid("AlarmNames must not have more than 100 elements");
    }
    for name in names {
        world.cloudwatch.delete_alarm(&name);
    }
    Ok(json!({}))
}

pub(super) fn switch_actions(
    world: &mut World,
    operation: &str,
    input: &Value,
) -> Result<Value, AwsError> {
    let switch = match operation {
        "EnableAlarmActions" => ActionsSwitch::Enabled,
        _ => ActionsSwitch::Disabled,
    };
    for name in texts(input, "AlarmNames") {
        world.cloudwatch.set_actions(&name, switch);
    }
    Ok(json!({}))
}
