use super::Scene;
use super::scene::{ALL_BLUE, lost};
use crate::deployment::event::Event;
use crate::deployment::observation::Seen;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::trip::Trip;
use crate::judge::alarms::AlarmState;

fn lose_the_lock(scene: &mut Scene) {
    scene.seen.lock_lost_to = Some(lost(false));
}

#[test]
fn where_the_other_process_took_the_traffic_too_nothing_is_written_although_weights_look_the_same()
{
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.seen.lock_lost_to = Some(lost(true));
    assert_eq!(scene.look().actions, []);
    assert_eq!(scene.run_to_the_end(), taken_over());

    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.abort();
    scene.look();
    scene.weights(0, 90, 10);
    scene.seen.lock_lost_to = Some(lost(true));
    assert_eq!(scene.look().actions, []);
    assert_eq!(scene.run_to_the_end(), taken_over());
}

fn taken_over() -> Outcome {
    let by = "kim@build-7".to_owned();
    Outcome::Stuck {
        why: Stuck::TakenOver { by },
    }
}

#[test]
fn weights_as_this_deployment_set_them_are_put_back_and_green_is_left_alone() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    lose_the_lock(&mut scene);
    assert_eq!(scene.look().actions, [ALL_BLUE]);
    let to = "kim@build-7".to_owned();
    let trip = Trip::LockLost { to };
    assert_eq!(scene.run_to_the_end(), Outcome::Reverted { trip });
    assert!(!scene.events.contains(&Event::PuttingGreenAway));
}

#[test]
fn weights_that_another_process_set_are_left_to_it() {
    for (blue, green) in [(50, 50), (1, 0), (0, 1)] {
        let mut scene = Scene::new();
        scene.run_to_baking(0);
        scene.weights(1, blue, green);
        lose_the_lock(&mut scene);
        assert_eq!(scene.look().actions, []);
        assert_eq!(scene.run_to_the_end(), taken_over());
    }
}

#[test]
fn before_any_traffic_moved_nothing_is_written() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    lose_the_lock(&mut scene);
    assert_eq!(scene.look().actions, []);
    assert_eq!(scene.run_to_the_end(), taken_over());
}

#[test]
fn routes_that_cannot_be_read_are_left_to_the_other_process() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    for seen in scene.seen.routes.values_mut() {
        *seen = Seen::Unreadable("Rate exceeded".to_owned());
    }
    lose_the_lock(&mut scene);
    assert_eq!(scene.look().actions, []);
    assert_eq!(scene.run_to_the_end(), taken_over());
}

#[test]
fn an_alarm_does_not_make_it_write_over_the_other_process() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(0, 50, 50);
    scene.alarm(AlarmState::Alarm);
    lose_the_lock(&mut scene);
    assert_eq!(scene.look().actions, []);
    assert_eq!(scene.run_to_the_end(), taken_over());
}

#[test]
fn a_revert_under_way_goes_on_until_another_process_moves_traffic() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.unseen.insert(ALL_BLUE.name());
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look().actions, [ALL_BLUE]);
    lose_the_lock(&mut scene);
    assert_eq!(scene.look_after(1).actions, [ALL_BLUE]);
    scene.weights(0, 0, 1);
    assert_eq!(scene.look_after(1).actions, []);
    assert_eq!(scene.run_to_the_end(), taken_over());
}

#[test]
fn after_promotion_the_lock_takes_nothing_from_success() {
    let mut scene = Scene::new();
    scene.run_until(|deployment| {
        matches!(
            deployment.phase,
            crate::deployment::state::Phase::Promoted { .. }
        )
    });
    lose_the_lock(&mut scene);
    assert_eq!(scene.look().actions, []);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}
