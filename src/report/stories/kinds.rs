//! Other kinds of deployments: ones that wait for somebody, a worker's, a rollback.

use std::time::Duration;

use super::{Story, at, look};
use crate::deployment::event::{Event, Record};
use crate::deployment::gate::{Check, Gate, Point};
use crate::deployment::ids::Slots;
use crate::deployment::plan::{Kind, TaskHealth};
use crate::judge::alarms::AlarmState;
use crate::strategy::Weight;

/// Its gate `release` waits for a yes after the first bake.
pub(in crate::report) fn approval() -> Vec<Record> {
    approval_at(Point::AfterStep(0))
}

/// The same elsewhere.
pub(in crate::report) fn approval_at(point: Point) -> Vec<Record> {
    let opened = Event::GateOpened {
        gate: 0,
        point,
        until: at(3600),
    };
    let story = match point {
        Point::BeforeTraffic => Story::begun(),
        Point::AfterStep(_) => Story::shifted(),
        Point::AfterPromotion => Story::promoted(),
    };
    let mut records = story.then(703, opened).records();
    let Event::Started { plan } = &mut records[0].event else {
        panic!("a story begins with its plan");
    };
    plan.gates.push(Gate {
        name: "release".into(),
        at: vec![point],
        within: Duration::from_secs(3200),
        check: Check::Approval(Default::default()),
    });
    records
}

/// Somebody asked it to stay at the first weight.
pub(in crate::report) fn paused() -> Vec<Record> {
    let by = "kim@build-7".to_owned();
    Story::shifted().then(160, Event::Paused { by }).records()
}

/// Without a load balancer: green works beside blue.
pub(in crate::report) fn worker() -> Vec<Record> {
    let mut records = at_once(401);
    for record in &mut records {
        match &mut record.event {
            Event::Started { plan } => {
                plan.tasks = Some(Slots::from_fn(|_| TaskHealth::Checked));
                plan.strategy = "inline".into();
                plan.routes.clear();
                plan.steps.drain(..1);
            }
            Event::Looked(look) => look.weights.clear(),
            _ => {}
        }
    }
    records
}

/// Back in one step, without waiting for anything.
pub(in crate::report) fn rollback() -> Vec<Record> {
    let mut records = at_once(101);
    if let Event::Started { plan } = &mut records[0].event {
        plan.kind = Kind::Rollback;
        plan.strategy = "in one step".into();
        plan.steps.drain(..1);
        plan.steps[0].bake = Duration::ZERO;
        plan.guards.healthy_for = Duration::ZERO;
    }
    records
}

/// Until green, with everything, bakes until `until`.
fn at_once(until: i64) -> Vec<Record> {
    let (step, weight) = (0, Weight::FULL);
    let until = at(until);
    Story::begun()
        .then(70, look([2, 2, 2], 0, AlarmState::Ok))
        .then(70, Event::GreenHealthy)
        .then(100, Event::Shifting { step, weight })
        .then(101, look([2, 2, 2], 100, AlarmState::Ok))
        .then(
            101,
            Event::Baking {
                step,
                weight,
                until,
            },
        )
        .records()
}
