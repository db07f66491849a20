use super::{Scene, scene::raise};
use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::observation::Seen;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::state::Phase;
use crate::deployment::trip::{Hold, Trip};

#[test]
fn a_good_version_goes_up_the_ladder_and_is_promoted() {
    let mut scene = Scene::new();
    let began = scene.seen.now;
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
    let steps: Vec<usize> = scene
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Baking { step, .. } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [0, 1]);
    let took = scene.seen.now.duration_since(began).as_secs();
    assert!(
        (630..=640).contains(&took),
        "30 s healthy, two bakes, a few looks: {took}"
    );
}

#[test]
fn nothing_is_raised_while_green_or_blue_could_not_serve() {
    for slot in SlotName::BOTH {
        let mut scene = Scene::new();
        scene.run_to_ready();
        scene.healthy(slot, 1);
        assert_eq!(
            scene.look().actions,
            [],
            "slot {slot} has one healthy target of two"
        );
        scene.healthy(slot, 2);
        assert_eq!(scene.look_after(5).actions, [raise(0, 10)]);
    }
}

#[test]
fn nothing_is_raised_on_a_look_with_a_hole_in_it() {
    let hole = || "Rate exceeded".to_owned();
    let mut scene = Scene::new();
    scene.run_to_ready();
    let whole = scene.seen.clone();
    for slot in SlotName::BOTH {
        scene.seen.services[slot] = Seen::Unreadable(hole());
        assert_eq!(scene.look().actions, []);
        scene.seen = whole.clone();
    }
    for group in whole.groups.keys() {
        scene
            .seen
            .groups
            .insert(group.clone(), Seen::Unreadable(hole()));
        assert_eq!(scene.look().actions, []);
        scene.seen = whole.clone();
    }
    for route in whole.routes.keys() {
        scene
            .seen
            .routes
            .insert(route.clone(), Seen::Unreadable(hole()));
        assert_eq!(scene.look().actions, []);
        scene.seen = whole.clone();
    }
    for alarm in whole.alarms.keys() {
        scene
            .seen
            .alarms
            .insert(alarm.clone(), Seen::Unreadable(hole()));
        assert_eq!(scene.look().actions, []);
        scene.seen = whole.clone();
    }
    assert_eq!(scene.look().actions, [raise(0, 10)]);
}

#[test]
fn a_shift_is_over_only_when_every_route_shows_it() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.look();
    scene.weights(1, 1, 0);
    scene.look_after(1);
    assert!(matches!(scene.deployment.phase, Phase::Shifting { .. }));
    scene.weights(1, 90, 10);
    scene.look_after(1);
    assert!(matches!(
        scene.deployment.phase,
        Phase::Baking { step: 0, .. }
    ));
}

#[test]
fn a_shift_that_does_not_show_is_written_again_and_then_taken_back() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.unseen.insert(ActName::Shift);
    let mut writes = 0;
    for _ in 0..60 {
        writes += usize::from(scene.look().actions == [raise(0, 10)]);
        scene.pass(1);
    }
    assert!(writes > 1);
    scene.look_after(1);
    assert!(matches!(
        scene.trip(),
        Some(Trip::Refused {
            act: ActName::Shift,
            ..
        })
    ));
}

#[test]
fn a_shift_is_not_written_again_once_green_is_unwell() {
    let mut scene = Scene::with(|plan| plan.desired = 4);
    scene.run_to_ready();
    scene
        .failing
        .insert(ActName::Shift, FailureClass::Throttled);
    scene.look();
    scene.healthy(SlotName::B, 3);
    for _ in 0..30 {
        assert_eq!(scene.look_after(1).actions, []);
    }
}

#[test]
fn a_hold_before_traffic_reverts_when_patience_ends() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.healthy(SlotName::A, 1);
    let outcome = scene.run_to_the_end();
    assert!(
        matches!(
            outcome,
            Outcome::Reverted {
                trip: Trip::PatienceOver { .. }
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn blue_that_could_not_take_everything_back_is_a_persons_business_in_mid_shift() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.healthy(SlotName::A, 1);
    let outcome = scene.run_to_the_end();
    let Outcome::Stuck {
        why: Stuck::PatienceOver { waited_for },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(matches!(
        waited_for[..],
        [Hold::BlueNotReady {
            healthy: 1,
            needed: 2,
            ..
        }]
    ));
}
