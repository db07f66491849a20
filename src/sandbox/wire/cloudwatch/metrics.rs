//! Publishing and reading metrics.

use super::super::AwsError;
use super::super::query::input::{
    CLOUDWATCH, as_number, as_time, fail, has, list, page, text, texts, time_value,
};
use super::read::{dimensions, invalid, metric, period, queries, statistic};
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::query;
use crate::sandbox::world::cloudwatch::store::{Metric, Statistic, Stats, Window};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

pub(super) fn put(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let namespace = CLOUDWATCH.required(input, "Namespace")?;
    if namespace.starts_with("AWS/") {
        let message = "The value AWS/ for parameter Namespace is invalid.";
        return Err(fail("InvalidParameterValue", message));
    }
    let now = world.now;
    let mut data = Vec::new();
    for datum in list(input, "MetricData") {
        let name = CLOUDWATCH.required(datum, "MetricName")?;
        let at = match has(datum, "Timestamp") {
            true => CLOUDWATCH.time(datum, "Timestamp")?,
            false => now,
        };
        // "Timestamps can be up to two weeks before and two hours after the current time."
        let age = now.duration_since(at);
        if age > SignedDuration::from_hours(14 * 24) || age < SignedDuration::from_hours(-2) {
            let message = "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.";
            return Err(fail("InvalidParameterValue", message));
        }
        let metric = Metric::new(namespace, name, dimensions(datum)?);
        let fine = CLOUDWATCH.integer(datum, "StorageResolution")? == Some(1);
        data.push((metric, text(datum, "Unit"), at, stats(datum)?, fine));
    }
    let store = &mut world.cloudwatch.store;
    for (metric, unit, at, stats, fine) in data {
        match fine {
            true => store.record_fine(metric, unit, at, &stats, now),
            false => store.record(metric, unit, at, &stats, now),
        }
    }
    Ok(json!({}))
}

fn stats(datum: &Value) -> Result<Stats, AwsError> {
    let values: Vec<f64> = list(datum, "Values").iter().filter_map(as_number).collect();
    if !values.is_empty() {
        let counts = list(datum, "Counts");
        let mut stats = Stats::distribution();
        for (index, value) in values.iter().enumerate() {
            let count = counts.get(index).and_then(as_number).unwrap_or(1.0);
            stats.add(*value, count);
        }
        return Ok(stats);
    }
    if has(datum, "StatisticValues") {
        let set = &datum["StatisticValues"];
        let figure = |field: &str| {
            let number = CLOUDWATCH.number(set, field)?;
            number.ok_or_else(|| {
                fail(
                    "MissingParameter",
                    format!("The parameter {field} is required."),
                )
            })
        };
        return Ok(Stats {
            count: figure("SampleCount")?,
            sum: figure("Sum")?,
            min: figure("Minimum")?,
            max: figure("Maximum")?,
            histogram: None,
        });
    }
    let value = CLOUDWATCH.number(datum, "Value")?;
    let value = value.ok_or_else(|| {
        let message =
            "At least one of the parameters must be specified: Value, Values, StatisticValues.";
        fail("InvalidParameterCombination", message)
    })?;
    let mut stats = Stats::distribution();
    stats.add(value, 1.0);
    Ok(stats)
}

fn window(input: &Value) -> Result<(i64, i64), AwsError> {
    let start = CLOUDWATCH.time(input, "StartTime")?.as_second();
    let end = CLOUDWATCH.time(input, "EndTime")?.as_second();
    if start >= end {
        return invalid("The parameter StartTime must be less than the parameter EndTime.");
    }
    Ok((start, end))
}

pub(super) fn get_data(world: &World, input: &Value) -> Result<Value, AwsError> {
    let queries = queries(input, "MetricDataQueries")?;
    if queries.is_empty() {
        return Err(fail(
            "MissingParameter",
            "The parameter MetricDataQueries is required.",
        ));
    }
    let store = &world.cloudwatch.store;
    let mut values = query::run(&queries, store, window(input)?, world.now)
        .or_else(|why| invalid(format!("Error in expression: {why}")))?;
    let ascending = text(input, "ScanBy") == Some("TimestampAscending");
    let mut results = Vec::new();
    for query in queries.iter().filter(|query| query.returns) {
        let mut points: Vec<(i64, f64)> = values
            .remove(&query.id)
            .unwrap_or_default()
            .into_iter()
            .collect();
        if !ascending {
            points.reverse();
        }
        let times: Vec<Value> = points.iter().map(|(time, _)| moment(*time)).collect();
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        results.push(json!({
            "Id": query.id,
            "Label": query.label(),
            "Timestamps": times,
            "Values": values,
            "StatusCode": "Complete",
        }));
    }
    Ok(json!({ "MetricDataResults": results, "Messages": [] }))
}

fn moment(second: i64) -> Value {
    Timestamp::from_second(second).map_or(Value::Null, time_value)
}

pub(super) fn get_statistics(world: &World, input: &Value) -> Result<Value, AwsError> {
    let metric = metric(input)?;
    let (start, end) = window(input)?;
    let period = period(input, "Period")?;
    let (simple, extended) = (
        texts(input, "Statistics"),
        texts(input, "ExtendedStatistics"),
    );
    if simple.is_empty() && extended.is_empty() {
        let message =
            "At least one of the parameters must be specified: Statistics, ExtendedStatistics.";
        return Err(fail("InvalidParameterCombination", message));
    }
    if (end - start) / period > 1440 {
        let message = "You have requested more datapoints than the limit of 1,440.";
        return Err(fail("InvalidParameterCombination", message));
    }
    let read = |names: &[String]| -> Result<Vec<(String, Statistic)>, AwsError> {
        let names = names.iter();
        names
            .map(|name| Ok((name.clone(), statistic(name)?)))
            .collect()
    };
    let (simple, extended) = (read(&simple)?, read(&extended)?);
    let start = start.div_euclid(period) * period;
    let window = Window { start, end, period };
    let store = &world.cloudwatch.store;
    let unit = store.unit(&metric).unwrap_or("None");
    let periods = store.periods(&metric, window, world.now).into_iter();
    let datapoints: Vec<Value> = periods
        .map(|(start, stats)| datapoint(start, &stats, &simple, &extended, unit))
        .collect();
    Ok(json!({ "Label": metric.name, "Datapoints": datapoints }))
}

fn datapoint(
    start: i64,
    stats: &Stats,
    simple: &[(String, Statistic)],
    extended: &[(String, Statistic)],
    unit: &str,
) -> Value {
    let mut datapoint = json!({ "Timestamp": moment(start), "Unit": unit });
    for (name, statistic) in simple {
        datapoint[name] = json!(stats.figure(*statistic));
    }
    if !extended.is_empty() {
        let figures = extended.iter();
        let figures: Map<String, Value> = figures
            .map(|(name, statistic)| (name.clone(), json!(stats.figure(*statistic))))
            .collect();
        datapoint["ExtendedStatistics"] = Value::Object(figures);
    }
    datapoint
}

pub(super) fn list_metrics(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (namespace, name) = (text(input, "Namespace"), text(input, "MetricName"));
    let filters = list(input, "Dimensions");
    let fits = |metric: &&Metric| {
        namespace.is_none_or(|namespace| namespace == metric.namespace)
            && name.is_none_or(|name| name == metric.name)
            && filters.iter().all(|filter| {
                let value = text(filter, "Value");
                metric.dimensions.iter().any(|(name, given)| {
                    text(filter, "Name") == Some(name) && value.is_none_or(|value| value == given)
                })
            })
    };
    let metrics = world.cloudwatch.store.metrics().filter(fits);
    let views: Vec<Value> = metrics.map(metric_view).collect();
    let token = text(input, "NextToken");
    // "Up to 500 results are returned for any one call."
    let (views, next) = page(views, token, 500, "InvalidParameterValue")?;
    Ok(json!({ "Metrics": views, "NextToken": next }))
}

fn metric_view(metric: &Metric) -> Value {
    let dimensions = metric.dimensions.iter();
    let dimensions: Vec<Value> = dimensions
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect();
    json!({
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": dimensions,
    })
}

/// A time bound that may be left out.
pub(super) fn optional_time(input: &Value, field: &str) -> Option<Timestamp> {
    as_time(&input[field])
}
