//! Synthetic users that drive the metrics when nobody else does, and the count of all requests.
//!
//! Requests aren't simulated one by one where they are many: each second draws how many go to
//! which group and target, and asks the target's behaviour for a sample of answers.

mod count;
mod draw;
mod flow;

pub use count::{Answer, GroupTotals, Ledger, LoadBalancerTotals, OwnAnswer};
pub use flow::{Flow, Shape};

use super::World;
use count::Minute;
use jiff::{SignedDuration, Timestamp};

/// How often targets are counted for HealthyHostCount, in seconds.
const HOSTS_SAMPLED_EVERY: i64 = 15;

/// Synthetic traffic and the counts of all traffic.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// The streams of synthetic requests.
    pub flows: Vec<Flow>,
    /// Whether they flow.
    pub mode: Mode,
    /// All requests since the beginning, real and synthetic.
    pub ledger: Ledger,
    minute: Minute,
    last_real: Option<Timestamp>,
}

/// When synthetic requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Never.
    #[default]
    Off,
    /// Always.
    On,
    /// While no real request has come for so long.
    WhenQuietFor(SignedDuration),
}

impl Traffic {
    /// Counts one real request that went to a target.
    pub fn count_real(&mut self, load_balancer: &str, group: &str, answer: Answer, now: Timestamp) {
        self.last_real = Some(now);
        self.count(load_balancer, group, None, &[(answer, 1)]);
    }

    /// Counts one real request that the load balancer answered itself.
    pub fn count_real_own(&mut self, load_balancer: &str, answer: OwnAnswer, now: Timestamp) {
        self.last_real = Some(now);
        self.count_own(load_balancer, answer, 1);
    }

    /// Counts answers of a group's targets in a zone, each so many times.
    fn count(
        &mut self,
        load_balancer: &str,
        group: &str,
        zone: Option<&str>,
        answers: &[(Answer, u64)],
    ) {
        self.minute.count(load_balancer, group, zone, answers);
        self.ledger.count(load_balancer, group, answers);
    }

    fn count_own(&mut self, load_balancer: &str, answer: OwnAnswer, times: u64) {
        self.minute.count_own(load_balancer, answer, times);
        self.ledger.count_own(load_balancer, answer, times);
    }

    fn flows_now(&self, now: Timestamp) -> bool {
        match self.mode {
            Mode::Off => false,
            Mode::On => true,
            Mode::WhenQuietFor(quiet) => self
                .last_real
                .is_none_or(|last| now.duration_since(last) >= quiet),
        }
    }
}

/// One second of synthetic requests; at each full minute, the counts become metrics.
pub fn tick(world: &mut World) {
    let second = world.now.as_second();
    if world.traffic.flows_now(world.now) {
        let mut flows = std::mem::take(&mut world.traffic.flows);
        for flow in &mut flows {
            flow.second(world);
        }
        world.traffic.flows = flows;
    }
    if second % HOSTS_SAMPLED_EVERY == 0 {
        count::sample_hosts(world);
    }
    if second % 60 == 0 {
        count::publish(world);
    }
}

#[cfg(test)]
mod tests;
