use std::time::Duration;

use super::Scene;
use crate::deployment::action::Action;
use crate::deployment::event::Event;
use crate::deployment::observation::{RouteSeen, Seen};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Kind;
use crate::judge::alarms::AlarmState;

/// Sticky routes, from which an earlier revert took green's group out.
fn sticky() -> Scene {
    let mut scene = Scene::with(|plan| {
        for route in &mut plan.routes {
            route.sticky = Some(Duration::from_secs(3600));
        }
    });
    let plan = scene.plan().clone();
    for route in &plan.routes {
        let weights = [(route.groups[plan.blue].clone(), 1)].into();
        scene
            .seen
            .routes
            .insert(route.arn.clone(), Seen::Value(RouteSeen::of(weights)));
    }
    scene
}

#[test]
fn greens_group_is_put_back_into_the_routes_before_its_service_is_made() {
    let mut scene = sticky();
    scene.look();
    let decision = scene.look_after(1);
    assert_eq!(decision.actions, [Action::AddGreenToRoutes]);
    assert!(
        decision.events.contains(&Event::ProvisioningGreen),
        "the intent comes first"
    );
    assert!(matches!(
        scene.look_after(1).actions[..],
        [Action::ProvisionGreen { .. }]
    ));
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_revert_is_confirmed_although_greens_group_is_gone_from_the_action() {
    let mut scene = sticky();
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    let plan = scene.plan().clone();
    let green = &plan.routes[0].groups[plan.green_slot()];
    assert!(
        !scene.seen.routes[&plan.routes[0].arn]
            .value()
            .unwrap()
            .names(green)
    );
}

#[test]
fn nobody_stays_pinned_to_what_a_rollback_or_a_hotfix_leaves() {
    let hotfix = Kind::Hotfix {
        reason: "it burns".to_owned(),
    };
    for (kind, stays) in [
        (Kind::Deploy, true),
        (Kind::Rollback, false),
        (hotfix, false),
    ] {
        let mut scene = Scene::with(|plan| {
            plan.kind = kind.clone();
            for route in &mut plan.routes {
                route.sticky = Some(Duration::from_secs(3600));
            }
        });
        assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
        let plan = scene.plan().clone();
        for route in &plan.routes {
            let seen = scene.seen.routes[&route.arn].value().unwrap();
            assert_eq!(seen.names(&route.groups[plan.blue]), stays, "{kind:?}");
        }
    }
}
