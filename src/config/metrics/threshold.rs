//! `guards.metrics.threshold`: fixed limits.

use super::source::read_source;
use crate::judge::guards::{Limit, MissingData, ThresholdGuard};
use crate::strategy::{InputError, Node, Reader};

pub(in crate::config) const THRESHOLD_KEYS: [&str; 9] = [
    "name",
    "metric",
    "expression",
    "metrics",
    "period",
    "above",
    "below",
    "periods",
    "missing",
];
pub(in crate::config) const MISSING: [(&str, MissingData); 3] = [
    ("ok", MissingData::Ok),
    ("hold", MissingData::Hold),
    ("revert", MissingData::Revert),
];
/// More periods than this are no guard but a report.
const PERIODS_AT_MOST: u32 = 60;

pub(super) fn read_thresholds(
    reader: Reader<'_>,
    node: &Node,
) -> Result<Vec<ThresholdGuard>, InputError> {
    let mut guards: Vec<ThresholdGuard> = Vec::new();
    for item in reader.list(node, "a list of thresholds")? {
        let guard = read_threshold(reader, item)?;
        if guards.iter().any(|other| other.name == guard.name) {
            let what = format!("the threshold {:?} stands here twice", guard.name);
            return Err(reader.error(item.at, what));
        }
        guards.push(guard);
    }
    Ok(guards)
}

fn read_threshold(reader: Reader<'_>, node: &Node) -> Result<ThresholdGuard, InputError> {
    let expected = "a threshold: { name, metric, above or below, periods, missing }";
    let fields = reader.fields(node, expected, &THRESHOLD_KEYS)?;
    let name = reader.text(fields.required("name")?, "what people call it")?;
    let limit = match (fields.optional("above"), fields.optional("below")) {
        (Some(above), None) => Limit::Above(reader.number(above)?),
        (None, Some(below)) => Limit::Below(reader.number(below)?),
        (Some(_), Some(_)) => {
            let at = fields.place("below");
            return Err(reader.error(at, "either `above` or `below`, not both"));
        }
        (None, None) => {
            let error = reader.error(node.at, format!("the threshold {name:?} has no limit"));
            return Err(error.with_hint("above: 80, or below: 0.5"));
        }
    };
    let periods = fields.optional("periods");
    let periods = periods.map(|node| read_periods(reader, node));
    let (crossed, of) = periods.transpose()?.unwrap_or((3, 3));
    let missing = fields.optional("missing");
    let missing = missing.map(|node| reader.choice(node, &MISSING));
    Ok(ThresholdGuard {
        name,
        source: read_source(reader, &fields)?,
        limit,
        crossed,
        of,
        missing: missing.transpose()?.unwrap_or_default(),
    })
}

/// `3 of 5`, or `3`.
fn read_periods(reader: Reader<'_>, node: &Node) -> Result<(u32, u32), InputError> {
    if let crate::strategy::Value::Text(text) = &node.value
        && let Some((crossed, of)) = text.split_once(" of ")
    {
        let count = |text: &str| text.trim().parse::<u32>().ok();
        let both = count(crossed).zip(count(of));
        let sound =
            both.filter(|(crossed, of)| *crossed >= 1 && crossed <= of && *of <= PERIODS_AT_MOST);
        return sound.ok_or_else(|| {
            let what = format!(
                "{text:?} is not N of M, with 1 <= N <= M <= {PERIODS_AT_MOST}, such as 3 of 5"
            );
            reader.error(node.at, what)
        });
    }
    let count = reader.count(node, PERIODS_AT_MOST)?;
    Ok((count, count))
}
