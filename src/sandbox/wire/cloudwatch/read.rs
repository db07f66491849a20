//! Reads metrics, statistics and queries from requests, and types what came as strings.

use super::super::AwsError;
use super::super::query::input::{CLOUDWATCH, as_number, fail, has, list, text};
use crate::sandbox::world::cloudwatch::math;
use crate::sandbox::world::cloudwatch::query::{Query, Source};
use crate::sandbox::world::cloudwatch::store::{Metric, Statistic};
use serde_json::{Value, json};

/// Fields of alarms that are whole numbers, numbers and truth values in the API model. The Query
/// protocol brings them as strings; CBOR clients want them typed.
const INTEGERS: [&str; 7] = [
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
    "QueryResultsToEvaluate",
    "QueryResultsToAlarm",
];
const NUMBERS: [&str; 1] = ["Threshold"];
const FLAGS: [&str; 2] = ["ActionsEnabled", "ReturnData"];

/// A request's value with the types of the API model.
pub(super) fn typed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), typed_field(key, value)))
            .collect(),
        Value::Array(items) => items.iter().map(typed).collect(),
        other => other.clone(),
    }
}

fn typed_field(key: &str, value: &Value) -> Value {
    let number = || as_number(value);
    if INTEGERS.contains(&key) {
        number().map_or_else(|| value.clone(), |number| json!(number as i64))
    } else if NUMBERS.contains(&key) {
        number().map_or_else(|| value.clone(), |number| json!(number))
    } else if FLAGS.contains(&key) {
        match value.as_str() {
            Some(flag) => json!(flag.eq_ignore_ascii_case("true")),
            None => value.clone(),
        }
    } else {
        typed(value)
    }
}

pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T, AwsError> {
    Err(fail("ValidationError", message))
}

/// A metric from `Namespace`, `MetricName` and `Dimensions`.
pub(super) fn metric(input: &Value) -> Result<Metric, AwsError> {
    let namespace = CLOUDWATCH.required(input, "Namespace")?;
    let name = CLOUDWATCH.required(input, "MetricName")?;
    Ok(Metric::new(namespace, name, dimensions(input)?))
}

pub(super) fn dimensions(input: &Value) -> Result<Vec<(String, String)>, AwsError> {
    let given = list(input, "Dimensions").iter();
    given
        .map(|dimension| {
            let name = CLOUDWATCH.required(dimension, "Name")?.to_owned();
            Ok((name, CLOUDWATCH.required(dimension, "Value")?.to_owned()))
        })
        .collect()
}

pub(super) fn statistic(name: &str) -> Result<Statistic, AwsError> {
    let unknown = || {
        let message = format!("The value {name} for parameter Stat is not supported.");
        fail("InvalidParameterValue", message)
    };
    Statistic::parse(name).ok_or_else(unknown)
}

/// A period in seconds: 1, 5, 10, 20, 30 or a multiple of 60.
pub(super) fn period(input: &Value, field: &str) -> Result<i64, AwsError> {
    let Some(period) = CLOUDWATCH.integer(input, field)? else {
        CLOUDWATCH.required(input, field)?;
        return invalid("Period is required");
    };
    let valid = matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0);
    if valid {
        return Ok(period);
    }
    invalid(format!(
        "The parameter {field} must be 1, 5, 10, 20, 30 or a multiple of 60."
    ))
}

/// A list of metric data queries.
pub(super) fn queries(input: &Value, field: &str) -> Result<Vec<Query>, AwsError> {
    /// "The maximum number of queries in one call."
    const MOST: usize = 500;
    let given = list(input, field);
    if given.len() > MOST {
        return invalid(format!(
            "The collection {field} must not have a size greater than {MOST}."
        ));
    }
    let mut queries: Vec<Query> = Vec::with_capacity(given.len());
    for item in given {
        let query = query(item)?;
        if queries.iter().any(|other| other.id == query.id) {
            return invalid(format!("The id {} is used more than once.", query.id));
        }
        queries.push(query);
    }
    Ok(queries)
}

fn query(input: &Value) -> Result<Query, AwsError> {
    let id = CLOUDWATCH.required(input, "Id")?;
    let starts = id.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return invalid(format!(
            "The value {id} for parameter Id must match ^[a-z][a-zA-Z0-9_]*$."
        ));
    }
    let source = match (text(input, "Expression"), has(input, "MetricStat")) {
        (Some(expression), false) => match math::parse(expression) {
            Ok(expr) => Source::Expression(expr),
            Err(why) => return invalid(format!("Error in expression '{id}': {why}")),
        },
        (None, true) => {
            let stat = &input["MetricStat"];
            Source::Stat {
                metric: metric(&stat["Metric"])?,
                statistic: statistic(CLOUDWATCH.required(stat, "Stat")?)?,
                period: period(stat, "Period")?,
            }
        }
        _ => {
            return invalid(format!(
                "The query {id} must have either a MetricStat or an Expression."
            ));
        }
    };
    Ok(Query {
        id: id.to_owned(),
        label: text(input, "Label").map(str::to_owned),
        source,
        returns: CLOUDWATCH.flag(input, "ReturnData")?.unwrap_or(true),
    })
}
