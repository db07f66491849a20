//! The region as a whole: a world, its clock, its budgets, its troubles, its memory of calls.

mod clock;
mod limits;
mod log;
mod past;
mod sdk;
#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use log::{Call, CallOutcome};

use super::{
    faults::{self, Caller, FaultKind, FaultRule, Faults},
    wire::{
        self, AwsError, Operation, Service,
        needs::{self, Need},
    },
    world::World,
};
use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Method, Response, Uri};
use jiff::{SignedDuration, Timestamp};
use limits::{Admission, Limits};
use log::CallLog;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How a region is to be.
#[derive(Debug, Clone)]
pub struct RegionOptions {
    /// Seed of everything random in it.
    pub seed: u64,
    /// Account id, twelve digits.
    pub account: String,
    /// Region name.
    pub region: String,
    /// Virtual time at its making.
    pub start: Timestamp,
    /// How many virtual seconds go by in one of tokio's.
    pub speed: f64,
    /// How far Describe… and List… answers lag behind writes.
    pub read_lag: Duration,
    /// How long each answer takes, in tokio's time.
    pub latency: Duration,
    /// Whether AWS's request budgets hold.
    pub throttle: Throttle,
}

/// Whether AWS's request budgets hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// "Rate exceeded" beyond them.
    On,
    /// Any number of calls.
    Off,
}

impl Default for RegionOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            // A Monday morning, on the full minute, as metric periods are.
            start: Timestamp::constant(1_767_603_600, 0),
            speed: 1.0,
            read_lag: Duration::ZERO,
            latency: Duration::ZERO,
            throttle: Throttle::On,
        }
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// It is answered.
    Answered(Response<Bytes>),
    /// It is never answered.
    Silence,
    /// Its connection breaks.
    Reset,
}

/// A region. Clones are handles to the same one.
#[derive(Clone)]
pub struct Region {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    world: Arc<Mutex<World>>,
    gate: Mutex<Gate>,
    options: RegionOptions,
}

/// What stands between the wire and the world.
struct Gate {
    rng: Rng,
    requests: u64,
    limits: Limits,
    faults: Faults,
    log: CallLog,
    needs: BTreeSet<Need>,
    /// The world as it was, oldest first; empty without a read lag.
    past: VecDeque<(Timestamp, World)>,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

/// A panic while the world was held left it whole enough to look at.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Region {
    /// An empty region.
    pub fn new(options: RegionOptions) -> Self {
        let world = World::new(
            options.account.clone(),
            options.region.clone(),
            options.start,
            options.seed,
        );
        Self::with(world, options)
    }

    /// A region around a world that exists already; its clock starts where the world stands.
    pub fn with(world: World, options: RegionOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                clock: Clock::new(world.now, options.speed),
                gate: Mutex::new(Gate {
                    rng: Rng::with_seed(options.seed ^ 0x6761_7465),
                    requests: 0,
                    limits: Limits::default(),
                    faults: Faults::default(),
                    log: CallLog::default(),
                    needs: BTreeSet::new(),
                    past: VecDeque::new(),
                }),
                world: Arc::new(Mutex::new(world)),
                options,
            }),
        }
    }

    /// Its clock.
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }

    /// Virtual now.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// How it was made.
    pub fn options(&self) -> &RegionOptions {
        &self.inner.options
    }

    /// The world itself, for the data plane. Hold the lock only shortly.
    pub fn world(&self) -> Arc<Mutex<World>> {
        Arc::clone(&self.inner.world)
    }

    /// Looks at the world as it is now, or sets a scene in it.
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut gate = locked(&self.inner.gate);
        let mut world = locked(&self.inner.world);
        self.advance(&mut gate, &mut world);
        world.settle();
        let result = act(&mut world);
        world.ecs.wake();
        result
    }

    /// Lets the world catch up with the clock, also when nobody asks anything.
    pub fn catch_up(&self) {
        let mut gate = locked(&self.inner.gate);
        let mut world = locked(&self.inner.world);
        self.advance(&mut gate, &mut world);
    }

    /// Injects trouble.
    pub fn fault(&self, rule: FaultRule) {
        match rule.caller() {
            Caller::Client => locked(&self.inner.gate).faults.add(rule),
            Caller::Schedule => self.with_world(|world| world.scheduler.faults.add(rule)),
        }
    }

    /// Ends all injected trouble.
    pub fn clear_faults(&self) {
        locked(&self.inner.gate).faults.clear();
        self.with_world(|world| world.scheduler.faults.clear());
    }

    /// The newest calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.inner.gate).log.calls()
    }

    /// How often each operation was called.
    pub fn call_counts(&self) -> BTreeMap<(Service, String), u64> {
        locked(&self.inner.gate).log.counts()
    }

    /// Everything that IAM would have had to allow for the calls of `bg` itself; no call is forgotten.
    pub fn needs(&self) -> BTreeSet<Need> {
        locked(&self.inner.gate).needs.clone()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        locked(&self.inner.gate).log.clear();
    }

    /// Takes a request, as it came over the wire, to its end.
    pub async fn call(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Outcome {
        if !self.inner.options.latency.is_zero() {
            tokio::time::sleep(self.inner.options.latency).await;
        }
        if let Some(answer) = self.answer_of_task(uri, headers) {
            return answer;
        }
        self.answer(method, uri, headers, body)
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let mut gate = locked(&self.inner.gate);
        gate.requests += 1;
        let request_id = format!(
            "{:08x}-0000-4000-8000-{:012x}",
            self.inner.options.seed & 0xffff_ffff,
            gate.requests
        );
        if uri.path().starts_with(wire::ecr::LAYERS_PATH) {
            let layer = wire::ecr::layer(&locked(&self.inner.world), uri.path());
            return Outcome::Answered(wire::layer(layer.as_ref()));
        }
        let operation = match wire::recognise(method, uri, headers, body) {
            Ok(operation) => operation,
            Err(error) => return Outcome::Answered(wire::refuse(&error, &request_id)),
        };
        let (protocol, region) = (operation.protocol, &self.inner.options.region);
        if let Err(error) = wire::check_region(headers, protocol, region) {
            return Outcome::Answered(operation.answer(&Err(error), &request_id));
        }
        if needs::is_asked_by_bg(headers) {
            let account = &self.inner.options.account;
            gate.needs.extend(needs::of(&operation, account, region));
        }
        let now = self.now();
        let fault = {
            let Gate { faults, rng, .. } = &mut *gate;
            faults.strike(&operation, now, rng)
        };
        let result = match fault {
            Some(kind) if !kind.takes_effect() => {
                faults::error_of(kind, &operation).map(Result::Err)
            }
            _ => Some(self.perform(&mut gate, &operation, now)),
        };
        gate.log.note(Call {
            at: now,
            service: operation.service,
            operation: operation.name.clone(),
            outcome: outcome_of(fault, result.as_ref()),
        });
        match (fault, result) {
            (Some(FaultKind::TimeoutBefore | FaultKind::TimeoutAfter), _) => Outcome::Silence,
            (Some(FaultKind::ResetBefore | FaultKind::ResetAfter), _) | (_, None) => Outcome::Reset,
            (Some(FaultKind::Garbled), Some(result)) => {
                let mut answer = operation.answer(&result, &request_id);
                let half = answer.body().len() / 2;
                answer.body_mut().truncate(half);
                *answer.body_mut() = garble(answer.body());
                Outcome::Answered(answer)
            }
            (_, Some(result)) => Outcome::Answered(operation.answer(&result, &request_id)),
        }
    }

    /// The world's own answer, within AWS's budgets.
    fn perform(
        &self,
        gate: &mut Gate,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Value, AwsError> {
        let throttled = self.inner.options.throttle == Throttle::On
            && gate.limits.admit(operation, now) == Admission::RateExceeded;
        if let (true, Some(error)) = (throttled, faults::error_of(FaultKind::Throttle, operation)) {
            return Err(error);
        }
        let mut world = locked(&self.inner.world);
        self.advance(gate, &mut world);
        if operation.may_lag() {
            return match self.stale(gate) {
                Some(past) => operation.perform(past),
                None => operation.perform(&mut world),
            };
        }
        if !operation.changes_nothing() {
            world.settle();
        }
        let result = operation.perform(&mut world);
        if !operation.is_read() && !self.inner.options.read_lag.is_zero() {
            gate.past.push_back((now, world.clone()));
        }
        result
    }

    /// Moves the world to now, keeping what lagging reads may still ask for.
    fn advance(&self, gate: &mut Gate, world: &mut World) {
        let now = self.now();
        let lag = self.inner.options.read_lag;
        let Some(oldest) = (!lag.is_zero())
            .then(|| SignedDuration::try_from(lag).ok())
            .flatten()
            .map(|lag| now - lag)
        else {
            world.advance_to(now);
            return;
        };
        let second = SignedDuration::from_secs(1);
        world.advance_to(oldest - second);
        loop {
            if gate.past.back().is_none_or(|(at, _)| *at < world.now) {
                gate.past.push_back((world.now, world.clone()));
            }
            if world.now + second > now {
                break;
            }
            world.advance_to(world.now + second);
        }
        while gate.past.get(1).is_some_and(|(at, _)| *at <= oldest) {
            gate.past.pop_front();
        }
    }

    /// The world as a lagging read sees it.
    fn stale<'a>(&self, gate: &'a mut Gate) -> Option<&'a mut World> {
        gate.past.front_mut().map(|(_, world)| world)
    }
}

fn outcome_of(fault: Option<FaultKind>, result: Option<&Result<Value, AwsError>>) -> CallOutcome {
    match (fault, result) {
        (Some(kind), _) => CallOutcome::Struck(kind),
        (None, Some(Err(error))) => CallOutcome::Refused(error.code.clone()),
        (None, _) => CallOutcome::Ok,
    }
}

/// Half an answer with a byte behind it that ends no JSON, XML or CBOR.
fn garble(half: &Bytes) -> Bytes {
    let mut body = half.to_vec();
    body.push(b'\x1c');
    body.into()
}
