//! A model of AWS in plain data: what a look shows of it, and what an act does to it.

use std::collections::BTreeMap;
use std::time::Duration;

use bg::deployment::action::{Action, FailureClass, WeightWrite};
use bg::deployment::event::Event;
use bg::deployment::ids::{DeploymentId, SlotName, Slots, TargetGroupArn, TaskDefinitionArn};
use bg::deployment::observation::{
    AlarmSeen, LostTo, Observation, Rollout, RouteSeen, Seen, ServiceSeen, ServiceStatus, Spread,
};
use bg::deployment::plan::{GreenService, Plan};
use bg::judge::alarms::AlarmState;
use bg::judge::targets::TargetCounts;
use fastrand::Rng;
use jiff::Timestamp;

use crate::plans::{needed_of_green, new_definition, old_definition};
use crate::weather::{Hand, Part, Weather, class};

type Weights = BTreeMap<TargetGroupArn, u32>;

/// A value with its past: reads may lag.
struct Lagging<T> {
    versions: Vec<(Duration, T)>,
}

impl<T: Clone> Lagging<T> {
    fn new(value: T) -> Self {
        Lagging {
            versions: vec![(Duration::ZERO, value)],
        }
    }

    fn now(&self) -> &T {
        &self
            .versions
            .last()
            .expect("it has a value from the start")
            .1
    }

    fn at(&self, at: Duration) -> &T {
        let versions = self.versions.iter().rev();
        versions
            .into_iter()
            .find(|(from, _)| *from <= at)
            .map_or(self.now(), |(_, value)| value)
    }

    fn set(&mut self, at: Duration, value: T) {
        self.versions.push((at, value));
    }
}

#[derive(Debug, Clone)]
struct Service {
    status: ServiceStatus,
    definition: TaskDefinitionArn,
    desired: u32,
    tag: Option<DeploymentId>,
    /// Since when it has this definition and count.
    since: Option<Duration>,
}

pub(crate) struct World {
    plan: Plan,
    pub(crate) weather: Weather,
    start: Timestamp,
    routes: Vec<Lagging<Weights>>,
    tests: Vec<Lagging<Weights>>,
    services: Slots<Lagging<Option<Service>>>,
    hands_done: usize,
    /// When records were written last, and how long a change of them takes to be everywhere.
    written: Option<Duration>,
    spreads: Duration,
    /// When the dead-man switch fires, in truth.
    pub(crate) fires_at: Option<Duration>,
}

/// What became of an act: a fact for the journal, or how it failed.
pub(crate) type Done = Result<Option<Event>, (FailureClass, String)>;

/// How far an act that failed got.
enum Reach {
    Nothing,
    SomeRoutes(usize),
    All,
}

impl World {
    pub(crate) fn new(rng: &mut Rng, plan: &Plan, weather: Weather, start: Timestamp) -> World {
        let running = |definition, desired| Service {
            status: ServiceStatus::Active,
            definition,
            desired,
            tag: Some(DeploymentId::new("earlier")),
            since: None,
        };
        let services = Slots::from_fn(|slot| match plan.green {
            _ if slot == plan.blue => Lagging::new(Some(running(old_definition(), plan.desired))),
            GreenService::Create { .. } => Lagging::new(None),
            GreenService::Update { .. } => Lagging::new(Some(running(new_definition(), 0))),
        });
        let routes = plan.routes.iter().map(|route| {
            let mut weights = Weights::from([(route.groups[plan.blue].clone(), 1)]);
            if rng.u8(0..3) > 0 {
                weights.insert(route.groups[plan.green_slot()].clone(), 0);
            }
            Lagging::new(weights)
        });
        let routes = routes.collect();
        let tests = plan.test_routes.iter().map(|route| {
            let shown = if rng.bool() {
                plan.blue
            } else {
                plan.green_slot()
            };
            Lagging::new(Weights::from([(route.groups[shown].clone(), 1)]))
        });
        let tests = tests.collect();
        let slow = !weather.lag.is_zero() && rng.u8(0..8) == 0;
        let spreads = if slow { 200..900 } else { 0..100 };
        World {
            plan: plan.clone(),
            weather,
            start,
            routes,
            tests,
            services,
            hands_done: 0,
            written: None,
            spreads: Duration::from_secs(rng.u64(spreads)),
            fires_at: None,
        }
    }

    fn since_start(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.start)).unwrap_or_default()
    }

    /// Green's weight and the others' on each route, as it really is.
    pub(crate) fn weights(&self) -> Vec<(u32, u32)> {
        let routes = self.plan.routes.iter().zip(&self.routes);
        let split = routes.map(|(route, weights)| {
            let green = &route.groups[self.plan.green_slot()];
            let weights = weights.now().iter();
            weights.fold((0, 0), |(ours, others), (group, weight)| {
                match group == green {
                    true => (ours + weight, others),
                    false => (ours, others + weight),
                }
            })
        });
        split.collect()
    }

    /// Lets people do what they do until `now`.
    pub(crate) fn pass_to(&mut self, now: Timestamp) {
        let at = self.since_start(now);
        while let Some((due, hand)) = self.weather.hands.get(self.hands_done).copied() {
            if due > at {
                break;
            }
            self.hands_done += 1;
            self.meddle(due, hand);
        }
        if let Some(due) = self.fires_at.filter(|due| *due <= at) {
            self.fires_at = None;
            self.write(due, 0, usize::MAX, true);
        }
    }

    fn meddle(&mut self, at: Duration, hand: Hand) {
        match hand {
            Hand::Weights(index, [blue, green, third]) => {
                let Some(route) = self.plan.routes.get(index) else {
                    return;
                };
                let groups = &route.groups;
                let weights = Weights::from([
                    (groups[self.plan.blue].clone(), blue),
                    (groups[self.plan.green_slot()].clone(), green),
                    (TargetGroupArn::new("arn:third"), third),
                ]);
                self.routes[index].set(at, weights);
            }
            Hand::AllBlue => self.write(at, 0, usize::MAX, false),
            Hand::Desired(slot, desired) => self.change(slot, at, |service| {
                service.desired = desired;
                service.since = Some(at);
            }),
            Hand::OtherDefinition(slot) => self.change(slot, at, |service| {
                service.definition = TaskDefinitionArn::new("arn:other/shop:9");
                service.since = Some(at);
            }),
            Hand::Delete(slot) => self.change(slot, at, |service| {
                service.status = ServiceStatus::Draining;
                service.desired = 0;
            }),
        }
    }

    fn change(&mut self, slot: SlotName, at: Duration, change: impl FnOnce(&mut Service)) {
        let mut service = self.services[slot].now().clone();
        if let Some(service) = &mut service {
            change(service);
        }
        self.services[slot].set(at, service);
    }

    /// Writes green's share to the first `routes` routes.
    fn write(&mut self, at: Duration, per_mille: u32, routes: usize, unpins: bool) {
        self.written = Some(at);
        for (route, weights) in self.plan.routes.iter().zip(&mut self.routes).take(routes) {
            let mut split = Weights::from([
                (route.groups[self.plan.blue].clone(), 1000 - per_mille),
                (route.groups[self.plan.green_slot()].clone(), per_mille),
            ]);
            if unpins && route.sticky.is_some() {
                split.remove(&route.groups[self.plan.green_slot()]);
            }
            weights.set(at, split);
        }
    }

    /// One look.
    pub(crate) fn observe(&self, rng: &mut Rng, now: Timestamp) -> Observation {
        let at = self.since_start(now);
        let services = Slots::from_fn(|slot| {
            let read_at = self.read_at(rng, at);
            let service = self.services[slot].at(read_at).as_ref();
            self.read(
                rng,
                at,
                Part::Service(slot),
                service.map(|seen| self.show(slot, seen, at)),
            )
        });
        let mut groups = BTreeMap::new();
        for slot in SlotName::BOTH {
            for (index, target) in self.plan.slots[slot].targets.iter().enumerate() {
                let counts = self.targets(slot, index, at);
                let seen = self.read(rng, at, Part::Group(slot, index), counts);
                groups.insert(target.group.clone(), seen);
            }
        }
        let mut routes = BTreeMap::new();
        for (index, route) in self.plan.routes.iter().enumerate() {
            let weights = self.routes[index].at(self.read_at(rng, at)).clone();
            let spread = match route.kind.record() {
                Some(_) => self.spread(rng, at),
                None => Spread::Everywhere,
            };
            let shown = RouteSeen { weights, spread };
            let seen = self.read(rng, at, Part::Route(index), shown);
            routes.insert(route.arn.clone(), seen);
        }
        for (route, weights) in self.plan.test_routes.iter().zip(&self.tests) {
            let weights = weights.at(self.read_at(rng, at)).clone();
            let seen = self.read(rng, at, Part::Route(0), RouteSeen::of(weights));
            routes.insert(route.arn.clone(), seen);
        }
        let mut alarms = BTreeMap::new();
        for (index, guard) in self.plan.guards.alarms.iter().enumerate() {
            let mut spans = self.weather.alarms.iter();
            let state = spans
                .find(|(span, name, _)| *name == guard.name && span.holds(at))
                .map_or(AlarmState::Ok, |(_, _, state)| *state);
            let seen = AlarmSeen {
                state,
                reason: "threshold crossed".to_owned(),
            };
            alarms.insert(
                guard.name.clone(),
                self.read(rng, at, Part::Alarm(index), seen),
            );
        }
        Observation {
            metrics: None,
            now,
            services,
            groups,
            routes,
            alarms,
            asks: Vec::new(),
            credentials_over: None,
            lock_lost_to: (self.weather.lock_lost.is_some_and(|lost| at >= lost)).then(|| LostTo {
                who: "kim@build-7".to_owned(),
                took_traffic: self.weather.taker_takes_traffic,
            }),
        }
    }

    /// How far the last change of records has got, for who knows of it.
    fn spread(&self, rng: &mut Rng, at: Duration) -> Spread {
        match self.written {
            _ if rng.u8(0..10) == 0 => Spread::Unknown,
            Some(written) if at < written + self.spreads => Spread::Pending,
            _ => Spread::Everywhere,
        }
    }

    fn read_at(&self, rng: &mut Rng, at: Duration) -> Duration {
        if self.weather.lag.is_zero() || rng.bool() {
            return at;
        }
        at.saturating_sub(self.weather.lag.mul_f64(rng.f64()))
    }

    fn read<T>(&self, rng: &mut Rng, at: Duration, part: Part, value: T) -> Seen<T> {
        let mut outages = self.weather.outages.iter();
        let out = outages
            .any(|(span, which)| span.holds(at) && (*which == part || *which == Part::Everything));
        if out || (self.weather.unreadable > 0.0 && rng.f64() < self.weather.unreadable) {
            return Seen::Unreadable("Rate exceeded".to_owned());
        }
        Seen::Value(value)
    }

    fn show(&self, slot: SlotName, service: &Service, at: Duration) -> ServiceSeen {
        let running = self.running(slot, service, at, self.weather.start / 2);
        let is_green = slot == self.plan.green_slot();
        let failing = self.weather.crashes.filter(|from| is_green && *from <= at);
        let failed = failing.map_or(0, |from| ((at - from).as_secs() / 10) as u32);
        let gave_up = self
            .weather
            .rollout_fails
            .is_some_and(|from| is_green && from <= at);
        ServiceSeen {
            status: service.status,
            task_definition: service.definition.clone(),
            desired: service.desired,
            running,
            pending: service.desired - running,
            // The idle slot's last rollout may have been a bad one.
            failed: if is_green && service.since.is_none() {
                12
            } else {
                failed
            },
            deployments: if running < service.desired { 2 } else { 1 },
            earlier: 0,
            rollout: match gave_up && service.since.is_some() {
                true => Rollout::Failed,
                false if running < service.desired => Rollout::InProgress,
                false => Rollout::Completed,
            },
            rollout_reason: "tasks failed to start".to_owned(),
            deployment: service.tag.clone(),
            tasks: self.plan.is_bare().then(|| self.targets(slot, 0, at)),
            stopped: Vec::new(),
        }
    }

    fn running(&self, slot: SlotName, service: &Service, at: Duration, takes: Duration) -> u32 {
        let crashing =
            slot == self.plan.green_slot() && self.weather.crashes.is_some_and(|from| from <= at);
        let started = service.since.is_none_or(|since| at >= since + takes);
        if started && !crashing {
            service.desired
        } else {
            0
        }
    }

    fn targets(&self, slot: SlotName, index: usize, at: Duration) -> TargetCounts {
        let Some(service) = self.services[slot].now() else {
            return TargetCounts::default();
        };
        let healthy = self.running(slot, service, at, self.weather.start);
        let lost = self.weather.dips.iter().filter(|(span, whose, group, _)| {
            span.holds(at) && *whose == slot && group.is_none_or(|group| group == index)
        });
        let lost: u32 = lost.map(|(_, _, _, lost)| *lost).sum();
        let lost = lost.min(healthy);
        TargetCounts {
            healthy: healthy - lost,
            unhealthy: lost,
            initial: service.desired - healthy,
            reasons: BTreeMap::from([("fail their health check".to_owned(), lost)]),
            ..TargetCounts::default()
        }
    }

    /// Performs an act, or fails at it.
    pub(crate) fn perform(&mut self, rng: &mut Rng, now: Timestamp, action: &Action) -> Done {
        let at = self.since_start(now);
        let broken = self.weather.broken;
        let failure = match broken {
            Some((from, act, class)) if act == action.name() && at >= from => Some(class),
            _ if rng.f64() < self.weather.act_fails => Some(class(rng)),
            _ => None,
        };
        let Some(class) = failure else {
            return self.apply(at, action, usize::MAX);
        };
        let reach = match (class, rng.u8(0..3)) {
            (FailureClass::Ambiguous, 0) => Reach::All,
            (_, 1) if self.routes.len() > 1 => Reach::SomeRoutes(1),
            _ => Reach::Nothing,
        };
        match reach {
            Reach::All => drop(self.apply(at, action, usize::MAX)),
            Reach::SomeRoutes(some) if matches!(action, Action::WriteWeights(_)) => {
                drop(self.apply(at, action, some));
            }
            Reach::SomeRoutes(_) | Reach::Nothing => {}
        }
        Err((class, format!("{class:?}")))
    }

    fn apply(&mut self, at: Duration, action: &Action, routes: usize) -> Done {
        let missing = || Err((FailureClass::Invalid, "ServiceNotFoundException".to_owned()));
        match action {
            Action::RegisterTaskDefinition => {
                let task_definition = new_definition();
                return Ok(Some(Event::TaskDefinitionReady { task_definition }));
            }
            Action::AddGreenToRoutes => {
                for (route, weights) in self.plan.routes.iter().zip(&mut self.routes) {
                    let mut added = weights.now().clone();
                    added
                        .entry(route.groups[self.plan.green_slot()].clone())
                        .or_insert(0);
                    weights.set(at, added);
                }
            }
            Action::ProvisionGreen { task_definition } => {
                return self.provision(at, task_definition);
            }
            Action::PointTestRoutes { to } => {
                for (route, weights) in self.plan.test_routes.iter().zip(&mut self.tests) {
                    weights.set(at, Weights::from([(route.groups[*to].clone(), 100)]));
                }
            }
            Action::WriteWeights(WeightWrite::Raise { to, .. }) => {
                self.write(at, u32::from(to.per_mille()), routes, false);
            }
            Action::WriteWeights(WeightWrite::AllBlue) => self.write(at, 0, routes, true),
            Action::Scale { slot, desired } => {
                if self.services[*slot].now().is_none() {
                    return missing();
                }
                let desired = *desired;
                self.change(*slot, at, |service| service.desired = desired);
            }
            Action::RestoreSettings { .. } => {
                if self.services[self.plan.green_slot()].now().is_none() {
                    return missing();
                }
                return Ok(Some(Event::SettingsRestored));
            }
            Action::Tag { slot, .. } => {
                if self.services[*slot].now().is_none() {
                    return missing();
                }
            }
            Action::ArmDeadman { until } => {
                // Some seconds late, as AWS is.
                self.fires_at = Some(self.since_start(*until) + Duration::from_secs(20));
                return Ok(Some(Event::DeadmanArmed { until: *until }));
            }
            Action::DisarmDeadman => {
                self.fires_at = None;
                return Ok(Some(Event::DeadmanDisarmed));
            }
            Action::Unpin { slot } => {
                for (route, weights) in self.plan.routes.iter().zip(&mut self.routes) {
                    let mut left = weights.now().clone();
                    match left.remove(&route.groups[*slot]) {
                        Some(0) if route.sticky.is_some() => weights.set(at, left),
                        Some(1..) if route.sticky.is_some() => {
                            return Err((
                                FailureClass::Invalid,
                                "still carries traffic".to_owned(),
                            ));
                        }
                        _ => {}
                    }
                }
            }
            Action::SleepScaling { .. } | Action::Delete { .. } | Action::AskGate { .. } => {}
        }
        Ok(None)
    }

    fn provision(&mut self, at: Duration, definition: &TaskDefinitionArn) -> Done {
        let green = self.plan.green_slot();
        let draining = self.services[green].now().as_ref();
        if draining.is_some_and(|service| service.status == ServiceStatus::Draining) {
            let words = "Unable to Start a service that is still Draining.".to_owned();
            return Err((FailureClass::Conflict, words));
        }
        let ours = Some(self.plan.id.clone());
        let desired = needed_of_green(&self.plan, self.plan.desired, self.plan.steps[0].weight);
        let before = self.services[green].now().as_ref();
        let same = before.filter(|service| {
            let same = service.definition == *definition && service.desired == desired;
            same && service.tag == ours
        });
        let service = Service {
            status: ServiceStatus::Active,
            definition: definition.clone(),
            desired,
            tag: ours,
            since: same.map_or(Some(at), |service| service.since),
        };
        self.services[green].set(at, Some(service));
        Ok(Some(Event::GreenProvisioned))
    }
}
