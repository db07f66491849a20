//! The config's own metrics: their newest values, and how late those are.

use jiff::Timestamp;
use serde::Serialize;

use super::view::View;
use super::words;
use crate::deployment::metrics::{MetricGuards, end};
use crate::judge::guards::{Number, Watched};

/// The newest value of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct NewestValue {
    /// What it is called.
    pub name: String,
    /// The end of its period; null where none was read.
    pub at: Option<Timestamp>,
    /// Green's; null is no data.
    pub green: Option<Number>,
    /// Blue's, where it is compared.
    pub blue: Option<Number>,
    /// Whether it is compared.
    pub compared: bool,
}

impl NewestValue {
    /// Of each metric of a plan, in its order.
    pub fn all(view: &View) -> Vec<NewestValue> {
        let guards = view.plan.as_ref().and_then(|it| it.guards.metrics.as_ref());
        let watched = guards.into_iter().flat_map(MetricGuards::watched);
        let newest = watched.enumerate().map(|(metric, watched)| {
            let read = view.values.get(&metric);
            NewestValue {
                name: watched.name().to_owned(),
                at: read.map(|read| end(read.at, watched.source().period)),
                green: read.and_then(|read| read.green),
                blue: read.and_then(|read| read.blue),
                compared: matches!(watched, Watched::Compared(_)),
            }
        });
        newest.collect()
    }

    /// `cpu: 41.2, 20s old`, `response time: green 0.12, blue no data, 1m old`.
    pub fn told(&self, now: Timestamp) -> String {
        let NewestValue { name, .. } = self;
        let Some(at) = self.at else {
            return format!("{name}: not read yet");
        };
        let shown = |value: Option<Number>| value.map_or("no data".to_owned(), |it| it.to_string());
        let age = words::length(words::between(at, now));
        let green = shown(self.green);
        match self.compared {
            true => format!(
                "{name}: green {green}, blue {}, {age} old",
                shown(self.blue)
            ),
            false => format!("{name}: {green}, {age} old"),
        }
    }
}
