use super::Scene;
use super::scene::ALL_BLUE;
use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::observation::OnInterrupt;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::trip::Trip;

#[test]
fn a_signal_puts_traffic_back_in_the_same_decision_and_is_done_in_six_seconds() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.signal(OnInterrupt::Revert);
    let began = scene.seen.now;
    assert_eq!(scene.look().actions, [ALL_BLUE]);
    let trip = Trip::Interrupted {
        signal: "SIGINT".to_owned(),
    };
    assert_eq!(scene.run_to_the_end(), Outcome::Reverted { trip });
    assert!(scene.seen.now.duration_since(began).as_secs() <= 6);
    assert_eq!(scene.service(SlotName::B).desired, 0);
}

#[test]
fn a_signal_is_answered_in_time_even_when_aws_is_not_there() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.failing.insert(ActName::Revert, FailureClass::NotSent);
    scene.signal(OnInterrupt::Revert);
    let began = scene.seen.now;
    let outcome = scene.run_to_the_end();
    assert!(matches!(
        outcome,
        Outcome::Stuck {
            why: Stuck::RevertNotConfirmed { .. }
        }
    ));
    assert!(scene.seen.now.duration_since(began).as_secs() <= 6);
}

#[test]
fn a_second_signal_hastens_a_revert() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.abort();
    scene.look();
    scene.look_after(1);
    scene.signal(OnInterrupt::Revert);
    let began = scene.seen.now;
    assert!(
        scene
            .look_after(1)
            .events
            .iter()
            .any(|e| matches!(e, Event::Hurrying { .. }))
    );
    assert!(matches!(
        scene.run_to_the_end(),
        Outcome::Reverted {
            trip: Trip::Aborted { .. }
        }
    ));
    assert!(scene.seen.now.duration_since(began).as_secs() <= 6);
}

#[test]
fn a_signal_beside_an_abort_is_not_lost() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.abort();
    scene.signal(OnInterrupt::Revert);
    assert!(
        scene
            .look()
            .events
            .iter()
            .any(|event| matches!(event, Event::Hurrying { .. }))
    );

    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.abort();
    scene.look();
    scene.abort();
    scene.signal(OnInterrupt::Revert);
    assert!(
        scene
            .look_after(1)
            .events
            .iter()
            .any(|e| matches!(e, Event::Hurrying { .. }))
    );
}

#[test]
fn keep_leaves_everything_as_it_is() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.signal(OnInterrupt::Keep);
    let decision = scene.look();
    assert_eq!(decision.actions, []);
    let signal = "SIGINT".to_owned();
    assert_eq!(scene.deployment.outcome(), Some(&Outcome::Kept { signal }));
}

#[test]
fn no_signal_reverts_after_promotion() {
    let mut scene = Scene::new();
    scene.run_to_baking(1);
    scene.look_after(300);
    scene.signal(OnInterrupt::Revert);
    scene.abort();
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}
