//! What is counted of requests: failed ones, slow ones, the load balancer's own answers.

use crate::judge::guards::{BalancerGuard, ErrorGuard, LatencyGuard, Over};
use crate::strategy::{Fields, InputError, Node, Reader, Value};

pub(in crate::config) const ERRORS_KEYS: [&str; 7] = [
    "worse_than",
    "harmless",
    "limit",
    "false_reverts",
    "early_promote",
    "cluster",
    "burst_guard",
];
/// More failures of one cause than this are no cluster but an outage.
const MOST_IN_A_CLUSTER: u32 = 1000;
pub(in crate::config) const LATENCY_KEYS: [&str; 3] = ["over", "worse_than", "limit"];
pub(in crate::config) const LOAD_BALANCER_KEYS: [&str; 1] = ["limit"];

pub(super) fn read_errors(
    reader: Reader<'_>,
    node: &Node,
) -> Result<Option<ErrorGuard>, InputError> {
    let default = ErrorGuard::default();
    if reader.is_word(node, "off") {
        return Ok(None);
    }
    if reader.is_word(node, "default") {
        return Ok(Some(default));
    }
    let expected = "off, default, or { worse_than, harmless, limit, false_reverts, early_promote, \
                    cluster, burst_guard }";
    let fields = reader.fields(node, expected, &ERRORS_KEYS)?;
    let rate = |key: &str, default: u32| rate(reader, &fields, key).map(|it| it.unwrap_or(default));
    let flag = |key: &str| fields.optional(key).map_or(Ok(false), |it| reader.flag(it));
    let errors = ErrorGuard {
        worse_than: worse_than(reader, &fields)?.unwrap_or(default.worse_than),
        harmless: rate("harmless", default.harmless)?,
        limit: self::rate(reader, &fields, "limit")?,
        before: None,
        false_reverts: rate("false_reverts", default.false_reverts)?,
        early_promote: flag("early_promote")?,
        burst_guard: flag("burst_guard")?,
        cluster: match fields.optional("cluster") {
            Some(node) => cluster(reader, node)?,
            None => default.cluster,
        },
        noise: default.noise,
    };
    let wrong = |key: &str, what: &str| Err(reader.error(fields.place(key), what));
    if !(1..=500_000).contains(&errors.false_reverts) {
        return wrong(
            "false_reverts",
            "`false_reverts` must be over 0% and at most 50%; 1% is usual",
        );
    }
    if let Some(limit) = errors.limit {
        check_limit(reader, &fields, limit)?;
    }
    if errors.harmless == 0 || errors.harmless > errors.limit() {
        return wrong(
            "harmless",
            "`harmless` must be over 0% and not over `limit`",
        );
    }
    Ok(Some(errors))
}

pub(super) fn read_latency(reader: Reader<'_>, node: &Node) -> Result<LatencyGuard, InputError> {
    let default = LatencyGuard::default();
    if reader.is_word(node, "default") {
        return Ok(default);
    }
    let expected = "default, or { over, worse_than, limit }";
    let fields = reader.fields(node, expected, &LATENCY_KEYS)?;
    let over = fields.optional("over").map(|node| read_over(reader, node));
    let limit = rate(reader, &fields, "limit")?;
    if let Some(limit) = limit {
        check_limit(reader, &fields, limit)?;
    }
    Ok(LatencyGuard {
        over: over.transpose()?.unwrap_or(default.over),
        worse_than: worse_than(reader, &fields)?.unwrap_or(default.worse_than),
        limit,
        ..default
    })
}

/// `p95`, `p99`, or a time.
fn read_over(reader: Reader<'_>, node: &Node) -> Result<Over, InputError> {
    if let Value::Text(text) = &node.value
        && let Some(percentile) = text.strip_prefix('p')
    {
        let percentile = percentile.parse().ok();
        let known = percentile.filter(|it| matches!(it, 95 | 99));
        return known.map(Over::Percentile).ok_or_else(|| {
            let what = format!("{text:?} is neither p95 nor p99");
            reader.error(node.at, what).with_hint(
                "of a lower percentile too many requests are slow, of a higher one too few; a time \
                 such as 500ms can be any",
            )
        });
    }
    let time = reader.response_time(node)?;
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let sound = (1..=3_600_000_000).contains(&micros);
    sound.then_some(Over::Micros(micros)).ok_or_else(|| {
        let what = "`over` must be over 0s and at most 1h, such as 500ms";
        reader.error(node.at, what)
    })
}

/// `off`, or what is put up with.
pub(super) fn read_load_balancer(
    reader: Reader<'_>,
    node: &Node,
) -> Result<Option<BalancerGuard>, InputError> {
    if reader.is_word(node, "off") {
        return Ok(None);
    }
    if reader.is_word(node, "default") {
        return Ok(Some(BalancerGuard::default()));
    }
    let fields = reader.fields(node, "off, default or { limit }", &LOAD_BALANCER_KEYS)?;
    let limit = reader.rate(fields.required("limit")?)?;
    check_limit(reader, &fields, limit)?;
    Ok(Some(BalancerGuard {
        limit: Some(limit),
        before: None,
    }))
}

fn rate(reader: Reader<'_>, fields: &Fields<'_, '_>, key: &str) -> Result<Option<u32>, InputError> {
    let rate = fields.optional(key).map(|node| reader.rate(node));
    rate.transpose()
}

/// 125 for 25%.
fn worse_than(reader: Reader<'_>, fields: &Fields<'_, '_>) -> Result<Option<u32>, InputError> {
    let Some(by) = rate(reader, fields, "worse_than")? else {
        return Ok(None);
    };
    if !by.is_multiple_of(10_000) {
        let what = "`worse_than` is in whole percent, such as 25%";
        return Err(reader.error(fields.place("worse_than"), what));
    }
    Ok(Some(100 + by / 10_000))
}

fn cluster(reader: Reader<'_>, node: &Node) -> Result<u32, InputError> {
    let count = match &node.value {
        Value::Number(text) => text.parse().ok(),
        _ => None,
    };
    let fits = |count: &u32| (1..=MOST_IN_A_CLUSTER).contains(count);
    let expected = "how many failures one cause makes at most: 1 to 1000";
    count
        .filter(fits)
        .ok_or_else(|| reader.mismatch(node, expected))
}

fn check_limit(reader: Reader<'_>, fields: &Fields<'_, '_>, limit: u32) -> Result<(), InputError> {
    if (1..1_000_000).contains(&limit) {
        return Ok(());
    }
    let what = "`limit` must be over 0% and under 100%";
    Err(reader.error(fields.place("limit"), what))
}
