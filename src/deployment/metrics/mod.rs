//! Metric guards: what CloudWatch counted on both sides, minute by minute, and what the judge
//! makes of it.
//!
//! A minute belongs to a step when it lies wholly between the moment all routes showed the step's
//! weight and the next shift: in any other, weights were mixed. Each is judged once, in order, as
//! soon as it is final.

mod asked;
mod evidence;
mod guard;
mod history;
mod minutes;
mod reading;
mod verdict;
mod watch;
mod worse;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use asked::{Asked, Queries, What, of_source};
pub(in crate::deployment) use evidence::age_of;
pub use evidence::{Evidence, MetricsWanted, Window};
pub use history::{Day, History, MetricsFound, Tried};
pub use minutes::{Minute, Minutes, SideMinute};
pub(crate) use reading::{Pace, note, note_what_is_new};
pub use verdict::{Crossed, Judgement, Verdict};
pub use watch::{ValueRead, Watch, end, name_of};
pub use worse::{Subject, Worse};

use super::ids::{SlotName, Slots};
use super::plan::Plan;
pub use crate::judge::guards::{
    BalancerGuard, CompareGuard, Compared, ErrorGuard, LatencyGuard, MetricGuards, ThresholdGuard,
};
use crate::judge::guards::{Filled, Number};
use crate::judge::sequential::Count;
use crate::judge::words::thousands;

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
    /// When they were read.
    pub at: Timestamp,
    /// Each minute, by its start. One that was asked for and isn't here has no datapoint at all.
    pub minutes: BTreeMap<Timestamp, MinuteSeen>,
    /// The values of the config's own metrics, by their position and side, each by the start of
    /// its period.
    pub values: BTreeMap<(usize, SlotName), BTreeMap<Timestamp, ValueSeen>>,
}

/// A value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueSeen {
    /// What it is.
    pub value: Number,
    /// Since when reads have shown just this.
    pub unchanged_since: Timestamp,
}

impl ValueSeen {
    /// One that has just been seen.
    pub fn new(value: Number) -> ValueSeen {
        ValueSeen {
            value,
            unchanged_since: Timestamp::default(),
        }
    }
}

/// One minute; `None` where CloudWatch has no datapoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MinuteSeen {
    /// Each slot's.
    pub slots: Slots<FiguresSeen>,
    /// Requests to the load balancers as a whole.
    pub load_balancer: Option<u64>,
    /// `HTTPCode_ELB_5XX_Count`: what they answered themselves.
    pub own_5xx: Option<u64>,
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
    /// `TargetResponseTime`, how many there are.
    pub timed: Option<u64>,
    /// Of them, those over the line.
    pub slow: Option<u64>,
}

/// What both sides served in one minute, as it was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// By blue.
    pub blue: Figures,
    /// By green.
    pub green: Figures,
    /// By the load balancers as a whole.
    #[serde(default, skip_serializing_if = "Balancer::is_nothing")]
    pub balancer: Balancer,
}

/// The load balancers' figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balancer {
    /// Requests that a target was chosen for.
    pub requests: u64,
    /// Those that they answered themselves with 5xx: for want of a target, these are not among
    /// `requests`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub own_5xx: u64,
}

impl Balancer {
    // Serde passes a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_nothing(&self) -> bool {
        *self == Balancer::default()
    }

    /// The bad ones among all: which of them were counted as requests can't be seen, so each is
    /// taken for one more.
    pub fn count(self) -> Count {
        Count {
            requests: self.requests + self.own_5xx,
            bad: self.own_5xx,
        }
    }
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
    /// Requests whose response time is known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timed: u64,
    /// Of them, those over the line.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slow: u64,
}

// Serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Served {
    /// Adds another minute's.
    pub fn add(&mut self, more: &Served) {
        self.blue.add(&more.blue);
        self.green.add(&more.green);
        self.balancer.requests += more.balancer.requests;
        self.balancer.own_5xx += more.balancer.own_5xx;
    }
}

impl fmt::Display for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { requests, bad } = self.count();
        if requests == 0 {
            return f.write_str("no traffic at the load balancer");
        }
        let (own, all) = (thousands(bad), thousands(requests));
        write!(f, "the load balancer's own 5xx: {own} of {all} requests")
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requests == 0 {
            return f.write_str("no traffic");
        }
        let requests = thousands(self.requests);
        write!(f, "{} of {requests} failed", thousands(self.failed()))?;
        match self.slow {
            0 => Ok(()),
            slow => write!(f, ", {} slow", thousands(slow)),
        }
    }
}

impl Figures {
    /// Requests that failed in any way.
    pub fn failed(&self) -> u64 {
        self.http_5xx + self.unreachable
    }

    /// Adds another minute's.
    pub fn add(&mut self, more: &Figures) {
        self.requests += more.requests;
        self.http_5xx += more.http_5xx;
        self.unreachable += more.unreachable;
        self.timed += more.timed;
        self.slow += more.slow;
    }
}

/// What the placeholders of a metric stand for on a side of a plan: its first target group, the
/// load balancer of that, its service.
pub fn filled(plan: &Plan, slot: SlotName) -> Filled {
    let side = &plan.slots[slot];
    let group = side.targets.first().map(|target| &target.group);
    let uses = |route: &&super::plan::Route| Some(&route.groups[slot]) == group;
    let route = plan.routes.iter().find(uses).or(plan.routes.first());
    let cluster = plan.cluster.as_str();
    Filled {
        target_group: group.map_or_else(String::new, |it| it.dimension().to_owned()),
        load_balancer: route.map_or_else(String::new, |it| {
            it.load_balancer_of(slot).dimension().to_owned()
        }),
        service: side.service.as_str().to_owned(),
        cluster: cluster.rsplit('/').next().unwrap_or(cluster).to_owned(),
        slot: slot.as_str().to_owned(),
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
