use super::Scene;
use super::scene::raise;
use crate::deployment::ids::{SlotName, TaskDefinitionArn};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{AlarmWeight, Kind};
use crate::deployment::trip::Trip;
use crate::judge::alarms::AlarmState;

/// A production that burns: blue has one healthy target of two, and the alarm was on before.
fn burning(kind: Kind) -> Scene {
    let mut scene = Scene::with(|plan| {
        plan.kind = kind;
        plan.guards.alarms[0].weight = AlarmWeight::LiftedAtStart;
    });
    scene.alarm(AlarmState::Alarm);
    scene.healthy(SlotName::A, 0);
    scene
}

fn hotfix() -> Kind {
    Kind::Hotfix {
        reason: "checkout is down".to_owned(),
    }
}

#[test]
fn a_burning_production_can_be_repaired_and_rolled_back() {
    for kind in [hotfix(), Kind::Rollback] {
        assert_eq!(burning(kind).run_to_the_end(), Outcome::Promoted);
    }
}

#[test]
fn the_demands_on_green_stay() {
    let mut scene = burning(hotfix());
    scene.run_to_ready();
    scene.healthy(SlotName::B, 1);
    assert_eq!(scene.look().actions, []);
    scene.healthy(SlotName::B, 2);
    assert_eq!(scene.look_after(5).actions, [raise(0, 10)]);
    scene.healthy(SlotName::B, 0);
    scene.look_after(5);
    assert!(matches!(
        scene.trip(),
        Some(Trip::TooFewHealthyTargets { .. })
    ));
}

#[test]
fn an_alarm_that_was_quiet_at_the_start_still_trips() {
    let mut scene = burning(hotfix());
    scene.deployment.plan.guards.alarms[0].weight = AlarmWeight::Guards;
    scene.alarm(AlarmState::Ok);
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    scene.look_after(5);
    assert!(matches!(scene.trip(), Some(Trip::Alarm { .. })));
}

#[test]
fn a_blue_that_somebody_repairs_meanwhile_is_no_drift_for_a_hotfix() {
    let mut scene = burning(hotfix());
    scene.run_to_baking(0);
    scene.service(SlotName::A).task_definition =
        TaskDefinitionArn::new("arn:task-definition/shop:6");
    scene.service(SlotName::A).desired = 1;
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}
