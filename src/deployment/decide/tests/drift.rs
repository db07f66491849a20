use std::time::Duration;

use super::scene::ALL_BLUE;
use super::{Scene, percent};
use crate::deployment::action::ActName;
use crate::deployment::event::Event;
use crate::deployment::ids::{SlotName, TaskDefinitionArn};
use crate::deployment::observation::{CredentialsOver, Seen};
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::state::Phase;
use crate::deployment::trip::{Hold, Trip};
use crate::judge::alarms::AlarmState;

fn waited_for(outcome: Outcome) -> Vec<Hold> {
    match outcome {
        Outcome::Stuck {
            why: Stuck::PatienceOver { waited_for },
        } => waited_for,
        other => panic!("{other:?}"),
    }
}

#[test]
fn foreign_weights_are_held_at_named_and_left_alone() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(1, 50, 50);
    let holds = waited_for(scene.run_to_the_end());
    let expected = Hold::WeightDrift {
        route: "shop:8443".to_owned(),
        set: percent(10),
        seen: "50% green".to_owned(),
    };
    assert_eq!(holds, [expected]);
    assert!(!scene.deployment.plan.routes.is_empty());
    let still = scene.look_after(5);
    assert_eq!((still.events.len(), still.actions.len()), (0, 0));
}

#[test]
fn tasks_of_a_version_that_somebody_set_meanwhile_get_no_more_traffic() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    // It is set back, and those tasks, which the groups count as green's, still run.
    let service = scene.service(SlotName::B);
    (service.deployments, service.earlier, service.running) = (2, service.running, 0);
    scene.look_after(600);
    let held = scene.deployment.hold.as_ref().expect("a hold");
    assert_eq!(held.reasons, [Hold::StillReplacing]);
    assert_eq!(scene.deployment.set, percent(10));
    let service = scene.service(SlotName::B);
    (service.deployments, service.earlier, service.running) = (1, 0, service.earlier);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn tasks_of_another_version_are_not_promoted() {
    let mut scene = Scene::new();
    scene.run_until(|deployment| deployment.set == percent(100));
    let service = scene.service(SlotName::B);
    (service.deployments, service.earlier, service.running) = (2, service.running, 0);
    assert!(matches!(
        scene.run_to_the_end(),
        Outcome::Stuck { .. } | Outcome::Reverted { .. }
    ));
    assert!(
        !scene
            .events
            .iter()
            .any(|it| matches!(it, Event::Promoted { .. }))
    );
}

#[test]
fn drift_that_goes_away_is_forgotten() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(1, 50, 50);
    scene.look_after(60);
    assert!(scene.deployment.hold.is_some());
    scene.weights(1, 90, 10);
    scene.look_after(5);
    assert_eq!(scene.deployment.hold, None);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn all_traffic_back_on_blue_by_hand_is_an_abort() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(0, 1, 0);
    scene.weights(1, 1, 0);
    scene.look_after(1);
    assert!(
        matches!(scene.deployment.phase, Phase::Baking { .. }),
        "it may be a stale read"
    );
    let outcome = scene.run_to_the_end();
    let trip = Trip::SteppedInByHand { set: percent(10) };
    assert_eq!(outcome, Outcome::Reverted { trip });
}

#[test]
fn a_stale_read_of_the_weights_before_is_no_hand() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(0, 1, 0);
    scene.weights(1, 1, 0);
    scene.look_after(1);
    scene.weights(0, 90, 10);
    scene.weights(1, 90, 10);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_guard_that_trips_under_drift_still_writes_all_blue() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(0, 0, 100);
    scene.look_after(5);
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look_after(5).actions, [ALL_BLUE]);
}

#[test]
fn a_disturbed_shift_goes_back_once_green_can_not_be_read_for_long() {
    let mut scene = Scene::new();
    scene.run_until(|it| matches!(it.phase, Phase::Shifting { .. }));
    scene.weights(1, 50, 50);
    let green = scene.plan().green_slot();
    scene.seen.services[green] = Seen::Unreadable("connection reset".to_owned());
    scene.look();
    assert!(scene.deployment.blind_since.is_some());
    for _ in 0..13 {
        scene.look_after(10);
    }
    assert!(
        matches!(scene.trip(), Some(Trip::Blind { .. })),
        "{:?}",
        scene.trip()
    );
    assert!(
        scene
            .events
            .iter()
            .any(|it| matches!(it, Event::Reverting { .. }))
    );
}

#[test]
fn another_task_definition_on_green_is_drift() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.service(SlotName::B).task_definition =
        TaskDefinitionArn::new("arn:task-definition/shop:9");
    let holds = waited_for(scene.run_to_the_end());
    assert!(
        matches!(
            holds[..],
            [Hold::TaskDefinitionDrift {
                slot: SlotName::B,
                ..
            }]
        ),
        "{holds:?}"
    );
}

#[test]
fn a_smaller_blue_is_drift_and_a_larger_one_is_not() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.service(SlotName::A).desired = 1;
    let holds = waited_for(scene.run_to_the_end());
    assert!(
        matches!(
            holds[..],
            [Hold::ServiceDrift {
                slot: SlotName::A,
                ..
            }]
        ),
        "{holds:?}"
    );

    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.service(SlotName::A).desired = 9;
    scene.healthy(SlotName::B, 9);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn weights_moved_by_hand_before_the_first_shift_hold_it_back() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.weights(0, 50, 50);
    assert_eq!(scene.look().actions, []);
    let holds = waited_for(scene.run_to_the_end());
    assert!(matches!(holds[..], [Hold::WeightDrift { .. }]), "{holds:?}");
    assert!(
        !scene.events.contains(&Event::PuttingGreenAway),
        "green stays as it is"
    );
}

#[test]
fn weights_moved_by_hand_while_green_comes_up_outlast_its_deadline() {
    let mut scene = Scene::new();
    scene.healthy(SlotName::B, 0);
    scene.run_until(|deployment| deployment.green_touched);
    scene.look_after(590);
    scene.weights(0, 50, 50);
    scene.look_after(5);
    let deadline_passed = scene.look_after(60);
    assert_eq!(deadline_passed.actions, []);
    let holds = waited_for(scene.run_to_the_end());
    assert!(matches!(holds[..], [Hold::WeightDrift { .. }]), "{holds:?}");
}

#[test]
fn the_deadline_counts_again_when_the_drift_is_gone() {
    let mut scene = Scene::new();
    scene.healthy(SlotName::B, 0);
    scene.run_until(|deployment| deployment.green_touched);
    scene.look_after(590);
    scene.weights(0, 50, 50);
    scene.look_after(60);
    scene.weights(0, 1, 0);
    let outcome = scene.run_to_the_end();
    assert!(
        matches!(
            outcome,
            Outcome::Reverted {
                trip: Trip::NotHealthyInTime { .. }
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn a_guard_that_trips_under_drift_before_traffic_moved_writes_all_blue() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.weights(0, 50, 50);
    scene.look_after(5);
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look_after(5).actions, [ALL_BLUE]);
}

#[test]
fn green_is_not_emptied_while_a_hand_may_have_given_it_traffic_that_cannot_be_seen() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    let given = scene.seen.routes.clone();
    for seen in scene.seen.routes.values_mut() {
        *seen = Seen::Unreadable("connection reset".to_owned());
    }
    scene.abort();
    for _ in 0..20 {
        let actions = scene.look().actions;
        assert!(
            !actions.iter().any(|it| it.name() == ActName::Scale),
            "{actions:?}"
        );
        assert!(!scene.events.contains(&Event::TrafficReverted));
    }
    scene.seen.routes = given;
    scene.weights(0, 0, 100);
    assert_eq!(scene.look().actions, [ALL_BLUE]);
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    assert!(scene.events.contains(&Event::PuttingGreenAway));
}

#[test]
fn two_troubles_that_take_turns_use_up_patience_like_one() {
    let mut scene = Scene::with(|plan| plan.limits.patience = Duration::from_secs(60));
    scene.run_to_ready();
    let begun = scene.seen.now;
    for _ in 0..30 {
        scene.weights(0, 0, 100);
        scene.seen.credentials_over = None;
        scene.look_after(2);
        scene.look_after(0);
        scene.seen.credentials_over = Some(CredentialsOver {
            which: "the profile".to_owned(),
            why: "ExpiredToken".to_owned(),
            renew: "log in".to_owned(),
        });
        scene.look_after(2);
        if !matches!(scene.deployment.phase, Phase::Ready) {
            break;
        }
    }
    assert!(matches!(scene.trip(), Some(Trip::PatienceOver { .. })));
    let took = scene.seen.now.duration_since(begun).as_secs();
    assert!((60..80).contains(&took), "{took} s");
}

#[test]
fn patience_comes_back_while_nothing_holds() {
    let mut scene = Scene::with(|plan| plan.limits.patience = Duration::from_secs(60));
    scene.run_to_baking(0);
    for _ in 0..6 {
        scene.weights(0, 50, 50);
        scene.look_after(20);
        let set = u32::from(scene.deployment.set.per_mille());
        scene.weights(0, 1000 - set, set);
        scene.look_after(20);
        assert!(scene.deployment.outcome().is_none());
    }
}
