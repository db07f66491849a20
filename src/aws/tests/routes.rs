//! Weights: up, back, and against trouble.

use super::*;

#[tokio::test(start_paused = true)]
async fn weights_move_on_all_routes_and_go_back_in_one_call_each() {
    let scene = Scene::new().with_rule(None);
    scene.observe().await;
    scene.raise(10).await;
    assert_eq!(scene.splits().await, [green_at(10), green_at(10)]);
    scene.calls();
    scene.raise(10).await;
    assert!(!scene.calls().keys().any(|name| name.starts_with("Modify")));
    scene.climb(10, 100).await.unwrap();
    scene.calls();
    scene
        .act(Action::WriteWeights(WeightWrite::AllBlue))
        .await
        .unwrap();
    let expected = [("ModifyListener", 1), ("ModifyRule", 1)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(scene.calls(), expected.into());
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_process_without_memory_of_the_routes_reads_them_and_reverts() {
    let scene = Scene::new().with_rule(None);
    scene.raise(50).await;
    let other = Cloud::with_config(&scene.region.sdk_config());
    let all_blue = Action::WriteWeights(WeightWrite::AllBlue);
    other.perform(&scene.plan, &all_blue, None).await.unwrap();
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn trouble_on_one_route_does_not_keep_the_others_from_going_back() {
    let scene = Scene::new().with_rule(None);
    scene.observe().await;
    scene.raise(50).await;
    scene.fault("ModifyListener", FaultKind::Denied, When::Always);
    scene.fault("ModifyRule", FaultKind::InternalError, When::First(2));
    let all_blue = Action::WriteWeights(WeightWrite::AllBlue);
    let error = scene.act(all_blue.clone()).await.unwrap_err();
    assert_eq!(
        (error.class, &error.routes[..]),
        (ErrorClass::Denied, &["shop:80".to_owned()][..])
    );
    assert!(
        error.to_string().starts_with("route shop:80: not allowed"),
        "{error}"
    );
    assert_eq!(scene.splits().await, [green_at(50), green_at(0)]);
    scene.region.clear_faults();
    scene.act(all_blue).await.unwrap();
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_revert_survives_an_answer_that_is_lost_or_garbled() {
    for kind in [
        FaultKind::ResetAfter,
        FaultKind::TimeoutBefore,
        FaultKind::Garbled,
    ] {
        let scene = Scene::new();
        scene.raise(50).await;
        scene.fault("ModifyListener", kind, When::First(2));
        scene
            .act(Action::WriteWeights(WeightWrite::AllBlue))
            .await
            .unwrap();
        assert_eq!(scene.splits().await, [green_at(0)], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sticky_routes_lose_green_in_a_revert_and_get_it_back() {
    let scene = Scene::new().with_rule(Some(600));
    let rule = &scene.plan.routes[1];
    let green = &rule.groups.b;
    let named = async || {
        let seen = scene.observe().await;
        seen.routes[&rule.arn].value().unwrap().names(green)
    };
    scene.raise(20).await;
    scene
        .act(Action::WriteWeights(WeightWrite::AllBlue))
        .await
        .unwrap();
    assert!(!named().await);
    scene.act(Action::AddGreenToRoutes).await.unwrap();
    assert!(named().await);
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
    scene.raise(100).await;
    let error = scene
        .act(Action::Unpin { slot: SlotName::B })
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    scene
        .act(Action::Unpin { slot: SlotName::A })
        .await
        .unwrap();
    let seen = scene.observe().await;
    assert!(
        !seen.routes[&rule.arn]
            .value()
            .unwrap()
            .names(&rule.groups.a)
    );
    assert!(
        seen.routes[&scene.plan.routes[0].arn]
            .value()
            .unwrap()
            .names(&rule.groups.a)
    );
}

#[tokio::test(start_paused = true)]
async fn a_raise_refuses_where_a_third_group_carries_traffic() {
    let scene = Scene::new();
    scene.region.with_world(|world| {
        let group = json!({ "Name": "old", "Protocol": "HTTP", "Port": 80, "TargetType": "ip",
                            "VpcId": "vpc-0a0a0a0a0a0a0a0a0" });
        let made = elbv2::handle(world, "CreateTargetGroup", &group).unwrap();
        let old = &made["TargetGroups"][0]["TargetGroupArn"];
        let groups = json!([{ "TargetGroupArn": scene.balancer.group_a, "Weight": 90 },
                            { "TargetGroupArn": old, "Weight": 10 }]);
        let input = json!({
            "ListenerArn": scene.balancer.listener,
            "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }],
        });
        elbv2::handle(world, "ModifyListener", &input).unwrap();
    });
    let raise = Action::WriteWeights(WeightWrite::Raise {
        from: Weight::ZERO,
        to: Weight::FULL,
    });
    let error = scene.act(raise).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(
        error.to_string().contains("old carries traffic too"),
        "{error}"
    );
    scene
        .act(Action::WriteWeights(WeightWrite::AllBlue))
        .await
        .unwrap();
    assert_eq!(scene.splits().await, [green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn break_glass_moves_everything_with_elbv2_alone() {
    let scene = Scene::new().with_rule(Some(600));
    scene.fault("ecs:*", FaultKind::InternalError, When::Always);
    scene.fault("sts:*", FaultKind::InternalError, When::Always);
    scene.fault("cloudwatch:*", FaultKind::InternalError, When::Always);
    let names = [
        "shop-a".to_owned(),
        "shop-b".to_owned(),
        "shop-x".to_owned(),
    ];
    let (groups, forwards) = scene.cloud.forwards_of(&names).await.unwrap();
    assert_eq!(groups["shop-x"], None);
    let arn = |name: &str| groups[name].as_ref().unwrap().arn.clone();
    let writes: Vec<RouteWrite> = forwards
        .iter()
        .map(|forward| RouteWrite {
            arn: forward.arn.clone(),
            kind: forward.kind.clone(),
            label: forward.label(),
            to: arn("shop-b"),
            from: Some(arn("shop-a")),
        })
        .collect();
    let written = scene.cloud.write_routes(&writes).await;
    let weights = |at: usize| written[at].as_ref().unwrap().weights.clone();
    assert_eq!(
        weights(0),
        [(arn("shop-a"), 0), (arn("shop-b"), 100)].into()
    );
    assert_eq!(weights(1), [(arn("shop-b"), 100)].into());
}

#[tokio::test(start_paused = true)]
async fn a_raise_does_not_undo_a_hand_that_put_everything_back() {
    let scene = Scene::new();
    scene.raise(10).await;
    let all_blue = Action::WriteWeights(WeightWrite::AllBlue);
    scene.act(all_blue).await.unwrap();
    let error = scene.climb(10, 100).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
    assert_eq!(scene.splits().await, [green_at(0)]);
}
