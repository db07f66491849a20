//! CloudWatch alarms: metric, composite and log alarms alike.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::types::{AlarmType, MetricAlarm, MetricStat, StateValue};

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use super::together::all;
use crate::deployment::ids::AlarmName;
use crate::deployment::observation::{AlarmSeen, Seen};
use crate::deployment::plan::Plan;
use crate::deployment::surroundings::AlarmFound;
use crate::judge::alarms::AlarmState;

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";
/// DescribeAlarms takes so many names.
const NAMES_AT_ONCE: usize = 100;

impl Cloud {
    /// Every alarm of the plan.
    pub(super) async fn see_alarms(&self, plan: &Plan) -> BTreeMap<AlarmName, Seen<AlarmSeen>> {
        let names: Vec<AlarmName> = plan
            .guards
            .alarms
            .iter()
            .map(|alarm| alarm.name.clone())
            .collect();
        let batches = all(names.chunks(NAMES_AT_ONCE).map(|names| async move {
            let found = self.describe_alarms(names).await;
            let seen = |name: &AlarmName| match &found {
                Err(error) => Seen::Unreadable(error.to_string()),
                Ok(found) => match found.get(name) {
                    Some(alarm) => Seen::Value(AlarmSeen {
                        state: alarm.state,
                        reason: alarm.reason.clone(),
                    }),
                    None => Seen::Unreadable(format!("alarm {name} doesn't exist any more")),
                },
            };
            names
                .iter()
                .map(|name| (name.clone(), seen(name)))
                .collect::<Vec<_>>()
        }))
        .await;
        batches.into_iter().flatten().collect()
    }

    /// Each of `names`; `None` where there is no such alarm.
    pub(super) async fn alarms(
        &self,
        names: &[AlarmName],
    ) -> Result<BTreeMap<AlarmName, Option<AlarmFound>>, AwsError> {
        let batches = names.chunks(NAMES_AT_ONCE);
        let batches = all(batches.map(|names| self.describe_alarms(names))).await;
        let mut found = BTreeMap::new();
        for batch in batches {
            found.extend(batch?);
        }
        let of = |name: &AlarmName| (name.clone(), found.remove(name));
        Ok(names.iter().map(of).collect())
    }

    async fn describe_alarms(
        &self,
        names: &[AlarmName],
    ) -> Result<BTreeMap<AlarmName, AlarmFound>, AwsError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        // Without types only metric alarms come back.
        let types = [
            AlarmType::MetricAlarm,
            AlarmType::CompositeAlarm,
            AlarmType::LogAlarm,
        ];
        let described = self
            .call(DESCRIBE, Effect::Reads, || {
                self.cloudwatch()
                    .describe_alarms()
                    .set_alarm_names(Some(names.clone()))
                    .set_alarm_types(Some(types.to_vec()))
                    .max_records(NAMES_AT_ONCE as i32)
                    .send()
            })
            .await?;
        let mut found = BTreeMap::new();
        for alarm in described.metric_alarms() {
            keep(&mut found, alarm.alarm_name(), metric_alarm(alarm));
        }
        for alarm in described.composite_alarms() {
            let other = other_alarm(alarm.state_value(), alarm.state_reason());
            keep(&mut found, alarm.alarm_name(), other);
        }
        for alarm in described.log_alarms() {
            let other = other_alarm(alarm.state_value(), alarm.state_reason());
            keep(&mut found, alarm.alarm_name(), other);
        }
        Ok(found)
    }
}

/// An alarm without a state that this program knows is left out: it can't be read.
fn keep(
    found: &mut BTreeMap<AlarmName, AlarmFound>,
    name: Option<&str>,
    alarm: Option<AlarmFound>,
) {
    if let (Some(name), Some(alarm)) = (name, alarm) {
        found.insert(AlarmName::new(name), alarm);
    }
}

fn metric_alarm(alarm: &MetricAlarm) -> Option<AlarmFound> {
    let own = alarm.period();
    let of_metrics = alarm.metrics().iter().filter_map(|query| {
        let of_statistic = query.metric_stat().and_then(MetricStat::period);
        of_statistic.or(query.period())
    });
    let period = own.or(of_metrics.max());
    let positive = |number: Option<i32>| number.and_then(|number| u64::try_from(number).ok());
    let notices_after = positive(period)
        .zip(positive(alarm.evaluation_periods()))
        .map(|(period, periods)| Duration::from_secs(period * periods));
    Some(AlarmFound {
        notices_after,
        metric: alarm.metric_name().map(str::to_owned),
        ..other_alarm(alarm.state_value(), alarm.state_reason())?
    })
}

fn other_alarm(state: Option<&StateValue>, reason: Option<&str>) -> Option<AlarmFound> {
    let state = match state? {
        StateValue::Ok => AlarmState::Ok,
        StateValue::Alarm => AlarmState::Alarm,
        StateValue::InsufficientData => AlarmState::InsufficientData,
        _ => return None,
    };
    Some(AlarmFound {
        state,
        reason: reason.unwrap_or_default().to_owned(),
        notices_after: None,
        metric: None,
    })
}
