//! From what blue's service has to what green's gets.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::names::Names;
use super::{ScalableTarget, Scaling, Whose, alarms};
use crate::deployment::ids::{ClusterName, SlotName, Slots};
use crate::deployment::plan::SlotPlan;

/// What of a policy makes it up, as PutScalingPolicy takes it.
const POLICY: [&str; 4] = [
    "PolicyName",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
];
/// The same of a scheduled action.
const SCHEDULE: [&str; 6] = [
    "ScheduledActionName",
    "Schedule",
    "Timezone",
    "StartTime",
    "EndTime",
    "ScalableTargetAction",
];
/// So far west of UTC a day still goes on.
const WEST: Duration = Duration::from_secs(12 * 3600);

/// What a slot has at the start.
pub struct From<'a> {
    /// Where both services are.
    pub cluster: &'a ClusterName,
    /// Both slots.
    pub slots: &'a Slots<SlotPlan>,
    /// The one that serves.
    pub blue: SlotName,
    /// When.
    pub now: Timestamp,
}

impl Scaling {
    /// Blue's, with green's names in the place of blue's, and the names of alarms that green has
    /// of its own and that ring at something else than blue's: those stay as they are.
    pub fn carried(
        from: &From<'_>,
        blue: &ScalableTarget,
        green: Option<&ScalableTarget>,
    ) -> (Scaling, Vec<String>) {
        let names = Names::of(from.cluster, from.slots, from.blue);
        let renamed = |values: Vec<Value>| values.iter().map(|it| names.renamed(it)).collect();
        let (policies, mut schedules) = parts(blue);
        schedules.retain(|it| !is_over(it, from.now));
        let (alarms, others) = alarms::carried(&names, blue, green);
        let scaling = Scaling {
            whose: Whose::Blue,
            min: blue.min,
            max: blue.max,
            suspended: blue.suspended,
            tags: match green {
                None => own_tags(blue),
                Some(_) => BTreeMap::new(),
            },
            policies: renamed(policies),
            schedules: renamed(schedules),
            alarms,
        };
        (scaling, others)
    }
}

/// Policies and schedules as they are put; a forecast is its own service's.
pub(super) fn parts(target: &ScalableTarget) -> (Vec<Value>, Vec<Value>) {
    let made_up_of = |value: &Value, fields: &[&str]| {
        let fields = fields.iter().filter_map(|field| {
            let value = value.get(*field).filter(|it| !it.is_null())?;
            Some(((*field).to_owned(), value.clone()))
        });
        Value::Object(fields.collect())
    };
    let forecasts = |policy: &&Value| policy["PolicyType"] == "PredictiveScaling";
    let policies = target.policies.iter().filter(|it| !forecasts(it));
    let schedules = target.schedules.iter();
    (
        policies.map(|it| made_up_of(it, &POLICY)).collect(),
        schedules.map(|it| made_up_of(it, &SCHEDULE)).collect(),
    )
}

/// Those that AWS hasn't given it.
fn own_tags(target: &ScalableTarget) -> BTreeMap<String, String> {
    let tags = target.tags.iter();
    let own = tags.filter(|(key, _)| !key.starts_with("aws:"));
    own.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether a scheduled action will never run again, wherever its time zone is: AWS may not take
/// it any more.
fn is_over(schedule: &Value, now: Timestamp) -> bool {
    let ended = schedule["EndTime"].as_f64();
    if ended.is_some_and(|end| end < now.as_second() as f64) {
        return true;
    }
    let once = schedule["Schedule"].as_str().and_then(|text| {
        let at = text.strip_prefix("at(")?.strip_suffix(')')?;
        at.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()
    });
    let west = SignedDuration::try_from(WEST).unwrap_or_default();
    once.is_some_and(|at| at.timestamp() + west < now)
}
