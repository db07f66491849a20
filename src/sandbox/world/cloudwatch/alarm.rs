//! Alarms: what they watch, and the state they are in.

use super::query::{self, Query, Source};
use super::rule::Rule;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// An alarm's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Beyond it.
    Alarm,
    /// Not enough data to tell.
    InsufficientData,
}

impl AlarmState {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// Reads the API's name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// An alarm.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Its name, unique in account and region.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it watches.
    pub kind: Kind,
    /// The settings as a client gave them, to be described.
    pub settings: Map<String, Value>,
    /// Whether its actions run.
    pub actions_enabled: bool,
    /// Its state.
    pub state: AlarmState,
    /// Why, for people.
    pub reason: String,
    /// Why, for programs.
    pub reason_data: Option<String>,
    /// When its settings were last changed.
    pub configured_at: Timestamp,
    /// When its state or reason was last set.
    pub updated_at: Timestamp,
    /// When its state last became another one.
    pub transitioned_at: Timestamp,
    /// What the last evaluation came to.
    pub(super) evaluated: Option<AlarmState>,
}

/// A new state with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The state.
    pub state: AlarmState,
    /// Why, for people.
    pub reason: String,
    /// Why, for programs.
    pub reason_data: Option<String>,
}

impl Alarm {
    /// A new alarm, in `INSUFFICIENT_DATA`.
    pub fn new(
        name: &str,
        arn: String,
        kind: Kind,
        settings: Map<String, Value>,
        now: Timestamp,
    ) -> Self {
        Self {
            name: name.to_owned(),
            arn,
            kind,
            settings,
            actions_enabled: true,
            state: AlarmState::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            configured_at: now,
            updated_at: now,
            transitioned_at: now,
            evaluated: None,
        }
    }

    pub(super) fn keep_state_of(&mut self, old: &Self) {
        self.state = old.state;
        self.reason.clone_from(&old.reason);
        self.reason_data.clone_from(&old.reason_data);
        self.updated_at = old.updated_at;
        self.transitioned_at = old.transitioned_at;
    }

    pub(super) fn apply(&mut self, change: Change, now: Timestamp) {
        if self.state != change.state {
            self.transitioned_at = now;
        }
        self.state = change.state;
        self.reason = change.reason;
        self.reason_data = change.reason_data;
        self.updated_at = now;
    }
}

/// What an alarm watches.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A metric or an expression.
    Metric(Box<MetricSpec>),
    /// Other alarms.
    Composite(Rule),
    /// A log query: stored; its state is only ever set by hand.
    Log,
}

impl Kind {
    /// As `AlarmTypes` names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Metric(_) => "MetricAlarm",
            Self::Composite(_) => "CompositeAlarm",
            Self::Log => "LogAlarm",
        }
    }
}

/// How a metric alarm is evaluated.
#[derive(Debug, Clone)]
pub struct MetricSpec {
    /// A single query, or several of which one is returned.
    pub queries: Vec<Query>,
    /// The id of the one that is compared.
    pub watched: String,
    /// The length of a period, in seconds.
    pub period: i64,
    /// N: the newest periods that are looked at.
    pub evaluation_periods: usize,
    /// M: how many of them must breach.
    pub datapoints_to_alarm: usize,
    /// What values are compared with.
    pub threshold: f64,
    /// How.
    pub comparison: Comparison,
    /// What a period without data counts as.
    pub missing: Missing,
}

impl MetricSpec {
    /// Whether one of its queries watches this metric.
    pub fn watches(&self, namespace: &str, name: &str) -> bool {
        self.queries.iter().any(|query| match &query.source {
            Source::Stat { metric, .. } => metric.namespace == namespace && metric.name == name,
            Source::Expression(_) => false,
        })
    }

    /// The period of a list of queries.
    pub fn period_of(queries: &[Query]) -> i64 {
        query::period_of(queries)
    }
}

/// A comparison with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Above or at it.
    GreaterOrEqual,
    /// Above it.
    Greater,
    /// Below it.
    Less,
    /// Below or at it.
    LessOrEqual,
}

impl Comparison {
    /// Reads AWS's name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "GreaterThanOrEqualToThreshold" => Some(Self::GreaterOrEqual),
            "GreaterThanThreshold" => Some(Self::Greater),
            "LessThanThreshold" => Some(Self::Less),
            "LessThanOrEqualToThreshold" => Some(Self::LessOrEqual),
            _ => None,
        }
    }

    /// Whether a value breaches the threshold.
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }

    /// As AWS's reasons put it.
    pub fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

/// What a period without data counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// As bad.
    Breaching,
    /// As good.
    NotBreaching,
    /// The state stays.
    Ignore,
    /// Too little to tell.
    Missing,
}

impl Missing {
    /// Reads AWS's name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "breaching" => Some(Self::Breaching),
            "notBreaching" => Some(Self::NotBreaching),
            "ignore" => Some(Self::Ignore),
            "missing" => Some(Self::Missing),
            _ => None,
        }
    }
}
