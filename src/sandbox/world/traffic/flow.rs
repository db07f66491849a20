//! A stream of synthetic requests to one listener.

use super::super::World;
use super::super::app::Reply;
use super::super::ecs::RunningApp;
use super::super::elb::{Forward, Outcome, Pin, Request, Routed};
use super::draw::{binomial, poisson};
use super::resolvers::Resolvers;
use super::{Answer, OwnAnswer, Pace, share};
use fastrand::Rng;
use jiff::Timestamp;

/// Requests to one target in one second that are asked for one by one. Where there are more,
/// each answer stands for several.
const SAMPLE: u64 = 64;

/// A stream of requests.
#[derive(Debug, Clone)]
pub struct Flow {
    to: To,
    shape: Shape,
    host: String,
    path: String,
    /// Clients that keep cookies, with the group that each is tied to.
    clients: Vec<Option<Pin>>,
}

/// Where a stream goes.
#[derive(Debug, Clone)]
enum To {
    /// To a listener, by its ARN.
    Listener(String),
    /// To whatever listener a name leads to.
    Name(Resolvers),
}

/// How many requests come, over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same rate always, per second.
    Steady(f64),
    /// A day: the mean rate per second, and by how much of it the peak (15:00 UTC) is above and
    /// the trough below.
    Daily {
        /// Requests per second over the day.
        mean: f64,
        /// 0 (steady) to 1 (no requests in the trough).
        swing: f64,
    },
    /// Each rate holds from its time on; none before the first.
    Steps(Vec<(Timestamp, f64)>),
}

impl Shape {
    /// The rate at a time, per second.
    pub fn rate(&self, now: Timestamp) -> f64 {
        match self {
            Self::Steady(rate) => *rate,
            Self::Daily { mean, swing } => {
                const DAY: f64 = 86_400.0;
                const PEAK: f64 = 15.0 * 3600.0;
                let second = now.as_second().rem_euclid(86_400) as f64;
                let angle = (second - PEAK) / DAY * std::f64::consts::TAU;
                mean * (1.0 + swing * angle.cos())
            }
            Self::Steps(steps) => {
                let begun = steps.iter().filter(|(from, _)| *from <= now);
                begun
                    .max_by_key(|(from, _)| *from)
                    .map_or(0.0, |(_, rate)| *rate)
            }
        }
    }
}

impl Flow {
    /// Requests `GET /` to a listener.
    pub fn new(listener: &str, shape: Shape) -> Self {
        Self {
            to: To::Listener(listener.to_owned()),
            shape,
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            clients: Vec::new(),
        }
    }

    /// Requests `GET /` to a name that Route 53 answers for, on a port: its clients' resolvers keep
    /// what they are told for the TTL.
    pub fn by_name(name: &str, port: u16, shape: Shape) -> Self {
        Self {
            to: To::Name(Resolvers::new(name, port)),
            ..Self::new("", shape)
        }
    }

    /// Asks for another host and path.
    #[must_use]
    pub fn asking(mut self, host: &str, path: &str) -> Self {
        host.clone_into(&mut self.host);
        path.clone_into(&mut self.path);
        self
    }

    /// Makes the requests come from so many clients that keep their cookies. Without, each
    /// request comes from a new client.
    #[must_use]
    pub fn from_clients(mut self, clients: usize) -> Self {
        self.clients = vec![None; clients];
        self
    }

    /// Makes it so many times as strong.
    pub fn scale(&mut self, times: f64) {
        self.shape = match &self.shape {
            Shape::Steady(rate) => Shape::Steady(rate * times),
            Shape::Daily { mean, swing } => Shape::Daily {
                mean: mean * times,
                swing: *swing,
            },
            Shape::Steps(steps) => {
                let steps = steps.iter().map(|(from, rate)| (*from, rate * times));
                Shape::Steps(steps.collect())
            }
        };
    }

    /// Sends the requests of so many seconds.
    pub(super) fn send(&mut self, world: &mut World, seconds: f64) {
        let count = poisson(&mut world.rng, self.shape.rate(world.now) * seconds);
        if count == 0 {
            return;
        }
        let listeners = match &mut self.to {
            To::Listener(listener) => vec![(listener.clone(), count)],
            To::Name(resolvers) => resolvers.spread(world, count),
        };
        for (listener, count) in listeners {
            self.send_to(world, &listener, count);
        }
    }

    fn send_to(&mut self, world: &mut World, listener: &str, count: u64) {
        let Some(lb) = world.elb.listeners.get(listener) else {
            return;
        };
        let lb = lb.load_balancer.clone();
        let request = Request {
            host: &self.host,
            path: &self.path,
            ..Request::plain()
        };
        let outcome = world.elb.outcome(listener, &request).cloned();
        match outcome {
            Some(Outcome::Forward(forward)) => {
                if forward.stickiness.is_some() && !self.clients.is_empty() {
                    self.sticky(world, (listener, &lb), count);
                } else {
                    spread(world, &lb, &forward, count);
                }
            }
            Some(Outcome::Fixed { .. }) => world.traffic.count_own(&lb, OwnAnswer::Fixed, count),
            Some(Outcome::Redirect(_)) => {
                world.traffic.count_own(&lb, OwnAnswer::Redirect, count);
            }
            Some(Outcome::Unknown) | None => {}
        }
    }

    /// One by one: each request comes from one of the clients, with its cookie.
    fn sticky(&mut self, world: &mut World, (listener, lb): (&str, &str), count: u64) {
        let World {
            elb,
            ecs,
            traffic,
            rng,
            now,
            ..
        } = world;
        for _ in 0..count {
            let client = rng.usize(..self.clients.len());
            let request = Request {
                host: &self.host,
                path: &self.path,
                pin: self.clients[client].clone(),
                ..Request::plain()
            };
            match elb.route(listener, &request, rng, *now) {
                Routed::Target { group, target, pin } => {
                    self.clients[client] = pin;
                    let app = ecs.application_at(&target.id, target.port);
                    let zone = app.and_then(|app| app.zone);
                    let errors = traffic.noise.factor(&group, *now);
                    traffic.count(lb, &group, zone, &[(ask(app, errors, rng, *now), 1)]);
                }
                Routed::NoTarget { .. } => traffic.count_own(lb, OwnAnswer::NoTarget, 1),
                _ => {}
            }
        }
    }
}

/// Shares requests out to groups by weight, and within each group evenly to its targets.
fn spread(world: &mut World, lb: &str, forward: &Forward, count: u64) {
    let World {
        elb,
        ecs,
        traffic,
        rng,
        now,
        ..
    } = world;
    let weights = forward.groups.iter().map(|(_, weight)| u64::from(*weight));
    let mut weight_left: u64 = weights.sum();
    let mut left = count;
    for (arn, weight) in &forward.groups {
        if left == 0 || weight_left == 0 {
            break;
        }
        let share = f64::from(*weight) / weight_left as f64;
        weight_left -= u64::from(*weight);
        let here = binomial(rng, left, share);
        left -= here;
        if here == 0 {
            continue;
        }
        let targets = elb
            .group(arn)
            .map(|group| group.eligible())
            .unwrap_or_default();
        let number = targets.len() as u64;
        if number == 0 {
            traffic.count_own(lb, OwnAnswer::NoTarget, here);
            continue;
        }
        // Who gets the requests that are over changes by chance.
        let first = rng.u64(..number);
        let errors = traffic.noise.factor(arn, *now);
        for (index, target) in targets.iter().enumerate() {
            let turn = (index as u64 + first) % number;
            let requests = here / number + u64::from(turn < here % number);
            let address = (target.id.id.as_str(), target.id.port);
            let app = ecs.application_at(address.0, address.1);
            let answers = match traffic.pace {
                Pace::EverySecond => one_by_one(app, errors, requests, rng, *now),
                Pace::InLeaps => share::out(app, errors, requests, rng, *now),
            };
            traffic.count(lb, arn, app.and_then(|app| app.zone), &answers);
        }
    }
}

/// One target's answers to requests: up to [`SAMPLE`] one by one, more of them in equal parts.
fn one_by_one(
    app: Option<RunningApp<'_>>,
    errors: f64,
    requests: u64,
    rng: &mut Rng,
    now: Timestamp,
) -> Vec<(Answer, u64)> {
    if requests == 0 {
        return Vec::new();
    }
    let draws = requests.min(SAMPLE);
    let times = |draw| requests / draws + u64::from(draw < requests % draws);
    let answers = (0..draws).map(|draw| (ask(app, errors, rng, now), times(draw)));
    answers.collect()
}

fn ask(app: Option<RunningApp<'_>>, errors: f64, rng: &mut Rng, now: Timestamp) -> Answer {
    let Some(app) = app else {
        return Answer::Unreachable;
    };
    let age = now.duration_since(app.started_at);
    match app.behaviour.respond(rng, age, errors) {
        Reply::Answer { status, latency } => Answer::Status(status, latency),
        Reply::Reset => Answer::Broken,
    }
}
