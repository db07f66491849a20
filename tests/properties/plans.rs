//! Random plans.

use std::time::Duration;

use bg::deployment::deadman::Deadman;
use bg::deployment::dns::{End, Record, RecordType};
use bg::deployment::gate::{Gate, Point};
use bg::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, HostedZoneId, LoadBalancerArn,
    RecordName, RoleArn, RouteArn, ScheduleName, ServiceName, SetId, SlotName, Slots,
    TargetGroupArn, TaskDefinitionArn,
};
use bg::deployment::plan::{
    AlarmGuard, AlarmWeight, GreenCapacity, GreenService, Guards, Kind, Limits, NewTaskDefinition,
    Plan, Retire, RetireHow, Route, RouteKind, SlotPlan, StepPlan, TargetPlan, TaskHealth,
};
use bg::deployment::scaling::Scaling;
use bg::gate::{Check, CommandCheck};
use bg::judge::alarms::InsufficientData;
use bg::judge::targets::Share;
use bg::strategy::Weight;
use fastrand::Rng;
use jiff::Timestamp;

/// What green is to run where the plan names a revision that exists.
pub(crate) fn new_definition() -> TaskDefinitionArn {
    TaskDefinitionArn::new("arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:8")
}

/// What blue runs.
pub(crate) fn old_definition() -> TaskDefinitionArn {
    TaskDefinitionArn::new("arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7")
}

pub(crate) fn seconds(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_secs(rng.u64(range))
}

/// Every third plan has one.
fn test_routes(rng: &mut Rng, slots: &Slots<SlotPlan>) -> Vec<Route> {
    let count = usize::from(rng.u8(0..3) == 0);
    let routes = (0..count).map(|_| Route {
        kind: RouteKind::Listener,
        ..route(rng, 9, slots)
    });
    routes.collect()
}

pub(crate) fn random(rng: &mut Rng) -> Plan {
    let blue = rng.choice(SlotName::BOTH).expect("there are two");
    let kind = match rng.u8(0..10) {
        0..6 => Kind::Deploy,
        6..8 => Kind::Rollback,
        _ => Kind::Hotfix {
            reason: "checkout is down".to_owned(),
        },
    };
    let groups = rng.usize(1..=3);
    let slots = Slots::from_fn(|slot| slot_plan(slot, groups));
    let routes = (0..rng.usize(1..=3))
        .map(|index| route(rng, index, &slots))
        .collect();
    let test_routes = test_routes(&mut Rng::with_seed(rng.clone().u64(..) ^ 1), &slots);
    let task_definition = if rng.bool() {
        NewTaskDefinition::Existing {
            arn: new_definition(),
        }
    } else {
        let images = vec![("app".to_owned(), "shop:v2".to_owned())];
        NewTaskDefinition::Register {
            family: "shop".to_owned(),
            images,
            from: None,
        }
    };
    // From a source of its own, too.
    let bare = Rng::with_seed(rng.clone().u64(..) ^ 0xba5e).u8(0..5) == 0;
    let plan = Plan {
        id: DeploymentId::new("20261121-071405-abcd"),
        service: ServiceName::new("shop"),
        cluster: ClusterName::new("prod"),
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        blue,
        slots,
        tasks: None,
        task_definition,
        blue_task_definition: old_definition(),
        green: if rng.bool() {
            GreenService::Create { source: blue }
        } else {
            GreenService::Update { source: blue }
        },
        desired: rng.u32(1..=6),
        settings: serde_json::json!({ "maximumPercent": 200 }),
        warnings: Vec::new(),
        notes: Vec::new(),
        changes: Vec::new(),
        routes,
        test_routes,
        strategy: "random".to_owned(),
        steps: ladder(rng),
        guards: guards(rng, &kind),
        gates: gates(&mut Rng::with_seed(rng.clone().u64(..))),
        kind,
        limits: Limits {
            poll: Duration::from_millis(rng.u64(2..=40) * 500),
            healthy_within: seconds(rng, 120..600),
            patience: seconds(rng, 30..400),
            blind_after: seconds(rng, 20..200),
        },
        green_capacity: match rng.clone().u8(0..3) {
            0 => GreenCapacity::Proportional,
            _ => GreenCapacity::Full,
        },
        retire: Retire {
            after: seconds(rng, 0..600),
            then: rng
                .choice([RetireHow::ScaleToZero, RetireHow::Delete, RetireHow::Keep])
                .expect("there are three"),
            at_most: Duration::from_secs(3600),
        },
        scaling: rng.clone().bool().then(|| Scaling {
            min: 1,
            max: 7,
            ..Scaling::default()
        }),
        // From a source of its own: the rest of each run stays as it is without.
        deadman: (rng.clone().u8(0..3) > 0).then(|| deadman(&mut rng.clone())),
        traceparent: None,
    };
    if bare { without_balancer(plan) } else { plan }
}

/// The same for a service without a load balancer: nothing to shift, and whatever runs works.
fn without_balancer(plan: Plan) -> Plan {
    let whole = plan.steps.iter().map(|step| step.bake).sum();
    let slot = |slot: SlotName| SlotPlan {
        targets: Vec::new(),
        ..plan.slots[slot].clone()
    };
    Plan {
        tasks: Some(Slots::from_fn(|_| TaskHealth::Checked)),
        slots: Slots::from_fn(slot),
        routes: Vec::new(),
        test_routes: Vec::new(),
        steps: vec![StepPlan::new(Weight::FULL, whole)],
        retire: Retire {
            then: RetireHow::ScaleToZero,
            ..plan.retire
        },
        deadman: None,
        ..plan
    }
}

/// Up to two, each at places that the ladder may have or not; from a source of their own.
fn gates(rng: &mut Rng) -> Vec<Gate> {
    let gate = |index: usize, rng: &mut Rng| {
        let mut at: Vec<Point> = (0..4).map(Point::AfterStep).collect();
        at.extend([Point::BeforeTraffic, Point::AfterPromotion]);
        at.retain(|_| rng.u8(0..3) == 0);
        let argv = vec!["./check".to_owned()];
        Gate {
            name: format!("gate-{index}"),
            at,
            within: seconds(rng, 10..300),
            check: Check::Command(CommandCheck { argv }),
        }
    };
    let count = rng.usize(0..=4).saturating_sub(2);
    (0..count).map(|index| gate(index, rng)).collect()
}

/// How many tasks green has at a weight, of so many at 100 %.
pub(crate) fn needed_of_green(plan: &Plan, whole: u32, weight: Weight) -> u32 {
    let share = (whole * u32::from(weight.per_mille()))
        .div_ceil(1000)
        .max(1);
    match plan.green_capacity {
        GreenCapacity::Full => whole,
        GreenCapacity::Proportional => share,
    }
}

fn deadman(rng: &mut Rng) -> Deadman {
    let leftovers = (0..rng.usize(0..2)).map(|_| ScheduleName::new("bg.shop.0.earlier.0"));
    Deadman {
        after: seconds(rng, 120..600),
        role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
        leftovers: leftovers.collect(),
    }
}

fn slot_plan(slot: SlotName, groups: usize) -> SlotPlan {
    let target = |index| TargetPlan {
        group: TargetGroupArn::new(format!(
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-{slot}-{index}/1"
        )),
        container: "app".to_owned(),
        port: 8080,
        deregistration_delay: Duration::from_secs(300),
        health_check: None,
    };
    SlotPlan {
        service: EcsServiceName::new(format!("shop-{slot}")),
        targets: (0..groups).map(target).collect(),
    }
}

fn route(rng: &mut Rng, index: usize, slots: &Slots<SlotPlan>) -> Route {
    let target = rng.usize(0..slots.a.targets.len());
    let groups = Slots::from_fn(|slot| slots[slot].targets[target].group.clone());
    let kind = match rng.u8(0..6) {
        0 => record(rng, &groups),
        1 | 2 => RouteKind::Listener,
        _ => RouteKind::Rule,
    };
    Route {
        arn: RouteArn::new(format!("arn:route-{index}")),
        label: format!("shop:{}", 443 + index),
        load_balancer: LoadBalancerArn::new("arn:balancer"),
        sticky: (kind.record().is_none() && rng.bool()).then_some(Duration::from_secs(3600)),
        groups,
        kind,
    }
}

/// A pair of records to a load balancer for each slot.
fn record(rng: &mut Rng, groups: &Slots<TargetGroupArn>) -> RouteKind {
    let end = |slot: SlotName| End {
        set: SetId::new(slot.as_str()),
        load_balancer: LoadBalancerArn::new(format!("arn:balancer-{slot}")),
        group: groups[slot].clone(),
    };
    RouteKind::Record(Box::new(Record {
        zone: HostedZoneId::new("Z1"),
        name: RecordName::new("shop.example.com"),
        kind: RecordType::A,
        ttl: seconds(rng, 1..120),
        ends: Slots::from_fn(end),
        is_in_two_zones: false,
    }))
}

fn ladder(rng: &mut Rng) -> Vec<StepPlan> {
    let mut weights: Vec<u16> = (0..rng.usize(0..5)).map(|_| rng.u16(1..1000)).collect();
    weights.push(1000);
    weights.sort_unstable();
    weights.dedup();
    let step = |per_mille| {
        StepPlan::new(
            Weight::of_per_mille(per_mille).expect("at most 1000"),
            Duration::from_secs(rng.u64(0..120)),
        )
    };
    weights.into_iter().map(step).collect()
}

fn guards(rng: &mut Rng, kind: &Kind) -> Guards {
    let ready = rng.u8(50..=100);
    let alarms = (0..rng.usize(0..=3)).map(|index| AlarmGuard {
        name: AlarmName::new(format!("shop-alarm-{index}")),
        insufficient_data: rng
            .choice([
                InsufficientData::Ok,
                InsufficientData::Hold,
                InsufficientData::Revert,
            ])
            .expect("there are three"),
        weight: if *kind != Kind::Deploy && rng.u8(0..4) == 0 {
            AlarmWeight::LiftedAtStart
        } else if *kind == Kind::Deploy && rng.u8(0..4) == 0 {
            AlarmWeight::GuardsOnceClear
        } else {
            AlarmWeight::Guards
        },
    });
    let alarms = alarms.collect();
    Guards {
        metrics: None,
        ready: Share::of_percent(ready).expect("at most 100"),
        min: Share::of_percent(rng.u8(0..=ready)).expect("at most 100"),
        healthy_for: seconds(rng, 0..40),
        alarms,
    }
}
