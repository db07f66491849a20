//! Metrics and alarms.
//!
//! [`store`] keeps one-minute datapoints, [`math`] evaluates expressions over them, [`alarm`]
//! and [`rule`] turn them into states. A datapoint has a time from which it can be seen: the
//! load balancer's own metrics come [`CloudWatch::lag`] after their minute's end.

pub mod alarm;
pub mod evaluate;
pub mod histogram;
pub mod math;
pub mod query;
pub mod rule;
pub mod store;

use alarm::{Alarm, AlarmState, Change, Kind};
use jiff::{SignedDuration, Timestamp};
use query::Query;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use store::{Metric, Store};

/// How late the load balancer's metrics are, unless set otherwise.
const LAG: SignedDuration = SignedDuration::from_secs(90);

/// History items kept, over all alarms.
const HISTORY: usize = 2_000;

/// Metrics and alarms of the region.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    /// How long after a minute's end its load-balancer metrics can be read.
    pub lag: SignedDuration,
    /// All datapoints.
    pub store: Store,
    alarms: BTreeMap<String, Alarm>,
    history: VecDeque<HistoryItem>,
    composites_due: bool,
}

/// One entry of an alarm's history.
#[derive(Debug, Clone)]
pub struct HistoryItem {
    /// The alarm.
    pub alarm: String,
    /// `MetricAlarm`, `CompositeAlarm` or `LogAlarm`.
    pub alarm_type: &'static str,
    /// `StateUpdate` or `ConfigurationUpdate`.
    pub item_type: &'static str,
    /// When.
    pub at: Timestamp,
    /// One line for people.
    pub summary: String,
    /// Details for programs.
    pub data: Value,
}

impl Default for CloudWatch {
    fn default() -> Self {
        Self {
            lag: LAG,
            store: Store::default(),
            alarms: BTreeMap::new(),
            history: VecDeque::new(),
            composites_due: false,
        }
    }
}

impl CloudWatch {
    /// Whether composite alarms are to be evaluated anew.
    pub(super) fn are_composites_due(&self) -> bool {
        self.composites_due
    }

    /// All alarms by name.
    pub fn alarms(&self) -> &BTreeMap<String, Alarm> {
        &self.alarms
    }

    /// An alarm's state.
    pub fn state_of(&self, name: &str) -> Option<AlarmState> {
        self.alarms.get(name).map(|alarm| alarm.state)
    }

    /// History, oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &HistoryItem> {
        self.history.iter()
    }

    /// Creates or updates an alarm. An update keeps the state that there is.
    pub fn put_alarm(&mut self, mut alarm: Alarm, now: Timestamp) {
        let verb = match self.alarms.get(&alarm.name) {
            Some(old) => {
                alarm.keep_state_of(old);
                "updated"
            }
            None => "created",
        };
        let summary = format!("Alarm \"{}\" {verb}", alarm.name);
        self.remember(&alarm, "ConfigurationUpdate", now, summary, json!({}));
        self.composites_due = true;
        self.alarms.insert(alarm.name.clone(), alarm);
    }

    /// Deletes an alarm; whether there was one.
    pub fn delete_alarm(&mut self, name: &str) -> Option<Alarm> {
        self.composites_due = true;
        self.alarms.remove(name)
    }

    /// Forgets the alarms that nobody reads, as if they had never been made. Composite alarms read
    /// others: where there is one all stay.
    pub fn keep_alarms(&mut self, is_read: impl Fn(&str) -> bool) {
        let mut kinds = self.alarms.values().map(|alarm| &alarm.kind);
        if !kinds.any(|kind| matches!(kind, Kind::Composite(_))) {
            self.alarms.retain(|name, _| is_read(name));
        }
    }

    /// The metrics that alarms read.
    pub fn read_by_alarms(&self) -> impl Iterator<Item = &Metric> {
        let queries = self.alarms.values().flat_map(|alarm| match &alarm.kind {
            Kind::Metric(spec) => spec.queries.as_slice(),
            Kind::Composite(_) | Kind::Log => &[],
        });
        queries.filter_map(Query::metric)
    }

    /// Switches an alarm's actions on or off; unknown names are passed over, as AWS does.
    pub fn set_actions(&mut self, name: &str, enabled: ActionsSwitch) {
        if let Some(alarm) = self.alarms.get_mut(name) {
            alarm.actions_enabled = enabled == ActionsSwitch::Enabled;
        }
    }

    /// Sets an alarm's state by hand. It holds until an evaluation comes to another result than
    /// the one before. Returns whether the alarm exists.
    pub fn set_state(&mut self, name: &str, change: Change, now: Timestamp) -> Option<()> {
        self.alarms.get(name)?;
        self.apply(name, change, now);
        Some(())
    }

    fn apply(&mut self, name: &str, change: Change, now: Timestamp) {
        let Some(alarm) = self.alarms.get_mut(name) else {
            return;
        };
        let before = alarm.state;
        let state = change.state;
        alarm.apply(change, now);
        if before == state {
            return;
        }
        self.composites_due = true;
        let summary = format!(
            "Alarm updated from {} to {}",
            before.as_str(),
            state.as_str()
        );
        let data = json!({ "version": "1.0", "oldState": { "stateValue": before.as_str() },
            "newState": { "stateValue": state.as_str() } });
        let alarm = self.alarms[name].clone();
        self.remember(&alarm, "StateUpdate", now, summary, data);
    }

    fn remember(
        &mut self,
        alarm: &Alarm,
        item_type: &'static str,
        at: Timestamp,
        summary: String,
        data: Value,
    ) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(HistoryItem {
            alarm: alarm.name.clone(),
            alarm_type: alarm.kind.type_name(),
            item_type,
            at,
            summary,
            data,
        });
    }

    /// Evaluates every metric alarm.
    fn evaluate_metric_alarms(&mut self, now: Timestamp) {
        let mut changes = Vec::new();
        for alarm in self.alarms.values_mut() {
            let Kind::Metric(spec) = &alarm.kind else {
                continue;
            };
            // What was set by hand before the first evaluation is what that starts from.
            let before = alarm.evaluated.or(Some(alarm.state));
            let verdict = evaluate::judge(spec, &self.store, now, self.lag, before);
            if Some(verdict.state) != alarm.evaluated {
                alarm.evaluated = Some(verdict.state);
                if verdict.state != alarm.state {
                    changes.push((alarm.name.clone(), verdict));
                }
            }
        }
        for (name, change) in changes {
            self.apply(&name, change, now);
        }
    }

    /// Evaluates composite alarms until nothing changes: they may refer to each other.
    fn evaluate_composites(&mut self, now: Timestamp) {
        /// Rounds after which composites that chase each other in a circle are left alone.
        const ROUNDS: usize = 10;
        for _ in 0..ROUNDS {
            if !self.composites_due {
                return;
            }
            self.composites_due = false;
            let state_of = |name: &str| self.state_of(name);
            let mut changes = Vec::new();
            for alarm in self.alarms.values() {
                let Kind::Composite(rule) = &alarm.kind else {
                    continue;
                };
                let state = match rule.holds(&state_of) {
                    true => AlarmState::Alarm,
                    false => AlarmState::Ok,
                };
                if alarm.evaluated != Some(state) {
                    changes.push((alarm.name.clone(), state));
                }
            }
            for (name, state) in changes {
                let change = Change {
                    state,
                    reason: format!("{name} transitioned to {} at {now}", state.as_str()),
                    reason_data: None,
                };
                if let Some(alarm) = self.alarms.get_mut(&name) {
                    alarm.evaluated = Some(state);
                }
                self.apply(&name, change, now);
            }
        }
    }
}

/// Whether an alarm's actions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionsSwitch {
    /// They do.
    Enabled,
    /// They don't.
    Disabled,
}

/// One second of CloudWatch: at each full minute, alarms are evaluated.
pub fn tick(world: &mut super::World) {
    let now = world.now;
    if now.as_second() % 60 == 0 {
        world.cloudwatch.evaluate_metric_alarms(now);
    }
    if world.cloudwatch.composites_due {
        world.cloudwatch.evaluate_composites(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::wire::cloudwatch::handle;
    use crate::sandbox::world::elb::testing::empty_world;

    fn alarm(world: &mut super::super::World, name: &str) {
        let input = json!({"AlarmName": name, "Namespace": "Test", "MetricName": name,
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"});
        handle(world, "PutMetricAlarm", &input).unwrap();
    }

    fn publish(world: &mut super::super::World, metric: &str, value: f64) {
        let input =
            json!({"Namespace": "Test", "MetricData": [{"MetricName": metric, "Value": value}]});
        handle(world, "PutMetricData", &input).unwrap();
    }

    fn pass(world: &mut super::super::World, seconds: i64) {
        world.advance_to(world.now + SignedDuration::from_secs(seconds));
    }

    fn set(world: &mut super::super::World, name: &str, state: &str) {
        let input = json!({"AlarmName": name, "StateValue": state, "StateReason": "test"});
        handle(world, "SetAlarmState", &input).unwrap();
    }

    #[test]
    fn an_alarm_starts_without_data_and_follows_its_metric() {
        let mut world = empty_world();
        alarm(&mut world, "x");
        assert_eq!(
            world.cloudwatch.state_of("x"),
            Some(AlarmState::InsufficientData)
        );
        publish(&mut world, "x", 1.0);
        pass(&mut world, 60);
        assert_eq!(world.cloudwatch.state_of("x"), Some(AlarmState::Ok));
        publish(&mut world, "x", 6.0);
        pass(&mut world, 60);
        assert_eq!(world.cloudwatch.state_of("x"), Some(AlarmState::Alarm));
        let summaries: Vec<_> = world
            .cloudwatch
            .history()
            .map(|item| item.summary.clone())
            .collect();
        assert_eq!(
            summaries,
            [
                "Alarm \"x\" created",
                "Alarm updated from INSUFFICIENT_DATA to OK",
                "Alarm updated from OK to ALARM",
            ]
        );
    }

    #[test]
    fn a_state_set_by_hand_holds_until_the_evaluation_changes() {
        let mut world = empty_world();
        alarm(&mut world, "x");
        pass(&mut world, 120);
        assert_eq!(world.cloudwatch.state_of("x"), Some(AlarmState::Ok));
        set(&mut world, "x", "ALARM");
        pass(&mut world, 300);
        assert_eq!(world.cloudwatch.state_of("x"), Some(AlarmState::Alarm));
        set(&mut world, "x", "OK");
        publish(&mut world, "x", 9.0);
        pass(&mut world, 60);
        assert_eq!(world.cloudwatch.state_of("x"), Some(AlarmState::Alarm));
    }

    #[test]
    fn a_state_set_before_the_first_evaluation_is_kept_where_missing_data_is_ignored() {
        let mut world = empty_world();
        let input = json!({"AlarmName": "x", "Namespace": "Test", "MetricName": "x",
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore"});
        handle(&mut world, "PutMetricAlarm", &input).unwrap();
        set(&mut world, "x", "ALARM");
        pass(&mut world, 300);
        assert_eq!(world.cloudwatch.state_of("x"), Some(AlarmState::Alarm));
    }

    #[test]
    fn composites_follow_their_children_within_a_second() {
        let mut world = empty_world();
        alarm(&mut world, "x");
        alarm(&mut world, "y");
        for (name, rule) in [
            ("both", "ALARM(x) AND ALARM(y)"),
            ("outer", "NOT OK(\"both\")"),
        ] {
            handle(
                &mut world,
                "PutCompositeAlarm",
                &json!({"AlarmName": name, "AlarmRule": rule}),
            )
            .unwrap();
        }
        pass(&mut world, 60);
        assert_eq!(world.cloudwatch.state_of("both"), Some(AlarmState::Ok));
        set(&mut world, "x", "ALARM");
        pass(&mut world, 1);
        assert_eq!(world.cloudwatch.state_of("both"), Some(AlarmState::Ok));
        set(&mut world, "y", "ALARM");
        pass(&mut world, 1);
        assert_eq!(world.cloudwatch.state_of("both"), Some(AlarmState::Alarm));
        assert_eq!(world.cloudwatch.state_of("outer"), Some(AlarmState::Alarm));
    }
}
