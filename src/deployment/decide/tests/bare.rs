//! Without a load balancer: green works beside blue, and its tasks' health decides.

use std::time::Duration;

use super::scene::Scene;
use crate::deployment::action::{Action, WeightWrite};
use crate::deployment::bare::LIVE_TAG;
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::observation::Seen;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::plan::{Kind, RetireHow};
use crate::deployment::retire;
use crate::deployment::trip::{Hold, Trip};
use crate::judge::alarms::AlarmState;

fn put_away(action: &Action) -> bool {
    let away = Action::Scale {
        slot: SlotName::B,
        desired: 0,
    };
    *action == away
}

#[test]
fn a_good_version_works_beside_blue_for_the_whole_bake_and_is_promoted() {
    let mut scene = Scene::bare();
    scene.run_to_ready();
    scene.run_to_baking(0);
    let began = scene.seen.now;
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
    let worked = scene.seen.now.duration_since(began);
    assert!(worked >= jiff::SignedDuration::from_secs(600), "{worked}");
}

#[test]
fn promotion_marks_the_live_slot_and_takes_the_mark_off_the_other() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    let promoted = loop {
        let decision = scene.look();
        let is_it = |event: &Event| matches!(event, Event::Promoted { .. });
        if decision.events.iter().any(is_it) {
            break decision;
        }
        scene.seen.now = decision.wake_at;
    };
    let live = |of: SlotName| {
        promoted.actions.iter().find_map(|action| match action {
            Action::Tag { slot, tags } if *slot == of => tags.get(LIVE_TAG).cloned(),
            _ => None,
        })
    };
    let id = scene.plan().id.to_string();
    assert_eq!(live(SlotName::A), Some(None));
    assert_eq!(live(SlotName::B), Some(Some(id)));
}

#[test]
fn green_is_not_ready_before_its_tasks_are_healthy() {
    let mut scene = Scene::bare();
    scene.look();
    scene.look_after(1);
    scene.look_after(1);
    scene.tasks(SlotName::B, 1);
    for _ in 0..20 {
        scene.look_after(5);
    }
    let is_ready = |event: &Event| matches!(event, Event::GreenReady);
    assert!(!scene.events.iter().any(is_ready));
    scene.tasks(SlotName::B, 2);
    scene.run_to_ready();
}

#[test]
fn a_version_whose_tasks_never_get_healthy_goes_and_blue_was_never_touched() {
    let mut scene = Scene::bare();
    scene.look();
    scene.look_after(1);
    scene.look_after(1);
    scene.tasks(SlotName::B, 0);
    let mut actions = Vec::new();
    while scene.deployment.outcome().is_none() {
        let decision = scene.look();
        scene.seen.now = decision.wake_at.max(scene.seen.now);
        actions.extend(decision.actions);
    }
    assert!(matches!(
        scene.deployment.outcome(),
        Some(Outcome::Reverted {
            trip: Trip::NotHealthyInTime { healthy: 0, .. }
        })
    ));
    let of_blue = |action: &&Action| {
        matches!(
            action,
            Action::Scale {
                slot: SlotName::A,
                ..
            }
        )
    };
    assert_eq!(actions.iter().find(of_blue), None);
}

#[test]
fn an_alarm_puts_green_away_with_the_next_look_because_it_still_works() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.pass(60);
    scene.alarm(AlarmState::Alarm);
    let tripped_at = scene.seen.now;
    assert_eq!(scene.look().actions, [], "there are no weights to write");
    scene.look();
    let decision = scene.look();
    assert!(decision.actions.iter().any(put_away), "{decision:?}");
    assert_eq!(scene.seen.now, tripped_at, "nothing is waited for");
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn too_few_healthy_tasks_revert_while_both_work() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.tasks(SlotName::B, 1);
    scene.look_after(5);
    assert!(matches!(
        scene.trip(),
        Some(Trip::TooFewHealthyTargets {
            group: None,
            healthy: 1,
            needed: 2,
            ..
        })
    ));
}

#[test]
fn green_stays_where_blue_has_no_healthy_task() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.tasks(SlotName::A, 0);
    scene.alarm(AlarmState::Alarm);
    scene.look_after(5);
    let outcome = scene.run_to_the_end();
    let why = match &outcome {
        Outcome::Stuck { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(matches!(why, Stuck::BlueIsDown { .. }), "{why}");
    assert_eq!(scene.service(SlotName::B).desired, 2);
}

#[test]
fn a_blue_that_comes_back_lets_the_revert_go_through() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.tasks(SlotName::A, 0);
    scene.alarm(AlarmState::Alarm);
    scene.look_after(5);
    scene.look_after(5);
    scene.tasks(SlotName::A, 2);
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    assert_eq!(scene.service(SlotName::B).desired, 0);
}

#[test]
fn a_blue_without_enough_healthy_tasks_keeps_green_from_starting_its_bake() {
    let mut scene = Scene::bare();
    scene.run_to_ready();
    scene.tasks(SlotName::A, 1);
    let decision = scene.look_after(5);
    let waits = |event: &Event| match event {
        Event::Holding { reasons, .. } => {
            matches!(reasons[..], [Hold::BlueNotReady { group: None, .. }])
        }
        _ => false,
    };
    assert!(decision.events.iter().any(waits), "{decision:?}");
}

#[test]
fn tasks_that_can_not_be_read_hold_and_never_count_as_healthy() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.seen.services.b = Seen::Unreadable("AccessDenied".to_owned());
    scene.look_after(5);
    let held = scene.deployment.hold.as_ref();
    assert!(held.is_some_and(|held| !held.reasons.is_empty()));
    scene.run_until(|deployment| deployment.outcome().is_some());
    assert!(!matches!(
        scene.deployment.outcome(),
        Some(Outcome::Promoted)
    ));
}

#[test]
fn no_weight_is_ever_written_to_blue() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.abort();
    let all_blue = Action::WriteWeights(WeightWrite::AllBlue);
    while scene.deployment.outcome().is_none() {
        let decision = scene.look();
        assert!(!decision.actions.contains(&all_blue));
        scene.seen.now = decision.wake_at.max(scene.seen.now);
    }
}

#[test]
fn blue_goes_when_retire_after_is_over_and_at_once_where_it_is_known_to_be_bad() {
    let scene = Scene::bare();
    let mut plan = scene.plan().clone();
    plan.retire.after = Duration::from_secs(300);
    plan.retire.then = RetireHow::ScaleToZero;
    let at = scene.seen.now;
    let waits = |plan: &_| {
        retire::due(plan, at)
            .expect("it is due")
            .at
            .duration_since(at)
    };
    assert!((299..=301).contains(&waits(&plan).as_secs()));
    plan.kind = Kind::Rollback;
    assert!(waits(&plan).as_secs() <= 1);
}

#[test]
fn two_tasks_that_end_by_themselves_in_the_bake_are_a_bad_version_and_one_is_not() {
    let mut scene = Scene::bare();
    scene.run_to_baking(0);
    scene.service(SlotName::B).failed = 1;
    scene.look();
    assert_eq!(scene.trip(), None);
    scene.service(SlotName::B).failed = 2;
    scene.look();
    assert!(matches!(
        scene.trip(),
        Some(Trip::CrashLoop { failed: 2, .. })
    ));
}
