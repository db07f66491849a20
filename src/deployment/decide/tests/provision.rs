use super::Scene;
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::{SlotName, TaskDefinitionArn};
use crate::deployment::observation::{Rollout, Seen};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::NewTaskDefinition;
use crate::deployment::state::{Deployment, Phase};
use crate::deployment::trip::{Hold, Trip};

#[test]
fn registers_then_provisions_then_waits_for_the_healthy_time() {
    let mut scene = Scene::new();
    assert_eq!(scene.look().actions, [Action::RegisterTaskDefinition]);
    let task_definition = TaskDefinitionArn::new("arn:task-definition/shop:8");
    assert_eq!(
        scene.look_after(1).actions,
        [Action::ProvisionGreen { task_definition }]
    );
    let began = scene.seen.now;
    scene.run_to_ready();
    assert_eq!(scene.seen.now.duration_since(began).as_secs(), 30);
}

#[test]
fn tasks_of_before_are_waited_for_until_they_drain() {
    let mut scene = Scene::new();
    let is_there = |deployment: &Deployment| {
        let Phase::Provisioning { provisioned_at, .. } = deployment.phase else {
            return false;
        };
        provisioned_at.is_some()
    };
    scene.run_until(is_there);
    scene.service(SlotName::B).deployments = 2;
    let running = scene.service(SlotName::B).running;
    let healthy = |scene: &Scene| scene.events.contains(&Event::GreenHealthy);
    // The new ones run and are not registered yet: what is healthy are the earlier ones.
    for (earlier, registered) in [(running, running), (0, running + 1)] {
        scene.service(SlotName::B).earlier = earlier;
        scene.healthy(SlotName::B, registered);
        scene.look_after(5);
        assert!(scene.deployment.look.green.replacing);
        assert!(!healthy(&scene));
    }
    // ECS lists their deployment for as long as they drain, and nothing asks them any more.
    scene.healthy(SlotName::B, running);
    scene.look_after(5);
    assert!(healthy(&scene));
}

/// Green runs beside as many earlier tasks: how many, and how many seconds it has in all.
fn beside_earlier_tasks() -> (Scene, u32, i64) {
    let mut scene = Scene::new();
    scene.run_until(|deployment| deployment.green_touched);
    scene.look_after(5);
    let service = scene.service(SlotName::B);
    (service.deployments, service.earlier) = (2, service.running);
    let running = service.running;
    let limit = scene.deployment.plan.limits.healthy_within.as_secs() as i64;
    (scene, running, limit)
}

#[test]
fn earlier_tasks_that_take_long_to_go_get_the_time_to_drain() {
    let (mut scene, _, limit) = beside_earlier_tasks();
    scene.look_after(limit + 10);
    assert!(scene.trip().is_none(), "300 seconds more are theirs");
    scene.look_after(400);
    let waited_for = vec![Hold::StillReplacing];
    assert_eq!(scene.trip(), Some(&Trip::PatienceOver { waited_for }));
}

#[test]
fn a_bad_version_gets_no_more_time_for_its_earlier_tasks() {
    let (mut scene, running, limit) = beside_earlier_tasks();
    scene.healthy(SlotName::B, running);
    scene.unhealthy(SlotName::B, running, "GET / answers 404");
    scene.look_after(limit + 10);
    let Some(Trip::NotHealthyInTime {
        healthy,
        target_reason,
        ..
    }) = scene.trip()
    else {
        panic!("{:?}", scene.trip());
    };
    assert_eq!(*healthy, 0, "those that are belong to another version");
    assert_eq!(target_reason.as_deref(), Some("GET / answers 404"));
}

#[test]
fn a_look_that_sees_nothing_takes_no_time_from_earlier_tasks() {
    let (mut scene, _, limit) = beside_earlier_tasks();
    scene.look_after(limit + 10);
    let seen = scene.seen.services.b.clone();
    scene.seen.services.b = Seen::Unreadable("Rate exceeded".to_owned());
    scene.look_after(10);
    assert!(scene.trip().is_none(), "{:?}", scene.trip());
    scene.seen.services.b = seen;
    scene.look_after(10);
    assert!(scene.trip().is_none(), "{:?}", scene.trip());
}

#[test]
fn a_revision_that_exists_is_not_registered() {
    let arn = TaskDefinitionArn::new("arn:task-definition/shop:3");
    let existing = NewTaskDefinition::Existing { arn: arn.clone() };
    let mut scene = Scene::with(|plan| plan.task_definition = existing);
    assert_eq!(scene.look().actions, []);
    assert_eq!(
        scene.look().actions,
        [Action::ProvisionGreen {
            task_definition: arn
        }]
    );
}

#[test]
fn an_act_that_may_have_happened_is_looked_for_before_it_is_repeated() {
    let mut scene = Scene::new();
    scene.look();
    scene
        .failing
        .insert(ActName::ProvisionGreen, FailureClass::Ambiguous);
    scene.look_after(1);
    scene.failing.clear();
    let again = scene.look_after(5);
    assert_eq!(again.actions.len(), 1, "it did not happen: again");
    scene.run_to_ready();

    let mut scene = Scene::new();
    scene.run_until(|deployment| matches!(deployment.phase, Phase::Provisioning { .. }));
    scene.look();
    let task_definition = scene.deployment.task_definition.clone().unwrap();
    scene.deployment.phase = Phase::Provisioning {
        since: scene.seen.now,
        provisioned_at: None,
        healthy_since: None,
    };
    let seen = scene.look_after(5);
    assert!(
        !seen
            .actions
            .contains(&Action::ProvisionGreen { task_definition }),
        "it did happen"
    );
    assert!(seen.events.contains(&Event::GreenProvisioned));
}

#[test]
fn green_that_is_not_healthy_in_time_is_put_away_without_a_word_to_the_routes() {
    let mut scene = Scene::new();
    scene.healthy(SlotName::B, 1);
    let outcome = scene.run_to_the_end();
    let Outcome::Reverted {
        trip:
            Trip::NotHealthyInTime {
                running,
                healthy,
                desired,
                target_reason,
                ..
            },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!((running, healthy, desired), (2, 1, 2));
    assert_eq!(target_reason.as_deref(), Some("fail their health check"));
    assert_eq!(scene.service(SlotName::B).desired, 0);
    assert!(!scene.events.contains(&Event::TrafficReverted) || !scene.deployment.traffic_touched);
}

#[test]
fn green_must_stay_healthy_for_the_whole_time() {
    let mut scene = Scene::new();
    scene.look();
    scene.look_after(1);
    scene.look_after(1);
    scene.healthy(SlotName::B, 1);
    assert!(
        scene
            .look_after(20)
            .events
            .iter()
            .any(|e| matches!(e, Event::GreenUnhealthy { .. }))
    );
    scene.healthy(SlotName::B, 2);
    scene.look_after(1);
    let healthy_again = scene.seen.now;
    scene.run_to_ready();
    assert_eq!(scene.seen.now.duration_since(healthy_again).as_secs(), 30);
}

#[test]
fn a_crash_loop_reverts_before_the_deadline_with_its_count() {
    let mut scene = Scene::new();
    scene.healthy(SlotName::B, 0);
    scene.look();
    scene.look_after(1);
    scene.service(SlotName::B).failed = 2;
    assert_eq!(scene.look_after(5).actions, []);
    scene.service(SlotName::B).failed = 3;
    scene.look_after(5);
    assert!(matches!(
        scene.trip(),
        Some(Trip::CrashLoop {
            failed: 3,
            limit: 2,
            ..
        })
    ));
}

#[test]
fn the_idle_slots_last_failures_are_not_held_against_the_new_version() {
    let arn = TaskDefinitionArn::new("arn:task-definition/shop:7");
    let mut scene = Scene::with(|plan| {
        plan.task_definition = NewTaskDefinition::Existing { arn };
    });
    let mut idle = scene.service(SlotName::A).clone();
    (idle.desired, idle.running, idle.failed) = (0, 0, 12);
    idle.rollout = Rollout::Failed;
    scene.seen.services[SlotName::B] = Seen::Value(Some(idle));
    scene.unseen.insert(ActName::ProvisionGreen);
    scene.look();
    scene.look_after(1);
    scene.look_after(1);
    assert_eq!(scene.trip(), None, "it shows the service as it was");
    scene.unseen.clear();
    scene.look_after(40);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_refused_act_ends_at_once_and_a_throttled_one_is_tried_again_with_growing_waits() {
    let mut scene = Scene::new();
    scene.look();
    scene
        .failing
        .insert(ActName::ProvisionGreen, FailureClass::Denied);
    scene.look_after(1);
    scene.look_after(1);
    assert!(matches!(
        scene.trip(),
        Some(Trip::Refused {
            act: ActName::ProvisionGreen,
            ..
        })
    ));

    let mut scene = Scene::new();
    scene
        .failing
        .insert(ActName::RegisterTaskDefinition, FailureClass::Throttled);
    let mut tries = Vec::new();
    for second in 0..40 {
        if scene.look_after(1).actions == [Action::RegisterTaskDefinition] {
            tries.push(second);
        }
    }
    assert_eq!(tries, [0, 2, 6, 14, 30]);
    scene.failing.clear();
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_service_that_could_not_even_be_created_needs_no_putting_away() {
    let mut scene = Scene::new();
    scene
        .failing
        .insert(ActName::ProvisionGreen, FailureClass::Denied);
    scene
        .failing
        .insert(ActName::RestoreSettings, FailureClass::Invalid);
    scene.failing.insert(ActName::Scale, FailureClass::Invalid);
    let began = scene.seen.now;
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
    assert!(scene.seen.now.duration_since(began).as_secs() < 30);
}

#[test]
fn more_tasks_than_asked_for_are_no_reason_to_wait() {
    let mut scene = Scene::new();
    scene.look();
    scene.look_after(1);
    let green = scene.service(SlotName::B);
    (green.desired, green.running) = (3, 3);
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_registering_without_an_answer_is_not_repeated_before_it_would_be_listed() {
    let mut scene = Scene::new();
    let act = ActName::RegisterTaskDefinition;
    scene.failing.insert(act, FailureClass::Ambiguous);
    scene.look();
    for _ in 0..14 {
        assert_eq!(scene.look_after(1).actions, []);
    }
    scene.failing.clear();
    let decision = scene.look_after(1);
    assert_eq!(decision.actions, [Action::RegisterTaskDefinition]);
}
