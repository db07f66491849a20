//! The model of a region: plain state that moves in whole seconds, or from one due second to the
//! next, deterministic per seed.

pub mod app;
pub mod cloudwatch;
pub mod discovery;
pub mod dynamodb;
pub mod ecs;
pub mod elb;
pub mod ids;
pub mod lambda;
pub mod published;
pub mod route53;
pub mod scaling;
pub mod scheduler;
pub mod traffic;
mod versions;

use jiff::{SignedDuration, Timestamp};
use traffic::Pace;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Everything that exists in the sandbox's one account and region.
///
/// The world only moves in [`World::advance_to`]; a request sees the world as it is then.
/// Every collection that is iterated is ordered, and every random draw comes from `rng`, so
/// that the same seed and the same requests give the same bytes.
#[derive(Debug, Clone)]
pub struct World {
    /// Virtual time up to which the world has moved.
    pub now: Timestamp,
    /// The only source of randomness and of ids.
    pub rng: fastrand::Rng,
    /// Account id, twelve digits.
    pub account: String,
    /// Region name, for example `eu-west-1`.
    pub region: String,
    /// Where image layers are downloaded from.
    pub layers_at: String,
    /// Clusters, services, tasks, task definitions.
    pub ecs: ecs::Ecs,
    /// Load balancers, listeners, rules, target groups and their targets.
    pub elb: elb::Elb,
    /// Metrics and alarms.
    pub cloudwatch: cloudwatch::CloudWatch,
    /// What changes desired counts by itself.
    pub scaling: scaling::Scaling,
    /// Hosted zones and their records.
    pub route53: route53::Route53,
    /// One-shot schedules.
    pub scheduler: scheduler::Scheduler,
    /// Cloud Map.
    pub discovery: discovery::Discovery,
    /// DynamoDB's tables.
    pub dynamodb: dynamodb::Tables,
    /// Calls of Lambda functions.
    pub lambda: lambda::Lambda,
    /// Messages and events that were published.
    pub published: published::Published,
    /// Synthetic users.
    pub traffic: traffic::Traffic,
    /// Grows with every second in which anything may have changed that can be seen from outside.
    moves: u64,
}

impl World {
    /// An empty account in `region`, at the moment `start`.
    pub fn new(
        account: impl Into<String>,
        region: impl Into<String>,
        start: Timestamp,
        seed: u64,
    ) -> Self {
        Self {
            now: start,
            rng: fastrand::Rng::with_seed(seed),
            account: account.into(),
            region: region.into(),
            layers_at: "https://layers.example".to_owned(),
            ecs: ecs::Ecs::default(),
            elb: elb::Elb::default(),
            cloudwatch: cloudwatch::CloudWatch::default(),
            scaling: scaling::Scaling::default(),
            route53: route53::Route53::default(),
            scheduler: scheduler::Scheduler::default(),
            discovery: discovery::Discovery::default(),
            dynamodb: dynamodb::Tables::default(),
            lambda: lambda::Lambda::default(),
            published: published::Published::default(),
            traffic: traffic::Traffic::default(),
            moves: 0,
        }
    }

    /// Moves the world up to `now`, in steps as [`traffic::Traffic::pace`] says. Going back in time
    /// does nothing.
    pub fn advance_to(&mut self, now: Timestamp) {
        while self.now + SECOND <= now {
            match self.traffic.pace() {
                Pace::EverySecond => {
                    self.now += SECOND;
                    self.moves += 1;
                }
                Pace::InLeaps => {
                    let whole = SignedDuration::from_secs(now.duration_since(self.now).as_secs());
                    self.now = self.next_moment().min(self.now + whole);
                    if ecs::may_move(self) || elb::may_move(self) {
                        self.settle();
                    } else if self.now.as_second() % 60 == 0 {
                        self.moves += 1;
                    }
                }
            }
            super::wire::scheduler::fire(self);
            self.answer_records();
            ecs::tick(self);
            elb::tick(self);
            traffic::tick(self);
            cloudwatch::tick(self);
            scaling::tick(self);
        }
    }

    /// Records whose change is everywhere by now are answered from now on.
    fn answer_records(&mut self) {
        if self.route53.due().is_some_and(|due| due <= self.now) {
            self.settle();
            let now = self.now;
            self.route53.tick(now);
        }
    }

    /// The next second at which anything is due.
    fn next_moment(&self) -> Timestamp {
        let soon = self.now + SECOND;
        if !self.scheduler.schedules.is_empty() || self.cloudwatch.are_composites_due() {
            return soon;
        }
        let minute = traffic::next_sample(self.now);
        let due = [ecs::due(self), elb::due(self), self.route53.due()];
        due.into_iter()
            .flatten()
            .fold(minute, Timestamp::min)
            .max(soon)
    }

    /// Counts the requests up to now, before something changes where they go.
    pub fn settle(&mut self) {
        self.moves += 1;
        traffic::settle(self, self.now);
    }

    /// A number that stays the same as long as nothing but requests happens: whoever looks sees
    /// what they saw.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// Moves the world `seconds` on.
    pub fn advance(&mut self, seconds: u32) {
        self.advance_to(self.now + SignedDuration::from_secs(i64::from(seconds)));
    }
}
