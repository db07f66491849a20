//! A CloudWatch metric, or an expression over some.

use std::collections::BTreeMap;

use crate::judge::guards::{MetricStat, PLACEHOLDERS, Period, Source};
use crate::strategy::{Fields, InputError, Node, Reader, Value, nearest};

pub(in crate::config) const METRIC_KEYS: [&str; 4] = ["namespace", "name", "dimensions", "stat"];
const NO_EXPRESSION: &str = "`metrics` are named by an `expression`: write one, or `metric: { … }`";

/// `metric`, or `expression` with `metrics`; and `period`.
pub(super) fn read_source(
    reader: Reader<'_>,
    fields: &Fields<'_, '_>,
) -> Result<Source, InputError> {
    let period = fields
        .optional("period")
        .map(|node| read_period(reader, node));
    let period = period.transpose()?.unwrap_or_default();
    let expression = fields.optional("expression");
    let (metrics, expression) = match (fields.optional("metric"), expression) {
        (Some(metric), None) => {
            if fields.optional("metrics").is_some() {
                return Err(reader.error(fields.place("metrics"), NO_EXPRESSION));
            }
            let metric = read_metric(reader, metric)?;
            (BTreeMap::from([("m".to_owned(), metric)]), None)
        }
        (None, Some(node)) => {
            let expression = reader.text(node, "an expression such as errors / all")?;
            check_placeholders(reader, node, &expression)?;
            let metrics = match fields.optional("metrics") {
                Some(node) => read_named(reader, node)?,
                None => BTreeMap::new(),
            };
            check_names(reader, node, &expression, &metrics)?;
            (metrics, Some(expression))
        }
        (Some(_), Some(node)) => {
            let what = "either `metric` or `expression`, not both";
            return Err(reader.error(node.at, what));
        }
        (None, None) => {
            let at = fields.place("metric");
            let hint = "metric: { namespace, name, dimensions, stat }, or expression: … with \
                        metrics: { id: { … } }";
            return Err(reader.error(at, "this names no metric").with_hint(hint));
        }
    };
    Ok(Source {
        metrics,
        expression,
        period,
    })
}

/// Other ids than those of `metrics` are bg's own in the same call, or nothing's.
fn check_names(
    reader: Reader<'_>,
    node: &Node,
    expression: &str,
    metrics: &BTreeMap<String, MetricStat>,
) -> Result<(), InputError> {
    for name in names_in(expression) {
        if name == "METRICS" {
            let what =
                "METRICS() would take in bg's own queries of the same call: name the metrics";
            return Err(reader.error(node.at, what));
        }
        let is_id = name.starts_with(|c: char| c.is_ascii_lowercase());
        if is_id && !metrics.contains_key(name) {
            let what = format!("the expression names {name:?}, which `metrics` doesn't define");
            let hint = "each metric of an expression stands under its id in `metrics` beside it";
            return Err(reader.error(node.at, what).with_hint(hint));
        }
    }
    Ok(())
}

/// The names of metrics and functions in metric math: what is neither quoted nor a number. A
/// Metrics Insights query has names of its own.
fn names_in(expression: &str) -> Vec<&str> {
    if expression
        .trim_start()
        .to_ascii_uppercase()
        .starts_with("SELECT ")
    {
        return Vec::new();
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut quote = None;
    let unquoted = expression.split(|c: char| {
        let is_cut = quote.is_some() || !is_part(c);
        quote = match (quote, c) {
            (None, '\'' | '"') => Some(c),
            (Some(open), c) if open == c => None,
            (quote, _) => quote,
        };
        is_cut
    });
    unquoted
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
        .collect()
}

fn read_period(reader: Reader<'_>, node: &Node) -> Result<Period, InputError> {
    let period = reader.duration(node)?;
    let whole = period.subsec_nanos() == 0;
    let known = whole.then(|| Period::of_seconds(period.as_secs()));
    known.flatten().ok_or_else(|| {
        let what = "`period` must be 10s, 30s or whole minutes up to 1h";
        reader.error(node.at, what)
    })
}

fn read_named(reader: Reader<'_>, node: &Node) -> Result<BTreeMap<String, MetricStat>, InputError> {
    let Value::Map(entries) = &node.value else {
        return Err(reader.mismatch(node, "{ id: { namespace, name, dimensions, stat } }"));
    };
    let mut metrics = BTreeMap::new();
    for entry in entries {
        let starts = entry.key.starts_with(|c: char| c.is_ascii_lowercase());
        let rest = entry
            .key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !starts || !rest {
            let what = format!(
                "{:?} can't be an id: a lower-case letter, then letters, digits and _",
                entry.key
            );
            return Err(reader.error(entry.at, what));
        }
        metrics.insert(entry.key.clone(), read_metric(reader, &entry.node)?);
    }
    Ok(metrics)
}

fn read_metric(reader: Reader<'_>, node: &Node) -> Result<MetricStat, InputError> {
    let fields = reader.fields(node, "{ namespace, name, dimensions, stat }", &METRIC_KEYS)?;
    let text = |key: &str, expected: &str| {
        let node = fields.required(key)?;
        let text = reader.text(node, expected)?;
        check_placeholders(reader, node, &text)?;
        Ok(text)
    };
    let dimensions = match fields.optional("dimensions") {
        Some(node) => read_dimensions(reader, node)?,
        None => BTreeMap::new(),
    };
    let stat = fields.required("stat")?;
    Ok(MetricStat {
        namespace: text("namespace", "a namespace such as AWS/ECS")?,
        name: text("name", "a metric's name")?,
        dimensions,
        stat: read_stat(reader, stat)?,
    })
}

fn read_stat(reader: Reader<'_>, node: &Node) -> Result<String, InputError> {
    const SIMPLE: [&str; 5] = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"];
    let stat = reader.text(node, "a statistic such as Average")?;
    let percentile = stat.strip_prefix('p').and_then(|it| it.parse::<f64>().ok());
    let percentile = percentile.is_some_and(|it| (0.0..=100.0).contains(&it));
    // TM, TC, TS, PR, WM, IQM: CloudWatch's own word on them counts.
    let extended = ["TM(", "TC(", "TS(", "PR(", "WM("];
    let extended = stat == "IQM" || extended.iter().any(|it| stat.starts_with(it));
    if SIMPLE.contains(&stat.as_str()) || percentile || extended {
        return Ok(stat);
    }
    let mut what = format!("{stat:?} is no statistic");
    if let Some(near) = nearest(&stat, SIMPLE) {
        what += &format!("; did you mean {near:?}?");
    }
    let hint =
        "Average, Sum, Minimum, Maximum, SampleCount, p99, or TM, TC, TS, PR, WM with a range";
    Err(reader.error(node.at, what).with_hint(hint))
}

fn read_dimensions(
    reader: Reader<'_>,
    node: &Node,
) -> Result<BTreeMap<String, String>, InputError> {
    let Value::Map(entries) = &node.value else {
        return Err(reader.mismatch(node, "{ NAME: value }"));
    };
    let mut dimensions = BTreeMap::new();
    for entry in entries {
        let value = reader.text(&entry.node, "a dimension's value")?;
        check_placeholders(reader, &entry.node, &value)?;
        dimensions.insert(entry.key.clone(), value);
    }
    Ok(dimensions)
}

/// `{servce}` is a slip of the pen; other braces are CloudWatch's own, as in SEARCH.
fn check_placeholders(reader: Reader<'_>, node: &Node, text: &str) -> Result<(), InputError> {
    let names = PLACEHOLDERS.map(|it| it.trim_matches(['{', '}']));
    let braced = text.split('{').skip(1);
    for (inside, _) in braced.filter_map(|part| part.split_once('}')) {
        if names.contains(&inside) {
            continue;
        }
        if let Some(near) = nearest(inside, names) {
            let what =
                format!("unknown placeholder \"{{{inside}}}\"; did you mean \"{{{near}}}\"?");
            return Err(reader.error(node.at, what));
        }
    }
    Ok(())
}
