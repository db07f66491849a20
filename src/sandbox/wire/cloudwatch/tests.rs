use super::super::{cbor, query};
use super::*;
use crate::sandbox::world::elb::testing::empty_world;
use jiff::SignedDuration;
use serde_json::json;

fn ok(world: &mut World, operation: &str, input: &Value) -> Value {
    handle(world, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn code(world: &mut World, operation: &str, input: &Value) -> String {
    handle(world, operation, input)
        .expect_err("should be refused")
        .code
}

fn alarm(name: &str) -> Value {
    json!({"AlarmName": name, "Namespace": "Test", "MetricName": "errors", "Statistic": "Sum",
        "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold"})
}

fn publish(world: &mut World, metric: &str, value: f64) {
    let input = json!({"Namespace": "Test", "MetricData": [{"MetricName": metric, "Value": value, "Unit": "Count"}]});
    ok(world, "PutMetricData", &input);
}

#[test]
fn an_alarm_made_with_strings_is_described_typed() {
    let mut world = empty_world();
    let body = b"Action=PutMetricAlarm&Version=2010-08-01&AlarmName=x&Namespace=Test&MetricName=errors\
        &Statistic=Sum&Period=60&EvaluationPeriods=3&Threshold=5&ComparisonOperator=GreaterThanThreshold\
        &Dimensions.member.1.Name=TargetGroup&Dimensions.member.1.Value=targetgroup%2Fa%2F1";
    let (operation, input) = query::decode(body).unwrap();
    ok(&mut world, &operation, &input);
    let out = ok(&mut world, "DescribeAlarms", &json!({"AlarmNames": ["x"]}));
    let alarm = &out["MetricAlarms"][0];
    assert_eq!(alarm["Threshold"], json!(5.0));
    assert_eq!(alarm["Period"], json!(60));
    assert_eq!(alarm["StateValue"], "INSUFFICIENT_DATA");
    assert_eq!(
        alarm["AlarmArn"],
        "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x"
    );
    assert_eq!(
        alarm["Dimensions"],
        json!([{"Name": "TargetGroup", "Value": "targetgroup/a/1"}])
    );
    let again = cbor::decode(&cbor::encode(&out)).unwrap();
    assert_eq!(again["MetricAlarms"][0]["Threshold"], json!(5.0));
}

#[test]
fn alarms_are_described_by_name_prefix_type_and_state() {
    let mut world = empty_world();
    for name in ["shop-a", "shop-b", "other"] {
        ok(&mut world, "PutMetricAlarm", &alarm(name));
    }
    ok(
        &mut world,
        "PutCompositeAlarm",
        &json!({"AlarmName": "shop-all", "AlarmRule": "ALARM(shop-a)"}),
    );
    ok(&mut world, "PutLogAlarm", &json!({"AlarmName": "shop-log"}));
    ok(
        &mut world,
        "SetAlarmState",
        &json!({"AlarmName": "shop-b", "StateValue": "ALARM", "StateReason": "r"}),
    );
    let mut names = |input: Value| {
        let out = ok(&mut world, "DescribeAlarms", &input);
        let lists = ["MetricAlarms", "CompositeAlarms", "LogAlarms"];
        let alarms = lists
            .iter()
            .flat_map(|list| out[list].as_array().unwrap().clone());
        alarms
            .map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(json!({"AlarmNames": ["shop-a", "gone", "shop-all"]})),
        ["shop-a"],
        "metric alarms only"
    );
    assert_eq!(
        names(json!({"AlarmNamePrefix": "shop"})),
        ["shop-a", "shop-b"]
    );
    assert_eq!(
        names(json!({"AlarmTypes": ["CompositeAlarm", "LogAlarm"]})),
        ["shop-all", "shop-log"]
    );
    assert_eq!(names(json!({"StateValue": "ALARM"})), ["shop-b"]);
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    assert_eq!(
        code(&mut world, "DescribeAlarms", &json!({"AlarmNames": many})),
        "ValidationError"
    );
}

#[test]
fn listings_are_paged() {
    let mut world = empty_world();
    for name in ["a", "b", "c"] {
        ok(&mut world, "PutMetricAlarm", &alarm(name));
    }
    let first = ok(&mut world, "DescribeAlarms", &json!({"MaxRecords": 2}));
    assert_eq!(first["MetricAlarms"].as_array().unwrap().len(), 2);
    let rest = ok(
        &mut world,
        "DescribeAlarms",
        &json!({"MaxRecords": 2, "NextToken": first["NextToken"]}),
    );
    assert_eq!(rest["MetricAlarms"][0]["AlarmName"], "c");
    assert!(rest["NextToken"].is_null());
    assert_eq!(
        code(&mut world, "DescribeAlarms", &json!({"NextToken": "x"})),
        "InvalidNextToken"
    );
}

#[test]
fn bad_alarms_are_refused() {
    let mut world = empty_world();
    let with = |field: &str, value: Value| {
        let mut input = alarm("x");
        input[field] = value;
        input
    };
    for (input, wanted) in [
        (with("AlarmName", Value::Null), "MissingParameter"),
        (with("EvaluationPeriods", Value::Null), "MissingParameter"),
        (with("EvaluationPeriods", json!(0)), "ValidationError"),
        (with("DatapointsToAlarm", json!(4)), "ValidationError"),
        (with("Period", json!(61)), "ValidationError"),
        (
            with("ComparisonOperator", json!("Above")),
            "ValidationError",
        ),
        (with("TreatMissingData", json!("maybe")), "ValidationError"),
        (
            with("ExtendedStatistic", json!("p90")),
            "InvalidParameterCombination",
        ),
        (with("Statistic", json!("Median")), "InvalidParameterValue"),
        (
            with(
                "Metrics",
                json!([{"Id": "e1", "Expression": "m1 / m2"}, {"Id": "e2", "Expression": "1"}]),
            ),
            "ValidationError",
        ),
    ] {
        assert_eq!(
            code(&mut world, "PutMetricAlarm", &input),
            wanted,
            "{input}"
        );
    }
    let broken = json!({"AlarmName": "c", "AlarmRule": "ALARM("});
    assert_eq!(
        code(&mut world, "PutCompositeAlarm", &broken),
        "ValidationError"
    );
    let childless = json!({"AlarmName": "c", "AlarmRule": "ALARM(gone)"});
    assert_eq!(
        code(&mut world, "PutCompositeAlarm", &childless),
        "ValidationError"
    );
    let gone = json!({"AlarmName": "gone", "StateValue": "OK", "StateReason": "r"});
    assert_eq!(code(&mut world, "SetAlarmState", &gone), "ResourceNotFound");
}

#[test]
fn metric_data_join_metrics_by_math() {
    let mut world = empty_world();
    for (errors, all) in [(1.0, 10.0), (0.0, 20.0)] {
        publish(&mut world, "errors", errors);
        publish(&mut world, "all", all);
        world.advance_to(world.now + SignedDuration::from_secs(60));
    }
    let stat = |name: &str| json!({"Metric": {"Namespace": "Test", "MetricName": name}, "Period": 60, "Stat": "Sum"});
    let end = world.now.as_second();
    let input = json!({
        "StartTime": {"$time": (end - 120) as f64}, "EndTime": {"$time": end as f64},
        "MetricDataQueries": [
            {"Id": "rate", "Expression": "share * 100", "Label": "percent"},
            {"Id": "share", "Expression": "e / a", "ReturnData": false},
            {"Id": "e", "MetricStat": stat("errors"), "ReturnData": false},
            {"Id": "a", "MetricStat": stat("all")}]});
    let out = ok(&mut world, "GetMetricData", &input);
    let results = out["MetricDataResults"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["Values"], json!([0.0, 10.0]), "newest first");
    assert_eq!(results[0]["Label"], "percent");
    assert_eq!(
        results[0]["Timestamps"][1],
        json!({"$time": (end - 120) as f64})
    );
    assert_eq!(results[1]["Values"], json!([20.0, 10.0]));
    let circle = json!({
        "StartTime": {"$time": (end - 120) as f64}, "EndTime": {"$time": end as f64},
        "MetricDataQueries": [{"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a"}]});
    assert_eq!(
        code(&mut world, "GetMetricData", &circle),
        "ValidationError"
    );
}

#[test]
fn statistics_and_percentiles_of_values_with_counts() {
    let mut world = empty_world();
    let input = json!({"Namespace": "Test", "MetricData": [
        {"MetricName": "t", "Values": ["1", "2", "3"], "Counts": ["1", "1", "2"], "Unit": "Seconds"}]});
    ok(&mut world, "PutMetricData", &input);
    let now = world.now.as_second();
    let out = ok(
        &mut world,
        "GetMetricStatistics",
        &json!({
        "Namespace": "Test", "MetricName": "t", "Period": "60", "Statistics": ["Average", "SampleCount"],
        "ExtendedStatistics": ["p99"], "StartTime": {"$time": (now - 60) as f64}, "EndTime": {"$time": (now + 60) as f64}}),
    );
    let point = &out["Datapoints"][0];
    assert_eq!(point["Average"], 2.25);
    assert_eq!(point["SampleCount"], 4.0);
    assert_eq!(point["Unit"], "Seconds");
    let p99 = point["ExtendedStatistics"]["p99"].as_f64().unwrap();
    assert!((p99 - 3.0).abs() < 0.04, "{p99}");
    let listed = ok(&mut world, "ListMetrics", &json!({"Namespace": "Test"}));
    assert_eq!(
        listed["Metrics"],
        json!([{"Namespace": "Test", "MetricName": "t", "Dimensions": []}])
    );
}

#[test]
fn an_alarm_on_an_expression_follows_it() {
    let mut world = empty_world();
    let stat = |name: &str| json!({"Metric": {"Namespace": "Test", "MetricName": name}, "Period": 60, "Stat": "Sum"});
    ok(
        &mut world,
        "PutMetricAlarm",
        &json!({
        "AlarmName": "rate", "EvaluationPeriods": 1, "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            {"Id": "rate", "Expression": "100 * FILL(e, 0) / a"},
            {"Id": "e", "MetricStat": stat("errors"), "ReturnData": false},
            {"Id": "a", "MetricStat": stat("all"), "ReturnData": false}]}),
    );
    let state = |world: &mut World| {
        ok(world, "DescribeAlarms", &json!({}))["MetricAlarms"][0]["StateValue"].clone()
    };
    publish(&mut world, "all", 100.0);
    world.advance_to(world.now + SignedDuration::from_secs(60));
    assert_eq!(state(&mut world), "OK", "no errors are none, not unknown");
    publish(&mut world, "all", 100.0);
    publish(&mut world, "errors", 20.0);
    world.advance_to(world.now + SignedDuration::from_secs(60));
    assert_eq!(state(&mut world), "ALARM");
    let history = ok(
        &mut world,
        "DescribeAlarmHistory",
        &json!({"AlarmName": "rate", "HistoryItemType": "StateUpdate"}),
    );
    assert_eq!(
        history["AlarmHistoryItems"][0]["HistorySummary"],
        "Alarm updated from OK to ALARM"
    );
}

#[test]
fn actions_are_switched_and_alarms_deleted() {
    let mut world = empty_world();
    ok(&mut world, "PutMetricAlarm", &alarm("x"));
    let names = json!({"AlarmNames": ["x", "gone"]});
    ok(&mut world, "DisableAlarmActions", &names);
    assert_eq!(
        ok(&mut world, "DescribeAlarms", &json!({}))["MetricAlarms"][0]["ActionsEnabled"],
        false
    );
    ok(&mut world, "DeleteAlarms", &names);
    assert_eq!(
        ok(&mut world, "DescribeAlarms", &json!({}))["MetricAlarms"],
        json!([])
    );
}
