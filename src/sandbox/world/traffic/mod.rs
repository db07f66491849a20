//! Synthetic users that drive the metrics when nobody else does, and the count of all requests.
//!
//! Requests aren't simulated one by one where they are many: each second draws how many go to
//! which group and target, and asks the target's behaviour for a sample of answers.

mod count;
mod draw;
mod flow;
mod noise;
mod resolvers;
mod share;

pub use count::{Answer, GroupTotals, Ledger, LoadBalancerTotals, OwnAnswer, Published, publishes};
pub use draw::{binomial, poisson};
pub use flow::{Flow, Shape};
pub use noise::{Noise, Together};

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
    /// How finely synthetic requests are drawn.
    pace: Pace,
    /// What the error rates of applications do over time.
    pub noise: Noise,
    /// The metrics that are made of the counts.
    pub published: Published,
    minute: Minute,
    last_real: Option<Timestamp>,
    /// Up to when a world that moves in leaps has drawn its requests.
    drawn_until: Option<Timestamp>,
}

/// How a world moves, and with it how finely synthetic requests are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Second by second.
    #[default]
    EverySecond,
    /// From one moment at which anything is due to the next; all requests of a stretch in which
    /// nothing changed are drawn at once. What is counted has the same distribution, at a small
    /// part of the work: for long rehearsals.
    InLeaps,
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
    /// How finely synthetic requests are drawn.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Lets the world move in leaps from `now` on.
    pub fn leap_from(&mut self, now: Timestamp) {
        self.pace = Pace::InLeaps;
        self.drawn_until = Some(now);
    }

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
        let published = &self.published;
        self.minute
            .count(load_balancer, group, zone, answers, published);
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

/// The next second at which targets are counted.
pub(super) fn next_sample(now: Timestamp) -> Timestamp {
    let second = now.as_second();
    now + SignedDuration::from_secs(HOSTS_SAMPLED_EVERY - second.rem_euclid(HOSTS_SAMPLED_EVERY))
}

/// Draws the requests of a world that moves in leaps up to `until`.
pub(super) fn settle(world: &mut World, until: Timestamp) {
    if world.traffic.pace == Pace::EverySecond {
        return;
    }
    let from = world.traffic.drawn_until.replace(until);
    let seconds = from.map_or(0, |from| until.duration_since(from).as_secs());
    send(world, seconds);
}

/// Sends the requests of so many seconds, all alike.
fn send(world: &mut World, seconds: i64) {
    if seconds <= 0 || !world.traffic.flows_now(world.now) {
        return;
    }
    let mut flows = std::mem::take(&mut world.traffic.flows);
    for flow in &mut flows {
        flow.send(world, seconds as f64);
    }
    world.traffic.flows = flows;
}

/// One second of synthetic requests; at each full minute, the counts become metrics.
pub fn tick(world: &mut World) {
    let second = world.now.as_second();
    match world.traffic.pace {
        Pace::EverySecond => send(world, 1),
        Pace::InLeaps if second % 60 == 0 => settle(world, world.now),
        Pace::InLeaps => {}
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
