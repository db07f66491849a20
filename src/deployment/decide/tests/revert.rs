use super::Scene;
use super::scene::ALL_BLUE;
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::{DeploymentId, SlotName, TargetGroupArn};
use crate::deployment::observation::{OnInterrupt, Seen};
use crate::deployment::outcome::{Outcome, Stuck};
use crate::judge::alarms::AlarmState;
use crate::judge::targets::TargetCounts;

fn tripped() -> Scene {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    scene
}

#[test]
fn green_keeps_its_tasks_until_the_load_balancer_has_settled() {
    let mut scene = tripped();
    scene.look();
    scene.look_after(1);
    let back_at = scene.seen.now;
    assert!(scene.events.contains(&Event::TrafficReverted));
    scene.run_until(|deployment| {
        matches!(
            deployment.phase,
            crate::deployment::state::Phase::Reverting {
                putting_away_since: Some(_),
                ..
            }
        )
    });
    assert!(scene.seen.now.duration_since(back_at).as_secs() >= 10);
}

#[test]
fn a_write_that_fails_is_repeated_until_it_shows() {
    let mut scene = tripped();
    scene
        .failing
        .insert(ActName::Revert, FailureClass::Throttled);
    assert_eq!(scene.look().actions, [ALL_BLUE]);
    for _ in 0..10 {
        assert_eq!(scene.look_after(1).actions, [ALL_BLUE]);
    }
    scene.failing.clear();
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn a_revert_that_never_shows_ends_stuck_and_leaves_green_running() {
    let mut scene = tripped();
    scene.unseen.insert(ActName::Revert);
    let outcome = scene.run_to_the_end();
    assert!(matches!(
        outcome,
        Outcome::Stuck {
            why: Stuck::RevertNotConfirmed { .. }
        }
    ));
    assert_eq!(scene.service(SlotName::B).desired, 2);
}

#[test]
fn routes_that_cannot_be_read_at_the_end_are_not_called_reverted() {
    let mut scene = tripped();
    scene.look();
    scene.look_after(1);
    for seen in scene.seen.routes.values_mut() {
        *seen = Seen::Unreadable("Rate exceeded".to_owned());
    }
    let outcome = scene.run_to_the_end();
    assert!(matches!(
        outcome,
        Outcome::Stuck {
            why: Stuck::RevertNotConfirmed { .. }
        }
    ));
}

#[test]
fn traffic_that_comes_back_to_green_is_put_back_before_green_goes() {
    let mut scene = tripped();
    scene.look();
    scene.look_after(1);
    scene.weights(0, 50, 50);
    assert_eq!(scene.look_after(20).actions, [ALL_BLUE]);
    assert_eq!(scene.service(SlotName::B).desired, 2);
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn an_empty_blue_is_no_place_to_go_back_to() {
    let mut scene = tripped();
    scene.healthy(SlotName::A, 0);
    assert_eq!(scene.look().actions, []);
    let outcome = scene.run_to_the_end();
    assert!(
        matches!(
            outcome,
            Outcome::Stuck {
                why: Stuck::BlueIsDown { .. }
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn a_blue_that_recovers_gets_its_traffic_back() {
    let mut scene = tripped();
    scene.healthy(SlotName::A, 0);
    scene.look();
    scene.look_after(5);
    scene.healthy(SlotName::A, 1);
    assert_eq!(scene.look_after(1).actions, [ALL_BLUE]);
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn blue_gets_everything_when_neither_side_is_well() {
    let mut scene = tripped();
    scene.healthy(SlotName::A, 0);
    scene.healthy(SlotName::B, 0);
    assert_eq!(scene.look().actions, [ALL_BLUE]);
}

#[test]
fn green_that_cannot_be_scaled_down_ends_stuck() {
    let mut scene = tripped();
    scene.failing.insert(ActName::Scale, FailureClass::Denied);
    let outcome = scene.run_to_the_end();
    assert!(
        matches!(
            outcome,
            Outcome::Stuck {
                why: Stuck::GreenNotPutAway { .. }
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn a_green_that_cannot_be_put_away_is_tried_again_with_growing_waits() {
    let mut scene = tripped();
    scene.failing.insert(ActName::Scale, FailureClass::Denied);
    scene
        .failing
        .insert(ActName::RestoreSettings, FailureClass::Denied);
    scene.run_to_the_end();
    let failures = |act| {
        let failed =
            |event: &&Event| matches!(event, Event::ActFailed { act: it, .. } if *it == act);
        scene.events.iter().filter(failed).count()
    };
    for act in [ActName::Scale, ActName::RestoreSettings] {
        let tries = failures(act);
        assert!((15..=30).contains(&tries), "{tries} in ten minutes");
    }
}

#[test]
fn in_haste_green_is_put_away_without_waits() {
    let mut scene = tripped();
    scene.signal(OnInterrupt::Revert);
    scene.look();
    scene
        .failing
        .insert(ActName::Scale, FailureClass::Throttled);
    scene.run_until(|deployment| !deployment.failures.is_empty());
    scene.failing.clear();
    scene.look_after(1);
    assert_eq!(scene.service(SlotName::B).desired, 0);
}

#[test]
fn only_green_is_put_away() {
    let mut scene = tripped();
    let mut scaled = Vec::new();
    while scene.deployment.outcome().is_none() {
        let decision = scene.look();
        scaled.extend(
            decision
                .actions
                .into_iter()
                .filter(|a| matches!(a, Action::Scale { .. })),
        );
        scene.seen.now = decision.wake_at.max(scene.seen.now);
    }
    assert_eq!(
        scaled,
        [Action::Scale {
            slot: SlotName::B,
            desired: 0
        }]
    );
    assert_eq!(scene.service(SlotName::A).desired, 2);
}

#[test]
fn one_failing_port_of_blue_keeps_no_traffic_on_a_bad_green() {
    let mut scene = Scene::with(|plan| {
        for slot in SlotName::BOTH {
            let mut admin = plan.slots[slot].targets[0].clone();
            admin.group = TargetGroupArn::new(format!("arn:targetgroup/admin-{slot}/1"));
            plan.slots[slot].targets.push(admin);
        }
    });
    scene.run_to_baking(0);
    let admin = scene.plan().slots.a.targets[1].group.clone();
    scene.healthy(SlotName::B, 2);
    scene
        .seen
        .groups
        .insert(admin, Seen::Value(TargetCounts::default()));
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look().actions, [ALL_BLUE]);
}

#[test]
fn a_green_that_a_later_deployment_took_is_not_scaled_down() {
    let mut scene = tripped();
    scene.look();
    scene.service(SlotName::B).deployment = Some(DeploymentId::new("20261121-081405-zzzz"));
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    assert_eq!(scene.service(SlotName::B).desired, 2);
}
