use std::time::Duration;

use super::Scene;
use super::scene::{ALL_BLUE, lost, raise};
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::deadman::Deadman;
use crate::deployment::event::Event;
use crate::deployment::ids::{RoleArn, ScheduleName, SlotName};
use crate::deployment::observation::{Ask, OnInterrupt};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{Kind, Plan};
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::judge::alarms::AlarmState;

fn planned(plan: &mut Plan) {
    plan.deadman = Some(Deadman {
        after: Duration::from_secs(300),
        role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
        leftovers: Vec::new(),
    });
}

fn scene() -> Scene {
    Scene::with(planned)
}

fn arms(actions: &[Action]) -> bool {
    let mut names = actions.iter().map(Action::name);
    names.any(|name| name == ActName::ArmDeadman)
}

/// How many seconds from now it fires.
fn left(scene: &Scene) -> Option<i64> {
    let until = scene.deployment.deadman.armed_until?;
    Some(until.duration_since(scene.seen.now).as_secs())
}

fn position(scene: &Scene, wanted: impl Fn(&Event) -> bool) -> usize {
    scene.events.iter().position(wanted).expect("it happened")
}

#[test]
fn a_shift_waits_for_the_dead_man_switch() {
    let mut scene = scene();
    scene.run_to_ready();
    let arming = scene.look();
    assert!(matches!(arming.actions[..], [Action::ArmDeadman { .. }]));
    assert!(matches!(arming.events[..], [Event::ArmingDeadman { .. }]));
    assert_eq!(left(&scene), Some(300));
    assert_eq!(scene.look_after(1).actions, [raise(0, 10)]);
}

#[test]
fn nothing_is_armed_where_none_is_planned_or_the_way_back_is_known_to_be_bad() {
    let reason = "it burns".to_owned();
    let hotfix = Scene::with(|plan| {
        planned(plan);
        plan.kind = Kind::Hotfix { reason };
    });
    for mut scene in [Scene::new(), hotfix] {
        assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
        let deadman = |event: &Event| matches!(event, Event::ArmingDeadman { .. });
        assert!(!scene.events.iter().any(deadman));
    }
}

#[test]
fn a_refusal_to_arm_reverts_before_any_traffic_moved() {
    let mut scene = scene();
    scene.run_to_ready();
    scene
        .failing
        .insert(ActName::ArmDeadman, FailureClass::Denied);
    let outcome = scene.run_to_the_end();
    let Outcome::Reverted {
        trip: Trip::Refused { act, .. },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(act, ActName::ArmDeadman);
    assert!(!scene.deployment.traffic_touched);
}

#[test]
fn it_is_pushed_out_every_quarter_while_green_has_traffic() {
    let mut scene = scene();
    scene.run_to_baking(0);
    let mut pushes = 0;
    for _ in 0..40 {
        pushes += usize::from(arms(&scene.look_after(5).actions));
        assert!(left(&scene).unwrap() >= 220, "{:?}", left(&scene));
    }
    assert_eq!(pushes, 2, "200 s of 75 s each");
}

#[test]
fn it_is_taken_away_before_the_outcome_is_fixed() {
    let mut scene = scene();
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
    let gone = position(&scene, |event| matches!(event, Event::DeadmanDisarmed));
    let promoted = position(&scene, |event| matches!(event, Event::Promoted { .. }));
    assert!(gone < promoted);
    assert_eq!(left(&scene), None);
}

#[test]
fn a_deployment_is_not_promoted_while_it_can_not_be_taken_away() {
    let mut scene = scene();
    scene.run_to_baking(1);
    scene
        .failing
        .insert(ActName::DisarmDeadman, FailureClass::Throttled);
    scene
        .failing
        .insert(ActName::ArmDeadman, FailureClass::Throttled);
    let outcome = scene.run_to_the_end();
    assert!(
        matches!(
            outcome,
            Outcome::Reverted {
                trip: Trip::Refused { .. }
            }
        ),
        "{outcome:?}"
    );
    let promoted = |event: &Event| matches!(event, Event::Promoted { .. });
    assert!(!scene.events.iter().any(promoted));
}

#[test]
fn a_pause_after_it_was_taken_away_arms_it_again() {
    let mut scene = scene();
    scene.run_to_baking(1);
    scene.run_until(|deployment| deployment.deadman.armed_until.is_none());
    let by = "ada".to_owned();
    scene.seen.asks.push(Ask::Pause { by });
    scene.look();
    scene.look_after(1);
    assert!(left(&scene).is_some(), "{:?}", scene.events.last());
}

#[test]
fn a_revert_that_begins_after_it_was_taken_away_does_not_arm_it_again() {
    let mut scene = scene();
    scene.run_to_baking(1);
    scene.run_until(|deployment| deployment.deadman.armed_until.is_none());
    scene.alarm(AlarmState::InsufficientData);
    scene
        .failing
        .insert(ActName::ArmDeadman, FailureClass::Throttled);
    let mut last = scene.look();
    assert!(arms(&last.actions), "it holds, without a switch");
    while scene.trip().is_none() {
        last = scene.look_after(5);
    }
    assert_eq!(last.actions, [ALL_BLUE]);
    assert!(matches!(scene.trip(), Some(Trip::PatienceOver { .. })));
}

#[test]
fn a_push_out_that_fails_for_half_of_its_time_reverts_while_the_process_can() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene
        .failing
        .insert(ActName::ArmDeadman, FailureClass::Throttled);
    let armed_until = scene.deployment.deadman.armed_until.unwrap();
    scene.run_until(|deployment| matches!(deployment.phase, Phase::Reverting { .. }));
    let spare = armed_until.duration_since(scene.seen.now).as_secs();
    assert!((60..=75).contains(&spare), "{spare} s before it fires");
    assert!(matches!(
        scene.trip(),
        Some(Trip::Refused {
            act: ActName::ArmDeadman,
            ..
        })
    ));
}

#[test]
fn a_short_failure_to_push_out_does_no_harm() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene
        .failing
        .insert(ActName::ArmDeadman, FailureClass::Throttled);
    for _ in 0..24 {
        scene.look_after(5);
    }
    scene.failing.clear();
    scene.look_after(5);
    assert!(left(&scene) >= Some(299));
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn one_that_fired_while_the_process_was_frozen_is_an_abort_and_no_drift() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.weights(0, 100, 0);
    let decision = scene.look_after(400);
    assert!(decision.actions.contains(&ALL_BLUE));
    assert!(matches!(scene.trip(), Some(Trip::DeadmanDue { .. })));
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn a_revert_takes_it_away_once_traffic_is_back() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.abort();
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    let back = position(&scene, |event| matches!(event, Event::TrafficReverted));
    let gone = position(&scene, |event| matches!(event, Event::DeadmanDisarmed));
    assert!(back < gone);
}

#[test]
fn a_revert_ends_though_it_may_not_be_deleted() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene
        .failing
        .insert(ActName::DisarmDeadman, FailureClass::Denied);
    scene.abort();
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    assert!(scene.deployment.deadman.may_exist);
}

#[test]
fn without_the_lock_it_is_left_to_the_other_process() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.healthy(SlotName::A, 0);
    scene.seen.lock_lost_to = Some(lost(false));
    scene.run_to_the_end();
    let disarms = |event: &Event| matches!(event, Event::DisarmingDeadman);
    assert!(!scene.events.iter().any(disarms));
    assert!(left(&scene).is_some());
}

#[test]
fn a_deployment_that_is_left_leaves_it_armed() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.signal(OnInterrupt::Keep);
    assert!(matches!(scene.run_to_the_end(), Outcome::Kept { .. }));
    assert!(left(&scene) > Some(200));
}

#[test]
fn leftovers_are_taken_away_before_anything_else() {
    let mut scene = Scene::with(|plan| {
        planned(plan);
        let left = plan.deadman.as_mut().unwrap();
        left.leftovers = vec![ScheduleName::new("bg.shop.0.earlier.0")];
    });
    scene
        .failing
        .insert(ActName::DisarmDeadman, FailureClass::Throttled);
    assert_eq!(scene.look().actions, [Action::DisarmDeadman]);
    assert_eq!(scene.look_after(1).actions, [], "not again at once");
    scene.failing.clear();
    assert_eq!(scene.look_after(2).actions, [Action::DisarmDeadman]);
    assert_eq!(
        scene.look_after(1).actions,
        [Action::RegisterTaskDefinition]
    );
}

#[test]
fn leftovers_that_can_not_be_taken_away_revert_a_hotfix_once() {
    let mut scene = Scene::with(|plan| {
        planned(plan);
        let leftovers = vec![ScheduleName::new("bg.shop.0.earlier.0")];
        plan.deadman.as_mut().expect("it is planned").leftovers = leftovers;
        plan.kind = Kind::Hotfix {
            reason: "it burns".to_owned(),
        };
    });
    let (disarm, register) = (ActName::DisarmDeadman, ActName::RegisterTaskDefinition);
    scene.failing.insert(disarm, FailureClass::Denied);
    scene.failing.insert(register, FailureClass::Invalid);
    scene.look();
    // A second revert in the same decision would be no legal record.
    scene.look_after(1);
    let reverts = |event: &&Event| matches!(event, Event::Reverting { .. });
    assert_eq!(scene.events.iter().filter(reverts).count(), 1);
}
