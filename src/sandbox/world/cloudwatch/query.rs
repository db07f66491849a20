//! Metric data queries: a statistic of a metric, or an expression over other queries.

use super::math::{Expr, Known, Points, Quantity};
use super::store::{Metric, Statistic, Store, Window};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One of a list of queries that may refer to each other.
#[derive(Debug, Clone)]
pub struct Query {
    /// Its id: starts with a lower-case letter.
    pub id: String,
    /// A label for people; the id or the metric's name where none is given.
    pub label: Option<String>,
    /// What it asks for.
    pub source: Source,
    /// Whether its result is given back.
    pub returns: bool,
}

/// Where a query's values come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A metric's statistic.
    Stat {
        /// The metric.
        metric: Metric,
        /// The statistic.
        statistic: Statistic,
        /// The length of a period, in seconds.
        period: i64,
    },
    /// An expression.
    Expression(Expr),
}

impl Query {
    /// The metric that it reads; none of an expression.
    pub fn metric(&self) -> Option<&Metric> {
        match &self.source {
            Source::Stat { metric, .. } => Some(metric),
            Source::Expression(_) => None,
        }
    }

    /// The label that AWS would give.
    pub fn label(&self) -> String {
        match (&self.label, &self.source) {
            (Some(label), _) => label.clone(),
            (None, Source::Stat { metric, .. }) => metric.name.clone(),
            (None, Source::Expression(_)) => self.id.clone(),
        }
    }
}

/// The shortest period of all metrics asked for: the one that expressions are evaluated at.
pub fn period_of(queries: &[Query]) -> i64 {
    let periods = queries.iter().filter_map(|query| match query.source {
        Source::Stat { period, .. } => Some(period),
        Source::Expression(_) => None,
    });
    periods.min().unwrap_or(60)
}

/// All queries' values between two times.
///
/// # Errors
/// What is wrong with an expression, in words; also when expressions refer to each other in a
/// circle.
pub fn run(
    queries: &[Query],
    store: &Store,
    (start, end): (i64, i64),
    now: Timestamp,
) -> Result<BTreeMap<String, Points>, String> {
    let mut known: BTreeMap<String, Quantity> = BTreeMap::new();
    let mut metrics = BTreeMap::new();
    let aligned = |period: i64| Window {
        start: start.div_euclid(period) * period,
        end,
        period,
    };
    for query in queries {
        if let Source::Stat {
            metric,
            statistic,
            period,
        } = &query.source
        {
            let values = store.values(metric, *statistic, aligned(*period), now);
            known.insert(query.id.clone(), Quantity::Series(values));
            metrics.insert(query.id.clone(), *period);
        }
    }
    let period = period_of(queries);
    let window = aligned(period);
    let times: Vec<i64> = (window.start..window.end)
        .step_by(period.max(1) as usize)
        .collect();
    let ids: BTreeSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    let mut open: Vec<(&Query, &Expr)> = Vec::new();
    for query in queries {
        if let Source::Expression(expr) = &query.source {
            if let Some(unknown) = expr.ids().into_iter().find(|id| !ids.contains(id)) {
                return Err(format!("Unknown metric id '{unknown}'"));
            }
            open.push((query, expr));
        }
    }
    while !open.is_empty() {
        let ready = |expr: &Expr| expr.ids().into_iter().all(|id| known.contains_key(id));
        let Some(index) = open.iter().position(|(_, expr)| ready(expr)) else {
            return Err("The expressions refer to each other in a circle".to_owned());
        };
        let (query, expr) = open.remove(index);
        let value = expr.value(Known {
            values: &known,
            metrics: &metrics,
            times: &times,
        })?;
        known.insert(query.id.clone(), value);
    }
    // A list may be what others are made of, not what is given back.
    let is_inner = |id: &str| queries.iter().any(|it| it.id == id && !it.returns);
    known.retain(|id, value| !(matches!(value, Quantity::Several(_)) && is_inner(id)));
    let points = known.into_iter();
    points
        .map(|(id, value)| Ok((id, value.into_points(&times)?)))
        .collect()
}

/// Whether queries can be run.
///
/// # Errors
/// As [`run`]: what is wrong with an expression shows without any datapoint.
pub fn check(queries: &[Query]) -> Result<(), String> {
    let nothing = Store::default();
    run(queries, &nothing, (0, 60), Timestamp::UNIX_EPOCH).map(drop)
}
