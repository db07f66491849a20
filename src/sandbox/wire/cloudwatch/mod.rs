//! CloudWatch, version 2010-08-01: operations over [`crate::sandbox::world::cloudwatch`].

mod alarms;
mod describe;
mod metrics;
mod read;
#[cfg(test)]
mod sdk_tests;
#[cfg(test)]
mod tests;

use super::AwsError;
use super::query::input::fail;
use crate::sandbox::world::World;
use serde_json::Value;

/// Answers one CloudWatch operation. Input may be typed or, from the Query protocol, all strings.
///
/// # Errors
/// AWS's codes and messages; `InvalidAction` for an operation that isn't there.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "PutMetricData" => metrics::put(world, input),
        "GetMetricData" => metrics::get_data(world, input),
        "GetMetricStatistics" => metrics::get_statistics(world, input),
        "ListMetrics" => metrics::list_metrics(world, input),
        "PutMetricAlarm" => alarms::put_metric(world, input),
        "PutCompositeAlarm" => alarms::put_composite(world, input),
        "PutLogAlarm" => alarms::put_log(world, input),
        "SetAlarmState" => alarms::set_state(world, input),
        "DeleteAlarms" => alarms::delete(world, input),
        "EnableAlarmActions" | "DisableAlarmActions" => {
            alarms::switch_actions(world, operation, input)
        }
        "DescribeAlarms" => describe::alarms(world, input),
        "DescribeAlarmsForMetric" => describe::alarms_for_metric(world, input),
        "DescribeAlarmHistory" => describe::history(world, input),
        _ => Err(fail(
            "InvalidAction",
            format!("The action {operation} is not valid for this web service."),
        )),
    }
}
