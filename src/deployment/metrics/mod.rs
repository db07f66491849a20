//! Metric guards: what CloudWatch counted on both sides, minute by minute, and what the judge
//! makes of it.
//!
//! A minute belongs to a step when it lies wholly between the moment all routes showed the step's
//! weight and the next shift: in any other, weights were mixed. Each is judged once, in order, as
//! soon as it is final.

mod evidence;
mod guard;
mod worse;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(in crate::deployment) use evidence::age_of;
pub use evidence::{Evidence, Window};
pub use guard::{ErrorGuard, MetricGuards};
pub use worse::Worse;

use super::ids::Slots;
use crate::judge::sequential::{Count, Pair};
use worse::{percent, thousands};

/// A minute.
pub const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// A minute is final so long after its end.
pub const FINAL_AFTER: Duration = Duration::from_secs(180);
/// Or so long, where two reads far enough apart agree.
pub const AGREED_AFTER: Duration = Duration::from_secs(60);
/// How far apart those two are.
pub const READS_APART: SignedDuration = SignedDuration::from_secs(30);
/// What could not be read or is still late then is given up.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(600);

/// What was read of the load balancers' metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsSeen {
    /// Each minute, by its start. One that was asked for and isn't here has no datapoint at all.
    pub minutes: BTreeMap<Timestamp, MinuteSeen>,
}

/// One minute; `None` where CloudWatch has no datapoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MinuteSeen {
    /// Each slot's.
    pub slots: Slots<FiguresSeen>,
    /// Requests to the load balancers as a whole.
    pub load_balancer: Option<u64>,
    /// Whether any datapoint of this minute is there that doesn't depend on traffic: then what is
    /// missing is nothing that is late.
    pub published: bool,
    /// Since when reads have shown just this.
    pub unchanged_since: Timestamp,
}

/// One slot's figures in one minute, over all of its target groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FiguresSeen {
    /// `RequestCount`.
    pub requests: Option<u64>,
    /// `HTTPCode_Target_5XX_Count`.
    pub http_5xx: Option<u64>,
    /// `TargetConnectionErrorCount`.
    pub unreachable: Option<u64>,
}

/// What both sides served in one minute, as it was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// By blue.
    pub blue: Figures,
    /// By green.
    pub green: Figures,
}

/// One side's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Requests.
    pub requests: u64,
    /// Of them, those that a target answered with 5xx.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub http_5xx: u64,
    /// Connections to targets that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreachable: u64,
}

// Serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Served {
    /// Both sides' requests, and those among them that `bad` counts.
    pub fn pair(&self, bad: fn(&Figures) -> u64) -> Pair {
        let count = |side: &Figures| Count {
            requests: side.requests,
            bad: bad(side).min(side.requests),
        };
        Pair {
            blue: count(&self.blue),
            green: count(&self.green),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, requests) = (thousands(self.failed()), thousands(self.requests));
        write!(f, "{failed} of {requests} failed")
    }
}

impl Figures {
    /// Requests that failed in any way.
    pub fn failed(&self) -> u64 {
        self.http_5xx + self.unreachable
    }
}

/// The minute in which a moment lies.
pub fn minute_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(at)
}

/// The first minute that begins at a moment or after it.
pub fn minute_from(at: Timestamp) -> Timestamp {
    let minute = minute_of(at);
    if minute == at { at } else { later(minute) }
}

/// The minute after.
pub fn later(minute: Timestamp) -> Timestamp {
    minute.checked_add(MINUTE).unwrap_or(Timestamp::MAX)
}
