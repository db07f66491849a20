//! The same operations through the SDK's own CBOR.

use crate::sandbox::wire::query::testing::Wire;
use crate::sandbox::world::elb::testing::empty_world;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat,
    StandardUnit, StateValue, Statistic,
};
use jiff::SignedDuration;

#[tokio::test]
async fn alarms_of_all_types_are_described() {
    let wire = Wire::new(empty_world());
    let client = Client::new(&wire.config());
    client
        .put_metric_alarm()
        .alarm_name("x")
        .namespace("Test")
        .metric_name("errors")
        .dimensions(Dimension::builder().name("Slot").value("a").build())
        .statistic(Statistic::Sum)
        .period(60)
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(5.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .send()
        .await
        .unwrap();
    client
        .put_composite_alarm()
        .alarm_name("c")
        .alarm_rule("ALARM(x)")
        .send()
        .await
        .unwrap();
    client
        .set_alarm_state()
        .alarm_name("x")
        .state_value(StateValue::Alarm)
        .state_reason("by hand")
        .send()
        .await
        .unwrap();
    let out = client
        .describe_alarms()
        .alarm_names("x")
        .alarm_names("c")
        .send()
        .await
        .unwrap();
    assert!(
        out.composite_alarms().is_empty(),
        "metric alarms only, unless asked"
    );
    let alarm = &out.metric_alarms()[0];
    assert_eq!(alarm.threshold(), Some(5.0));
    assert_eq!(alarm.datapoints_to_alarm(), Some(2));
    assert_eq!(alarm.state_value(), Some(&StateValue::Alarm));
    assert_eq!(alarm.state_reason(), Some("by hand"));
    assert_eq!(alarm.dimensions()[0].name(), Some("Slot"));
    let now = wire.0.lock().unwrap().now.as_second();
    assert_eq!(
        alarm.state_updated_timestamp(),
        Some(&DateTime::from_secs(now))
    );
    let out = client
        .describe_alarms()
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .alarm_types(AlarmType::LogAlarm)
        .send()
        .await
        .unwrap();
    assert_eq!(out.composite_alarms()[0].alarm_rule(), Some("ALARM(x)"));
    let history = client
        .describe_alarm_history()
        .alarm_name("x")
        .send()
        .await
        .unwrap();
    assert_eq!(history.alarm_history_items().len(), 2);
    let none = client
        .set_alarm_state()
        .alarm_name("none")
        .state_value(StateValue::Ok);
    let error = none.state_reason("r").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFound"));
    assert!(error.into_service_error().is_resource_not_found());
}

#[tokio::test]
async fn published_metrics_are_read_back() {
    let wire = Wire::new(empty_world());
    let client = Client::new(&wire.config());
    let datum = MetricDatum::builder()
        .metric_name("m")
        .value(4.0)
        .unit(StandardUnit::Count)
        .build();
    client
        .put_metric_data()
        .namespace("Test")
        .metric_data(datum)
        .send()
        .await
        .unwrap();
    let now = {
        let mut world = wire.0.lock().unwrap();
        let later = world.now + SignedDuration::from_secs(60);
        world.advance_to(later);
        later.as_second()
    };
    let metric = Metric::builder().namespace("Test").metric_name("m").build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(60)
        .stat("Sum")
        .build();
    let queries = [
        MetricDataQuery::builder()
            .id("m1")
            .metric_stat(stat)
            .return_data(false)
            .build(),
        MetricDataQuery::builder()
            .id("e1")
            .expression("m1 / 3")
            .build(),
    ];
    let out = client
        .get_metric_data()
        .start_time(DateTime::from_secs(now - 60))
        .end_time(DateTime::from_secs(now))
        .set_metric_data_queries(Some(queries.to_vec()))
        .send()
        .await
        .unwrap();
    let result = &out.metric_data_results()[0];
    assert_eq!(result.id(), Some("e1"));
    assert_eq!(result.values(), [4.0 / 3.0]);
    assert_eq!(result.timestamps(), [DateTime::from_secs(now - 60)]);
    let out = client
        .get_metric_statistics()
        .namespace("Test")
        .metric_name("m")
        .period(60)
        .statistics(Statistic::Sum)
        .extended_statistics("p99")
        .start_time(DateTime::from_secs(now - 60))
        .end_time(DateTime::from_secs(now))
        .send()
        .await
        .unwrap();
    let point = &out.datapoints()[0];
    assert_eq!(point.sum(), Some(4.0));
    assert_eq!(point.extended_statistics().unwrap()["p99"], 4.0);
    let listed = client
        .list_metrics()
        .namespace("Test")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.metrics()[0].metric_name(), Some("m"));
}
