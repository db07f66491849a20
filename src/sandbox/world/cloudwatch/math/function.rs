//! The functions of metric math.

use std::collections::BTreeMap;

use super::{Expr, Known, Points, Quantity};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `FILL(series, value | REPEAT)`: datapoints where there are none.
    Fill,
    /// `IF(condition, then, else)`: without an else, only the datapoints where it holds.
    If,
    /// `ABS(series)`
    Abs,
    /// `CEIL(series)`
    Ceil,
    /// `FLOOR(series)`
    Floor,
    /// `METRICS()`: all metrics of the request; `METRICS("text")`: those with that in their id.
    Metrics,
    /// `PERIOD(metric)`: in seconds.
    Period,
    /// `SUM`: of a list at each time, of those that have a datapoint; of a series over all times.
    Sum,
    /// `AVG`, likewise.
    Average,
    /// `MIN`, likewise.
    Least,
    /// `MAX`, likewise.
    Most,
}

/// All of them by name.
const NAMES: [(Function, &str); 11] = [
    (Function::Fill, "FILL"),
    (Function::If, "IF"),
    (Function::Abs, "ABS"),
    (Function::Ceil, "CEIL"),
    (Function::Floor, "FLOOR"),
    (Function::Metrics, "METRICS"),
    (Function::Period, "PERIOD"),
    (Function::Sum, "SUM"),
    (Function::Average, "AVG"),
    (Function::Least, "MIN"),
    (Function::Most, "MAX"),
];

/// All names, for people.
pub(super) fn known() -> String {
    NAMES.map(|(_, name)| name).join(", ")
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(function, _)| *function)
    }

    fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(known, _)| *known == self);
        found.map_or("", |(_, name)| name)
    }

    pub(super) fn call(self, arguments: &[Expr], known: Known<'_>) -> Result<Quantity, String> {
        let value = |expr: &Expr| expr.value(known);
        match (self, arguments) {
            (Self::Abs, [of]) => Ok(value(of)?.map(f64::abs)),
            (Self::Ceil, [of]) => Ok(value(of)?.map(f64::ceil)),
            (Self::Floor, [of]) => Ok(value(of)?.map(f64::floor)),
            (Self::Fill, [of, Expr::Id(word)]) if word == "REPEAT" => {
                value(of)?.each(known.times, |points| repeated(&points, known.times))
            }
            (Self::Fill, [of, with]) => {
                let with = value(with)?;
                if matches!(with, Quantity::Several(_)) {
                    return Err("FILL fills with a single time series, no list".to_owned());
                }
                value(of)?.each(known.times, |points| filled(points, &with, known.times))
            }
            (Self::If, [condition, then, rest @ ..]) if rest.len() <= 1 => {
                let otherwise = rest.first().map(value).transpose()?;
                chosen(
                    &value(condition)?,
                    &value(then)?,
                    otherwise.as_ref(),
                    known.times,
                )
            }
            (Self::Metrics, []) => Ok(metrics("", known)),
            (Self::Metrics, [Expr::Text(text)]) => Ok(metrics(text, known)),
            (Self::Metrics, [_]) => Err("METRICS takes a text in quotes, or nothing".to_owned()),
            (Self::Period, [Expr::Id(id)]) => match known.metrics.get(id) {
                Some(period) => Ok(Quantity::Scalar(*period as f64)),
                None => Err(format!(
                    "PERIOD takes the id of a metric, and '{id}' is none"
                )),
            },
            (Self::Sum | Self::Average | Self::Least | Self::Most, [of]) => {
                Ok(self.summed_up(value(of)?))
            }
            _ => Err(format!("Wrong number of arguments for {}", self.name())),
        }
    }

    fn summed_up(self, of: Quantity) -> Quantity {
        match of {
            Quantity::Scalar(value) => Quantity::Scalar(value),
            Quantity::Series(points) => {
                let values: Vec<f64> = points.into_values().collect();
                match values.is_empty() {
                    true => Quantity::Series(Points::new()),
                    false => Quantity::Scalar(self.of(&values)),
                }
            }
            Quantity::Several(all) => {
                let mut at_each = BTreeMap::<i64, Vec<f64>>::new();
                for (time, value) in all.into_iter().flatten() {
                    at_each.entry(time).or_default().push(value);
                }
                let at_each = at_each.into_iter();
                Quantity::Series(at_each.map(|(time, all)| (time, self.of(&all))).collect())
            }
        }
    }

    /// Of some values, one at least.
    fn of(self, values: &[f64]) -> f64 {
        let all = values.iter().copied();
        match self {
            Self::Least => all.fold(f64::INFINITY, f64::min),
            Self::Most => all.fold(f64::NEG_INFINITY, f64::max),
            Self::Average => all.sum::<f64>() / values.len() as f64,
            _ => all.sum(),
        }
    }
}

fn repeated(points: &Points, times: &[i64]) -> Points {
    let mut last = None;
    let filled = times.iter().filter_map(|time| {
        last = points.get(time).copied().or(last);
        last.map(|value| (*time, value))
    });
    filled.collect()
}

fn filled(mut points: Points, with: &Quantity, times: &[i64]) -> Points {
    for time in times {
        if let (None, Some(value)) = (points.get(time), with.at(*time)) {
            points.insert(*time, value);
        }
    }
    points
}

fn chosen(
    condition: &Quantity,
    then: &Quantity,
    otherwise: Option<&Quantity>,
    times: &[i64],
) -> Result<Quantity, String> {
    let is_list = |it: &Quantity| matches!(it, Quantity::Several(_));
    if is_list(then) || otherwise.is_some_and(is_list) {
        return Err("IF takes single time series, no lists".to_owned());
    }
    let condition = condition.clone().into_points(times)?;
    let chosen = condition.into_iter().filter_map(|(time, holds)| {
        let value = match holds != 0.0 {
            true => then.at(time)?,
            false => otherwise?.at(time)?,
        };
        Some((time, value))
    });
    Ok(Quantity::Series(chosen.collect()))
}

fn metrics(text: &str, known: Known<'_>) -> Quantity {
    let named = known.metrics.keys().filter(|id| id.contains(text));
    let values = named.filter_map(|id| match known.values.get(id) {
        Some(Quantity::Series(points)) => Some(points.clone()),
        _ => None,
    });
    Quantity::Several(values.collect())
}
