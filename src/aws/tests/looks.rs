//! What a look shows and costs.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_look_while_baking_costs_five_calls() {
    let scene = Scene::new();
    let task_definition = scene.register().await;
    scene
        .act(Action::ProvisionGreen { task_definition })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(180)).await;
    scene.calls();
    scene.observe().await;
    let expected = [
        ("DescribeAlarms", 1),
        ("DescribeListeners", 1),
        ("DescribeServices", 1),
        ("DescribeTargetHealth", 2),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(scene.calls(), expected.into());
}

#[tokio::test(start_paused = true)]
async fn one_thing_that_is_gone_does_not_hide_the_others() {
    let scene = Scene::new().with_rule(None).with_rule(None);
    let gone = &scene.plan.routes[2].arn;
    scene.region.with_world(|world| {
        let rule = json!({ "RuleArn": gone.as_str() });
        elbv2::handle(world, "DeleteRule", &rule).unwrap();
    });
    let seen = scene.observe().await;
    assert!(seen.routes[gone].trouble().is_some());
    assert!(seen.routes[&scene.plan.routes[1].arn].value().is_some());
    assert_eq!(seen.services.b, Seen::Value(None));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why_and_the_rest_is_seen() {
    let scene = Scene::new();
    scene.fault("DescribeAlarms", FaultKind::Denied, When::Always);
    scene.fault("DescribeServices", FaultKind::Throttle, When::Always);
    let seen = scene.observe().await;
    let alarm = &seen.alarms[&AlarmName::new("shop-b-5xx")];
    assert!(
        alarm
            .trouble()
            .unwrap()
            .contains("cloudwatch:DescribeAlarms"),
        "{alarm:?}"
    );
    assert!(seen.services.a.trouble().unwrap().contains("throttled"));
    assert!(seen.groups.values().all(|group| group.value().is_some()));
}

#[tokio::test(start_paused = true)]
async fn request_counts_tell_an_idle_group_from_a_busy_one() {
    let scene = Scene::new();
    let watched = |group: &str, balancer: &str| Watched {
        group: TargetGroupArn::new(group),
        load_balancer: LoadBalancerArn::new(balancer),
    };
    let network = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/shop/1";
    let asked = [
        watched(&scene.balancer.group_a, &scene.balancer.arn),
        watched(&scene.balancer.group_b, &scene.balancer.arn),
        watched("arn:of:an/nlb", network),
    ];
    let counts = scene
        .cloud
        .observe_retirement(&asked, scene.region.now())
        .await
        .unwrap();
    assert_eq!(counts.len(), 2);
    let of = |group: &str| &counts[&TargetGroupArn::new(group)];
    let (busy, idle) = (of(&scene.balancer.group_a), of(&scene.balancer.group_b));
    assert!(busy.load_balancer.len() >= 2, "{busy:?}");
    assert!(busy.group.values().sum::<f64>() > 0.0);
    assert_eq!(idle.group.values().sum::<f64>(), 0.0);
    assert_eq!(idle.load_balancer, busy.load_balancer);
}
