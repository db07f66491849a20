//! The test routes: on green before anything else asks it, back on blue before it goes.

use std::collections::BTreeMap;

use super::Scene;
use super::scene::{ALL_BLUE, raise};
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::decide::Decision;
use crate::deployment::event::Event;
use crate::deployment::gate::{Gate, Point};
use crate::deployment::ids::{RouteArn, SlotName};
use crate::deployment::observation::{RouteSeen, Seen};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{Kind, Plan};
use crate::deployment::trip::{Hold, Trip};
use crate::gate::{Check, CommandCheck};
use crate::judge::alarms::AlarmState;

const TO_GREEN: Action = Action::PointTestRoutes { to: SlotName::B };
const TO_BLUE: Action = Action::PointTestRoutes { to: SlotName::A };

fn arn() -> RouteArn {
    RouteArn::new("arn:listener/test")
}

fn add_test_route(plan: &mut Plan) {
    let mut route = plan.routes[0].clone();
    route.arn = arn();
    route.label = "shop:8443".to_owned();
    plan.test_routes = vec![route];
}

/// A deployment whose test route shows blue.
fn scene(change: impl FnOnce(&mut Plan)) -> Scene {
    let mut scene = Scene::with(|plan| {
        add_test_route(plan);
        change(plan);
    });
    show(&mut scene, SlotName::A);
    scene
}

fn show(scene: &mut Scene, slot: SlotName) {
    let group = scene.plan().test_routes[0].groups[slot].clone();
    let weights = BTreeMap::from([(group, 1)]);
    let seen = Seen::Value(RouteSeen::of(weights));
    scene.seen.routes.insert(arn(), seen);
}

fn shown(scene: &Scene) -> Option<SlotName> {
    let route = &scene.plan().test_routes[0];
    let seen = scene.seen.routes[&arn()].value().expect("it can be read");
    let has = |slot: &SlotName| {
        seen.weights
            .get(&route.groups[*slot])
            .is_some_and(|it| *it > 0)
    };
    SlotName::BOTH.into_iter().find(has)
}

fn acts(decision: &Decision) -> &[Action] {
    &decision.actions
}

fn gate() -> Gate {
    Gate {
        name: "smoke".to_owned(),
        at: vec![Point::BeforeTraffic],
        within: std::time::Duration::from_secs(600),
        check: Check::Command(CommandCheck {
            argv: vec!["./smoke".to_owned()],
        }),
    }
}

#[test]
fn testers_get_green_before_gates_ask_and_traffic_moves() {
    let mut scene = scene(|plan| plan.gates = vec![gate()]);
    scene.run_to_ready();
    assert_eq!(acts(&scene.look()), [TO_GREEN]);
    assert_eq!(shown(&scene), Some(SlotName::B));
    let asked = |scene: &mut Scene| {
        let ask = |it: &Action| matches!(it, Action::AskGate { .. });
        (0..3).any(|_| scene.look().actions.iter().any(ask))
    };
    assert!(asked(&mut scene));
}

#[test]
fn after_success_the_test_route_stays_on_what_serves() {
    let mut scene = scene(|_| {});
    scene.run_to_ready();
    assert_eq!(acts(&scene.look()), [TO_GREEN]);
    assert_eq!(acts(&scene.look()), [raise(0, 10)]);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
    assert_eq!(shown(&scene), Some(SlotName::B));
}

#[test]
fn nothing_moves_while_the_test_route_does_not_show_green_and_patience_ends_it() {
    let mut scene = scene(|_| {});
    scene.unseen.insert(ActName::PointTestRoutes);
    scene.run_to_ready();
    let outcome = scene.run_to_the_end();
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    let Trip::PatienceOver { waited_for } = trip else {
        panic!("{trip:?}");
    };
    assert!(matches!(waited_for[..], [Hold::TestRouteElsewhere { .. }]));
    let raised = |it: &Event| matches!(it, Event::Shifting { .. });
    assert!(!scene.events.iter().any(raised));
}

#[test]
fn a_test_route_that_may_not_be_written_reverts_before_any_traffic() {
    let mut scene = scene(|_| {});
    scene
        .failing
        .insert(ActName::PointTestRoutes, FailureClass::Denied);
    scene.run_to_ready();
    let outcome = scene.run_to_the_end();
    let refused = Trip::Refused {
        act: ActName::PointTestRoutes,
        message: "no".to_owned(),
    };
    assert_eq!(outcome, Outcome::Reverted { trip: refused });
}

#[test]
fn a_revert_brings_production_back_first_then_testers_then_green_goes() {
    let mut scene = scene(|_| {});
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    assert_eq!(acts(&scene.look()), [ALL_BLUE]);
    let mut later = Vec::new();
    for _ in 0..200 {
        later.extend(scene.look().actions);
        scene.pass(1);
    }
    let at = |action: &Action| later.iter().position(|it| it == action);
    let away = Action::Scale {
        slot: SlotName::B,
        desired: 0,
    };
    assert!(at(&TO_BLUE).expect("testers") < at(&away).expect("green"));
    assert_eq!(shown(&scene), Some(SlotName::A));
}

#[test]
fn a_test_route_that_does_not_go_back_keeps_green_for_a_minute_and_no_longer() {
    let mut scene = scene(|_| {});
    scene.run_to_baking(0);
    scene
        .failing
        .insert(ActName::PointTestRoutes, FailureClass::Denied);
    scene.alarm(AlarmState::Alarm);
    let outcome = scene.run_to_the_end();
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
}

#[test]
fn a_hotfix_takes_testers_along_and_does_not_wait_for_them() {
    let mut scene = scene(|plan| {
        plan.kind = Kind::Hotfix {
            reason: "checkout is down".to_owned(),
        };
    });
    scene.unseen.insert(ActName::PointTestRoutes);
    scene.run_to_ready();
    assert_eq!(acts(&scene.look()), [raise(0, 10), TO_GREEN]);
}

#[test]
fn a_revert_before_the_test_route_was_touched_leaves_it_alone() {
    let mut scene = scene(|_| {});
    scene.look();
    scene.abort();
    scene.run_to_the_end();
    let pointed = |it: &Event| matches!(it, Event::PointingTestRoutes { .. });
    assert!(!scene.events.iter().any(pointed));
}
