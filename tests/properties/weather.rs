//! What goes wrong in a run, and when: fixed at its start, from its seed.

use std::time::Duration;

use bg::deployment::action::{ActName, FailureClass};
use bg::deployment::ids::{AlarmName, SlotName};
use bg::deployment::observation::{Ask, OnInterrupt};
use bg::deployment::plan::{AlarmWeight, Plan};
use bg::judge::alarms::AlarmState;
use fastrand::Rng;

use crate::plans::seconds;

/// Which kinds of trouble there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Climate {
    /// None.
    Fair,
    /// Calls fail, reads fail or lag, the process dies.
    Faults,
    /// Targets, tasks and alarms.
    Sickness,
    /// All of it, and people who meddle.
    Storm,
}

/// A stretch of time, from the start of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

impl Span {
    pub(crate) fn holds(&self, at: Duration) -> bool {
        self.from <= at && at < self.to
    }
}

/// A part of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Route(usize),
    Service(SlotName),
    Group(SlotName, usize),
    Alarm(usize),
    Everything,
}

/// What a person does behind the deployment's back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hand {
    /// Sets a route's weights: blue's, green's, a third group's.
    Weights(usize, [u32; 3]),
    /// Puts all routes back to blue.
    AllBlue,
    Desired(SlotName, u32),
    OtherDefinition(SlotName),
    Delete(SlotName),
}

#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// How long a task takes until its target is healthy.
    pub(crate) start: Duration,
    /// Green's tasks end as soon as they run, from then on.
    pub(crate) crashes: Option<Duration>,
    /// ECS gives the rollout up, then.
    pub(crate) rollout_fails: Option<Duration>,
    /// Healthy targets lost, in one group or in all of a slot.
    pub(crate) dips: Vec<(Span, SlotName, Option<usize>, u32)>,
    pub(crate) alarms: Vec<(Span, AlarmName, AlarmState)>,
    pub(crate) outages: Vec<(Span, Part)>,
    /// How likely any part of a look can't be read.
    pub(crate) unreadable: f64,
    /// How old what is read may be.
    pub(crate) lag: Duration,
    /// How likely an act fails.
    pub(crate) act_fails: f64,
    /// An act that always fails, from then on.
    pub(crate) broken: Option<(Duration, ActName, FailureClass)>,
    /// How likely the process dies in a round, and goes on later.
    pub(crate) crash: f64,
    pub(crate) hands: Vec<(Duration, Hand)>,
    pub(crate) asks: Vec<(Duration, Ask)>,
    /// When another process takes the lock.
    pub(crate) lock_lost: Option<Duration>,
    /// Whether the other process has gone on with the deployment, or begun another.
    pub(crate) taker_takes_traffic: bool,
}

impl Weather {
    pub(crate) fn random(rng: &mut Rng, plan: &Plan, climate: Climate) -> Weather {
        let mut weather = Weather {
            start: seconds(rng, 0..60),
            crashes: None,
            rollout_fails: None,
            dips: Vec::new(),
            alarms: Vec::new(),
            outages: Vec::new(),
            unreadable: 0.0,
            lag: Duration::ZERO,
            act_fails: 0.0,
            broken: None,
            crash: 0.0,
            hands: Vec::new(),
            asks: Vec::new(),
            lock_lost: None,
            taker_takes_traffic: false,
        };
        let horizon = plan.shift_length() + plan.guards.healthy_for + Duration::from_secs(150);
        let mut draw = Draw { rng, plan, horizon };
        if matches!(climate, Climate::Faults | Climate::Storm) {
            draw.faults(&mut weather);
        }
        if matches!(climate, Climate::Sickness | Climate::Storm) {
            draw.sickness(&mut weather);
        }
        if climate == Climate::Storm {
            draw.people(&mut weather);
        }
        weather
    }
}

struct Draw<'a> {
    rng: &'a mut Rng,
    plan: &'a Plan,
    horizon: Duration,
}

impl Draw<'_> {
    fn one_in(&mut self, n: u8) -> bool {
        self.rng.u8(0..n) == 0
    }

    fn some(&mut self) -> usize {
        self.rng.choice([0, 0, 1, 1, 2, 4]).expect("there are some")
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(0..self.horizon.as_millis() as u64))
    }

    fn span(&mut self) -> Span {
        let from = self.moment();
        let longest = self.rng.choice([5, 60, 900]).expect("there are some");
        Span {
            from,
            to: from + seconds(self.rng, 1..longest),
        }
    }

    fn slot(&mut self) -> SlotName {
        self.rng.choice(SlotName::BOTH).expect("there are two")
    }

    fn rate(&mut self) -> f64 {
        self.rng
            .choice([0.0, 0.0, 0.01, 0.1, 0.4])
            .expect("there are some")
    }

    fn faults(&mut self, weather: &mut Weather) {
        weather.unreadable = self.rate() / 8.0;
        weather.act_fails = self.rate();
        weather.crash = self.rate() / 4.0;
        if self.one_in(3) {
            weather.lag = seconds(self.rng, 1..8);
        }
        for _ in 0..self.some() {
            let part = self.part();
            weather.outages.push((self.span(), part));
        }
        if self.one_in(6) {
            weather.broken = Some((self.moment(), act(self.rng), class(self.rng)));
        }
    }

    fn part(&mut self) -> Part {
        match self.rng.u8(0..5) {
            0 => Part::Route(self.rng.usize(0..self.plan.routes.len().max(1))),
            1 => Part::Service(self.slot()),
            2 => {
                let slot = self.slot();
                Part::Group(
                    slot,
                    self.rng
                        .usize(0..self.plan.slots[slot].targets.len().max(1)),
                )
            }
            3 => Part::Alarm(self.rng.usize(0..3)),
            _ => Part::Everything,
        }
    }

    fn sickness(&mut self, weather: &mut Weather) {
        if self.one_in(5) {
            weather.start = seconds(self.rng, 60..900);
        }
        if self.one_in(8) {
            weather.crashes = Some(self.moment());
        }
        if self.one_in(10) {
            weather.rollout_fails = Some(self.moment());
        }
        for _ in 0..self.some() {
            let slot = self.slot();
            let group = (!self.one_in(2)).then(|| {
                self.rng
                    .usize(0..self.plan.slots[slot].targets.len().max(1))
            });
            let lost = self.rng.u32(1..=self.plan.desired);
            weather.dips.push((self.span(), slot, group, lost));
        }
        let bad = [AlarmState::Alarm, AlarmState::InsufficientData];
        for guard in &self.plan.guards.alarms {
            if guard.weight == AlarmWeight::GuardsOnceClear && self.one_in(2) {
                let left_over = Span {
                    from: Duration::ZERO,
                    to: seconds(self.rng, 1..900),
                };
                let name = guard.name.clone();
                weather.alarms.push((left_over, name, AlarmState::Alarm));
            }
            for _ in 0..self.some() / 2 {
                let state = self.rng.choice(bad).expect("there are two");
                weather
                    .alarms
                    .push((self.span(), guard.name.clone(), state));
            }
        }
    }

    fn people(&mut self, weather: &mut Weather) {
        for _ in 0..self.some() {
            let hand = self.hand();
            weather.hands.push((self.moment(), hand));
        }
        for _ in 0..self.some() / 2 {
            let ask = self.ask();
            let first = self.moment();
            if self.one_in(2) {
                let signal = "SIGTERM".to_owned();
                let again = Ask::Interrupt {
                    signal,
                    then: OnInterrupt::Revert,
                };
                weather.asks.push((first + seconds(self.rng, 0..3), again));
            }
            weather.asks.push((first, ask));
        }
        if self.one_in(6) {
            weather.lock_lost = Some(self.moment());
            weather.taker_takes_traffic = self.rng.bool();
        }
        weather.hands.sort_by_key(|(at, _)| *at);
        weather.asks.sort_by_key(|(at, _)| *at);
    }

    fn ask(&mut self) -> Ask {
        let signal = "SIGINT".to_owned();
        match self.rng.u8(0..6) {
            0 => Ask::Interrupt {
                signal,
                then: OnInterrupt::Keep,
            },
            1..4 => Ask::Interrupt {
                signal,
                then: OnInterrupt::Revert,
            },
            _ => Ask::Abort {
                by: "ada".to_owned(),
            },
        }
    }

    fn hand(&mut self) -> Hand {
        match self.rng.u8(0..8) {
            0..3 => {
                let route = self.rng.usize(0..self.plan.routes.len().max(1));
                let mut weight = || self.rng.choice([0, 0, 1, 50, 100]).expect("there are some");
                let weights = [weight(), weight(), weight() / 100];
                Hand::Weights(route, weights)
            }
            3..5 => Hand::AllBlue,
            5 => Hand::Desired(self.slot(), self.rng.u32(0..8)),
            6 => Hand::OtherDefinition(self.slot()),
            _ => Hand::Delete(self.slot()),
        }
    }
}

fn act(rng: &mut Rng) -> ActName {
    rng.choice([
        ActName::RegisterTaskDefinition,
        ActName::AddGreenToRoutes,
        ActName::ProvisionGreen,
        ActName::Shift,
        ActName::Revert,
        ActName::Scale,
        ActName::RestoreSettings,
        ActName::Tag,
        ActName::Unpin,
        ActName::ArmDeadman,
        ActName::DisarmDeadman,
    ])
    .expect("there are some")
}

pub(crate) fn class(rng: &mut Rng) -> FailureClass {
    rng.choice([
        FailureClass::Throttled,
        FailureClass::Conflict,
        FailureClass::Ambiguous,
        FailureClass::Ambiguous,
        FailureClass::NotSent,
        FailureClass::Expired,
        FailureClass::Denied,
        FailureClass::Invalid,
    ])
    .expect("there are some")
}
