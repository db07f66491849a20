use super::Scene;
use super::scene::{ALL_BLUE, raise};
use crate::deployment::event::Event;
use crate::deployment::ids::AlarmName;
use crate::deployment::observation::Seen;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::AlarmWeight;
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::judge::alarms::{AlarmState, InsufficientData};

#[test]
fn reverts_when_an_alarm_fires_while_baking() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    let decision = scene.look_after(5);
    assert_eq!(
        decision.actions,
        [ALL_BLUE],
        "in the very decision that it trips in"
    );
    let trip = Trip::Alarm {
        name: AlarmName::new("shop-5xx"),
        reason: "5 errors > 1".to_owned(),
    };
    assert!(
        decision
            .events
            .contains(&Event::Reverting { trip: trip.clone() })
    );
    scene.alarm(AlarmState::Ok);
    assert_eq!(
        scene.run_to_the_end(),
        Outcome::Reverted { trip },
        "an alarm's end changes nothing"
    );
}

#[test]
fn an_alarm_before_any_traffic_leaves_the_routes_alone() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look().actions, []);
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn missing_data_holds_nothing_back_before_there_can_be_any() {
    let mut scene = Scene::new();
    scene.run_to_ready();
    scene.alarm(AlarmState::InsufficientData);
    assert_eq!(scene.look().actions, [raise(0, 10)]);
}

#[test]
fn missing_data_while_green_has_traffic_follows_the_alarms_policy() {
    let after_the_bake = |policy| {
        let mut scene = Scene::with(|plan| plan.guards.alarms[0].insufficient_data = policy);
        scene.run_to_baking(0);
        scene.alarm(AlarmState::InsufficientData);
        scene.look_after(301);
        scene.deployment.phase
    };
    assert!(matches!(
        after_the_bake(InsufficientData::Ok),
        Phase::Shifting { step: 1, .. }
    ));
    assert!(matches!(
        after_the_bake(InsufficientData::Hold),
        Phase::Baking { step: 0, .. }
    ));
    assert!(matches!(
        after_the_bake(InsufficientData::Revert),
        Phase::Reverting { .. }
    ));
}

#[test]
fn an_alarm_that_cannot_be_read_holds_and_then_reverts() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    for seen in scene.seen.alarms.values_mut() {
        *seen = Seen::Unreadable("it was deleted".to_owned());
    }
    scene.look_after(301);
    assert!(scene.deployment.hold.is_some());
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
fn an_alarm_left_over_holds_the_first_shift_until_it_clears_and_guards_from_then_on() {
    let mut scene = Scene::with(|plan| {
        plan.guards.alarms[0].weight = AlarmWeight::GuardsOnceClear;
    });
    scene.alarm(AlarmState::Alarm);
    scene.run_to_ready();
    assert_eq!(scene.look().actions, []);
    assert!(scene.deployment.hold.is_some());
    scene.look_after(60);
    assert_eq!(scene.trip(), None);
    scene.alarm(AlarmState::Ok);
    assert_eq!(scene.look_after(5).actions, [raise(0, 10)]);
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    assert_eq!(scene.look_after(5).actions, [ALL_BLUE]);
    assert!(matches!(scene.trip(), Some(Trip::Alarm { .. })));
}

#[test]
fn an_alarm_left_over_that_never_clears_reverts_when_patience_ends() {
    let mut scene = Scene::with(|plan| {
        plan.guards.alarms[0].weight = AlarmWeight::GuardsOnceClear;
    });
    scene.alarm(AlarmState::Alarm);
    scene.run_to_the_end();
    assert!(matches!(scene.trip(), Some(Trip::PatienceOver { .. })));
}
