//! A green that grows with its weight.

use std::time::Duration;

use super::scene::{ALL_BLUE, raise};
use super::{Scene, percent};
use crate::deployment::action::{ActName, Action};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{GreenCapacity, StepPlan};
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::judge::alarms::AlarmState;
use crate::judge::targets::Share;

/// Eight tasks at last: one at 10 %, four at 50 %.
fn scene() -> Scene {
    Scene::with(|plan| {
        plan.desired = 8;
        plan.green_capacity = GreenCapacity::Proportional;
        let bake = Duration::from_secs(300);
        plan.steps = [10, 50, 100]
            .map(|weight| StepPlan::new(percent(weight), bake))
            .to_vec();
    })
}

fn green_gets(desired: u32) -> Action {
    let slot = SlotName::B;
    Action::Scale { slot, desired }
}

#[test]
fn it_has_its_tasks_before_it_has_their_traffic() {
    let mut scene = scene();
    scene.healthy(SlotName::B, 1);
    scene.run_to_baking(0);
    assert_eq!(scene.service(SlotName::B).desired, 1);
    for (tasks, to, from) in [(4, 50, 10), (8, 100, 50)] {
        scene.pass(300);
        assert_eq!(scene.look().actions, [green_gets(tasks)]);
        assert_eq!(scene.look_after(30).actions, [], "they only start");
        scene.healthy(SlotName::B, tasks - 1);
        assert_eq!(scene.look_after(30).actions, [], "one is missing");
        scene.healthy(SlotName::B, tasks);
        assert_eq!(scene.look_after(5).actions, [raise(from, to)]);
        scene.look_after(1);
    }
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
    assert!(
        !scene
            .events
            .iter()
            .any(|it| matches!(it, Event::Reverting { .. }))
    );
}

#[test]
fn fewer_healthy_targets_that_are_enough_are_no_reason_to_start_fewer_tasks() {
    let mut scene = scene();
    scene.deployment.plan.guards.ready = Share::of_percent(50).unwrap();
    scene.run_to_baking(0);
    scene.healthy(SlotName::B, 2);
    scene.pass(300);
    assert_eq!(
        scene.look().actions,
        [green_gets(4)],
        "two are half of them"
    );
    assert_eq!(scene.look_after(5).actions, [raise(10, 50)]);
}

#[test]
fn a_blue_that_somebody_gives_more_tasks_takes_green_with_it() {
    let mut scene = scene();
    scene.deployment.plan.green_capacity = GreenCapacity::Full;
    scene.run_to_baking(0);
    scene.service(SlotName::A).desired = 12;
    scene.pass(300);
    assert_eq!(scene.look().actions, [green_gets(12)]);
    scene.healthy(SlotName::B, 12);
    assert_eq!(scene.look_after(30).actions, [raise(10, 50)]);
}

#[test]
fn who_goes_straight_to_everything_waits_for_everything() {
    let mut scene = scene();
    scene.healthy(SlotName::B, 1);
    scene.run_to_baking(0);
    scene
        .seen
        .asks
        .push(crate::deployment::observation::Ask::GoOn {
            by: "ada".to_owned(),
            full: true,
        });
    scene.look();
    assert_eq!(scene.look_after(1).actions, [green_gets(8)]);
    scene.healthy(SlotName::B, 8);
    assert_eq!(scene.look_after(5).actions, [raise(10, 100)]);
}

#[test]
fn a_revert_waits_for_no_task_of_green_s() {
    let mut scene = scene();
    scene.healthy(SlotName::B, 1);
    scene.run_to_baking(0);
    scene.pass(300);
    assert_eq!(scene.look().actions, [green_gets(4)]);
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look_after(1).actions, [ALL_BLUE]);
}

#[test]
fn tasks_that_never_come_are_not_waited_for_for_ever() {
    let mut scene = scene();
    scene.healthy(SlotName::B, 1);
    scene.unseen.insert(ActName::Scale);
    scene.run_until(|deployment| matches!(deployment.phase, Phase::Reverting { .. }));
    let trip = scene.trip();
    assert!(matches!(trip, Some(Trip::PatienceOver { .. })), "{trip:?}");
    let sizes = scene.events.iter();
    let sizes = sizes.filter(|it| matches!(it, Event::SizingGreen { .. }));
    assert_eq!(sizes.count(), 1);
}

#[test]
fn losing_a_part_of_a_small_green_trips_as_it_would_of_a_large_one() {
    let mut scene = scene();
    scene.healthy(SlotName::B, 4);
    scene.run_to_baking(1);
    assert_eq!(scene.look_after(5).actions, []);
    scene.healthy(SlotName::B, 2);
    assert_eq!(scene.look_after(5).actions, [ALL_BLUE]);
    assert!(matches!(
        scene.trip(),
        Some(Trip::TooFewHealthyTargets { needed: 3, .. })
    ));
}
