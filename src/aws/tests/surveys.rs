//! What a survey finds.

use super::*;
use crate::deployment::retire::{Due, RetireStep, Retirement, decide};

#[tokio::test(start_paused = true)]
async fn a_survey_finds_what_is_there_and_what_is_not() {
    let scene = Scene::new().with_rule(Some(600));
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    assert_eq!(
        (found.account.as_str(), found.region.as_str()),
        ("123456789012", "eu-west-1")
    );
    assert!(found.cluster_exists);
    assert!(found.services.a.is_some() && found.services.b.is_none());
    assert_eq!(found.service_names, ["shop"]);
    let group = found.groups["shop-a"].as_ref().unwrap();
    assert_eq!(group.arn.as_str(), scene.balancer.group_a);
    assert_eq!(
        group.load_balancer.as_ref().unwrap().as_str(),
        scene.balancer.arn
    );
    assert_eq!(group.deregistration_delay, Duration::from_secs(60));
    assert_eq!(group.healthy_after, Duration::from_secs(20));
    assert_eq!(found.healthy[&group.arn], 2);
    let labels: Vec<String> = found.forwards.iter().map(Forward::label).collect();
    assert_eq!(labels, ["shop:80", "shop:80 /api/*"]);
    assert_eq!(found.forwards[0].weights.values().sum::<u32>(), 100);
    assert_eq!(found.forwards[1].sticky, Some(Duration::from_secs(600)));
    let definitions: Vec<&str> = found
        .task_definitions
        .keys()
        .map(TaskDefinitionArn::short)
        .collect();
    assert_eq!(definitions, ["shop:1"]);
    let alarm = found.alarms[&AlarmName::new("shop-a-5xx")]
        .as_ref()
        .unwrap();
    assert_eq!(alarm.notices_after, Some(Duration::from_secs(180)));
    assert_eq!(alarm.metric.as_deref(), Some("HTTPCode_Target_5XX_Count"));
    assert_eq!(found.alarms[&AlarmName::new("nobody")], None);
    assert_eq!(found.scaling, Seen::Value(Slots::default()));
    assert!(
        found.running_digests["app"].starts_with("sha256:"),
        "{:?}",
        found.running_digests
    );
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[tokio::test(start_paused = true)]
async fn a_survey_of_a_wrong_cluster_names_the_right_ones() {
    let scene = Scene::new();
    let mut ask = scene.ask();
    ask.cluster = ClusterName::new("prod");
    ask.groups = vec!["shop-x".to_owned()];
    ask.definition = Some("shop:99".to_owned());
    let found = scene.cloud.survey(&ask, scene.region.now()).await.unwrap();
    assert!(!found.cluster_exists);
    assert_eq!(found.clusters, ["demo"]);
    assert_eq!(found.services, Slots::default());
    assert_eq!(found.groups["shop-x"], None);
    assert_eq!(found.asked_definition, None);
}

#[tokio::test(start_paused = true)]
async fn a_survey_finds_the_gateway_connectors_that_only_revisions_show() {
    let scene = Scene::new();
    let connectors = json!([{ "portName": "http" }]);
    let updated = json!({
        "cluster": "demo", "service": "shop", "gatewayConnectors": connectors,
    });
    scene.region.with_world(|world| {
        ecs::handle(world, "UpdateService", &updated).unwrap();
    });
    let ask = scene.ask();
    let survey = || scene.cloud.survey(&ask, scene.region.now());
    let shop = survey().await.unwrap().services.a.unwrap();
    let found = crate::deployment::clone::obstacles(&shop);
    assert!(found[0].what.contains("gateway connector"), "{found:?}");
    let shown = ecs_shows(&scene);
    assert_eq!(
        shown.get("gatewayConnectors"),
        None,
        "DescribeServices has them not"
    );

    scene.fault("DescribeServiceRevisions", FaultKind::Denied, When::Always);
    let found = survey().await.unwrap();
    let note = "gateway connectors can't be looked for";
    assert!(
        found.notes.iter().any(|it| it.starts_with(note)),
        "{:?}",
        found.notes
    );
}

fn ecs_shows(scene: &Scene) -> Value {
    let asked = json!({ "cluster": "demo", "services": ["shop"] });
    let shown = |world: &mut _| ecs::handle(world, "DescribeServices", &asked).unwrap();
    scene.region.with_world(shown)["services"][0].take()
}

#[tokio::test(start_paused = true)]
async fn a_survey_resolves_a_family_to_its_newest_revision() {
    let scene = Scene::new();
    let registered = scene.register().await;
    let ask = SurveyAsk {
        definition: Some("shop".to_owned()),
        ..scene.ask()
    };
    let found = scene.cloud.survey(&ask, scene.region.now()).await.unwrap();
    assert_eq!(found.asked_definition.as_ref(), Some(&registered));
    let tags = &found.task_definitions[&registered]["tags"];
    assert_eq!(tags[0]["value"], scene.plan.id.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_survey_does_without_what_it_may_not_see_and_says_so() {
    let scene = Scene::new();
    scene.fault("application-autoscaling:*", FaultKind::Denied, When::Always);
    scene.fault("ListTasks", FaultKind::Denied, When::Always);
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
    let why = found.scaling.trouble().unwrap();
    assert!(
        why.contains("application-autoscaling:DescribeScalableTargets"),
        "{why}"
    );
    scene.fault("DescribeTargetGroups", FaultKind::Denied, When::Always);
    let error = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Denied);
}

/// What a survey asks where it knows which groups are whose.
fn ask_by_slots(scene: &Scene) -> SurveyAsk {
    let groups = |slot| vec![scene.plan.slots[slot].targets[0].group.to_string()];
    let ask = scene.ask();
    SurveyAsk {
        groups: SlotName::BOTH.map(groups).concat(),
        owned: Slots::from_fn(groups),
        ..ask
    }
}

/// A service that nobody here knows, registered with a slot's group.
async fn add_leftover(scene: &Scene, group: &str) {
    let leftover = demo::service("leftover", group, 1);
    scene.region.with_world(|world| {
        ecs::handle(world, "CreateService", &leftover).unwrap();
    });
    tokio::time::sleep(Duration::from_secs(90)).await;
}

#[tokio::test(start_paused = true)]
async fn a_survey_finds_whose_the_targets_in_a_slot_s_group_are() {
    let scene = Scene::new();
    let ask = ask_by_slots(&scene);
    let survey = || scene.cloud.survey(&ask, scene.region.now());
    scene.calls();
    assert_eq!(survey().await.unwrap().strangers, BTreeMap::new());
    let calls = scene.calls();
    assert_eq!((calls["ListTasks"], calls["DescribeTasks"]), (1, 1));
    assert_eq!(calls["DescribeTargetHealth"], 2);

    add_leftover(&scene, &scene.balancer.group_b).await;
    let found = survey().await.unwrap().strangers;
    let group = TargetGroupArn::new(&scene.balancer.group_b);
    assert_eq!(found.keys().collect::<Vec<_>>(), [&group]);
    let [stranger] = &found[&group][..] else {
        panic!("one task: {found:?}");
    };
    assert_eq!(stranger.service, Some(EcsServiceName::new("leftover")));
    assert_eq!(stranger.target.port, demo::PORT);
    let calls = scene.calls();
    assert_eq!(calls["ListTasks"], 2, "one more, to say whose they are");
    assert_eq!(calls["DescribeTargetHealth"], 3);

    scene.fault("ListTasks", FaultKind::Denied, When::Always);
    let found = survey().await.unwrap();
    assert_eq!(found.strangers, BTreeMap::new());
    let notes = found.notes.join("\n");
    assert!(
        notes.contains("targets that are no tasks of theirs"),
        "{notes}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stranger_among_the_live_slot_s_targets_is_told_from_its_tasks() {
    let scene = Scene::new();
    add_leftover(&scene, &scene.balancer.group_a).await;
    let ask = ask_by_slots(&scene);
    let survey = scene.cloud.survey(&ask, scene.region.now());
    let found = survey.await.unwrap();
    assert_eq!(
        found.healthy[&TargetGroupArn::new(&scene.balancer.group_a)],
        3
    );
    let strangers: Vec<_> = found.strangers.values().flatten().collect();
    assert_eq!(strangers.len(), 1, "{strangers:?}");
}

fn scale(scene: &Scene, min: u32) {
    scene.region.with_world(|world| {
        let input = json!({
            "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": "service/demo/shop", "MinCapacity": min, "MaxCapacity": 4,
        });
        scaling::handle(world, "RegisterScalableTarget", &input).unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn a_survey_sees_who_owns_the_desired_count() {
    let scene = Scene::new();
    scale(&scene, 1);
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    let a = ScalableTarget {
        resource: "service/demo/shop".to_owned(),
        arn: found.scaling.value().unwrap().a.clone().unwrap().arn,
        min: 1,
        max: 4,
        ..ScalableTarget::default()
    };
    assert_eq!(
        found.scaling,
        Seen::Value(Slots {
            a: Some(a),
            b: None
        })
    );
}

fn due_at_once() -> Retirement {
    let due = Due {
        at: Timestamp::UNIX_EPOCH,
        then: RetireHow::ScaleToZero,
    };
    Retirement {
        slot: SlotName::A,
        service: EcsServiceName::new("shop"),
        groups: Vec::new(),
        other: EcsServiceName::new("shop-b"),
        is_bare: false,
        due,
        at_most: Duration::ZERO,
        deadman: None,
        records: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_retirement_sees_the_autoscaling_that_would_undo_it() {
    let scene = Scene::new();
    let look = async || {
        let (retirement, now) = (due_at_once(), scene.region.now());
        let cluster = &scene.plan.cluster;
        let look = scene.cloud.look_at_retirement(cluster, &retirement, now);
        look.await.scaling
    };
    assert_eq!(look().await, Seen::Value(None));
    scale(&scene, 2);
    let Seen::Value(Some(target)) = look().await else {
        panic!("it is not seen");
    };
    assert_eq!(
        (target.resource.as_str(), target.min),
        ("service/demo/shop", 2)
    );
    scene.fault("application-autoscaling:*", FaultKind::Denied, When::Always);
    assert_eq!(look().await, Seen::Value(None), "plan and deploy warned");
}

#[tokio::test(start_paused = true)]
async fn a_retirement_looks_at_the_services_own_groups_whatever_the_config_names() {
    let scene = Scene::new();
    let retirement = due_at_once();
    scene
        .act(Action::Tag {
            slot: SlotName::A,
            tags: [("bg:retire-at".to_owned(), Some(retirement.due.to_string()))].into(),
        })
        .await
        .unwrap();
    let now = scene.region.now();
    let look = scene
        .cloud
        .look_at_retirement(&scene.plan.cluster, &retirement, now)
        .await;
    let step = decide(&retirement, &look);
    assert!(matches!(step, RetireStep::Revoke { .. }), "{step:?}");
}
