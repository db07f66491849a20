//! The resolvers of clients: each keeps what it was told for as long as it may.

use jiff::{SignedDuration, Timestamp};

use super::super::World;
use super::super::route53::host;
use super::draw::binomial;

/// How many resolvers the clients of a stream have, each with as many requests.
const RESOLVERS: usize = 100;

/// Resolvers that look one name up.
#[derive(Debug, Clone)]
pub(super) struct Resolvers {
    name: String,
    port: u16,
    each: Vec<Kept>,
}

/// What one of them knows.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// The listener that the answer leads to.
    listener: Option<String>,
    until: Option<Timestamp>,
}

impl Resolvers {
    pub(super) fn new(name: &str, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            port,
            each: vec![Kept::default(); RESOLVERS],
        }
    }

    /// Shares requests out to the listeners that the resolvers know. What finds none is lost.
    pub(super) fn spread(&mut self, world: &mut World, count: u64) -> Vec<(String, u64)> {
        self.look_up(world);
        let mut shares: Vec<(String, u64)> = Vec::new();
        let mut left = count;
        for (at, kept) in self.each.iter().enumerate() {
            let own = binomial(&mut world.rng, left, 1.0 / (RESOLVERS - at) as f64);
            left -= own;
            let Some(listener) = kept.listener.as_ref().filter(|_| own > 0) else {
                continue;
            };
            match shares.iter_mut().find(|(known, _)| known == listener) {
                Some((_, sum)) => *sum += own,
                None => shares.push((listener.clone(), own)),
            }
        }
        shares
    }

    /// Those whose answer is over ask again; at first they have asked at different times.
    fn look_up(&mut self, world: &mut World) {
        for kept in &mut self.each {
            if kept.until.is_some_and(|until| until > world.now) {
                continue;
            }
            let answer = world
                .route53
                .resolve(&self.name, &world.elb, &mut world.rng);
            let Some(answer) = answer else {
                *kept = Kept::default();
                continue;
            };
            let mut balancers = world.elb.load_balancers.values();
            let balancer = balancers.find(|it| host(&it.dns_name) == answer.name);
            let listener = balancer.and_then(|it| world.elb.listener_on(&it.arn, self.port));
            let seconds = match kept.until {
                None => world.rng.i64(0..=answer.ttl),
                Some(_) => answer.ttl,
            };
            *kept = Kept {
                listener: listener.map(|it| it.arn.clone()),
                until: Some(world.now + SignedDuration::from_secs(seconds)),
            };
        }
    }
}
