//! What alarms are defined as, for a rehearsal.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, Statistic,
};
use serde_json::{Map, Value, json};

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use crate::deployment::ids::AlarmName;

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";
/// DescribeAlarms takes so many names.
const NAMES_AT_ONCE: usize = 100;

impl Cloud {
    /// The metric alarms of `names`, each as PutMetricAlarm takes it; others are left out.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn alarm_definitions(
        &self,
        names: &[AlarmName],
    ) -> Result<BTreeMap<AlarmName, Value>, AwsError> {
        let mut found = BTreeMap::new();
        for names in names.chunks(NAMES_AT_ONCE) {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let described = self
                .call(DESCRIBE, Effect::Reads, || {
                    let request = self.cloudwatch().describe_alarms();
                    request.set_alarm_names(Some(names.clone())).send()
                })
                .await?;
            let alarms = described.metric_alarms().iter();
            found.extend(alarms.filter_map(|alarm| {
                let name = AlarmName::new(alarm.alarm_name()?);
                Some((name, definition(alarm)))
            }));
        }
        Ok(found)
    }
}

fn definition(alarm: &MetricAlarm) -> Value {
    let statistic = alarm.statistic().map(Statistic::as_str);
    let comparison = alarm.comparison_operator().map(ComparisonOperator::as_str);
    let mut fields = vec![
        ("AlarmName", json!(alarm.alarm_name())),
        ("Statistic", json!(statistic)),
        ("ExtendedStatistic", json!(alarm.extended_statistic())),
        ("Period", json!(alarm.period())),
        ("EvaluationPeriods", json!(alarm.evaluation_periods())),
        ("DatapointsToAlarm", json!(alarm.datapoints_to_alarm())),
        ("Threshold", json!(alarm.threshold())),
        ("ThresholdMetricId", json!(alarm.threshold_metric_id())),
        ("ComparisonOperator", json!(comparison)),
        ("TreatMissingData", json!(alarm.treat_missing_data())),
    ];
    match alarm.metrics() {
        [] => fields.extend([
            ("Namespace", json!(alarm.namespace())),
            ("MetricName", json!(alarm.metric_name())),
            ("Dimensions", dimensions(alarm.dimensions())),
        ]),
        queries => fields.push(("Metrics", queries.iter().map(query).collect())),
    }
    object(fields)
}

fn query(query: &MetricDataQuery) -> Value {
    let stat = query.metric_stat().map(|stat| {
        object(vec![
            ("Metric", stat.metric().map_or(Value::Null, metric)),
            ("Period", json!(stat.period())),
            ("Stat", json!(stat.stat())),
        ])
    });
    object(vec![
        ("Id", json!(query.id())),
        ("Expression", json!(query.expression())),
        ("Label", json!(query.label())),
        ("Period", json!(query.period())),
        ("ReturnData", json!(query.return_data())),
        ("MetricStat", json!(stat)),
    ])
}

fn metric(metric: &Metric) -> Value {
    object(vec![
        ("Namespace", json!(metric.namespace())),
        ("MetricName", json!(metric.metric_name())),
        ("Dimensions", dimensions(metric.dimensions())),
    ])
}

fn dimensions(dimensions: &[Dimension]) -> Value {
    let one = |it: &Dimension| json!({ "Name": it.name(), "Value": it.value() });
    dimensions.iter().map(one).collect()
}

/// Without what isn't there.
fn object(fields: Vec<(&str, Value)>) -> Value {
    let there = fields.into_iter().filter(|(_, value)| !value.is_null());
    let there = there.map(|(key, value)| (key.to_owned(), value));
    Value::Object(there.collect::<Map<_, _>>())
}
