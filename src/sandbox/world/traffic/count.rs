//! Counts of requests, per minute for the metrics and in total for whoever asks.

use super::super::World;
use super::super::cloudwatch::store::{Metric, Stats, Store};
use super::super::elb::{Kind, TargetState};
use super::super::scaling;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const APPLICATION: &str = "AWS/ApplicationELB";
const NETWORK: &str = "AWS/NetworkELB";
const LATENCY: &str = "TargetResponseTime";
/// By the place that [`class`] gives.
const CLASSES: [&str; 4] = [
    "HTTPCode_Target_2XX_Count",
    "HTTPCode_Target_3XX_Count",
    "HTTPCode_Target_4XX_Count",
    "HTTPCode_Target_5XX_Count",
];

/// How a request to a target ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The target answered.
    Status(u16, Duration),
    /// The connection broke before an answer: 502.
    Broken,
    /// No connection could be made: 502.
    Unreachable,
    /// No answer in time: 504.
    TimedOut,
}

impl Answer {
    /// The status that the load balancer gives in the target's stead.
    fn own_status(self) -> Option<u16> {
        match self {
            Self::Status(..) => None,
            Self::Broken | Self::Unreachable => Some(502),
            Self::TimedOut => Some(504),
        }
    }
}

/// An answer that the load balancer gives without a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnAnswer {
    /// 503: the chosen group is empty.
    NoTarget,
    /// A fixed response, as configured.
    Fixed,
    /// A redirect, as configured.
    Redirect,
}

/// All requests since the beginning, keyed by ARN.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// What went to each target group.
    pub groups: BTreeMap<String, GroupTotals>,
    /// What load balancers answered themselves.
    pub load_balancers: BTreeMap<String, LoadBalancerTotals>,
}

/// Totals of a target group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupTotals {
    /// Requests that a target of the group was chosen for.
    pub requests: u64,
    /// Of them, those that a target answered with a 5xx.
    pub target_5xx: u64,
    /// Of them, those that got no answer: 502 and 504.
    pub unanswered: u64,
}

/// Totals of a load balancer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadBalancerTotals {
    /// 502: a target's connection broke or couldn't be made.
    pub bad_gateway: u64,
    /// 503: the chosen group was empty.
    pub unavailable: u64,
    /// 504: a target didn't answer in time.
    pub timed_out: u64,
    /// Redirects and fixed responses.
    pub other: u64,
}

impl Ledger {
    /// Requests in all.
    pub fn requests(&self) -> u64 {
        let groups: u64 = self.groups.values().map(|group| group.requests).sum();
        let own = self.load_balancers.values();
        groups + own.map(|lb| lb.unavailable + lb.other).sum::<u64>()
    }

    /// Requests that users saw fail: any 5xx.
    pub fn failed(&self) -> u64 {
        let groups = self.groups.values();
        let groups: u64 = groups
            .map(|group| group.target_5xx + group.unanswered)
            .sum();
        let own = self.load_balancers.values();
        groups + own.map(|lb| lb.unavailable).sum::<u64>()
    }

    pub(super) fn count(&mut self, lb: &str, group: &str, answers: &[(Answer, u64)]) {
        let totals = entry(&mut self.groups, group);
        for (answer, times) in answers {
            totals.requests += times;
            match answer {
                Answer::Status(status, _) if *status >= 500 => totals.target_5xx += times,
                Answer::Status(..) => {}
                _ => totals.unanswered += times,
            }
            match answer.own_status() {
                Some(504) => entry(&mut self.load_balancers, lb).timed_out += times,
                Some(_) => entry(&mut self.load_balancers, lb).bad_gateway += times,
                None => {}
            }
        }
    }

    pub(super) fn count_own(&mut self, lb: &str, answer: OwnAnswer, times: u64) {
        let totals = entry(&mut self.load_balancers, lb);
        match answer {
            OwnAnswer::NoTarget => totals.unavailable += times,
            OwnAnswer::Fixed | OwnAnswer::Redirect => totals.other += times,
        }
    }
}

/// An entry that is made where it is missing, without a copy of the key where it isn't.
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, key: &str) -> &'a mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("it was just inserted")
}

/// The metrics of requests that are published.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// Names, each with how many dimensions are read; none where that isn't known.
    only: Option<Vec<(String, usize)>>,
}

impl Published {
    /// Those that are read and no others: the rest is work for nobody.
    pub fn only<'a>(read: impl IntoIterator<Item = &'a Metric>) -> Self {
        let of = |metric: &Metric| (metric.name.clone(), metric.dimensions.len());
        let mut only: Vec<_> = read.into_iter().map(of).collect();
        only.sort();
        only.dedup();
        Self { only: Some(only) }
    }

    fn has(&self, name: &str, dimensions: usize) -> bool {
        let is = |it: &(String, usize)| it.1 == dimensions && it.0 == name;
        self.only.as_ref().is_none_or(|only| only.iter().any(is))
    }

    fn has_latency(&self) -> bool {
        let is = |it: &(String, usize)| it.0 == LATENCY;
        self.only.as_ref().is_none_or(|only| only.iter().any(is))
    }
}

/// The running minute's counts: load balancers, and their groups.
#[derive(Debug, Clone, Default)]
pub(super) struct Minute {
    load_balancers: BTreeMap<String, LoadBalancerMinute>,
}

#[derive(Debug, Clone, Default)]
struct LoadBalancerMinute {
    /// 5xx that the load balancer made itself, by status.
    errors: BTreeMap<u16, u64>,
    fixed: u64,
    redirects: u64,
    groups: BTreeMap<String, GroupMinute>,
}

#[derive(Debug, Clone, Default)]
struct GroupMinute {
    requests: u64,
    /// 2xx, 3xx, 4xx, 5xx.
    classes: [u64; 4],
    unreachable: u64,
    /// The same by the zone of the target, where that is known.
    zones: BTreeMap<String, ZoneMinute>,
    latency: Option<Stats>,
    healthy: Option<Stats>,
    unhealthy: Option<Stats>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ZoneMinute {
    requests: u64,
    classes: [u64; 4],
    unreachable: u64,
}

impl ZoneMinute {
    fn count(&mut self, answers: &[(Answer, u64)]) {
        for (answer, times) in answers {
            self.requests += times;
            match answer {
                Answer::Status(status, _) => self.classes[class(*status)] += times,
                Answer::Unreachable => self.unreachable += times,
                Answer::Broken | Answer::TimedOut => {}
            }
        }
    }
}

/// The place of a status among 2xx, 3xx, 4xx and 5xx.
fn class(status: u16) -> usize {
    usize::from(status / 100).clamp(2, 5) - 2
}

impl Minute {
    pub(super) fn count(
        &mut self,
        lb: &str,
        group: &str,
        zone: Option<&str>,
        answers: &[(Answer, u64)],
        published: &Published,
    ) {
        let lb = entry(&mut self.load_balancers, lb);
        let group = entry(&mut lb.groups, group);
        let times_them = published.has_latency();
        if let Some(zone) = zone {
            entry(&mut group.zones, zone).count(answers);
        }
        for (answer, times) in answers {
            if let Some(status) = answer.own_status() {
                *lb.errors.entry(status).or_default() += times;
            }
            group.requests += times;
            match answer {
                Answer::Status(status, latency) => {
                    group.classes[class(*status)] += times;
                    if times_them {
                        let latencies = group.latency.get_or_insert_with(Stats::distribution);
                        latencies.add(latency.as_secs_f64(), *times as f64);
                    }
                }
                Answer::Unreachable => group.unreachable += times,
                Answer::Broken | Answer::TimedOut => {}
            }
        }
    }

    pub(super) fn count_own(&mut self, lb: &str, answer: OwnAnswer, times: u64) {
        let lb = entry(&mut self.load_balancers, lb);
        match answer {
            OwnAnswer::NoTarget => *lb.errors.entry(503).or_default() += times,
            OwnAnswer::Fixed => lb.fixed += times,
            OwnAnswer::Redirect => lb.redirects += times,
        }
    }
}

/// Notes how many targets are healthy, in every group that is in use and has any.
pub(super) fn sample_hosts(world: &mut World) {
    for group in world.elb.groups.values() {
        let registered = group.targets.len();
        if registered == 0 {
            continue;
        }
        let healthy = group.count(TargetState::Healthy) as f64;
        let unhealthy = group.count(TargetState::Unhealthy) as f64;
        for lb in &group.load_balancers {
            let lb = entry(&mut world.traffic.minute.load_balancers, lb);
            let counts = entry(&mut lb.groups, &group.arn);
            note(&mut counts.healthy, healthy);
            note(&mut counts.unhealthy, unhealthy);
        }
    }
}

fn note(stats: &mut Option<Stats>, value: f64) {
    match stats {
        Some(stats) => stats.merge(&Stats::of(value)),
        None => *stats = Some(Stats::of(value)),
    }
}

/// Whether a load balancer in the region ever publishes a metric.
pub fn publishes(namespace: &str, name: &str) -> bool {
    if namespace == NETWORK {
        return ["NewFlowCount", "HealthyHostCount", "UnHealthyHostCount"].contains(&name);
    }
    const OTHERS: [&str; 8] = [
        "RequestCount",
        "RequestCountPerTarget",
        "TargetConnectionErrorCount",
        "TargetResponseTime",
        "HealthyHostCount",
        "UnHealthyHostCount",
        "HTTP_Fixed_Response_Count",
        "HTTP_Redirect_Count",
    ];
    let code = |start: &str| name.strip_prefix(start)?.strip_suffix("_Count");
    let of_targets = code("HTTPCode_Target_");
    let own = code("HTTPCode_ELB_");
    namespace == APPLICATION
        && (OTHERS.contains(&name)
            || of_targets.is_some_and(|it| ["2XX", "3XX", "4XX", "5XX"].contains(&it))
            || own.is_some_and(|it| ["5XX", "502", "503", "504"].contains(&it)))
}

/// Turns the counts of the minute that has just ended into metrics.
pub(super) fn publish(world: &mut World) {
    let minute = std::mem::take(&mut world.traffic.minute);
    let at = world.now - SignedDuration::from_secs(60);
    let visible_at = world.now + world.cloudwatch.lag;
    let mut requests = BTreeMap::new();
    for (arn, counts) in minute.load_balancers {
        let Some(lb) = world.elb.load_balancers.get(&arn) else {
            continue;
        };
        let mut publisher = Publisher {
            store: &mut world.cloudwatch.store,
            published: &world.traffic.published,
            namespace: match lb.kind {
                Kind::Application => APPLICATION,
                Kind::Network => NETWORK,
            },
            load_balancer: lb.dimension(),
            at,
            visible_at,
        };
        match lb.kind {
            Kind::Application => publisher.own(&counts),
            Kind::Network => {
                let flows = counts.groups.values().map(|group| group.requests);
                publisher.count(None, "NewFlowCount", flows.sum());
            }
        }
        for (group, counts) in counts.groups {
            let dimension = group.rsplit(':').next().unwrap_or_default();
            match lb.kind {
                Kind::Application => publisher.http(dimension, &counts),
                Kind::Network => publisher.count(Some(dimension), "NewFlowCount", counts.requests),
            }
            publisher.hosts(dimension, &counts);
            *requests.entry(group).or_default() += counts.requests;
        }
    }
    scaling::publish(world, &requests);
}

struct Publisher<'a> {
    store: &'a mut Store,
    published: &'a Published,
    namespace: &'static str,
    load_balancer: &'a str,
    at: Timestamp,
    visible_at: Timestamp,
}

impl Publisher<'_> {
    /// The load balancer's own answers: its dimension alone, and only where there were any.
    fn own(&mut self, counts: &LoadBalancerMinute) {
        self.count(None, "HTTPCode_ELB_5XX_Count", counts.errors.values().sum());
        for (status, count) in &counts.errors {
            self.count(None, &format!("HTTPCode_ELB_{status}_Count"), *count);
        }
        self.count(None, "HTTP_Fixed_Response_Count", counts.fixed);
        self.count(None, "HTTP_Redirect_Count", counts.redirects);
    }

    fn http(&mut self, group: &str, counts: &GroupMinute) {
        for group in [Some(group), None] {
            self.count(group, "RequestCount", counts.requests);
            for (name, count) in CLASSES.iter().zip(counts.classes) {
                self.count(group, name, count);
            }
            self.count(group, "TargetConnectionErrorCount", counts.unreachable);
            if let Some(latency) = &counts.latency {
                self.record(group, LATENCY, "Seconds", latency);
            }
        }
        for (zone, counts) in &counts.zones {
            let mut count = |name: &str, count: u64| {
                if count > 0 {
                    let place = (Some(group), Some(zone.as_str()));
                    self.record_at(place, name, "Count", &Stats::of(count as f64));
                }
            };
            count("RequestCount", counts.requests);
            for (name, answers) in CLASSES.iter().zip(counts.classes) {
                count(name, answers);
            }
            count("TargetConnectionErrorCount", counts.unreachable);
        }
    }

    fn hosts(&mut self, group: &str, counts: &GroupMinute) {
        if let (Some(healthy), Some(unhealthy)) = (&counts.healthy, &counts.unhealthy) {
            let hosts = healthy.max;
            if counts.requests > 0 && hosts > 0.0 {
                let each = Stats::of(counts.requests as f64 / hosts);
                self.record(Some(group), "RequestCountPerTarget", "None", &each);
            }
            self.record(Some(group), "HealthyHostCount", "Count", healthy);
            self.record(Some(group), "UnHealthyHostCount", "Count", unhealthy);
        }
    }

    /// A count, only where it isn't zero.
    fn count(&mut self, group: Option<&str>, name: &str, count: u64) {
        if count > 0 {
            // Sum is the count; AWS's own SampleCount differs by node and is no use to anyone.
            self.record(group, name, "Count", &Stats::of(count as f64));
        }
    }

    fn record(&mut self, group: Option<&str>, name: &str, unit: &str, stats: &Stats) {
        self.record_at((group, None), name, unit, stats);
    }

    /// Of a group and a zone, where they are named.
    fn record_at(
        &mut self,
        (group, zone): (Option<&str>, Option<&str>),
        name: &str,
        unit: &str,
        stats: &Stats,
    ) {
        let number = 1 + usize::from(group.is_some()) + usize::from(zone.is_some());
        if !self.published.has(name, number) {
            return;
        }
        let mut dimensions = vec![("LoadBalancer".to_owned(), self.load_balancer.to_owned())];
        if let Some(group) = group {
            dimensions.push(("TargetGroup".to_owned(), group.to_owned()));
        }
        if let Some(zone) = zone {
            dimensions.push(("AvailabilityZone".to_owned(), zone.to_owned()));
        }
        let metric = Metric::new(self.namespace, name, dimensions);
        self.store
            .record(metric, Some(unit), self.at, stats, self.visible_at);
    }
}
