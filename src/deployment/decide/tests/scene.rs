//! A deployment, what it sees, and an AWS that does at once what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::deployment::action::{ActName, Action, FailureClass, WeightWrite};
use crate::deployment::decide::{Decision, decide};
use crate::deployment::event::{Event, Record};
use crate::deployment::handover::Drive;
use crate::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, LoadBalancerArn, RouteArn, ServiceName,
    SlotName, Slots, TargetGroupArn, TaskDefinitionArn,
};
use crate::deployment::observation::{
    AlarmSeen, Ask, LostTo, Observation, OnInterrupt, Rollout, RouteSeen, Seen, ServiceSeen,
    ServiceStatus,
};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{
    AlarmGuard, AlarmWeight, GreenCapacity, GreenService, Guards, Kind, Limits, NewTaskDefinition,
    Plan, Retire, RetireHow, Route, RouteKind, SlotPlan, StepPlan, TargetPlan, TaskHealth,
};
use crate::deployment::state::{Deployment, Phase};
use crate::deployment::trip::Trip;
use crate::judge::alarms::{AlarmState, InsufficientData};
use crate::judge::targets::{Share, TargetCounts};
use crate::strategy::Weight;

pub(super) struct Scene {
    pub(super) deployment: Deployment,
    pub(super) seen: Observation,
    /// Acts that fail instead of being done.
    pub(super) failing: BTreeMap<ActName, FailureClass>,
    /// Acts that are taken and have no effect that one could see.
    pub(super) unseen: BTreeSet<ActName>,
    pub(super) events: Vec<Event>,
}

/// Green's share, in whole percent.
pub(super) fn percent(percent: u16) -> Weight {
    Weight::of_per_mille(percent * 10).unwrap()
}

impl Scene {
    /// A canary of two tasks: 10 % for five minutes, then everything for five minutes.
    pub(super) fn new() -> Scene {
        Scene::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Plan)) -> Scene {
        let mut plan = plan();
        change(&mut plan);
        let seen = first_look(&plan);
        let record = Record {
            v: Record::VERSION,
            seq: 0,
            at: seen.now,
            deployment: plan.id.clone(),
            event: Event::Started {
                plan: Box::new(plan),
            },
        };
        let deployment = Deployment::apply(None, &record).unwrap();
        let (failing, unseen) = (BTreeMap::new(), BTreeSet::new());
        Scene {
            deployment,
            seen,
            failing,
            unseen,
            events: Vec::new(),
        }
    }

    /// The same without a load balancer: both versions work for ten minutes.
    pub(super) fn bare() -> Scene {
        Scene::with(|plan| {
            plan.tasks = Some(Slots::from_fn(|_| TaskHealth::Running));
            plan.routes.clear();
            plan.slots.a.targets.clear();
            plan.slots.b.targets.clear();
            plan.steps = vec![StepPlan::new(Weight::FULL, Duration::from_secs(600))];
        })
    }

    /// Sets how many of a slot's tasks are healthy; the rest fail.
    pub(super) fn tasks(&mut self, slot: SlotName, healthy: u32) {
        let unhealthy = self.deployment.plan.desired.saturating_sub(healthy);
        self.service(slot).tasks = Some(TargetCounts {
            unhealthy,
            ..running(healthy)
        });
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.deployment.plan
    }

    /// Decides on what is seen now, records it and does it.
    pub(super) fn look(&mut self) -> Decision {
        let decision = decide(&self.deployment, &self.seen);
        self.seen.asks.clear();
        for event in &decision.events {
            self.record(event.clone());
        }
        for action in &decision.actions {
            if let Some(class) = self.failing.get(&action.name()) {
                let (act, class) = (action.name(), *class);
                self.record(Event::ActFailed {
                    act,
                    class,
                    message: "no".to_owned(),
                });
            } else if !self.unseen.contains(&action.name())
                && let Some(fact) = perform(action, &self.deployment.plan, &mut self.seen)
            {
                self.record(fact);
            }
        }
        decision
    }

    pub(super) fn record(&mut self, event: Event) {
        let record = Record {
            v: Record::VERSION,
            seq: self.deployment.next_seq,
            at: self.seen.now,
            deployment: self.deployment.plan.id.clone(),
            event,
        };
        self.deployment = Deployment::apply(Some(self.deployment.clone()), &record).unwrap();
        self.events.push(record.event);
    }

    /// Another process goes on, after nobody had watched for a while.
    pub(super) fn resume(&mut self, unwatched_since: Timestamp) {
        self.go_on(unwatched_since, Drive::Through);
    }

    /// The next round of a tick begins so many seconds after the last look.
    pub(super) fn round_after(&mut self, seconds: i64) {
        let rested_at = self.seen.now;
        self.pass(seconds);
        self.go_on(rested_at, Drive::Rounds);
    }

    /// Goes round the loop to where it only has to wait.
    pub(super) fn rest(&mut self) {
        for _ in 0..100 {
            let decision = self.look();
            if decision.actions.is_empty() && decision.wake_at > self.seen.now {
                return;
            }
            self.seen.now = decision.wake_at.max(self.seen.now);
        }
        panic!("it never rests: {:?}", self.deployment.phase);
    }

    fn go_on(&mut self, unwatched_since: Timestamp, drive: Drive) {
        let by = "grace".to_owned();
        self.record(Event::Resumed {
            by,
            unwatched_since,
            drive,
        });
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.seen.now += SignedDuration::from_secs(seconds);
    }

    /// Looks again so many seconds later.
    pub(super) fn look_after(&mut self, seconds: i64) -> Decision {
        self.pass(seconds);
        self.look()
    }

    /// Goes round the loop, waking when asked to, until `there`.
    pub(super) fn run_until(&mut self, there: impl Fn(&Deployment) -> bool) {
        for _ in 0..10_000 {
            if there(&self.deployment) {
                return;
            }
            let decision = self.look();
            self.seen.now = decision.wake_at.max(self.seen.now);
        }
        panic!("it never gets there: {:?}", self.deployment.phase);
    }

    pub(super) fn run_to_the_end(&mut self) -> Outcome {
        self.run_until(|deployment| deployment.outcome().is_some());
        self.deployment.outcome().unwrap().clone()
    }

    pub(super) fn run_to_ready(&mut self) {
        self.run_until(|deployment| deployment.phase == Phase::Ready);
    }

    pub(super) fn run_to_baking(&mut self, wanted: usize) {
        self.run_until(
            |deployment| matches!(deployment.phase, Phase::Baking { step, .. } if step == wanted),
        );
    }

    /// What it reverts for, if it does.
    pub(super) fn trip(&self) -> Option<&Trip> {
        self.events.iter().find_map(|event| match event {
            Event::Reverting { trip } => Some(trip),
            _ => None,
        })
    }

    pub(super) fn weights(&mut self, route: usize, blue: u32, green: u32) {
        let (route, plan) = (&self.deployment.plan.routes[route], &self.deployment.plan);
        let weights = BTreeMap::from([
            (route.groups[plan.blue].clone(), blue),
            (route.groups[plan.green_slot()].clone(), green),
        ]);
        self.seen
            .routes
            .insert(route.arn.clone(), Seen::Value(RouteSeen::of(weights)));
    }

    /// Sets how many targets are healthy in each group of a slot; the rest fail.
    /// So many targets beside the healthy ones that fail their checks.
    pub(super) fn unhealthy(&mut self, slot: SlotName, unhealthy: u32, why: &str) {
        for target in &self.deployment.plan.slots[slot].targets {
            let seen = self.seen.groups.get_mut(&target.group);
            let Some(Seen::Value(counts)) = seen else {
                panic!("{} is seen", target.group.name());
            };
            counts.unhealthy = unhealthy;
            counts.reasons = BTreeMap::from([(why.to_owned(), unhealthy)]);
        }
    }

    pub(super) fn healthy(&mut self, slot: SlotName, healthy: u32) {
        let unhealthy = self.deployment.plan.desired.saturating_sub(healthy);
        let reasons = BTreeMap::from([("fail their health check".to_owned(), unhealthy)]);
        let counts = TargetCounts {
            healthy,
            unhealthy,
            reasons,
            ..TargetCounts::default()
        };
        for target in &self.deployment.plan.slots[slot].targets {
            self.seen
                .groups
                .insert(target.group.clone(), Seen::Value(counts.clone()));
        }
    }

    pub(super) fn service(&mut self, slot: SlotName) -> &mut ServiceSeen {
        match &mut self.seen.services[slot] {
            Seen::Value(Some(service)) => service,
            _ => panic!("there is no service in slot {slot}"),
        }
    }

    pub(super) fn alarm(&mut self, state: AlarmState) {
        let alarm = AlarmSeen {
            state,
            reason: "5 errors > 1".to_owned(),
        };
        self.seen
            .alarms
            .insert(AlarmName::new("shop-5xx"), Seen::Value(alarm));
    }

    pub(super) fn signal(&mut self, then: OnInterrupt) {
        self.seen.asks.push(Ask::Interrupt {
            signal: "SIGINT".to_owned(),
            then,
        });
    }

    pub(super) fn abort(&mut self) {
        self.seen.asks.push(Ask::Abort {
            by: "ada".to_owned(),
        });
    }
}

pub(super) const ALL_BLUE: Action = Action::WriteWeights(WeightWrite::AllBlue);

pub(super) fn raise(from: u16, to: u16) -> Action {
    let (from, to) = (percent(from), percent(to));
    Action::WriteWeights(WeightWrite::Raise { from, to })
}

fn perform(action: &Action, plan: &Plan, seen: &mut Observation) -> Option<Event> {
    let green = plan.green_slot();
    match action {
        Action::RegisterTaskDefinition => {
            let task_definition = TaskDefinitionArn::new("arn:task-definition/shop:8");
            return Some(Event::TaskDefinitionReady { task_definition });
        }
        Action::AddGreenToRoutes => each_route(plan, seen, |route, weights| {
            weights.entry(route.groups[green].clone()).or_insert(0);
        }),
        Action::ProvisionGreen { task_definition } => {
            let tasks = plan.green_tasks(Weight::ZERO);
            let mut service = service(task_definition.clone(), tasks);
            service.deployment = Some(plan.id.clone());
            seen.services[green] = Seen::Value(Some(service));
            return Some(Event::GreenProvisioned);
        }
        Action::PointTestRoutes { to } => {
            for route in &plan.test_routes {
                let weights = [(*to, 100), (to.other(), 0)];
                let weights = weights.map(|(slot, weight)| (route.groups[slot].clone(), weight));
                let weights = BTreeMap::from(weights);
                seen.routes
                    .insert(route.arn.clone(), Seen::Value(RouteSeen::of(weights)));
            }
        }
        Action::WriteWeights(WeightWrite::Raise { to, .. }) => {
            let share = u32::from(to.per_mille());
            each_route(plan, seen, |route, weights| {
                weights.insert(route.groups[plan.blue].clone(), 1000 - share);
                weights.insert(route.groups[green].clone(), share);
            });
        }
        Action::WriteWeights(WeightWrite::AllBlue) => each_route(plan, seen, |route, weights| {
            weights.insert(route.groups[plan.blue].clone(), 100);
            weights.insert(route.groups[green].clone(), 0);
            if route.sticky.is_some() {
                weights.remove(&route.groups[green]);
            }
        }),
        Action::Scale { slot, desired } => {
            if let Seen::Value(Some(service)) = &mut seen.services[*slot] {
                service.desired = *desired;
            }
        }
        Action::RestoreSettings { .. } => return Some(Event::SettingsRestored),
        Action::ArmDeadman { until } => return Some(Event::DeadmanArmed { until: *until }),
        Action::DisarmDeadman => return Some(Event::DeadmanDisarmed),
        Action::Unpin { slot } => each_route(plan, seen, |route, weights| {
            if route.sticky.is_some() {
                weights.remove(&route.groups[*slot]);
            }
        }),
        Action::Tag { .. }
        | Action::SleepScaling { .. }
        | Action::Delete { .. }
        | Action::AskGate { .. } => {}
    }
    None
}

fn each_route(
    plan: &Plan,
    seen: &mut Observation,
    change: impl Fn(&Route, &mut BTreeMap<TargetGroupArn, u32>),
) {
    for route in &plan.routes {
        if let Some(Seen::Value(action)) = seen.routes.get_mut(&route.arn) {
            change(route, &mut action.weights);
        }
    }
}

/// So many tasks that run.
fn running(tasks: u32) -> TargetCounts {
    TargetCounts {
        healthy: tasks,
        ..TargetCounts::default()
    }
}

fn service(task_definition: TaskDefinitionArn, desired: u32) -> ServiceSeen {
    ServiceSeen {
        status: ServiceStatus::Active,
        task_definition,
        desired,
        running: desired,
        pending: 0,
        failed: 0,
        deployments: 1,
        earlier: 0,
        rollout: Rollout::Completed,
        rollout_reason: String::new(),
        deployment: Some(DeploymentId::new("earlier")),
        tasks: Some(running(desired)),
        stopped: Vec::new(),
    }
}

/// Blue serves everything; green doesn't exist, but its targets will be healthy.
/// A lock that went to somebody else, who took the traffic over as well or has done nothing yet.
pub(super) fn lost(took_traffic: bool) -> LostTo {
    LostTo {
        who: "kim@build-7".to_owned(),
        took_traffic,
    }
}

fn first_look(plan: &Plan) -> Observation {
    let mut seen = Observation {
        metrics: None,
        now: "2026-11-21T07:14:05Z".parse::<Timestamp>().unwrap(),
        services: Slots::from_fn(|_| Seen::Value(None)),
        groups: BTreeMap::new(),
        routes: BTreeMap::new(),
        alarms: BTreeMap::new(),
        asks: Vec::new(),
        credentials_over: None,
        lock_lost_to: None,
    };
    let blue = service(plan.blue_task_definition.clone(), plan.desired);
    seen.services[plan.blue] = Seen::Value(Some(blue));
    let healthy = TargetCounts {
        healthy: plan.desired,
        ..TargetCounts::default()
    };
    for target in plan.slots.a.targets.iter().chain(&plan.slots.b.targets) {
        seen.groups
            .insert(target.group.clone(), Seen::Value(healthy.clone()));
    }
    for route in &plan.routes {
        let groups = &route.groups;
        let weights = [
            (groups[plan.blue].clone(), 1),
            (groups[plan.green_slot()].clone(), 0),
        ];
        let action = RouteSeen::of(BTreeMap::from(weights));
        seen.routes.insert(route.arn.clone(), Seen::Value(action));
    }
    for guard in &plan.guards.alarms {
        let alarm = AlarmSeen {
            state: AlarmState::Ok,
            reason: String::new(),
        };
        seen.alarms.insert(guard.name.clone(), Seen::Value(alarm));
    }
    seen
}

fn plan() -> Plan {
    let group = |slot| TargetGroupArn::new(format!("arn:targetgroup/shop-{slot}/1"));
    let target = |slot| TargetPlan {
        group: group(slot),
        container: "app".to_owned(),
        port: 8080,
        deregistration_delay: Duration::from_secs(300),
        health_check: None,
    };
    let step = |weight, bake| StepPlan::new(percent(weight), Duration::from_secs(bake));
    Plan {
        id: DeploymentId::new("20261121-071405-abcd"),
        kind: Kind::Deploy,
        service: ServiceName::new("shop"),
        cluster: ClusterName::new("prod"),
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        blue: SlotName::A,
        slots: Slots::from_fn(|slot| SlotPlan {
            service: EcsServiceName::new(format!("shop-{slot}")),
            targets: vec![target(slot)],
        }),
        tasks: None,
        task_definition: NewTaskDefinition::Register {
            family: "shop".to_owned(),
            images: vec![("app".to_owned(), "shop:v2".to_owned())],
            from: None,
        },
        blue_task_definition: TaskDefinitionArn::new("arn:task-definition/shop:7"),
        green: GreenService::Create {
            source: SlotName::A,
        },
        desired: 2,
        green_capacity: GreenCapacity::Full,
        settings: serde_json::Value::Null,
        warnings: Vec::new(),
        notes: Vec::new(),
        changes: Vec::new(),
        routes: vec![route(443), route(8443)],
        test_routes: Vec::new(),
        strategy: "canary".to_owned(),
        steps: vec![step(10, 300), step(100, 300)],
        guards: Guards {
            metrics: None,
            ready: Share::ALL,
            min: Share::of_percent(75).unwrap(),
            healthy_for: Duration::from_secs(30),
            alarms: vec![AlarmGuard {
                name: AlarmName::new("shop-5xx"),
                insufficient_data: InsufficientData::Hold,
                weight: AlarmWeight::Guards,
            }],
        },
        gates: Vec::new(),
        limits: Limits {
            poll: Duration::from_secs(5),
            healthy_within: Duration::from_secs(600),
            patience: Duration::from_secs(600),
            blind_after: Duration::from_secs(120),
        },
        retire: Retire {
            after: Duration::from_secs(600),
            then: RetireHow::ScaleToZero,
            at_most: Duration::from_secs(3600),
        },
        scaling: None,
        deadman: None,
        traceparent: None,
    }
}

fn route(port: u16) -> Route {
    Route {
        arn: RouteArn::new(format!("arn:listener/{port}")),
        kind: RouteKind::Listener,
        label: format!("shop:{port}"),
        load_balancer: LoadBalancerArn::new("arn:loadbalancer/app/shop/1"),
        groups: Slots::from_fn(|slot| {
            TargetGroupArn::new(format!("arn:targetgroup/shop-{slot}/1"))
        }),
        sticky: None,
    }
}
