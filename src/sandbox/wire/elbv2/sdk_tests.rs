//! The same operations through the SDK's own serialisation and parsing.

use crate::sandbox::wire::query::testing::Wire;
use crate::sandbox::world::elb::testing::Scene;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateOidcActionConfig, ForwardActionConfig, Matcher,
    ProtocolEnum, RuleCondition, TargetGroupTuple, TargetHealthReasonEnum, TargetHealthStateEnum,
    TargetTypeEnum,
};

fn forward(weights: &[(&str, i32)]) -> Action {
    let tuples = weights.iter().map(|(arn, weight)| {
        TargetGroupTuple::builder()
            .target_group_arn(*arn)
            .weight(*weight)
            .build()
    });
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .order(2)
        .forward_config(
            ForwardActionConfig::builder()
                .set_target_groups(Some(tuples.collect()))
                .build(),
        )
        .build()
}

#[tokio::test]
async fn a_listener_is_read_changed_and_read_back() {
    let mut scene = Scene::new(&["a", "b"]);
    scene.healthy("a", 1);
    let (a, b, listener) = (scene.arn("a"), scene.arn("b"), scene.listener.clone());
    let client = Client::new(&Wire::new(scene.world).config());

    let found = client
        .describe_load_balancers()
        .names("shop")
        .send()
        .await
        .unwrap();
    let lb = &found.load_balancers()[0];
    assert_eq!(lb.availability_zones().len(), 2);
    assert!(lb.created_time().is_some());

    let oidc = AuthenticateOidcActionConfig::builder()
        .issuer("https://i")
        .authorization_endpoint("https://i/a")
        .token_endpoint("https://i/t")
        .user_info_endpoint("https://i/u")
        .client_id("c")
        .client_secret("s")
        .authentication_request_extra_params("display", "page")
        .build();
    let sign_in = Action::builder()
        .r#type(ActionTypeEnum::AuthenticateOidc)
        .order(1)
        .authenticate_oidc_config(oidc)
        .build();
    client
        .modify_listener()
        .listener_arn(&listener)
        .default_actions(sign_in)
        .default_actions(forward(&[(&a, 90), (&b, 10)]))
        .send()
        .await
        .unwrap();

    let rules = client
        .describe_rules()
        .listener_arn(&listener)
        .send()
        .await
        .unwrap();
    let rule = &rules.rules()[0];
    assert_eq!(rule.is_default(), Some(true));
    let oidc = rule.actions()[0].authenticate_oidc_config().unwrap();
    assert_eq!(oidc.client_secret(), None);
    assert_eq!(
        oidc.authentication_request_extra_params().unwrap()["display"],
        "page"
    );
    let action = &rule.actions()[1];
    assert_eq!(action.order(), Some(2));
    let tuples = action.forward_config().unwrap().target_groups();
    let weights: Vec<_> = tuples.iter().map(TargetGroupTuple::weight).collect();
    assert_eq!(weights, [Some(90), Some(10)]);
}

#[tokio::test]
async fn health_and_groups_are_typed() {
    let mut scene = Scene::new(&["a", "b"]);
    scene.healthy("a", 1);
    let a = scene.arn("a");
    let client = Client::new(&Wire::new(scene.world).config());
    let health = client
        .describe_target_health()
        .target_group_arn(&a)
        .send()
        .await
        .unwrap();
    let target = &health.target_health_descriptions()[0];
    assert_eq!(target.target().unwrap().port(), Some(1));
    let state = target.target_health().unwrap();
    assert_eq!(state.state(), Some(&TargetHealthStateEnum::Healthy));
    assert_eq!(state.reason(), None::<&TargetHealthReasonEnum>);

    let made = client
        .create_target_group()
        .name("tuned")
        .protocol(ProtocolEnum::Http)
        .port(8080)
        .vpc_id("vpc-1")
        .target_type(TargetTypeEnum::Ip)
        .health_check_interval_seconds(10)
        .matcher(Matcher::builder().http_code("200-299").build())
        .send()
        .await
        .unwrap();
    let group = &made.target_groups()[0];
    assert_eq!(group.health_check_interval_seconds(), Some(10));
    assert_eq!(group.health_check_enabled(), Some(true));
    assert_eq!(group.matcher().unwrap().http_code(), Some("200-299"));
}

#[tokio::test]
async fn errors_carry_awss_codes() {
    let scene = Scene::new(&["a"]);
    let (a, listener) = (scene.arn("a"), scene.listener.clone());
    let client = Client::new(&Wire::new(scene.world).config());
    let error = client
        .describe_load_balancers()
        .names("none")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("LoadBalancerNotFound"));
    assert!(
        error
            .into_service_error()
            .is_load_balancer_not_found_exception()
    );
    let error = client
        .create_rule()
        .listener_arn(&listener)
        .priority(1)
        .conditions(
            RuleCondition::builder()
                .field("path-pattern")
                .values("/x")
                .build(),
        )
        .actions(forward(&[(&a, 0)]))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ValidationError"));
    assert!(error.message().unwrap().contains("weight"));
}
