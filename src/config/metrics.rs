//! `guards.metrics`: what is judged minute by minute, green beside blue.

use crate::strategy::{InputError, Node, Reader, Value};

pub(super) const METRICS_KEYS: [&str; 1] = ["errors"];
pub(super) const ERRORS_KEYS: [&str; 5] = [
    "worse_than",
    "harmless",
    "limit",
    "false_reverts",
    "early_promote",
];

/// The metrics that are judged (`guards.metrics`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricGuards {
    /// Failed requests.
    pub errors: ErrorGuard,
}

/// Failed requests (`guards.metrics.errors`). Rates are in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorGuard {
    /// Green's rate may be so much beside blue's, in percent: 125 where the config says 25%.
    pub worse_than: u32,
    /// A rate that does no harm, whatever blue's is.
    pub harmless: u32,
    /// The rate that green may never exceed, with or without blue beside it.
    pub limit: u32,
    /// How often a good version may be reverted.
    pub false_reverts: u32,
    /// Whether a bake ends early once green is shown not to be worse.
    pub early_promote: bool,
}

impl Default for ErrorGuard {
    fn default() -> ErrorGuard {
        ErrorGuard {
            worse_than: 125,
            harmless: 500,
            limit: 10_000,
            false_reverts: 10_000,
            early_promote: false,
        }
    }
}

pub(super) fn read_metrics(reader: Reader<'_>, node: &Node) -> Result<MetricGuards, InputError> {
    let fields = reader.fields(node, "metrics: { errors }", &METRICS_KEYS)?;
    let errors = read_errors(reader, fields.required("errors")?)?;
    Ok(MetricGuards { errors })
}

fn read_errors(reader: Reader<'_>, node: &Node) -> Result<ErrorGuard, InputError> {
    let default = ErrorGuard::default();
    if matches!(&node.value, Value::Text(text) if text == "default") {
        return Ok(default);
    }
    let expected = "default, or { worse_than, harmless, limit, false_reverts, early_promote }";
    let fields = reader.fields(node, expected, &ERRORS_KEYS)?;
    let rate = |key: &str, default: u32| {
        let rate = fields.optional(key).map(|node| reader.rate(node));
        rate.transpose().map(|rate| rate.unwrap_or(default))
    };
    let worse_by = rate("worse_than", (default.worse_than - 100) * 10_000)?;
    let errors = ErrorGuard {
        worse_than: 100 + worse_by / 10_000,
        harmless: rate("harmless", default.harmless)?,
        limit: rate("limit", default.limit)?,
        false_reverts: rate("false_reverts", default.false_reverts)?,
        early_promote: match fields.optional("early_promote") {
            Some(node) => reader.flag(node)?,
            None => default.early_promote,
        },
    };
    let wrong = |key: &str, what: &str| Err(reader.error(fields.place(key), what));
    if !worse_by.is_multiple_of(10_000) {
        return wrong(
            "worse_than",
            "`worse_than` is in whole percent, such as 25%",
        );
    }
    if !(1..=500_000).contains(&errors.false_reverts) {
        return wrong(
            "false_reverts",
            "`false_reverts` must be over 0% and at most 50%; 1% is usual",
        );
    }
    if !(1..1_000_000).contains(&errors.limit) {
        return wrong("limit", "`limit` must be over 0% and under 100%");
    }
    if errors.harmless == 0 || errors.harmless > errors.limit {
        return wrong(
            "harmless",
            "`harmless` must be over 0% and not over `limit`",
        );
    }
    Ok(errors)
}
