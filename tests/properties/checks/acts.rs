//! What must be so before each act.

use bg::deployment::action::{Action, WeightWrite};
use bg::deployment::decide::Decision;
use bg::deployment::event::Event;
use bg::deployment::ids::SlotName;
use bg::deployment::observation::{Ask, Observation, Rollout};
use bg::deployment::plan::{AlarmWeight, GreenCapacity, Kind, NewTaskDefinition};
use bg::deployment::state::Deployment;
use bg::judge::alarms::{AlarmState, InsufficientData};
use bg::strategy::Weight;
use jiff::SignedDuration;

use super::Checks;
use crate::plans::{needed_of_green, new_definition};

impl Checks {
    pub(super) fn check_action(
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
            Action::PointTestRoutes { to } => {
                let intent = |event: &Event| match event {
                    Event::PointingTestRoutes { to: intended } => intended == to,
                    _ => false,
                };
                let intended = decision.events.iter().any(intent);
                assert!(intended || self.tests_on == Some(*to), "intent before act");
                let at_rest = self.ready && self.forward() && !reverting;
                match *to == green {
                    true => assert!(at_rest, "green is healthy before testers get it"),
                    false => assert!(reverting && self.back_at.is_some(), "production goes first"),
                }
            }
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
            Action::Scale { slot, desired } if *desired > 0 => {
                assert_eq!(*slot, green, "blue's count is not this program's");
                let intent = decision.events.iter().any(|event| match event {
                    Event::SizingGreen { desired: to } => to == desired,
                    _ => false,
                });
                assert!(intent || self.sized == Some(*desired), "intent before act");
                assert!(self.forward() && !reverting);
                let part = self.plan.green_capacity == GreenCapacity::Proportional;
                assert!(part || self.plan.scaling.is_some(), "it has its tasks");
                let most = self.whole(seen).max(self.plan.desired);
                assert!(*desired <= most, "{desired} of {most}");
            }
            Action::Scale { slot, desired } => {
                assert_eq!((*slot, *desired), (green, 0), "blue keeps its capacity");
                let intent = |event: &Event| matches!(event, Event::PuttingGreenAway);
                assert!(reverting && (self.putting_away || intends(intent)));
                let ttl = SignedDuration::try_from(self.plan.ttl()).expect("short");
                let forgotten = self.back_at.is_some_and(|back| seen.now >= back + ttl);
                assert!(
                    !self.touched || forgotten,
                    "resolvers still send people there"
                );
                let on_green = |share: &Option<u16>| share.is_some_and(|share| share > 0);
                assert!(
                    !self.shares(seen).iter().any(on_green),
                    "green still has traffic"
                );
            }
            Action::RestoreSettings { serving } => {
                let promoted = intends(|event| matches!(event, Event::Promoted { .. }));
                assert!(reverting || self.promoted || promoted);
                assert_eq!(*serving, if reverting { self.plan.blue } else { green });
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
            Action::AskGate { .. } => {
                let intent = |event: &Event| matches!(event, Event::GateAsked { .. });
                assert!(intends(intent) && !reverting, "intent before act");
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
            Action::Unpin { slot } => {
                let promoted = intends(|event| matches!(event, Event::Promoted { .. }));
                assert!(self.promoted || promoted, "the way back stays until then");
                assert_eq!(*slot, self.plan.blue);
                assert!(self.plan.kind != Kind::Deploy, "who came before stays");
            }
            Action::SleepScaling { .. } | Action::Delete { .. } => {
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
                if self.plan.kind == Kind::Deploy && self.set == 0 {
                    for route in &self.plan.test_routes {
                        let shown = seen.routes[&route.arn].value().map(|it| &it.weights);
                        let others =
                            shown
                                .expect("it was read")
                                .iter()
                                .filter(|(group, weight)| {
                                    **weight > 0 && **group != route.groups[self.plan.green_slot()]
                                });
                        assert_eq!(others.count(), 0, "testers get green first");
                    }
                }
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
        let stale = |ask: &Ask| matches!(ask, Ask::Gate { .. });
        assert!(
            seen.asks.iter().all(stale),
            "nothing is raised over a request"
        );
        self.check_green(deployment, seen, weight);
        self.check_as_large_as_blue(seen, weight);
        self.check_blue_s_service(seen);
        self.check_alarms(seen);
        if self.plan.kind == Kind::Deploy {
            assert!(
                self.is_ready(seen, self.plan.blue),
                "blue could take everything back"
            );
        }
    }

    /// Where autoscaling has raised blue meanwhile, green has its part of that.
    fn check_as_large_as_blue(&self, seen: &Observation, weight: Weight) {
        let needed = needed_of_green(&self.plan, self.whole(seen), weight);
        assert!(self.is_ready_for(seen, self.plan.green_slot(), needed));
    }

    /// As many tasks as autoscaling has given blue by now.
    fn whole(&self, seen: &Observation) -> u32 {
        let blue = seen.services[self.plan.blue].value();
        let now = blue.and_then(Option::as_ref).map_or(0, |it| it.desired);
        let scaling = self.plan.scaling.as_ref();
        scaling.map_or(self.plan.desired, |it| now.min(it.max))
    }

    fn is_ready(&self, seen: &Observation, slot: SlotName) -> bool {
        self.is_ready_for(seen, slot, self.plan.desired)
    }

    fn is_ready_for(&self, seen: &Observation, slot: SlotName, desired: u32) -> bool {
        let share = u32::from(self.plan.guards.ready.percent());
        let needed = (desired * share).div_ceil(100).max(1);
        self.fewest(seen, slot)
            .is_some_and(|healthy| healthy >= needed)
    }

    /// Green can serve, and runs what it should.
    pub(super) fn check_green(&self, deployment: &Deployment, seen: &Observation, at: Weight) {
        let green = self.plan.green_slot();
        let needed = needed_of_green(&self.plan, self.plan.desired, at);
        assert!(self.is_ready_for(seen, green, needed));
        let service = seen.services[green].value().and_then(Option::as_ref);
        let service = service.expect("green is there");
        let definition = match &self.plan.task_definition {
            NewTaskDefinition::Existing { arn } => arn.clone(),
            NewTaskDefinition::Register { .. } => new_definition(),
        };
        assert_eq!(service.task_definition, definition);
        assert_eq!(deployment.task_definition.as_ref(), Some(&definition));
        assert!(service.desired >= needed);
        assert_ne!(service.rollout, Rollout::Failed);
        assert!(service.failed < 10);
    }

    /// Nobody has changed blue's service.
    pub(super) fn check_blue_s_service(&self, seen: &Observation) {
        if self.plan.kind == Kind::Deploy {
            let blue = seen.services[self.plan.blue]
                .value()
                .and_then(Option::as_ref);
            let blue = blue.expect("blue is there");
            assert_eq!(blue.task_definition, self.plan.blue_task_definition);
            assert!(blue.desired >= self.plan.desired);
        }
    }

    pub(super) fn check_alarms(&self, seen: &Observation) {
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
}
