//! The region under the real SDK, in paused time.

use super::{CallOutcome, Outcome, Region, RegionOptions, Throttle};
use crate::sandbox::{
    demo,
    faults::{FaultKind, FaultRule, When},
    wire::{Service, ecs},
};
use aws_sdk_ecs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{DeploymentRolloutState, TaskDefinitionField},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// A region with the service `shop` in the cluster `demo`, just created, without alarms.
fn region(options: RegionOptions) -> Region {
    let region = Region::new(options);
    region.with_world(|world| {
        let balancer = demo::balancer(world).unwrap();
        let requests = [
            (
                "CreateCluster",
                serde_json::json!({ "clusterName": demo::CLUSTER }),
            ),
            ("RegisterTaskDefinition", demo::task_definition(demo::IMAGE)),
            (
                "CreateService",
                demo::service(demo::SERVICE, &balancer.group_a, 2),
            ),
        ];
        for (operation, input) in requests {
            ecs::handle(world, operation, &input).unwrap();
        }
    });
    region
}

fn client(region: &Region) -> Client {
    Client::new(&region.sdk_config())
}

async fn desired(ecs: &Client) -> i32 {
    let shown = ecs
        .describe_services()
        .cluster(demo::CLUSTER)
        .services(demo::SERVICE)
        .send()
        .await
        .unwrap();
    shown.services()[0].desired_count()
}

async fn scale(ecs: &Client, to: i32) -> bool {
    ecs.update_service()
        .cluster(demo::CLUSTER)
        .service(demo::SERVICE)
        .desired_count(to)
        .send()
        .await
        .is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_sdk_follows_a_service_to_its_steady_state() {
    let region = region(RegionOptions::default());
    let ecs = client(&region);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let shown = ecs
        .describe_services()
        .cluster(demo::CLUSTER)
        .services(demo::SERVICE)
        .send()
        .await
        .unwrap();
    let shop = &shown.services()[0];
    assert_eq!((shop.running_count(), shop.pending_count()), (2, 0));
    let deployment = &shop.deployments()[0];
    assert_eq!(
        deployment.rollout_state(),
        Some(&DeploymentRolloutState::Completed)
    );
    let newest = shop.events()[0].message().unwrap();
    assert_eq!(newest, "(service shop) has reached a steady state.");
    let created = shop.created_at().unwrap().secs();
    assert_eq!(created, region.options().start.as_second());
    let definition = ecs
        .describe_task_definition()
        .task_definition("shop")
        .include(TaskDefinitionField::Tags)
        .send()
        .await
        .unwrap();
    let definition = definition.task_definition().unwrap();
    assert_eq!(
        definition.container_definitions()[0].image(),
        Some("shop:v1")
    );
}

#[tokio::test(start_paused = true)]
async fn errors_reach_the_sdk_with_their_codes() {
    let region = region(RegionOptions::default());
    let ecs = client(&region);
    let error = ecs
        .describe_services()
        .cluster("prod")
        .services("x")
        .send()
        .await
        .unwrap_err();
    assert!(
        error
            .as_service_error()
            .unwrap()
            .is_cluster_not_found_exception()
    );
    let error = ecs
        .describe_task_definition()
        .task_definition("none")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ClientException"));
    assert_eq!(error.message(), Some("Unable to describe task definition."));
    let outcomes: Vec<CallOutcome> = region
        .calls()
        .into_iter()
        .map(|call| call.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            CallOutcome::Refused("ClusterNotFoundException".to_owned()),
            CallOutcome::Refused("ClientException".to_owned())
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn budgets_are_held_and_refill_in_virtual_time() {
    let region = region(RegionOptions::default());
    let ecs = client(&region);
    let mut granted = 0;
    for _ in 0..60 {
        granted += u32::from(scale(&ecs, 2).await);
    }
    assert_eq!(granted, 50);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let error = {
        for _ in 0..5 {
            assert!(scale(&ecs, 2).await);
        }
        ecs.update_service()
            .cluster(demo::CLUSTER)
            .service(demo::SERVICE)
            .send()
            .await
            .unwrap_err()
    };
    assert_eq!(error.code(), Some("ThrottlingException"));
    assert_eq!(error.message(), Some("Rate exceeded"));
    let key = (Service::Ecs, "UpdateService".to_owned());
    assert_eq!(region.call_counts()[&key], 66);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_fault_has_the_effect_that_its_name_says() {
    for kind in FaultKind::ALL {
        let region = region(RegionOptions::default());
        let ecs = client(&region);
        region.fault(FaultRule::new("ecs:UpdateService", kind, When::Nth(1)));
        let before = tokio::time::Instant::now();
        assert!(!scale(&ecs, 5).await, "{kind:?}");
        // The SDK's own protection against stalled streams gives silence up after 5 s.
        let silent = matches!(kind, FaultKind::TimeoutBefore | FaultKind::TimeoutAfter);
        let waited = before.elapsed() >= Duration::from_secs(5);
        assert_eq!(waited, silent, "{kind:?}");
        let expected = if kind.takes_effect() { 5 } else { 2 };
        assert_eq!(desired(&ecs).await, expected, "{kind:?}");
        assert_eq!(region.calls()[0].outcome, CallOutcome::Struck(kind));
        assert!(scale(&ecs, 4).await, "only the first call was struck");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_looks_like_a_broken_connection() {
    let region = region(RegionOptions::default());
    region.fault(FaultRule::new("*", FaultKind::ResetAfter, When::Always));
    let error = client(&region).list_clusters().send().await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn lagging_reads_see_the_world_as_it_was() {
    let region = region(RegionOptions {
        read_lag: Duration::from_secs(3),
        ..RegionOptions::default()
    });
    let ecs = client(&region);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(scale(&ecs, 7).await);
    tokio::time::sleep(Duration::from_millis(2_900)).await;
    assert_eq!(desired(&ecs).await, 2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(desired(&ecs).await, 7);
}

#[tokio::test(start_paused = true)]
async fn a_slow_region_takes_its_time_to_answer() {
    let region = region(RegionOptions {
        latency: Duration::from_millis(80),
        throttle: Throttle::Off,
        ..RegionOptions::default()
    });
    let ecs = client(&region);
    let before = region.now();
    for _ in 0..200 {
        desired(&ecs).await;
    }
    assert_eq!(region.now().duration_since(before).as_secs(), 16);
}

/// Everything that a client of a busy quarter of an hour gets to see.
async fn transcript(seed: u64) -> Vec<(u16, Bytes)> {
    let region = region(RegionOptions {
        seed,
        ..RegionOptions::default()
    });
    region.fault(FaultRule::new("*", FaultKind::Throttle, When::Chance(0.1)));
    let crash = demo::task_definition("shop:crash");
    region.with_world(|world| ecs::handle(world, "RegisterTaskDefinition", &crash).unwrap());
    let named =
        r#"{"cluster":"demo","service":"shop","services":["shop"],"taskDefinition":"shop"}"#;
    let mut seen = Vec::new();
    for round in 0..90 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let operation = match round {
            10 => "UpdateService",
            _ if round % 2 == 0 => "DescribeServices",
            _ => "ListTasks",
        };
        let mut headers = HeaderMap::new();
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        headers.insert("x-amz-target", HeaderValue::try_from(target).unwrap());
        let (method, uri) = (http::Method::POST, http::Uri::from_static("/"));
        let answer = region.call(&method, &uri, &headers, named.as_bytes());
        match answer.await {
            Outcome::Answered(answer) => seen.push((answer.status().as_u16(), answer.into_body())),
            other => panic!("{other:?}"),
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_bytes_and_another_one_does_not() {
    let first = transcript(42).await;
    assert_eq!(first, transcript(42).await);
    assert_ne!(first, transcript(43).await);
}

#[tokio::test(start_paused = true)]
async fn who_am_i_is_answered_by_the_security_token_service() {
    let region = Region::new(RegionOptions::default());
    let sts = aws_sdk_sts::Client::new(&region.sdk_config());
    let identity = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some("123456789012"));
}

#[tokio::test(start_paused = true)]
async fn the_sdk_reaches_application_auto_scaling() {
    use aws_sdk_applicationautoscaling::{
        Client,
        types::{ScalableDimension, ServiceNamespace},
    };
    let region = region(RegionOptions::default());
    let scaling = Client::new(&region.sdk_config());
    scaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id("service/demo/shop")
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .min_capacity(4)
        .max_capacity(8)
        .send()
        .await
        .unwrap();
    let shown = scaling
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::Ecs)
        .send()
        .await
        .unwrap();
    let target = &shown.scalable_targets()[0];
    assert_eq!((target.min_capacity(), target.max_capacity()), (4, 8));
    assert_eq!(desired(&client(&region)).await, 4);
}
