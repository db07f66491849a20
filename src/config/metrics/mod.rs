//! `guards.metrics`: what is judged minute by minute.

mod compare;
mod requests;
mod source;
mod threshold;

use crate::judge::guards::{BalancerGuard, ErrorGuard, MetricGuards, Number};
use crate::strategy::{InputError, Node, Reader, Value};

#[cfg(test)]
pub(super) use compare::{
    BOUNDS_KEYS, COMPARE_KEYS, COMPARED_KEYS, EFFECTS, MISSING_VALUES, OUTLIERS, WORSE,
};
#[cfg(test)]
pub(super) use requests::{ERRORS_KEYS, LATENCY_KEYS, LOAD_BALANCER_KEYS};
#[cfg(test)]
pub(super) use source::METRIC_KEYS;
#[cfg(test)]
pub(super) use threshold::{MISSING, THRESHOLD_KEYS};

pub(super) const METRICS_KEYS: [&str; 5] =
    ["errors", "latency", "load_balancer", "threshold", "compare"];

/// Errors are judged by themselves where anything is; the load balancer's own 5xx always are.
pub(super) fn read_metrics(reader: Reader<'_>, node: &Node) -> Result<MetricGuards, InputError> {
    if reader.is_word(node, "off") {
        return Ok(MetricGuards::none());
    }
    let expected = "off, or { errors, latency, load_balancer, threshold, compare }";
    let fields = reader.fields(node, expected, &METRICS_KEYS)?;
    let others = ["latency", "threshold", "compare"];
    let judges_more = others.iter().any(|key| fields.optional(key).is_some());
    let errors = match fields.optional("errors") {
        Some(node) => requests::read_errors(reader, node)?,
        None => Some(ErrorGuard::default()).filter(|_| judges_more),
    };
    let latency = fields.optional("latency");
    let latency = latency.map(|node| requests::read_latency(reader, node));
    let load_balancer = match fields.optional("load_balancer") {
        Some(node) => requests::read_load_balancer(reader, node)?,
        None => Some(BalancerGuard::default()),
    };
    let thresholds = fields.optional("threshold");
    let thresholds = thresholds.map(|node| threshold::read_thresholds(reader, node));
    let compare = fields.optional("compare");
    let compare = compare.map(|node| compare::read_compare(reader, node));
    let guards = MetricGuards {
        errors,
        latency: latency.transpose()?,
        load_balancer,
        thresholds: thresholds.transpose()?.unwrap_or_default(),
        compare: compare.transpose()?,
    };
    if METRICS_KEYS
        .iter()
        .all(|key| fields.optional(key).is_none())
    {
        let error = reader.error(node.at, "nothing is asked for here");
        return Err(error.with_hint("errors: default judges failed requests"));
    }
    Ok(guards)
}

impl Reader<'_> {
    /// Whether a value is just this word.
    fn is_word(self, node: &Node, word: &str) -> bool {
        matches!(&node.value, Value::Text(text) if text == word)
    }

    /// Any number, also one that came out of a variable as text.
    fn number(self, node: &Node) -> Result<Number, InputError> {
        let (Value::Number(text) | Value::Text(text)) = &node.value else {
            return Err(self.mismatch(node, "a number"));
        };
        text.parse()
            .map_err(|what: String| self.error(node.at, what))
    }

    /// A whole number from 1 to `most`.
    fn count(self, node: &Node, most: u32) -> Result<u32, InputError> {
        let (Value::Number(text) | Value::Text(text)) = &node.value else {
            return Err(self.mismatch(node, "a whole number"));
        };
        let count = text.parse().ok().filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| {
            let what = format!("{text} is not a whole number from 1 to {most}");
            self.error(node.at, what)
        })
    }
}

#[cfg(test)]
mod tests;
