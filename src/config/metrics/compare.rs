//! `guards.metrics.compare`: metrics that are compared by rank.

use std::collections::BTreeMap;

use super::source::read_source;
use crate::judge::guards::{Bounds, CompareGuard, Compared, EffectSize, Handling, Number, Worse};
use crate::strategy::{Fields, InputError, Node, Reader, Value};

pub(in crate::config) const COMPARE_KEYS: [&str; 5] =
    ["every", "pass", "marginal", "weights", "metrics"];
pub(in crate::config) const COMPARED_KEYS: [&str; 16] = [
    "name",
    "metric",
    "expression",
    "metrics",
    "period",
    "worse",
    "critical",
    "must_have_data",
    "tolerance",
    "confidence",
    "effect",
    "allowed",
    "critical_at",
    "missing",
    "outliers",
    "groups",
];
pub(in crate::config) const BOUNDS_KEYS: [&str; 2] = ["increase", "decrease"];
pub(in crate::config) const WORSE: [(&str, Worse); 3] = [
    ("increase", Worse::Increase),
    ("decrease", Worse::Decrease),
    ("either", Worse::Either),
];
pub(in crate::config) const EFFECTS: [(&str, EffectSize); 2] = [
    ("mean_ratio", EffectSize::MeanRatio),
    ("common_language", EffectSize::CommonLanguage),
];
pub(in crate::config) const OUTLIERS: [(&str, bool); 2] = [("keep", false), ("remove", true)];
pub(in crate::config) const MISSING_VALUES: [(&str, bool); 2] = [("remove", false), ("zero", true)];

/// Kayenta's usual thresholds.
const PASS: u32 = 95;
const MARGINAL: u32 = 75;
/// With less, the test has nothing to say.
const CONFIDENCE: std::ops::Range<u32> = 500_000..1_000_000;

pub(super) fn read_compare(reader: Reader<'_>, node: &Node) -> Result<CompareGuard, InputError> {
    let expected = "compare: { every, pass, marginal, weights, metrics }";
    let fields = reader.fields(node, expected, &COMPARE_KEYS)?;
    let score = |key: &str, default: u32| match fields.optional(key) {
        Some(node) => reader.count(node, 100),
        None => Ok(default),
    };
    let pass = score("pass", PASS)?;
    let marginal = score("marginal", MARGINAL.min(pass))?;
    if marginal > pass {
        let what = format!("`marginal` ({marginal}) is over `pass` ({pass})");
        return Err(reader.error(fields.place("marginal"), what));
    }
    let list = fields.required("metrics")?;
    let mut metrics: Vec<Compared> = Vec::new();
    for item in reader.list(list, "a list of metrics")? {
        let metric = read_compared(reader, item)?;
        if metrics.iter().any(|other| other.name == metric.name) {
            let what = format!("the metric {:?} stands here twice", metric.name);
            return Err(reader.error(item.at, what));
        }
        metrics.push(metric);
    }
    if metrics.is_empty() {
        return Err(reader.error(list.at, "there is nothing to compare"));
    }
    let every = fields.optional("every").map(|it| read_every(reader, it));
    let weights = fields.optional("weights");
    let weights = weights.map(|it| read_weights(reader, it, &metrics));
    Ok(CompareGuard {
        every: every.transpose()?,
        pass,
        marginal,
        weights: weights.transpose()?.unwrap_or_default(),
        metrics,
    })
}

fn read_every(reader: Reader<'_>, node: &Node) -> Result<u32, InputError> {
    let every = reader.duration(node)?.as_secs();
    let every = u32::try_from(every).ok();
    let sound = every.filter(|every| (60..=86_400).contains(every));
    sound.ok_or_else(|| reader.error(node.at, "`every` must be from 1m to 1d"))
}

fn read_weights(
    reader: Reader<'_>,
    node: &Node,
    metrics: &[Compared],
) -> Result<BTreeMap<String, u32>, InputError> {
    let Value::Map(entries) = &node.value else {
        return Err(reader.mismatch(node, "{ group: weight }, of 100 together"));
    };
    let mut weights = BTreeMap::new();
    for entry in entries {
        if !metrics.iter().any(|it| it.groups.contains(&entry.key)) {
            let what = format!("no metric is in the group {:?}", entry.key);
            return Err(reader.error(entry.at, what));
        }
        weights.insert(entry.key.clone(), reader.count(&entry.node, 100)?);
    }
    let sum: u32 = weights.values().sum();
    let mut groups = metrics.iter().flat_map(|metric| &metric.groups);
    let complete = groups.all(|group| weights.contains_key(group));
    if sum > 100 || (complete && sum != 100) {
        let what = format!("these weights are {sum} together; all groups' are 100");
        return Err(reader.error(node.at, what));
    }
    Ok(weights)
}

fn read_compared(reader: Reader<'_>, node: &Node) -> Result<Compared, InputError> {
    let fields = reader.fields(node, "a metric: { name, metric, worse, … }", &COMPARED_KEYS)?;
    let name = reader.text(fields.required("name")?, "what people call it")?;
    let source = read_source(reader, &fields)?;
    if !source.differs_by_slot() {
        let what = format!("{name:?} is the same on both sides: there is nothing to compare");
        let hint = "put {target_group}, {service} or {slot} where the sides differ";
        return Err(reader.error(node.at, what).with_hint(hint));
    }
    let default = Compared::of(&name, source);
    let worse = reader.choice(fields.required("worse")?, &WORSE)?;
    let flag = |key: &str| fields.optional(key).map(|node| reader.flag(node));
    let effect = fields.optional("effect");
    let effect = effect.map(|node| reader.choice(node, &EFFECTS));
    let choice = |key: &str, words: &[(&str, bool)]| {
        let node = fields.optional(key);
        node.map(|node| reader.choice(node, words)).transpose()
    };
    let confidence = share(reader, &fields, "confidence")?.unwrap_or(default.confidence);
    if !CONFIDENCE.contains(&confidence) {
        let what = "`confidence` must be from 50% to under 100%; 98% is usual";
        return Err(reader.error(fields.place("confidence"), what));
    }
    let allowed = bounds(reader, &fields, "allowed", worse)?;
    let critical_at = bounds(reader, &fields, "critical_at", worse)?;
    let pairs = |of: fn(Bounds) -> Option<Number>| of(allowed).zip(of(critical_at));
    let inside = [
        (pairs(|it| it.increase), 1.0, "increase"),
        (pairs(|it| it.decrease), -1.0, "decrease"),
    ];
    for (pair, way, key) in inside {
        if let Some((allowed, critical)) = pair
            && (critical.get() - allowed.get()) * way < 0.0
        {
            let what =
                format!("`critical_at: {{ {key}: {critical} }}` lies within `allowed` ({allowed})");
            let error = reader.error(fields.place("critical_at"), what);
            return Err(
                error.with_hint("a difference counts from `allowed` on, and is critical later")
            );
        }
    }
    Ok(Compared {
        worse,
        critical: flag("critical").transpose()?.unwrap_or(false),
        must_have_data: flag("must_have_data").transpose()?.unwrap_or(false),
        tolerance: share(reader, &fields, "tolerance")?.unwrap_or(default.tolerance),
        confidence,
        effect: effect.transpose()?.unwrap_or(default.effect),
        allowed,
        critical_at,
        values: Handling {
            missing_is_zero: choice("missing", &MISSING_VALUES)?.unwrap_or(false),
            without_outliers: choice("outliers", &OUTLIERS)?.unwrap_or(false),
        },
        groups: match fields.optional("groups") {
            Some(node) => groups(reader, node)?,
            None => default.groups.clone(),
        },
        ..default
    })
}

fn share(
    reader: Reader<'_>,
    fields: &Fields<'_, '_>,
    key: &str,
) -> Result<Option<u32>, InputError> {
    let share = fields.optional(key).map(|node| reader.rate(node));
    share.transpose()
}

/// The bounds of `key`; one on the way that isn't worse would change nothing.
fn bounds(
    reader: Reader<'_>,
    fields: &Fields<'_, '_>,
    key: &str,
    worse: Worse,
) -> Result<Bounds, InputError> {
    let Some(node) = fields.optional(key) else {
        return Ok(Bounds::default());
    };
    let fields = reader.fields(node, "{ increase, decrease }", &BOUNDS_KEYS)?;
    let idle = match worse {
        Worse::Increase => Some(("decrease", "increase")),
        Worse::Decrease => Some(("increase", "decrease")),
        Worse::Either => None,
    };
    if let Some((idle, worse)) = idle.filter(|(idle, _)| fields.optional(idle).is_some()) {
        let what = format!("`{key}: {{ {idle} }}` has no effect with `worse: {worse}`");
        let hint = format!("write `{key}: {{ {worse}: … }}`, or `worse: {idle}` or `either`");
        return Err(reader.error(fields.place(idle), what).with_hint(hint));
    }
    let number = |key: &str| {
        let number = fields.optional(key).map(|node| reader.number(node));
        number.transpose()
    };
    Ok(Bounds {
        increase: number("increase")?,
        decrease: number("decrease")?,
    })
}

fn groups(reader: Reader<'_>, node: &Node) -> Result<Vec<String>, InputError> {
    let mut groups = Vec::new();
    for item in reader.list(node, "a list of groups")? {
        groups.push(reader.text(item, "a group's name")?);
    }
    if groups.is_empty() {
        return Err(reader.error(node.at, "a metric in no group counts nowhere"));
    }
    Ok(groups)
}
