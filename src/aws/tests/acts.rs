//! Acts, and their repeats.

use super::*;

const RESTORE: Action = Action::RestoreSettings {
    serving: SlotName::B,
};

#[tokio::test(start_paused = true)]
async fn green_is_registered_created_and_seen_to_become_healthy() {
    let scene = Scene::new();
    let task_definition = scene.register().await;
    assert_eq!(task_definition.short(), "shop:2");
    let provision = Action::ProvisionGreen {
        task_definition: task_definition.clone(),
    };
    scene.act(provision).await.unwrap();
    tokio::time::sleep(Duration::from_secs(180)).await;
    let seen = scene.observe().await;
    let green = seen.services.b.value().unwrap().as_ref().unwrap();
    assert_eq!(green.task_definition, task_definition);
    assert_eq!(
        (green.desired, green.running, green.pending, green.failed),
        (2, 2, 0, 0)
    );
    assert_eq!((green.rollout, green.deployments), (Rollout::Completed, 1));
    assert_eq!(green.deployment.as_ref(), Some(&scene.plan.id));
    for group in seen.groups.values() {
        assert_eq!(group.value().unwrap().healthy, 2);
    }
    let alarm = seen.alarms[&AlarmName::new("shop-b-5xx")].value().unwrap();
    assert_ne!(alarm.state, AlarmState::Alarm);
    assert_eq!(scene.splits().await, [green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_makes_no_second_revision_and_no_second_service() {
    let scene = Scene::new();
    let first = scene.register().await;
    assert_eq!(scene.register().await, first);
    let provision = Action::ProvisionGreen {
        task_definition: first,
    };
    scene.act(provision.clone()).await.unwrap();
    scene.calls();
    scene.act(provision).await.unwrap();
    let calls = scene.calls();
    assert_eq!(
        calls.into_iter().collect::<Vec<_>>(),
        [("DescribeServices".to_owned(), 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_write_is_found_out_by_the_repeat() {
    let scene = Scene::new();
    scene.fault(
        "RegisterTaskDefinition",
        FaultKind::ResetAfter,
        When::Nth(1),
    );
    scene.fault("CreateService", FaultKind::TimeoutAfter, When::Nth(1));
    let error = scene.act(Action::RegisterTaskDefinition).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Ambiguous);
    let task_definition = scene.register().await;
    assert_eq!(task_definition.short(), "shop:2");
    let provision = Action::ProvisionGreen { task_definition };
    let error = scene.act(provision.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::TimedOut);
    scene.act(provision).await.unwrap();
    let calls = scene.calls();
    assert_eq!(
        (calls["RegisterTaskDefinition"], calls["CreateService"]),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_green_that_exists_is_set_and_tagged() {
    let scene = Scene::new();
    scene.region.with_world(|world| {
        let idle = demo::service("shop-b", &scene.balancer.group_b, 0);
        ecs::handle(world, "CreateService", &idle).unwrap();
    });
    let task_definition = scene.register().await;
    let provision = Action::ProvisionGreen {
        task_definition: task_definition.clone(),
    };
    scene.act(provision).await.unwrap();
    let calls = scene.calls();
    assert_eq!((calls["UpdateService"], calls["TagResource"]), (1, 1));
    let seen = scene.observe().await;
    let green = seen.services.b.value().unwrap().as_ref().unwrap();
    assert_eq!(green.task_definition, task_definition);
    assert_eq!(
        (green.desired, green.deployment.as_ref()),
        (2, Some(&scene.plan.id))
    );
}

#[tokio::test(start_paused = true)]
async fn a_draining_green_is_a_conflict_that_passes() {
    let scene = Scene::new();
    let task_definition = scene.register().await;
    let provision = Action::ProvisionGreen { task_definition };
    scene.act(provision.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene
        .act(Action::Scale {
            slot: SlotName::B,
            desired: 0,
        })
        .await
        .unwrap();
    scene
        .act(Action::Delete { slot: SlotName::B })
        .await
        .unwrap();
    let error = scene.act(provision).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
}

#[tokio::test(start_paused = true)]
async fn failed_tasks_of_green_are_explained() {
    let scene = Scene::new();
    let body = demo::task_definition("shop:missing");
    let register = Action::RegisterTaskDefinition;
    let done = scene
        .cloud
        .perform(&scene.plan, &register, Some(&body))
        .await
        .unwrap();
    let Done::TaskDefinition(task_definition) = done else {
        panic!("{done:?}")
    };
    scene
        .act(Action::ProvisionGreen { task_definition })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(180)).await;
    let seen = scene.observe().await;
    let green = seen.services.b.value().unwrap().as_ref().unwrap();
    assert!(green.failed > 0);
    assert!(
        green.stopped[0].reason.contains("CannotPullContainerError"),
        "{green:?}"
    );
    assert!(green.stopped.len() <= 5);
}

#[tokio::test(start_paused = true)]
async fn settings_scale_tags_and_deletion_may_be_repeated() {
    let scene = Scene::new();
    let slot = SlotName::B;
    let absent = [
        Action::Scale { slot, desired: 0 },
        RESTORE,
        Action::Delete { slot },
        Action::Tag {
            slot,
            tags: [("x".to_owned(), None)].into(),
        },
    ];
    for action in absent {
        assert_eq!(
            scene.act(action.clone()).await,
            Ok(Done::Nothing),
            "{action:?}"
        );
    }
    let task_definition = scene.register().await;
    scene
        .act(Action::ProvisionGreen { task_definition })
        .await
        .unwrap();
    let described = async || {
        let names = [&scene.plan.slots.b.service];
        let found = scene
            .cloud
            .services(&scene.plan.cluster, &names)
            .await
            .unwrap();
        found.into_iter().next().flatten().unwrap()
    };
    let breaker = "/deploymentConfiguration/deploymentCircuitBreaker/rollback";
    assert_eq!(described().await.pointer(breaker), Some(&json!(false)));
    scene.act(RESTORE).await.unwrap();
    let restored = described().await;
    assert_eq!(restored.pointer(breaker), Some(&json!(true)));
    assert_eq!(restored["deployments"].as_array().unwrap().len(), 1);
    let tags = |value: Option<&str>| Action::Tag {
        slot,
        tags: [("bg:retire-at".to_owned(), value.map(str::to_owned))].into(),
    };
    let tag = async || {
        let service = described().await;
        crate::aws::ecs::tag(crate::aws::ecs::list(&service, "tags"), "bg:retire-at")
            .map(str::to_owned)
    };
    scene.act(tags(Some("2026-11-21T07:14:05Z"))).await.unwrap();
    assert_eq!(tag().await.as_deref(), Some("2026-11-21T07:14:05Z"));
    for _ in 0..2 {
        scene.act(tags(None)).await.unwrap();
        assert_eq!(tag().await, None);
    }
}
