use super::Scene;
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::{AlarmName, SlotName};
use crate::deployment::observation::Seen;
use crate::deployment::outcome::Outcome;
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;

#[test]
fn it_wakes_exactly_when_a_bake_ends() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    let Phase::Baking { until, .. } = scene.deployment.phase else {
        unreachable!()
    };
    scene.seen.now = until - jiff::SignedDuration::from_secs(3);
    assert_eq!(scene.look().wake_at, until);
}

#[test]
fn green_below_its_minimum_reverts_with_the_figures() {
    let mut scene = Scene::with(|plan| plan.desired = 4);
    scene.run_to_baking(0);
    scene.healthy(SlotName::B, 3);
    assert_eq!(scene.look_after(5).actions, [], "75% are enough");
    scene.healthy(SlotName::B, 2);
    scene.look_after(5);
    assert!(matches!(
        scene.trip(),
        Some(Trip::TooFewHealthyTargets {
            healthy: 2,
            needed: 3,
            ..
        })
    ));
}

#[test]
fn a_target_group_that_cannot_be_read_for_long_reverts() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    for target in scene.plan().slots[SlotName::B].targets.clone() {
        let hole = Seen::Unreadable("Rate exceeded".to_owned());
        scene.seen.groups.insert(target.group, hole);
    }
    for _ in 0..20 {
        scene.look_after(5);
    }
    assert_eq!(scene.trip(), None, "unreadable is not unhealthy");
    for _ in 0..10 {
        scene.look_after(5);
    }
    assert!(
        matches!(scene.trip(), Some(Trip::Blind { .. })),
        "and it is not healthy either"
    );
}

#[test]
fn a_look_that_fails_now_and_then_does_not_add_up_to_blindness() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    let readable = scene.seen.routes.clone();
    for round in 0..55 {
        scene.seen.routes = readable.clone();
        if round % 2 == 0 {
            for seen in scene.seen.routes.values_mut() {
                *seen = Seen::Unreadable("Rate exceeded".to_owned());
            }
        }
        scene.look_after(5);
    }
    assert_eq!(scene.trip(), None);
}

#[test]
fn promotion_names_blues_due_time_and_gives_green_its_settings_back() {
    let mut scene = Scene::new();
    scene.run_to_baking(1);
    let Phase::Baking { until, .. } = scene.deployment.phase else {
        unreachable!()
    };
    scene.seen.now = until;
    let decision = scene.look();
    let retire_at = scene.seen.now + jiff::SignedDuration::from_secs(600);
    assert_eq!(
        decision.events,
        [Event::Promoted {
            retire_at: Some(retire_at)
        }]
    );
    assert_eq!(
        decision.actions.last(),
        Some(&Action::RestoreSettings {
            serving: SlotName::B
        }),
        "its success ends it"
    );
    let tag = |slot| {
        decision.actions.iter().find_map(|action| match action {
            Action::Tag { slot: tagged, tags } if *tagged == slot => tags.get("bg:retire-at"),
            _ => None,
        })
    };
    let due = tag(SlotName::A).unwrap().as_deref();
    assert_eq!(due, Some(format!("{retire_at:.0} scale-to-zero").as_str()));
    assert_eq!(tag(SlotName::B), Some(&None), "green is not due any more");
}

#[test]
fn settings_that_cannot_be_restored_do_not_undo_success() {
    let mut scene = Scene::new();
    scene
        .failing
        .insert(ActName::RestoreSettings, FailureClass::Denied);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_dead_blue_keeps_no_good_green_from_success() {
    let mut scene = Scene::new();
    scene.run_to_baking(1);
    scene.healthy(SlotName::A, 0);
    let Phase::Baking { until, .. } = scene.deployment.phase else {
        unreachable!()
    };
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
    assert!(
        scene.seen.now < until + jiff::SignedDuration::from_secs(5),
        "nothing was waited for"
    );
    assert_eq!(
        scene.deployment.look.blue.healthy,
        Some(0),
        "it is on record"
    );
}

#[test]
fn an_ill_blue_still_keeps_green_from_getting_more() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.healthy(SlotName::A, 1);
    scene.look_after(301);
    assert!(matches!(
        scene.deployment.phase,
        Phase::Baking { step: 0, .. }
    ));
    assert!(scene.deployment.hold.is_some());
}

#[test]
fn promotion_waits_for_green_and_for_the_weights_that_were_set() {
    for spoil in [
        (|scene| scene.healthy(SlotName::B, 3)) as fn(&mut Scene),
        |scene| scene.weights(0, 1, 99),
        |scene| {
            let unreadable = Seen::Unreadable("Rate exceeded".to_owned());
            let alarm = AlarmName::new("shop-5xx");
            scene.seen.alarms.insert(alarm, unreadable);
        },
    ] {
        let mut scene = Scene::with(|plan| plan.desired = 4);
        scene.run_to_baking(1);
        spoil(&mut scene);
        scene.look_after(301);
        assert!(matches!(
            scene.deployment.phase,
            Phase::Baking { step: 1, .. }
        ));
        assert!(scene.deployment.hold.is_some());
    }
}
