//! What a read of one minute is worth, on one side: traffic, no traffic, no data, late, zero and
//! unreadable are different things, and only the first two and a true zero are figures.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sequential::Count;

/// How the read of a minute went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Everything that was asked for was answered.
    Complete,
    /// Some of it.
    Partial,
    /// Nothing: throttled, denied, cut off.
    Failed,
}

/// What CloudWatch showed of one side in one minute; `None` where it has no datapoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Requests that were sent there.
    pub requests: Option<u64>,
    /// Bad ones among them.
    pub bad: Option<u64>,
    /// Requests to the load balancer as a whole.
    pub load_balancer: Option<u64>,
    /// Whether this side had any weight.
    pub has_weight: bool,
}

/// What a minute is on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Requests, some of them bad.
    Ok,
    /// Requests, none of them bad: with traffic there, a count that is missing is zero.
    Zero,
    /// Nobody came.
    NoTraffic,
    /// Nothing is known.
    NoData,
    /// Too young to be final.
    Late,
    /// It could not be read.
    Error,
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quality::Ok => "errors",
            Quality::Zero => "no errors",
            Quality::NoTraffic => "no traffic",
            Quality::NoData => "no data",
            Quality::Late => "late",
            Quality::Error => "unreadable",
        })
    }
}

/// A minute of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minute {
    /// What it is.
    pub quality: Quality,
    /// The figures to judge by, where there are any.
    pub count: Option<Count>,
    /// Whether more were bad than came, or bad ones came from nobody: the metric is odd.
    pub clipped: bool,
}

impl Minute {
    /// What `figures`, read `age` after the minute's end, are worth, where a minute is final at
    /// the age `final_at`.
    pub fn of(read: Read, figures: Figures, age: Duration, final_at: Duration) -> Minute {
        let without = |quality| Minute {
            quality,
            count: None,
            clipped: false,
        };
        if read != Read::Complete {
            return without(Quality::Error);
        }
        if age < final_at {
            return without(Quality::Late);
        }
        let bad = figures.bad.unwrap_or(0);
        match figures.requests {
            Some(requests) if requests > 0 => Minute {
                quality: if bad > 0 { Quality::Ok } else { Quality::Zero },
                count: Some(Count {
                    requests,
                    bad: bad.min(requests),
                }),
                clipped: bad > requests,
            },
            None if figures.has_weight && figures.load_balancer.unwrap_or(0) == 0 => {
                without(Quality::NoData)
            }
            _ => Minute {
                quality: Quality::NoTraffic,
                count: Some(Count::default()),
                clipped: bad > 0,
            },
        }
    }
}
