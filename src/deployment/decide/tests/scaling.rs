//! A service whose desired count autoscaling owns.

use super::Scene;
use super::scene::raise;
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::observation::OnInterrupt;
use crate::deployment::outcome::Outcome;
use crate::deployment::scaling::Scaling;
use crate::deployment::state::Phase;
use crate::judge::alarms::AlarmState;

/// Two tasks now, up to eight.
fn scene() -> Scene {
    Scene::with(|plan| {
        plan.scaling = Some(Scaling {
            min: 2,
            max: 8,
            ..Scaling::default()
        });
    })
}

fn green_gets(desired: u32) -> Action {
    let slot = SlotName::B;
    Action::Scale { slot, desired }
}

const PUT_BACK: Action = Action::RestoreSettings {
    serving: SlotName::A,
};

#[test]
fn green_gets_as_many_tasks_as_blue_has_by_now_before_it_gets_more_traffic() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.service(SlotName::A).desired = 5;
    scene.healthy(SlotName::A, 5);
    scene.pass(300);
    assert_eq!(scene.look().actions, [green_gets(5)]);
    let sizing = |scene: &Scene| {
        let sizes = scene.events.iter();
        sizes
            .filter(|it| matches!(it, Event::SizingGreen { .. }))
            .count()
    };
    assert_eq!(sizing(&scene), 1);
    assert_eq!(
        scene.look_after(5).actions,
        [],
        "its tasks are not healthy yet"
    );
    scene.healthy(SlotName::B, 5);
    assert_eq!(scene.look_after(5).actions, [raise(10, 100)]);
    assert_eq!(sizing(&scene), 1);
}

#[test]
fn green_that_somebody_keeps_small_is_not_fought_over_for_ever() {
    let mut scene = scene();
    scene.run_to_ready();
    scene.service(SlotName::A).desired = 5;
    scene.unseen.insert(ActName::Scale);
    scene.run_until(|deployment| matches!(deployment.phase, Phase::Reverting { .. }));
    let sizes = scene.events.iter();
    let sizes = sizes.filter(|it| matches!(it, Event::SizingGreen { .. }));
    assert_eq!(sizes.count(), 1, "what is repeated is not news");
}

#[test]
fn a_revert_lasts_until_autoscaling_is_put_back() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    let failing = FailureClass::Throttled;
    scene.failing.insert(ActName::RestoreSettings, failing);
    scene.run_until(|it| it.failure_of(ActName::RestoreSettings).is_some());
    for _ in 0..5 {
        scene.look_after(5);
    }
    assert!(!scene.events.contains(&Event::GreenPutAway));
    // What isn't asleep yet starts its tasks again.
    scene.service(SlotName::B).desired = 2;
    assert!(scene.look_after(5).actions.contains(&green_gets(0)));
    scene.failing.clear();
    assert!(scene.look_after(60).actions.contains(&PUT_BACK));
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn a_signal_puts_autoscaling_back_too() {
    let mut scene = scene();
    scene.run_to_baking(0);
    scene.signal(OnInterrupt::Revert);
    let mut acts = Vec::new();
    while scene.deployment.outcome().is_none() {
        acts.extend(scene.look_after(1).actions);
    }
    assert!(
        acts.contains(&PUT_BACK) && acts.contains(&green_gets(0)),
        "{acts:?}"
    );
}

#[test]
fn blue_gets_its_autoscaling_back_though_green_is_gone() {
    let mut scene = scene();
    scene.run_to_ready();
    scene.abort();
    scene.seen.services.b = crate::deployment::observation::Seen::Value(None);
    let mut acts = Vec::new();
    while scene.deployment.outcome().is_none() {
        acts.extend(scene.look_after(1).actions);
    }
    assert!(acts.contains(&PUT_BACK), "{acts:?}");
}
