//! `guards`: the checks that are on all the time.

use std::time::Duration;

use crate::strategy::{InputError, Node, Reader, Value, nearest};

use super::metrics::read_metrics;
use crate::judge::alarms::InsufficientData;
use crate::judge::guards::MetricGuards;
use crate::judge::targets::Share;

/// The checks that are on all the time; when one trips the deployment reverts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guards {
    /// How healthy both sides must be.
    pub targets: TargetGuard,
    /// CloudWatch alarms, all different.
    pub alarms: Vec<AlarmConfig>,
    /// What is judged minute by minute.
    pub metrics: MetricGuards,
}

impl Default for Guards {
    fn default() -> Guards {
        Guards {
            targets: TargetGuard::default(),
            alarms: Vec::new(),
            metrics: MetricGuards::by_itself(),
        }
    }
}

/// How many targets must be healthy (`guards.targets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetGuard {
    /// The part of green's targets that must be healthy before weight is given to it.
    pub ready: Share,
    /// The part that must stay healthy afterwards, initial and draining ones not counted.
    pub min: Share,
    /// How long either must hold (`for`).
    pub steady_for: Duration,
}

impl Default for TargetGuard {
    fn default() -> TargetGuard {
        TargetGuard {
            ready: Share::ALL,
            min: Share::of_percent(75).expect("75 is a percentage"),
            steady_for: Duration::from_secs(30),
        }
    }
}

/// One alarm to watch (`guards.alarms`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmConfig {
    name: String,
    /// Whose alarm it is.
    pub side: AlarmSide,
    /// What INSUFFICIENT_DATA means; `None` where the config leaves it to the alarm's metric.
    pub insufficient_data: Option<InsufficientData>,
}

impl AlarmConfig {
    /// The name as written, perhaps with `{slot}` in it.
    pub fn pattern(&self) -> &str {
        &self.name
    }

    /// The alarm's name for a slot, `a` or `b`.
    pub fn name_for(&self, slot: &str) -> String {
        self.name.replace(SLOT, slot)
    }
}

/// Whose alarm it is (`side`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmSide {
    /// The service's as a whole; the default for a name without `{slot}`.
    Service,
    /// Green's; the default for a name with `{slot}`.
    Green,
    /// Blue's.
    Blue,
}

const SLOT: &str = "{slot}";

pub(super) const GUARDS_KEYS: [&str; 3] = ["targets", "alarms", "metrics"];
pub(super) const TARGET_GUARD_KEYS: [&str; 3] = ["ready", "min", "for"];
pub(super) const ALARM_KEYS: [&str; 3] = ["name", "side", "insufficient_data"];

pub(super) const SIDES: [(&str, AlarmSide); 2] =
    [("green", AlarmSide::Green), ("blue", AlarmSide::Blue)];

pub(super) const INSUFFICIENT_DATA: [(&str, InsufficientData); 3] = [
    ("ok", InsufficientData::Ok),
    ("hold", InsufficientData::Hold),
    ("revert", InsufficientData::Revert),
];

pub(super) fn read_guards(reader: Reader<'_>, node: &Node) -> Result<Guards, InputError> {
    let fields = reader.fields(node, "guards: { targets, alarms, metrics }", &GUARDS_KEYS)?;
    let targets = fields
        .optional("targets")
        .map(|node| read_targets(reader, node));
    let alarms = fields
        .optional("alarms")
        .map(|node| read_alarms(reader, node));
    let metrics = fields
        .optional("metrics")
        .map(|node| read_metrics(reader, node));
    Ok(Guards {
        targets: targets.transpose()?.unwrap_or_default(),
        alarms: alarms.transpose()?.unwrap_or_default(),
        metrics: metrics.transpose()?.unwrap_or_else(MetricGuards::by_itself),
    })
}

fn read_targets(reader: Reader<'_>, node: &Node) -> Result<TargetGuard, InputError> {
    let fields = reader.fields(node, "{ ready, min, for }", &TARGET_GUARD_KEYS)?;
    let share = |key: &str| {
        let share = fields.optional(key).map(|node| read_share(reader, node));
        share.transpose()
    };
    let default = TargetGuard::default();
    let ready = share("ready")?.unwrap_or(default.ready);
    // The lower of the two where only `ready` is written.
    let min = share("min")?.unwrap_or(default.min.min(ready));
    let steady_for = fields
        .optional("for")
        .map(|node| reader.duration(node))
        .transpose()?;
    if ready.percent() == 0 {
        return Err(reader.error(fields.place("ready"), "`ready` must be over 0%"));
    }
    if min > ready {
        let what =
            format!("`min` ({min}) is over `ready` ({ready}): a side that is ready would trip it");
        return Err(reader.error(fields.place("min"), what));
    }
    let steady_for = steady_for.unwrap_or(default.steady_for);
    Ok(TargetGuard {
        ready,
        min,
        steady_for,
    })
}

/// A part of a service's targets: those are counted, so tenths of a percent would be for show.
fn read_share(reader: Reader<'_>, node: &Node) -> Result<Share, InputError> {
    let per_mille = reader.weight(node)?.per_mille();
    let whole = per_mille.is_multiple_of(10).then_some(per_mille / 10);
    whole
        .and_then(|percent| Share::of_percent(percent.try_into().ok()?))
        .ok_or_else(|| reader.error(node.at, "targets are counted in whole percent, such as 75%"))
}

fn read_alarms(reader: Reader<'_>, node: &Node) -> Result<Vec<AlarmConfig>, InputError> {
    let mut alarms: Vec<AlarmConfig> = Vec::new();
    for item in reader.list(node, "a list of alarms")? {
        let alarm = read_alarm(reader, item)?;
        let same = |other: &AlarmConfig| other.name == alarm.name && other.side == alarm.side;
        if alarms.iter().any(same) {
            let what = format!("the alarm {:?} stands here twice", alarm.name);
            return Err(reader.error(item.at, what));
        }
        alarms.push(alarm);
    }
    Ok(alarms)
}

fn read_alarm(reader: Reader<'_>, node: &Node) -> Result<AlarmConfig, InputError> {
    if !matches!(node.value, Value::Map(_)) {
        let name = read_alarm_name(reader, node)?;
        let side = default_side(&name);
        return Ok(AlarmConfig {
            name,
            side,
            insufficient_data: None,
        });
    }
    let fields = reader.fields(node, "an alarm", &ALARM_KEYS)?;
    let name = read_alarm_name(reader, fields.required("name")?)?;
    let side = fields
        .optional("side")
        .map(|node| reader.choice(node, &SIDES));
    let policy = fields.optional("insufficient_data");
    let policy = policy.map(|node| reader.choice(node, &INSUFFICIENT_DATA));
    Ok(AlarmConfig {
        side: side.transpose()?.unwrap_or(default_side(&name)),
        insufficient_data: policy.transpose()?,
        name,
    })
}

fn default_side(name: &str) -> AlarmSide {
    if name.contains(SLOT) {
        AlarmSide::Green
    } else {
        AlarmSide::Service
    }
}

/// A name; `{solt}` is a slip of the pen, not a part of it.
fn read_alarm_name(reader: Reader<'_>, node: &Node) -> Result<String, InputError> {
    let name = reader.text(
        node,
        "an alarm's name, or { name, side, insufficient_data }",
    )?;
    let braced = name
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'));
    for (inside, _) in braced {
        if inside != "slot" && nearest(inside, ["slot"]).is_some() {
            let what = format!("unknown placeholder \"{{{inside}}}\"; did you mean \"{SLOT}\"?");
            return Err(reader.error(node.at, what));
        }
    }
    Ok(name)
}
