//! What ECS refuses and shows, operation by operation.

mod clusters;
mod fits;

use super::handle;
use crate::sandbox::{
    demo::{self, CLUSTER},
    wire::AwsError,
    world::World,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::borrow::Borrow;

/// What a refusal says, and the change that earns it.
type Refusal<'a> = (&'a str, &'a dyn Fn(&mut Value));

fn world() -> World {
    let start = Timestamp::constant(1_767_603_600, 0);
    let mut world = World::new("123456789012", "eu-west-1", start, 5);
    ok(
        &mut world,
        "CreateCluster",
        json!({ "clusterName": CLUSTER }),
    );
    world
}

fn ok(world: &mut World, operation: &str, input: impl Borrow<Value>) -> Value {
    handle(world, operation, input.borrow()).unwrap()
}

fn refused(world: &mut World, operation: &str, input: impl Borrow<Value>) -> AwsError {
    handle(world, operation, input.borrow()).unwrap_err()
}

/// The cluster with the service `shop` and one task definition.
fn shop() -> (World, demo::Balancer) {
    let mut world = world();
    let balancer = demo::balancer(&mut world).unwrap();
    ok(
        &mut world,
        "RegisterTaskDefinition",
        demo::task_definition("shop:v1"),
    );
    ok(
        &mut world,
        "CreateService",
        demo::service("shop", &balancer.group_a, 1),
    );
    (world, balancer)
}

fn described(world: &mut World) -> Value {
    let input = json!({ "cluster": CLUSTER, "services": ["shop"], "include": ["TAGS"] });
    ok(world, "DescribeServices", input)["services"][0].take()
}

#[test]
fn a_task_definition_keeps_every_field_and_gets_awss_defaults() {
    let mut world = world();
    let mut input = demo::task_definition("shop:v1");
    input["tags"] = json!([{ "key": "team", "value": "" }]);
    input["notYetInvented"] = json!({ "a": [] });
    input["containerDefinitions"][0]["command"] = json!([]);
    ok(&mut world, "RegisterTaskDefinition", input);
    let shown = ok(
        &mut world,
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "shop", "include": ["TAGS"] }),
    );
    let definition = &shown["taskDefinition"];
    assert_eq!(shown["tags"], json!([{ "key": "team", "value": "" }]));
    assert_eq!(definition["notYetInvented"], json!({ "a": [] }));
    assert_eq!(
        definition["taskDefinitionArn"],
        "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:1"
    );
    assert_eq!(definition["compatibilities"], json!(["EC2", "FARGATE"]));
    let container = &definition["containerDefinitions"][0];
    assert_eq!(container["command"], json!([]));
    assert_eq!(container["mountPoints"], json!([]));
    assert_eq!(container["portMappings"][0]["hostPort"], 8080);
    assert!(definition.get("tags").is_none());
}

#[test]
fn task_definitions_that_aws_refuses_are_refused() {
    let changes: [Refusal<'_>; 8] = [
        ("No Fargate configuration exists for given values", &|it| {
            it["memory"] = json!("4096");
        }),
        ("Fargate requires that 'cpu' be defined", &|it| {
            it["cpu"] = json!(null);
        }),
        ("Fargate only supports network mode", &|it| {
            it["networkMode"] = json!("bridge");
        }),
        ("essential", &|it| {
            it["containerDefinitions"][0]["essential"] = json!(false);
        }),
        ("the host ports and container ports", &|it| {
            it["containerDefinitions"][0]["portMappings"][0]["hostPort"] = json!(80);
        }),
        ("Container list cannot be empty", &|it| {
            it["containerDefinitions"] = json!([]);
        }),
        ("Too many containers", &|it| {
            let containers = (0..11).map(|at| json!({ "name": at.to_string(), "image": "x" }));
            it["containerDefinitions"] = containers.collect();
        }),
        ("Max allowed length", &|it| {
            it["containerDefinitions"][0]["command"] = json!(["x".repeat(65_536)]);
        }),
    ];
    for (expected, change) in changes {
        let mut input = demo::task_definition("shop:v1");
        change(&mut input);
        let error = refused(&mut world(), "RegisterTaskDefinition", input);
        assert_eq!(error.code, "ClientException");
        assert!(error.message.contains(expected), "{error}");
    }
}

#[test]
fn a_task_definition_has_no_more_tags_than_ecs_takes() {
    let tagged = |count: usize| {
        let mut input = demo::task_definition("shop:v1");
        let tag = |at: usize| json!({ "key": format!("k{at}"), "value": "" });
        input["tags"] = (0..count).map(tag).collect();
        input
    };
    ok(&mut world(), "RegisterTaskDefinition", tagged(50));
    let error = refused(&mut world(), "RegisterTaskDefinition", tagged(51));
    assert!(error.message.contains("Tags can not be more"), "{error}");
}

#[test]
fn task_definitions_are_found_by_family_revision_and_arn() {
    let mut world = world();
    for image in ["shop:v1", "shop:v2", "shop:v3"] {
        ok(
            &mut world,
            "RegisterTaskDefinition",
            demo::task_definition(image),
        );
    }
    ok(
        &mut world,
        "DeregisterTaskDefinition",
        json!({ "taskDefinition": "shop:3" }),
    );
    let mut image = |reference: &str| {
        let input = json!({ "taskDefinition": reference });
        let shown = ok(&mut world, "DescribeTaskDefinition", input);
        shown["taskDefinition"]["containerDefinitions"][0]["image"].clone()
    };
    assert_eq!(image("shop"), "shop:v2", "the newest active one");
    assert_eq!(image("shop:1"), "shop:v1");
    assert_eq!(
        image("arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:3"),
        "shop:v3"
    );
    let listed = ok(
        &mut world,
        "ListTaskDefinitions",
        json!({ "familyPrefix": "shop", "sort": "DESC", "maxResults": 1 }),
    );
    assert_eq!(
        listed["taskDefinitionArns"],
        json!(["arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:2"])
    );
    assert!(listed["nextToken"].is_string());
    let error = refused(
        &mut world,
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "shop:9" }),
    );
    assert_eq!(
        error.to_string(),
        "ClientException: Unable to describe task definition."
    );
}

#[test]
fn creating_a_service_again_is_idempotent_only_with_its_token() {
    let (mut world, balancer) = shop();
    let mut request = demo::service("shop-b", &balancer.group_b, 1);
    request["clientToken"] = json!("token-1");
    let first = ok(&mut world, "CreateService", request.clone());
    let again = ok(&mut world, "CreateService", request.clone());
    let id = |made: &Value| made["service"]["deployments"][0]["id"].clone();
    assert_eq!(id(&first), id(&again));
    let mut other = request.clone();
    other["desiredCount"] = json!(2);
    let mut renamed = request;
    renamed["clientToken"] = json!("token-2");
    for input in [
        other,
        renamed,
        demo::service("shop-b", &balancer.group_b, 1),
    ] {
        let error = refused(&mut world, "CreateService", input);
        assert_eq!(
            error.to_string(),
            "InvalidParameterException: Creation of service was not idempotent."
        );
    }
}

#[test]
fn services_that_cannot_work_are_refused() {
    let (mut world, balancer) = shop();
    let unused = balancer.group_b.replace("shop-b", "nowhere");
    let changes: [Refusal<'_>; 9] = [
        (
            "The container web does not exist in the task definition.",
            &|it| {
                it["loadBalancers"][0]["containerName"] = json!("web");
            },
        ),
        (
            "The container app did not have a container port 81 defined.",
            &|it| {
                it["loadBalancers"][0]["containerPort"] = json!(81);
            },
        ),
        ("does not exist", &|it| {
            it["loadBalancers"][0]["targetGroupArn"] = json!(unused);
        }),
        ("TaskDefinition not found.", &|it| {
            it["taskDefinition"] = json!("none");
        }),
        ("Network Configuration must be provided", &|it| {
            it["networkConfiguration"] = json!(null);
        }),
        ("both a launch type and capacity provider strategy", &|it| {
            it["capacityProviderStrategy"] = json!([{ "capacityProvider": "FARGATE" }]);
        }),
        ("desiredCount is required", &|it| {
            it["desiredCount"] = json!(null);
        }),
        ("Health check grace period is only valid", &|it| {
            it["loadBalancers"] = json!([]);
        }),
        ("Cluster not found.", &|it| it["cluster"] = json!("prod")),
    ];
    for (expected, change) in changes {
        let mut input = demo::service("other", &balancer.group_b, 1);
        change(&mut input);
        let error = refused(&mut world, "CreateService", input);
        assert!(error.message.contains(expected), "{error}");
    }
}

#[test]
fn an_update_starts_a_deployment_only_where_tasks_must_change() {
    let (mut world, _) = shop();
    ok(
        &mut world,
        "RegisterTaskDefinition",
        demo::task_definition("shop:v2"),
    );
    let updates = [
        (json!({ "desiredCount": 3 }), false),
        (json!({ "taskDefinition": "shop:1" }), false),
        (json!({ "healthCheckGracePeriodSeconds": 90 }), false),
        (
            json!({ "deploymentConfiguration": { "maximumPercent": 150 } }),
            false,
        ),
        (
            json!({ "platformVersion": "LATEST", "serviceRegistries": [] }),
            false,
        ),
        (json!({ "taskDefinition": "shop" }), true),
        (json!({ "forceNewDeployment": true }), true),
        (json!({ "platformVersion": "1.4.0" }), true),
    ];
    for (mut input, begins) in updates {
        let before = described(&mut world)["deployments"][0]["id"].clone();
        let text = input.to_string();
        input["cluster"] = json!(CLUSTER);
        input["service"] = json!("shop");
        ok(&mut world, "UpdateService", input);
        let after = described(&mut world)["deployments"][0]["id"].clone();
        assert_eq!(before != after, begins, "{text}");
    }
    let shop = described(&mut world);
    assert_eq!(shop["desiredCount"], 3);
    let configuration = &shop["deploymentConfiguration"];
    assert_eq!(configuration["maximumPercent"], 150);
    assert_eq!(configuration["minimumHealthyPercent"], 100, "merged");
    assert_eq!(configuration["deploymentCircuitBreaker"]["enable"], true);
}

#[test]
fn some_settings_are_shown_within_deployments_or_revisions_only() {
    let (mut world, balancer) = shop();
    let mut input = demo::service("other", &balancer.group_b, 0);
    input["serviceConnectConfiguration"] = json!({ "enabled": true, "namespace": "n" });
    let mut definition = demo::task_definition("shop:v1");
    definition["volumes"] = json!([{ "name": "v", "configuredAtLaunch": true }]);
    ok(&mut world, "RegisterTaskDefinition", definition);
    input["volumeConfigurations"] = json!([{ "name": "v" }]);
    input["monitoring"] = json!({ "x": 1 });
    input["tags"] = json!([{ "key": "k", "value": "v" }]);
    ok(&mut world, "CreateService", input);
    let shown = ok(
        &mut world,
        "DescribeServices",
        json!({ "cluster": CLUSTER, "services": ["other", "none"] }),
    );
    let other = &shown["services"][0];
    assert!(other.get("serviceConnectConfiguration").is_none());
    assert!(other.get("volumeConfigurations").is_none());
    assert!(other.get("monitoring").is_none());
    assert!(other.get("tags").is_none(), "not asked for");
    let deployment = &other["deployments"][0];
    assert_eq!(deployment["serviceConnectConfiguration"]["namespace"], "n");
    assert!(deployment.get("monitoring").is_none());
    assert_eq!(other["availabilityZoneRebalancing"], "ENABLED");
    assert_eq!(shown["failures"][0]["reason"], "MISSING");
    let arn = other["currentServiceRevisions"][0]["arn"].clone();
    let revisions = ok(
        &mut world,
        "DescribeServiceRevisions",
        json!({ "serviceRevisionArns": [arn] }),
    );
    let revision = &revisions["serviceRevisions"][0];
    assert_eq!(revision["monitoring"], json!({ "x": 1 }));
    assert_eq!(
        revision["containerImages"][0]["imageDigest"],
        world.ecs.images.digest("shop:v1")
    );
}

#[test]
fn a_codedeploy_service_refuses_another_task_definition() {
    let (mut world, balancer) = shop();
    let mut input = demo::service("other", &balancer.group_b, 1);
    input["deploymentController"] = json!({ "type": "CODE_DEPLOY" });
    ok(&mut world, "CreateService", input);
    let named = json!({ "cluster": CLUSTER, "service": "other", "taskDefinition": "shop" });
    let error = refused(&mut world, "UpdateService", named);
    assert!(error.message.contains("CODE_DEPLOY"), "{error}");
    let named = json!({ "cluster": CLUSTER, "service": "none" });
    let error = refused(&mut world, "UpdateService", named);
    assert_eq!(error.code, "ServiceNotFoundException");
}

#[test]
fn tasks_are_listed_by_service_and_wish_and_described_in_full() {
    let (mut world, _) = shop();
    world.advance(120);
    let listed = ok(
        &mut world,
        "ListTasks",
        json!({ "cluster": CLUSTER, "serviceName": "shop" }),
    );
    let arn = listed["taskArns"][0].clone();
    let shown = ok(
        &mut world,
        "DescribeTasks",
        json!({ "cluster": CLUSTER, "tasks": [arn, "none"] }),
    );
    let task = &shown["tasks"][0];
    assert_eq!(shown["failures"][0]["reason"], "MISSING");
    assert_eq!(task["lastStatus"], "RUNNING");
    assert_eq!(task["group"], "service:shop");
    assert_eq!(
        task["startedBy"],
        described(&mut world)["deployments"][0]["id"]
    );
    assert_eq!(task["launchType"], "FARGATE");
    let details = task["attachments"][0]["details"].as_array().unwrap();
    let address = details
        .iter()
        .find(|one| one["name"] == "privateIPv4Address");
    assert_eq!(address.unwrap()["value"], "10.0.0.4");
    let stop = json!({ "cluster": CLUSTER, "task": task["taskArn"], "reason": "drill" });
    ok(&mut world, "StopTask", stop);
    world.advance(60);
    let stopped = ok(
        &mut world,
        "ListTasks",
        json!({ "cluster": CLUSTER, "desiredStatus": "STOPPED" }),
    );
    let shown = ok(
        &mut world,
        "DescribeTasks",
        json!({ "cluster": CLUSTER, "tasks": stopped["taskArns"] }),
    );
    let task = &shown["tasks"][0];
    assert_eq!(task["stopCode"], "UserInitiated");
    assert_eq!(task["stoppedReason"], "drill");
    assert_eq!(task["lastStatus"], "STOPPED");
}

#[test]
fn tags_can_be_added_replaced_and_taken_away() {
    let (mut world, _) = shop();
    let arn = described(&mut world)["serviceArn"].clone();
    let tags = json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]);
    ok(
        &mut world,
        "TagResource",
        json!({ "resourceArn": arn, "tags": tags }),
    );
    let tags = json!([{ "key": "a", "value": "3" }]);
    ok(
        &mut world,
        "TagResource",
        json!({ "resourceArn": arn, "tags": tags }),
    );
    ok(
        &mut world,
        "UntagResource",
        json!({ "resourceArn": arn, "tagKeys": ["b"] }),
    );
    assert_eq!(described(&mut world)["tags"], tags);
    let error = refused(
        &mut world,
        "ListTagsForResource",
        json!({ "resourceArn": "shop" }),
    );
    assert_eq!(error.code, "InvalidParameterException");
}

#[test]
fn registering_a_scalable_target_clamps_the_desired_count() {
    let (mut world, _) = shop();
    let scale = |world: &mut World, operation: &str, mut input: Value| {
        input["ServiceNamespace"] = json!("ecs");
        input["ResourceId"] = json!("service/demo/shop");
        input["ScalableDimension"] = json!("ecs:service:DesiredCount");
        crate::sandbox::wire::scaling::handle(world, operation, &input)
    };
    let target = json!({ "MinCapacity": 3, "MaxCapacity": 6 });
    scale(&mut world, "RegisterScalableTarget", target).unwrap();
    assert_eq!(described(&mut world)["desiredCount"], 3);
    let policy = json!({ "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 50.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization" } } });
    scale(&mut world, "PutScalingPolicy", policy).unwrap();
    let update = json!({ "cluster": CLUSTER, "service": "shop", "desiredCount": 0 });
    ok(&mut world, "UpdateService", update);
    let suspend = json!({ "SuspendedState": { "DynamicScalingInSuspended": true } });
    scale(&mut world, "RegisterScalableTarget", suspend).unwrap();
    assert_eq!(
        described(&mut world)["desiredCount"],
        3,
        "suspending wakes it, too"
    );
    let shown = scale(&mut world, "DescribeScalableTargets", json!({})).unwrap();
    let state = &shown["ScalableTargets"][0]["SuspendedState"];
    assert_eq!(state["DynamicScalingInSuspended"], true);
    assert_eq!(state["ScheduledScalingSuspended"], false);
    scale(&mut world, "DeregisterScalableTarget", json!({})).unwrap();
    let shown = scale(&mut world, "DescribeScalingPolicies", json!({})).unwrap();
    assert_eq!(shown["ScalingPolicies"], json!([]));
}

#[test]
fn a_service_with_an_external_controller_needs_no_task_definition() {
    let mut world = world();
    let mut input = json!({ "cluster": CLUSTER, "serviceName": "shop", "desiredCount": 2,
        "deploymentController": { "type": "EXTERNAL" } });
    ok(&mut world, "CreateService", &input);
    let shown = described(&mut world);
    assert_eq!(shown["deployments"], json!([]));
    assert_eq!(shown["taskDefinition"], Value::Null);
    input["deploymentController"] = json!({ "type": "ECS" });
    input["serviceName"] = json!("other");
    let error = refused(&mut world, "CreateService", input);
    assert_eq!(error.code, "ClientException");
}
