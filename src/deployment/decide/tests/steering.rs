use jiff::SignedDuration;

use super::Scene;
use super::scene::{ALL_BLUE, raise};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::judge::alarms::AlarmState;

/// Longer than any bake of the scene.
const LONG: i64 = 3600;

fn pause(scene: &mut Scene) {
    let by = "ada".to_owned();
    scene.seen.asks.push(Ask::Pause { by });
    scene.look();
}

fn promote(scene: &mut Scene, full: bool) {
    let by = "ada".to_owned();
    scene.seen.asks.push(Ask::GoOn { by, full });
    scene.look();
}

#[test]
fn a_pause_outlasts_the_bake_at_its_weight() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    pause(&mut scene);
    for _ in 0..10 {
        assert_eq!(scene.look_after(LONG / 10).actions, []);
    }
    assert_eq!(scene.deployment.paused.as_deref(), Some("ada"));
    promote(&mut scene, false);
    assert_eq!(scene.look().actions, [raise(10, 100)]);
}

#[test]
fn a_pause_before_the_first_shift_keeps_traffic_on_blue() {
    let mut scene = Scene::new();
    scene.look();
    pause(&mut scene);
    scene.run_to_ready();
    for _ in 0..10 {
        assert_eq!(scene.look_after(LONG / 10).actions, []);
    }
    promote(&mut scene, false);
    assert_eq!(scene.look().actions, [raise(0, 10)]);
}

#[test]
fn the_guards_stay_on_during_a_pause() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    pause(&mut scene);
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look_after(LONG).actions, [ALL_BLUE]);
    assert!(matches!(scene.trip(), Some(Trip::Alarm { .. })));
}

#[test]
fn drift_during_a_pause_is_named() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    pause(&mut scene);
    scene.weights(0, 50, 50);
    scene.look_after(60);
    assert!(scene.deployment.hold.is_some());
}

#[test]
fn promote_goes_past_one_bake_only() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    promote(&mut scene, false);
    assert_eq!(scene.look().actions, [raise(10, 100)]);
    scene.run_to_baking(1);
    assert_eq!(scene.look_after(10).actions, []);
    promote(&mut scene, false);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn promote_raises_nothing_that_a_look_forbids() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.healthy(SlotName::A, 1);
    promote(&mut scene, false);
    assert_eq!(scene.look().actions, [], "blue could not take it back");
    scene.healthy(SlotName::A, 2);
    assert_eq!(scene.look_after(5).actions, [raise(10, 100)]);
}

#[test]
fn promote_full_leaves_steps_out_and_keeps_the_last_bake() {
    let mut scene = Scene::with(|plan| {
        let mut middle = plan.steps[0].clone();
        middle.weight = super::percent(50);
        plan.steps.insert(1, middle);
    });
    scene.run_to_baking(0);
    promote(&mut scene, true);
    assert_eq!(scene.look().actions, [raise(10, 100)]);
    scene.run_to_baking(2);
    promote(&mut scene, true);
    let Phase::Baking { until, .. } = scene.deployment.phase else {
        panic!("it bakes");
    };
    assert!(until > scene.seen.now + SignedDuration::from_secs(200));
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look_after(60).actions, [ALL_BLUE]);
}

#[test]
fn promote_full_before_the_first_shift_goes_straight_to_the_last_step() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    promote(&mut scene, true);
    assert_eq!(scene.look().actions, [raise(0, 100)]);
}

#[test]
fn an_abort_beats_whatever_else_is_asked() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    let by = || "ada".to_owned();
    scene.seen.asks.push(Ask::GoOn {
        by: by(),
        full: true,
    });
    scene.abort();
    scene.seen.asks.push(Ask::Pause { by: by() });
    assert_eq!(scene.look().actions, [ALL_BLUE]);
    let trip = Trip::Aborted { by: by() };
    assert_eq!(scene.run_to_the_end(), Outcome::Reverted { trip });
}

#[test]
fn what_is_left_on_purpose_can_be_gone_on_with_where_it_was() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    let why = "--for 50m".to_owned();
    scene.seen.asks.push(Ask::Leave { why: why.clone() });
    assert_eq!(scene.look().actions, []);
    let kept = Outcome::Kept { signal: why };
    assert_eq!(scene.deployment.outcome(), Some(&kept));
    let left_at = scene.seen.now;
    scene.pass(LONG);
    scene.resume(left_at);
    let Phase::Baking { step: 0, until } = scene.deployment.phase else {
        panic!("{:?}", scene.deployment.phase);
    };
    let left = until.duration_since(scene.seen.now).as_secs();
    assert!((295..=300).contains(&left), "{left} s of 300 are left");
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_pause_outlasts_its_process() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    pause(&mut scene);
    let died_at = scene.seen.now;
    scene.pass(LONG);
    scene.resume(died_at);
    assert_eq!(scene.look_after(LONG).actions, []);
    promote(&mut scene, false);
    assert_eq!(scene.look().actions, [raise(10, 100)]);
}

#[test]
fn nothing_that_is_asked_after_promotion_changes_the_outcome() {
    let mut scene = Scene::new();
    scene.run_to_baking(1);
    scene.look_after(300);
    pause(&mut scene);
    promote(&mut scene, true);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn the_deadline_for_becoming_healthy_begins_anew() {
    let mut scene = Scene::new();
    scene.look();
    scene.look_after(1);
    scene.healthy(SlotName::B, 0);
    scene.look_after(1);
    let died_at = scene.seen.now;
    scene.pass(LONG);
    scene.resume(died_at);
    scene.look_after(1);
    assert_eq!(scene.trip(), None);
    scene.look_after(600);
    assert!(matches!(scene.trip(), Some(Trip::NotHealthyInTime { .. })));
}

#[test]
fn whoever_goes_on_is_on_record() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    let died_at = scene.seen.now;
    scene.resume(died_at);
    let resumed = |event: &Event| matches!(event, Event::Resumed { by, .. } if by == "grace");
    assert!(scene.events.iter().any(resumed));
}
