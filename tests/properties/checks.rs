//! The invariants, told again in plain data: none of this asks the code under test.

mod acts;
mod ends;
mod reactions;

use std::collections::BTreeSet;

use bg::deployment::decide::Decision;
use bg::deployment::event::{Event, Record};
use bg::deployment::gate::Point;
use bg::deployment::ids::{AlarmName, SlotName};
use bg::deployment::observation::{Ask, Observation, Seen, Spread};
use bg::deployment::plan::Plan;
use bg::deployment::state::Deployment;
use bg::deployment::trip::{Hold, Trip};
use bg::gate::GateAnswer;
use bg::judge::alarms::AlarmState;
use bg::strategy::Weight;
use jiff::{SignedDuration, Timestamp};

/// What was seen and done so far, kept apart from the deployment's own state.
pub(crate) struct Checks {
    plan: Plan,
    pub(crate) raises: usize,
    /// Green's share as last decided, and before.
    set: u16,
    set_before: u16,
    touched: bool,
    /// The step that is being shifted to or stayed at, and until when.
    step: Option<usize>,
    bakes_until: Option<Timestamp>,
    reverting_since: Option<Timestamp>,
    /// When all routes showed everything on blue.
    back_at: Option<Timestamp>,
    interrupted: bool,
    promoted: bool,
    /// When the dead-man switch fires, as recorded; and whether there may be one.
    armed_until: Option<Timestamp>,
    may_be_armed: bool,
    disarming: bool,
    provisioning: bool,
    /// How many tasks green was last given beyond the plan's.
    sized: Option<u32>,
    registering: bool,
    putting_away: bool,
    ended: bool,
    /// Whether green was healthy for long enough.
    ready: bool,
    /// The slot that the test routes were sent to.
    tests_on: Option<SlotName>,
    /// The gates that said yes, and where.
    passed: BTreeSet<(usize, Point)>,
    /// The alarms that were seen out of ALARM.
    clear: BTreeSet<AlarmName>,
    holding_since: Option<Timestamp>,
    /// For how long it held in all since the last shift, without the hold that is on.
    held: SignedDuration,
    at_once: u32,
    /// Since when every look has had a hole in it.
    blind_since: Option<Timestamp>,
}

impl Checks {
    pub(crate) fn new(plan: Plan) -> Checks {
        Checks {
            plan,
            raises: 0,
            set: 0,
            set_before: 0,
            touched: false,
            step: None,
            bakes_until: None,
            reverting_since: None,
            back_at: None,
            interrupted: false,
            promoted: false,
            armed_until: None,
            may_be_armed: false,
            disarming: false,
            provisioning: false,
            sized: None,
            registering: false,
            putting_away: false,
            ended: false,
            ready: false,
            tests_on: None,
            passed: BTreeSet::new(),
            clear: BTreeSet::new(),
            holding_since: None,
            held: SignedDuration::ZERO,
            at_once: 0,
            blind_since: None,
        }
    }

    fn forward(&self) -> bool {
        !(self.ended || self.promoted || self.reverting_since.is_some())
    }

    /// Follows the journal.
    pub(crate) fn record(&mut self, record: &Record) {
        assert!(!self.ended, "nothing follows the end");
        match &record.event {
            Event::RegisteringTaskDefinition => self.registering = true,
            Event::ProvisioningGreen => self.provisioning = true,
            Event::GateAnswered {
                gate,
                point,
                answer: GateAnswer::Passed { .. },
            } => {
                self.passed.insert((*gate, *point));
            }
            Event::GreenReady => self.ready = true,
            Event::PointingTestRoutes { to } => self.tests_on = Some(*to),
            Event::SizingGreen { desired } => self.sized = Some(*desired),
            Event::Shifting { step, weight } => {
                self.check_gates(Point::BeforeTraffic);
                (0..*step).for_each(|step| self.check_gates(Point::AfterStep(step)));
                self.held = SignedDuration::ZERO;
                assert_eq!(
                    *step,
                    self.step.map_or(0, |step| step + 1),
                    "no step is left out"
                );
                assert_eq!(*weight, self.plan.steps[*step].weight);
                self.set_before = self.set;
                self.set = weight.per_mille();
                self.touched = true;
                self.step = Some(*step);
                self.bakes_until = None;
            }
            Event::Baking { step, until, .. } => {
                assert_eq!(Some(*step), self.step);
                let left = until.duration_since(record.at);
                let bake = self.plan.steps[*step].bake + self.plan.ttl();
                let bake = SignedDuration::try_from(bake).expect("short");
                assert!(
                    bake - left < SignedDuration::from_secs(2),
                    "a bake takes its time"
                );
                self.bakes_until = Some(*until);
            }
            Event::Holding { .. } => {
                self.holding_since.get_or_insert(record.at);
            }
            Event::HoldOver => {
                let since = self.holding_since.take();
                self.held += since.map_or(SignedDuration::ZERO, |it| record.at.duration_since(it));
            }
            Event::ArmingDeadman { .. } => self.may_be_armed = true,
            Event::DeadmanArmed { until } => {
                assert!(self.may_be_armed, "intent before act");
                self.armed_until = Some(*until);
            }
            Event::DisarmingDeadman => self.disarming = true,
            Event::DeadmanDisarmed => {
                assert!(self.disarming, "intent before act");
                self.armed_until = None;
                self.may_be_armed = false;
            }
            Event::Promoted { .. } => {
                let last = self.plan.steps.len() - 1;
                self.check_gates(Point::AfterStep(last));
                assert!(
                    !self.may_be_armed,
                    "the dead-man switch is taken away first"
                );
                self.promoted = true;
            }
            Event::Reverting { trip } => {
                assert!(
                    self.forward(),
                    "a deployment reverts once, and never after its success"
                );
                if let Trip::PatienceOver { waited_for } = trip {
                    assert!(
                        !waited_for.iter().any(by_a_hand),
                        "nobody's hand is written over"
                    );
                }
                self.reverting_since = Some(record.at);
            }
            Event::TrafficReverted => self.back_at = Some(record.at),
            Event::PuttingGreenAway => self.putting_away = true,
            Event::Looked(look) => {
                let alarms = look.alarms.iter();
                let clear = alarms.filter(|(_, state)| {
                    matches!(state, Some(AlarmState::Ok | AlarmState::InsufficientData))
                });
                self.clear.extend(clear.map(|(name, _)| name.clone()));
            }
            Event::Ended { .. } => self.ended = true,
            _ => {}
        }
    }

    /// Every gate of a point has said yes.
    fn check_gates(&self, point: Point) {
        for (at, gate) in self.plan.gates.iter().enumerate() {
            let passed = !gate.at.contains(&point) || self.passed.contains(&(at, point));
            assert!(passed, "{} at {point:?} never said yes", gate.name);
        }
    }

    /// Checks one decision against what was seen when it was made.
    pub(crate) fn decision(
        &mut self,
        deployment: &Deployment,
        seen: &Observation,
        decision: &Decision,
    ) {
        self.check_wake(seen, decision);
        if seen.lock_lost_to.is_some() {
            self.check_without_the_lock(seen, decision);
        } else {
            self.check_reaction(deployment, seen, decision);
        }
        self.check_blindness(deployment, seen, decision);
        let begins = decision
            .events
            .iter()
            .any(|event| matches!(event, Event::Reverting { .. }));
        if begins {
            self.check_first_act_of_revert(seen, decision);
        }
        for event in &decision.events {
            match event {
                Event::Promoted { .. } => {
                    assert_eq!(self.step, Some(self.plan.steps.len() - 1));
                    assert!(self.bakes_until.is_some_and(|until| until <= seen.now));
                    assert_eq!(self.shares(seen), vec![Some(1000); self.plan.routes.len()]);
                    self.check_green(deployment, seen, Weight::FULL);
                    self.check_blue_s_service(seen);
                    self.check_alarms(seen);
                }
                Event::TrafficReverted if self.plan.routes.is_empty() => {
                    let down = self.fewest(seen, self.plan.blue) == Some(0);
                    let green = self.fewest(seen, self.plan.green_slot());
                    let needed = down && self.provisioning && green.is_some_and(|it| it > 0);
                    assert!(!needed, "nobody would work");
                }
                Event::Ended { outcome } => self.check_end(seen, decision, outcome),
                Event::Baking { .. } => {
                    let mut routes = seen.routes.values().filter_map(Seen::value);
                    let pending = routes.any(|it| it.spread == Spread::Pending);
                    assert!(!pending, "it bakes before records are everywhere");
                }
                _ => {}
            }
        }
        for action in &decision.actions {
            self.check_action(deployment, seen, decision, action);
        }
        let asked = |ask: &Ask| matches!(ask, Ask::Interrupt { .. });
        self.interrupted |= seen.asks.iter().any(asked);
    }

    /// It looks again in time, and never spins.
    fn check_wake(&mut self, seen: &Observation, decision: &Decision) {
        assert!(decision.wake_at >= seen.now);
        let poll = SignedDuration::try_from(self.plan.limits.poll).expect("short");
        assert!(decision.wake_at <= seen.now + poll.max(SignedDuration::from_secs(1)));
        self.at_once = if decision.wake_at == seen.now {
            self.at_once + 1
        } else {
            0
        };
        assert!(self.at_once < 6, "it spins: {decision:?}");
        let reverts = decision
            .events
            .iter()
            .any(|event| matches!(event, Event::Reverting { .. }));
        let bakes = self.bakes_until.filter(|until| *until > seen.now);
        if let Some(until) = bakes.filter(|_| self.forward() && !reverts) {
            assert!(decision.wake_at <= until, "it wakes when a bake ends");
        }
    }

    /// Green's share of each route that can be read; a third group's traffic counts as 1001.
    fn shown(&self, seen: &Observation) -> Vec<Option<u16>> {
        let routes = self.plan.routes.iter().zip(self.shares(seen));
        let shown = routes.map(|(route, share)| match seen.routes[&route.arn] {
            Seen::Value(_) => Some(share.unwrap_or(1001)),
            Seen::Unreadable(_) => None,
        });
        shown.collect()
    }

    /// Green's share of each route in per mille; `None` where it can't be read or isn't one.
    fn shares(&self, seen: &Observation) -> Vec<Option<u16>> {
        let share = |route: &bg::deployment::plan::Route| {
            let Seen::Value(action) = &seen.routes[&route.arn] else {
                return None;
            };
            let of = |slot: SlotName| action.weights.get(&route.groups[slot]).copied();
            let (blue, green) = (of(self.plan.blue), of(self.plan.green_slot()));
            let (blue, green) = (blue.unwrap_or(0), green.unwrap_or(0));
            let all: u32 = action.weights.values().sum();
            if all == 0 || all != blue + green {
                return None;
            }
            let share = f64::from(green) * 1000.0 / f64::from(all);
            Some(share.round() as u16)
        };
        self.plan.routes.iter().map(share).collect()
    }

    /// The healthy targets in the slot's emptiest group; its tasks without a load balancer.
    fn fewest(&self, seen: &Observation, slot: SlotName) -> Option<u32> {
        if self.plan.routes.is_empty() {
            let service = seen.services[slot].value()?.as_ref();
            let tasks = service.map(|it| it.tasks.as_ref().map_or(0, |tasks| tasks.healthy));
            return Some(tasks.unwrap_or(0));
        }
        let groups = self.plan.slots[slot].targets.iter();
        let healthy = groups.map(|target| Some(seen.groups[&target.group].value()?.healthy));
        healthy.collect::<Option<Vec<u32>>>()?.into_iter().min()
    }
}

/// Whether somebody else did it.
fn by_a_hand(hold: &Hold) -> bool {
    matches!(
        hold,
        Hold::WeightDrift { .. } | Hold::ServiceDrift { .. } | Hold::TaskDefinitionDrift { .. }
    )
}
