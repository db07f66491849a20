//! The invariants, told again in plain data: none of this asks the code under test.

use std::collections::BTreeSet;
use std::time::Duration;

use bg::deployment::action::{Action, WeightWrite};
use bg::deployment::decide::Decision;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{AlarmName, SlotName};
use bg::deployment::observation::{Ask, Observation, OnInterrupt, Rollout, Seen};
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::plan::{AlarmWeight, Kind, NewTaskDefinition, Plan};
use bg::deployment::state::{Deployment, Phase};
use bg::deployment::trip::{Hold, Trip};
use bg::judge::alarms::{AlarmState, InsufficientData};
use bg::strategy::Weight;
use jiff::{SignedDuration, Timestamp};

use crate::plans::new_definition;

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
    interrupted: bool,
    promoted: bool,
    /// When the dead-man switch fires, as recorded; and whether there may be one.
    armed_until: Option<Timestamp>,
    may_be_armed: bool,
    disarming: bool,
    provisioning: bool,
    registering: bool,
    putting_away: bool,
    ended: bool,
    /// The alarms that were seen out of ALARM.
    clear: BTreeSet<AlarmName>,
    holding_since: Option<Timestamp>,
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
            interrupted: false,
            promoted: false,
            armed_until: None,
            may_be_armed: false,
            disarming: false,
            provisioning: false,
            registering: false,
            putting_away: false,
            ended: false,
            clear: BTreeSet::new(),
            holding_since: None,
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
            Event::Shifting { step, weight } => {
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
                let bake = SignedDuration::try_from(self.plan.steps[*step].bake).expect("short");
                assert!(
                    bake - left < SignedDuration::from_secs(2),
                    "a bake takes its time"
                );
                self.bakes_until = Some(*until);
            }
            Event::Holding { .. } => {
                self.holding_since.get_or_insert(record.at);
            }
            Event::HoldOver => self.holding_since = None,
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
        self.check_blindness(seen, decision);
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
                    self.check_green(deployment, seen);
                    self.check_blue_s_service(seen);
                    self.check_alarms(seen);
                }
                Event::Ended { outcome } => self.check_end(seen, decision, outcome),
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

    /// A signal, a request or a tripped guard is answered by this very decision.
    fn check_reaction(&self, deployment: &Deployment, seen: &Observation, decision: &Decision) {
        let reverts = decision
            .events
            .iter()
            .any(|event| matches!(event, Event::Reverting { .. }));
        if !self.forward() {
            return;
        }
        let keep = |ask: &Ask| {
            matches!(
                ask,
                Ask::Interrupt {
                    then: OnInterrupt::Keep,
                    ..
                }
            )
        };
        if !seen.asks.is_empty() {
            assert!(
                reverts || seen.asks.iter().any(keep),
                "an ask is answered at once"
            );
        } else if !matches!(deployment.phase, Phase::Registering) && self.tripped(seen) {
            assert!(reverts, "a tripped guard reverts at once: {decision:?}");
        }
    }

    /// Another process has the lock: nothing is written but all-blue, and that only over weights
    /// that this deployment itself set.
    fn check_without_the_lock(&self, seen: &Observation, decision: &Decision) {
        let ends = |event: &Event| matches!(event, Event::Reverting { .. } | Event::Ended { .. });
        assert!(
            !self.forward() || decision.events.iter().any(ends),
            "it goes no further"
        );
        if decision.actions.is_empty() {
            return;
        }
        assert_eq!(
            decision.actions,
            [Action::WriteWeights(WeightWrite::AllBlue)]
        );
        let readable: Vec<u16> = self.shown(seen).into_iter().flatten().collect();
        assert!(readable.iter().any(|share| *share > 0));
        for share in readable {
            let back = self.reverting_since.is_some() && share == 0;
            assert!(share == self.set || back, "somebody else set {share}");
        }
    }

    /// Traffic does not stay split for long while nobody can see what becomes of it.
    fn check_blindness(&mut self, seen: &Observation, decision: &Decision) {
        let green = self.plan.green_slot();
        let groups = self.plan.slots[green]
            .targets
            .iter()
            .map(|target| &target.group);
        let hole = seen.services[green].trouble().is_some()
            || seen.routes.values().any(|route| route.trouble().is_some())
            || groups
                .into_iter()
                .any(|group| seen.groups[group].trouble().is_some());
        self.blind_since = hole.then(|| self.blind_since.unwrap_or(seen.now));
        let Some(since) = self.blind_since.filter(|_| self.touched && self.forward()) else {
            return;
        };
        // What is not confirmed within a minute is taken back anyway.
        let limit = self.plan.limits.blind_after + 2 * self.plan.limits.poll;
        let limit = limit + Duration::from_secs(65);
        let limit = SignedDuration::try_from(limit).expect("short");
        let ends = |event: &Event| matches!(event, Event::Reverting { .. } | Event::Ended { .. });
        let blind = seen.now.duration_since(since);
        assert!(
            blind < limit || decision.events.iter().any(ends),
            "blind since {since}"
        );
    }

    /// An alarm that counts, or green below its minimum while it has traffic.
    fn tripped(&self, seen: &Observation) -> bool {
        let alarm = self.plan.guards.alarms.iter().any(|guard| {
            let state = seen.alarms[&guard.name].value().map(|alarm| alarm.state);
            let policy = guard.insufficient_data;
            let no_data = self.touched && policy == InsufficientData::Revert;
            let counts = match guard.weight {
                AlarmWeight::Guards => true,
                AlarmWeight::GuardsOnceClear => self.clear.contains(&guard.name),
                AlarmWeight::LiftedAtStart => false,
            };
            counts
                && (state == Some(AlarmState::Alarm)
                    || (state == Some(AlarmState::InsufficientData) && no_data))
        });
        let empty = self.plan.slots[self.plan.green_slot()]
            .targets
            .iter()
            .any(|target| {
                seen.groups[&target.group]
                    .value()
                    .is_some_and(|counts| counts.healthy == 0)
            });
        alarm || (self.touched && empty)
    }

    fn check_first_act_of_revert(&self, seen: &Observation, decision: &Decision) {
        let green = self.plan.green_slot();
        let blue_is_down = self.fewest(seen, self.plan.blue) == Some(0)
            && self.fewest(seen, green).is_some_and(|healthy| healthy > 0);
        if self.touched && !blue_is_down {
            let all_blue = [Action::WriteWeights(WeightWrite::AllBlue)];
            assert_eq!(
                decision.actions, all_blue,
                "traffic goes back first, and at once"
            );
        }
    }

    fn check_action(
        &mut self,
        deployment: &Deployment,
        seen: &Observation,
        decision: &Decision,
        action: &Action,
    ) {
        let green = self.plan.green_slot();
        let intends = |intent: fn(&Event) -> bool| decision.events.iter().any(intent);
        let reverting = self.reverting_since.is_some()
            || intends(|event| matches!(event, Event::Reverting { .. }));
        match action {
            Action::WriteWeights(WeightWrite::Raise { from, to }) => {
                assert!(
                    self.forward() && !reverting,
                    "nothing is raised after a revert began"
                );
                assert!(from < to, "a raise from {from} to {to}");
                self.check_raise(deployment, seen, decision, *to);
                self.check_armed(seen);
            }
            Action::WriteWeights(WeightWrite::AllBlue) => assert!(reverting),
            Action::RegisterTaskDefinition => {
                let intent = |event: &Event| matches!(event, Event::RegisteringTaskDefinition);
                assert!(self.registering || intends(intent));
            }
            Action::AddGreenToRoutes | Action::ProvisionGreen { .. } => {
                let intent = |event: &Event| matches!(event, Event::ProvisioningGreen);
                assert!(
                    self.provisioning || intends(intent),
                    "intent before act: {action:?}"
                );
                assert!(self.forward() && !reverting && !self.touched);
            }
            Action::Scale { slot, desired } => {
                assert_eq!((*slot, *desired), (green, 0), "blue keeps its capacity");
                let intent = |event: &Event| matches!(event, Event::PuttingGreenAway);
                assert!(reverting && (self.putting_away || intends(intent)));
                let on_green = |share: &Option<u16>| share.is_some_and(|share| share > 0);
                assert!(
                    !self.shares(seen).iter().any(on_green),
                    "green still has traffic"
                );
            }
            Action::RestoreSettings => {
                let promoted = intends(|event| matches!(event, Event::Promoted { .. }));
                assert!(reverting || self.promoted || promoted);
            }
            Action::Tag { .. } => {
                let promoted = intends(|event| matches!(event, Event::Promoted { .. }));
                assert!(self.promoted || promoted);
            }
            Action::ArmDeadman { until } => {
                let intent = |event: &Event| matches!(event, Event::ArmingDeadman { .. });
                assert!(self.may_be_armed || intends(intent));
                assert!(self.forward() && !reverting && *until > seen.now);
            }
            Action::DisarmDeadman => {
                let intent = |event: &Event| matches!(event, Event::DisarmingDeadman);
                assert!(intends(intent));
                let split = self
                    .shares(seen)
                    .iter()
                    .any(|share| share.is_some_and(|share| share > 0 && share < 1000));
                let down = self.fewest(seen, self.plan.blue) == Some(0);
                assert!(
                    !split || !self.touched || down,
                    "it goes while traffic is split"
                );
            }
            Action::Unpin { .. } | Action::Delete { .. } => {
                panic!("a deployment puts nothing away but green: {action:?}");
            }
        }
    }

    /// Nothing is raised without a dead-man switch where one is planned.
    fn check_armed(&self, seen: &Observation) {
        if self.plan.deadman.is_some() && matches!(self.plan.kind, Kind::Deploy) {
            assert!(self.armed_until.is_some_and(|until| until > seen.now));
        }
    }

    /// Invariant 2.
    fn check_raise(
        &mut self,
        deployment: &Deployment,
        seen: &Observation,
        decision: &Decision,
        weight: Weight,
    ) {
        self.raises += 1;
        let intent = decision.events.iter().find_map(|event| match event {
            Event::Shifting { weight, .. } => Some(*weight),
            _ => None,
        });
        match intent {
            Some(intended) => {
                assert_eq!(intended, weight);
                assert!(intended.per_mille() > self.set, "a ladder only goes up");
                if self.step.is_some() {
                    assert!(self.bakes_until.is_some_and(|until| until <= seen.now));
                }
                assert_eq!(
                    self.shares(seen),
                    vec![Some(self.set); self.plan.routes.len()]
                );
            }
            None => {
                assert_eq!(
                    weight.per_mille(),
                    self.set,
                    "only a decided weight is written"
                );
                assert_eq!(
                    self.bakes_until, None,
                    "a confirmed weight is not written again"
                );
                let known = [Some(self.set), Some(self.set_before)];
                assert!(self.shares(seen).iter().all(|share| known.contains(share)));
            }
        }
        assert_eq!(seen.asks, []);
        self.check_green(deployment, seen);
        self.check_blue_s_service(seen);
        self.check_alarms(seen);
        if self.plan.kind == Kind::Deploy {
            assert!(
                self.is_ready(seen, self.plan.blue),
                "blue could take everything back"
            );
        }
    }

    fn is_ready(&self, seen: &Observation, slot: SlotName) -> bool {
        let share = u32::from(self.plan.guards.ready.percent());
        let needed = (self.plan.desired * share).div_ceil(100).max(1);
        self.fewest(seen, slot)
            .is_some_and(|healthy| healthy >= needed)
    }

    /// Green can serve, and runs what it should.
    fn check_green(&self, deployment: &Deployment, seen: &Observation) {
        let green = self.plan.green_slot();
        assert!(self.is_ready(seen, green));
        let service = seen.services[green].value().and_then(Option::as_ref);
        let service = service.expect("green is there");
        let definition = match &self.plan.task_definition {
            NewTaskDefinition::Existing { arn } => arn.clone(),
            NewTaskDefinition::Register { .. } => new_definition(),
        };
        assert_eq!(service.task_definition, definition);
        assert_eq!(deployment.task_definition.as_ref(), Some(&definition));
        assert!(service.desired >= self.plan.desired);
        assert_ne!(service.rollout, Rollout::Failed);
        assert!(service.failed < 10);
    }

    /// Nobody has changed blue's service.
    fn check_blue_s_service(&self, seen: &Observation) {
        if self.plan.kind == Kind::Deploy {
            let blue = seen.services[self.plan.blue]
                .value()
                .and_then(Option::as_ref);
            let blue = blue.expect("blue is there");
            assert_eq!(blue.task_definition, self.plan.blue_task_definition);
            assert!(blue.desired >= self.plan.desired);
        }
    }

    fn check_alarms(&self, seen: &Observation) {
        let guarding = self.plan.guards.alarms.iter();
        for guard in guarding.filter(|guard| guard.weight != AlarmWeight::LiftedAtStart) {
            let state = seen.alarms[&guard.name].value().map(|alarm| alarm.state);
            let fine = match state {
                Some(AlarmState::Ok) => true,
                Some(AlarmState::Alarm) | None => false,
                Some(AlarmState::InsufficientData) => {
                    guard.insufficient_data == InsufficientData::Ok || !self.touched
                }
            };
            assert!(fine, "{guard:?} is {state:?}");
        }
    }

    fn check_end(&self, seen: &Observation, decision: &Decision, outcome: &Outcome) {
        assert_eq!(decision.actions, [], "an end is an end");
        assert!(matches!(decision.events.last(), Some(Event::Ended { .. })));
        let shares = self.shares(seen);
        match outcome {
            Outcome::Promoted => {
                assert!(self.promoted);
                let seen = self.shown(seen);
                let moved = seen.iter().any(|share| share.is_some_and(|it| it != 1000));
                assert!(!moved, "traffic is not on green: {seen:?}");
            }
            Outcome::Reverted { .. } => {
                assert!(self.reverting_since.is_some());
                assert!(
                    !shares
                        .iter()
                        .any(|share| share.is_some_and(|share| share > 0))
                );
                if self.touched {
                    assert_eq!(
                        shares,
                        vec![Some(0); self.plan.routes.len()],
                        "blue has it all"
                    );
                }
            }
            Outcome::Kept { .. } => assert!(self.forward() && !seen.asks.is_empty()),
            Outcome::Stuck { why } => self.check_stuck(seen, why),
        }
    }

    fn check_stuck(&self, seen: &Observation, why: &Stuck) {
        let waited = |since: Option<Timestamp>, least: Duration| {
            let least = SignedDuration::try_from(least).expect("short");
            since.is_some_and(|since| seen.now.duration_since(since) >= least)
        };
        let patience = self.plan.limits.patience;
        match why {
            Stuck::PatienceOver { waited_for } => {
                assert!(self.forward());
                let ill = |hold: &Hold| matches!(hold, Hold::BlueNotReady { .. });
                let drifted = waited_for.iter().any(by_a_hand);
                assert!(drifted || (self.touched && waited_for.iter().any(ill)));
                assert!(waited(
                    self.holding_since,
                    patience - Duration::from_secs(2)
                ));
            }
            Stuck::Moved { drift } => {
                assert!(self.promoted);
                assert!(!drift.is_empty() && drift.iter().all(by_a_hand));
            }
            Stuck::TakenOver { .. } => assert!(seen.lock_lost_to.is_some()),
            Stuck::BlueIsDown { .. } => {
                assert_eq!(self.fewest(seen, self.plan.blue), Some(0));
                assert!(
                    self.fewest(seen, self.plan.green_slot())
                        .is_some_and(|n| n > 0)
                );
            }
            Stuck::RevertNotConfirmed { .. } | Stuck::GreenNotPutAway { .. } => {
                let least = if self.interrupted {
                    Duration::from_secs(3)
                } else {
                    patience / 2
                };
                assert!(waited(self.reverting_since, least), "it gave up early");
            }
        }
    }

    /// What is really so at the end, where nobody meddled and reads don't lag.
    pub(crate) fn truth(&self, outcome: &Outcome, weights: &[(u32, u32)]) {
        match outcome {
            Outcome::Promoted => assert!(weights.iter().all(|(_, others)| *others == 0)),
            Outcome::Reverted { .. } => assert!(weights.iter().all(|(green, _)| *green == 0)),
            Outcome::Stuck { .. } | Outcome::Kept { .. } => {}
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

    /// The healthy targets in the slot's emptiest group.
    fn fewest(&self, seen: &Observation, slot: SlotName) -> Option<u32> {
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
