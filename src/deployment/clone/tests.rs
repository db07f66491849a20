mod variants;

use serde_json::{Value, json};

use super::{
    Mended, Target, create_request, differences, keep_definition, obstacles, registries, settings,
    update_request,
};
use crate::deployment::ids::{
    ClusterName, DeploymentId, EcsServiceName, TargetGroupArn, TaskDefinitionArn,
};
use crate::deployment::plan::TargetPlan;

/// A service as DescribeServices prints it, with everything that a clone could lose.
fn service() -> Value {
    json!({
        "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/prod/shop",
        "serviceName": "shop",
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/prod",
        "loadBalancers": [{ "targetGroupArn": "arn:a", "containerName": "app", "containerPort": 80 }],
        "serviceRegistries": [],
        "status": "ACTIVE",
        "desiredCount": 4, "runningCount": 4, "pendingCount": 0,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0", "platformFamily": "Linux",
        "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7",
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": true, "rollback": true,
                "thresholdConfiguration": { "type": "COUNT", "value": 5 }
            },
            "maximumPercent": 150, "minimumHealthyPercent": 50,
            "alarms": { "alarmNames": ["shop-5xx"], "rollback": true, "enable": true },
            "strategy": "ROLLING", "bakeTimeInMinutes": 0
        },
        "taskSets": [],
        "deployments": [
            { "status": "ACTIVE", "volumeConfigurations": [{ "name": "old" }] },
            {
                "status": "PRIMARY",
                "launchType": "FARGATE",
                "serviceConnectConfiguration": {
                    "enabled": true, "namespace": "prod", "services": [],
                    "logConfiguration": { "logDriver": "splunk", "options": { "token": "hunter2" } }
                },
                "volumeConfigurations": [
                    { "name": "data", "managedEBSVolume": { "sizeInGiB": 20 } }, { "name": "s3-files" },
                ],
                "vpcLatticeConfigurations": []
            }
        ],
        "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "events": [{ "message": "has reached a steady state." }],
        "createdAt": 1.0, "createdBy": "arn:aws:iam::123456789012:role/ci",
        "currentServiceDeployment": "arn:d", "currentServiceRevisions": [],
        "placementConstraints": [], "placementStrategy": [],
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["s1", "s2"], "securityGroups": ["g"] } },
        "healthCheckGracePeriodSeconds": 20,
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "tags": [
            { "key": "team", "value": "" },
            { "key": "bg:deployment", "value": "earlier" },
            { "key": "bg:retire-at", "value": "2026-11-21T07:14:05Z delete" },
            { "key": "aws:cloudformation:stack-name", "value": "shop" }
        ],
        "enableECSManagedTags": true,
        "propagateTags": "NONE",
        "enableExecuteCommand": true,
        "availabilityZoneRebalancing": "DISABLED",
        "resourceManagementType": "CUSTOMER",
        "somethingNew": { "kept": [1, "", null] }
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut service = service();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = service.pointer_mut(parent).unwrap();
    parent[field] = value;
    service
}

fn without(field: &str) -> Value {
    let mut service = service();
    service.as_object_mut().unwrap().remove(field).unwrap();
    service
}

fn request(make: fn(&Value, &Target<'_>) -> Value, source: &Value, name: &str) -> Value {
    let port = |group, container: &str, port| TargetPlan {
        group: TargetGroupArn::new(group),
        container: container.to_owned(),
        port,
        deregistration_delay: std::time::Duration::from_secs(300),
        health_check: None,
    };
    make(
        source,
        &Target {
            cluster: &ClusterName::new("prod"),
            service: &EcsServiceName::new(name),
            targets: &[port("arn:b", "app", 80), port("arn:b-admin", "admin", 9000)],
            task_definition: &TaskDefinitionArn::new("shop:8"),
            desired: 4,
            deployment: &DeploymentId::new("20261121-071405-abcd"),
        },
    )
}

#[test]
fn a_clone_has_every_setting_of_its_source_and_a_place_of_its_own() {
    let expected = json!({
        "cluster": "prod",
        "serviceName": "shop-b",
        "clientToken": "20261121-071405-abcd",
        "taskDefinition": "shop:8",
        "desiredCount": 4,
        "loadBalancers": [
            { "targetGroupArn": "arn:b", "containerName": "app", "containerPort": 80 },
            { "targetGroupArn": "arn:b-admin", "containerName": "admin", "containerPort": 9000 }
        ],
        "serviceRegistries": [],
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": true, "rollback": false,
                "thresholdConfiguration": { "type": "COUNT", "value": 5 }
            },
            "maximumPercent": 150, "minimumHealthyPercent": 50,
            "alarms": { "alarmNames": ["shop-5xx"], "rollback": false, "enable": false },
            "strategy": "ROLLING", "bakeTimeInMinutes": 0
        },
        "serviceConnectConfiguration": {
            "enabled": true, "namespace": "prod", "services": [],
            "logConfiguration": { "logDriver": "splunk", "options": { "token": "hunter2" } }
        },
        "volumeConfigurations": [{ "name": "data", "managedEBSVolume": { "sizeInGiB": 20 } }],
        "vpcLatticeConfigurations": [],
        "placementConstraints": [], "placementStrategy": [],
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["s1", "s2"], "securityGroups": ["g"] } },
        "healthCheckGracePeriodSeconds": 20,
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "tags": [
            { "key": "team", "value": "" },
            { "key": "bg:deployment", "value": "20261121-071405-abcd" }
        ],
        "enableECSManagedTags": true,
        "enableExecuteCommand": true,
        "availabilityZoneRebalancing": "DISABLED",
        "somethingNew": { "kept": [1, "", null] }
    });
    assert_eq!(request(create_request, &service(), "shop-b"), expected);
}

#[test]
fn a_clone_names_a_launch_type_or_capacity_providers_never_both() {
    let spot = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0 }]);
    let by_provider = request(
        create_request,
        &with("/capacityProviderStrategy", spot.clone()),
        "shop-b",
    );
    assert_eq!(by_provider["capacityProviderStrategy"], spot);
    assert_eq!(by_provider.get("launchType"), None);
    let by_type = request(
        create_request,
        &with("/capacityProviderStrategy", json!([])),
        "shop-b",
    );
    assert_eq!(by_type.get("capacityProviderStrategy"), None);
    assert_eq!(by_type["launchType"], "FARGATE");
}

#[test]
fn tags_are_propagated_only_where_the_source_does() {
    let cloned = request(
        create_request,
        &with("/propagateTags", json!("SERVICE")),
        "shop-b",
    );
    assert_eq!(cloned["propagateTags"], "SERVICE");
}

#[test]
fn an_update_carries_what_update_service_takes_and_nothing_else() {
    let created = request(create_request, &service(), "shop-b");
    let updated = request(update_request, &service(), "shop-b");
    let (created, updated) = (created.as_object().unwrap(), updated.as_object().unwrap());
    let only = |one: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
        let mut names: Vec<String> = one
            .keys()
            .filter(|name| one.get(*name) != other.get(*name))
            .cloned()
            .collect();
        names.sort();
        names
    };
    let fixed_at_creation = [
        "clientToken",
        "deploymentController",
        "launchType",
        "schedulingStrategy",
        "serviceName",
        "tags",
    ];
    assert_eq!(only(created, updated), fixed_at_creation);
    assert_eq!(only(updated, created), ["propagateTags", "service"]);
}

#[test]
fn an_update_takes_away_what_the_source_does_not_have() {
    let mut source = without("healthCheckGracePeriodSeconds");
    source["deployments"] = json!([{ "status": "PRIMARY" }]);
    source["deploymentConfiguration"] = json!({ "maximumPercent": 200 });
    let updated = request(update_request, &source, "shop-b");
    assert_eq!(updated["healthCheckGracePeriodSeconds"], 0);
    assert_eq!(
        updated["serviceConnectConfiguration"],
        json!({ "enabled": false })
    );
    assert_eq!(updated["volumeConfigurations"], json!([]));
    assert_eq!(updated["vpcLatticeConfigurations"], json!([]));
    assert_eq!(
        updated["deploymentConfiguration"],
        json!({
            "maximumPercent": 200,
            "deploymentCircuitBreaker": { "enable": false, "rollback": false },
            "alarms": { "alarmNames": [], "enable": false, "rollback": false }
        })
    );
}

#[test]
fn a_changed_capacity_provider_strategy_forces_a_deployment_because_ecs_asks_for_it() {
    let spot = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]);
    let source = with("/capacityProviderStrategy", spot);
    assert_eq!(
        request(update_request, &source, "shop-b")["forceNewDeployment"],
        true
    );
    assert_eq!(
        request(update_request, &service(), "shop-b").get("forceNewDeployment"),
        None
    );
}

#[test]
fn a_slot_that_is_its_own_source_keeps_its_settings() {
    let updated = request(update_request, &service(), "shop");
    let mut names: Vec<&String> = updated.as_object().unwrap().keys().collect();
    names.sort();
    let own = [
        "cluster",
        "deploymentConfiguration",
        "desiredCount",
        "loadBalancers",
        "service",
        "taskDefinition",
        "volumeConfigurations",
    ];
    assert_eq!(names, own);
}

#[test]
fn restoring_gives_back_the_rollbacks_that_a_deployment_switched_off() {
    let before = service();
    assert_eq!(settings(&before), before["deploymentConfiguration"]);
}

#[test]
fn a_clone_does_not_differ_from_its_source() {
    let source = with("/propagateTags", json!("NONE"));
    let mut clone = service();
    let own = json!({
        "serviceName": "shop-b", "desiredCount": 0, "taskDefinition": "shop:6", "tags": [],
        "createdAt": 2.0, "runningCount": 0, "loadBalancers": [], "platformFamily": "Linux",
    });
    for (name, value) in own.as_object().unwrap() {
        clone[name] = value.clone();
    }
    for default in [
        "propagateTags",
        "deploymentController",
        "schedulingStrategy",
    ] {
        clone.as_object_mut().unwrap().remove(default);
    }
    clone["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = json!(["s2", "s1"]);
    assert_eq!(differences(&source, &clone), []);
}

#[test]
fn every_differing_setting_is_named_with_both_values() {
    let mut existing = service();
    existing["enableExecuteCommand"] = json!(false);
    existing["platformVersion"] = json!("LATEST");
    existing["deployments"] = json!([]);
    existing["somethingNew"] = Value::Null;
    let found = differences(&service(), &existing);
    let fields: Vec<&str> = found.iter().map(|found| found.field.as_str()).collect();
    let expected = [
        "enableExecuteCommand",
        "platformVersion",
        "serviceConnectConfiguration",
        "somethingNew",
        "volumeConfigurations",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (found[0].source.as_deref(), found[0].existing.as_deref()),
        (Some("true"), Some("false"))
    );
    assert_eq!(
        (found[1].source.as_deref(), found[1].existing.as_deref()),
        (Some("1.4.0"), Some("LATEST"))
    );
    assert!(found.iter().all(|found| found.mended == Mended::ByUpdate));
}

#[test]
fn of_a_setting_with_fields_those_that_differ_are_named() {
    let with = |deployment: Value| {
        let mut service = service();
        service["deploymentConfiguration"] = deployment;
        service
    };
    let source = with(json!({ "minimumHealthyPercent": 50, "maximumPercent": 200 }));
    let existing = with(json!({ "minimumHealthyPercent": 100, "maximumPercent": 200 }));
    let [found] = &differences(&source, &existing)[..] else {
        panic!("{:#?}", differences(&source, &existing));
    };
    assert_eq!(found.field, "deploymentConfiguration.minimumHealthyPercent");
    let values = (found.existing.as_deref(), found.source.as_deref());
    assert_eq!(values, (Some("100"), Some("50")));
}

#[test]
fn a_difference_shows_no_log_token() {
    let mut existing = service();
    existing["deployments"] = json!([]);
    let shown = format!("{:?}", differences(&service(), &existing));
    assert!(shown.contains("splunk"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let mut another = service();
    let primary = &mut another["deployments"].as_array_mut().expect("a list")[1];
    let log = &mut primary["serviceConnectConfiguration"]["logConfiguration"];
    let options = log["options"].as_object_mut().expect("options");
    options.values_mut().for_each(|it| *it = json!("hunter3"));
    let shown = format!("{:?}", differences(&service(), &another));
    assert!(shown.contains("logConfiguration.options."), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn what_is_fixed_at_creation_is_never_mended() {
    let spot = || {
        let spot = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]);
        with("/capacityProviderStrategy", spot)
    };
    let never = |source: &Value, existing: &Value| -> Vec<String> {
        let found = differences(source, existing).into_iter();
        found
            .filter(|found| matches!(found.mended, Mended::Never { .. }))
            .map(|found| found.field)
            .collect()
    };
    assert_eq!(
        never(&service(), &with("/launchType", json!("EC2"))),
        ["launchType"]
    );
    assert_eq!(
        never(&service(), &with("/schedulingStrategy", json!("DAEMON"))),
        ["schedulingStrategy"]
    );
    assert_eq!(
        never(&service(), &spot()),
        ["capacityProviderStrategy", "launchType"]
    );
    assert_eq!(never(&spot(), &service()), [] as [String; 0]);
}

#[test]
fn an_ordinary_service_meets_no_obstacle() {
    assert_eq!(obstacles(&service()), []);
    assert_eq!(obstacles(&json!({})), []);
}

#[test]
fn each_obstacle_is_found_and_named() {
    let served = json!([{ "portName": "http", "discoveryName": "shop" }]);
    let connect = "/deployments/1/serviceConnectConfiguration";
    for (source, words) in [
        (with("/schedulingStrategy", json!("DAEMON")), "DAEMON"),
        (
            with("/deploymentController", json!({ "type": "CODE_DEPLOY" })),
            "CODE_DEPLOY",
        ),
        (
            with("/deploymentController", json!({ "type": "EXTERNAL" })),
            "EXTERNAL",
        ),
        (
            with("/deploymentConfiguration/strategy", json!("BLUE_GREEN")),
            "BLUE_GREEN",
        ),
        (
            with("/deploymentConfiguration/strategy", json!("LINEAR")),
            "LINEAR",
        ),
        (
            with("/deploymentConfiguration/strategy", json!("CANARY")),
            "CANARY",
        ),
        (
            with("/resourceManagementType", json!("ECS")),
            "Express Mode",
        ),
        (
            with(&format!("{connect}/services"), served.clone()),
            "serves shop by Service Connect",
        ),
        (
            with(
                "/deployments/1/vpcLatticeConfigurations",
                json!([{ "roleArn": "r", "targetGroupArn": "t", "portName": "http" }]),
            ),
            "VPC Lattice",
        ),
        (
            with("/gatewayConnectors", json!([{ "portName": "http" }])),
            "gateway connector",
        ),
        (
            with(
                "/deployments/1/gatewayConnectors",
                json!([{ "portName": "http" }]),
            ),
            "gateway connector",
        ),
        (
            with("/loadBalancers", json!([{ "loadBalancerName": "old" }])),
            "Classic Load Balancer old",
        ),
    ] {
        let found = obstacles(&source);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.contains(words), "{found:?}");
    }
}

#[test]
fn a_registry_is_no_obstacle_and_is_cloned() {
    let registry = json!([{ "registryArn": "arn:r", "containerName": "app", "containerPort": 80 }]);
    let source = with("/serviceRegistries", registry.clone());
    assert_eq!(obstacles(&source), []);
    assert_eq!(registries(&source), ["arn:r"]);
    assert_eq!(registries(&service()), [] as [&str; 0]);
    let created = request(create_request, &source, "shop-b");
    assert_eq!(created["serviceRegistries"], registry);
    let updated = request(update_request, &source, "shop-b");
    assert_eq!(updated["serviceRegistries"], registry);
    let without = request(update_request, &service(), "shop-b");
    assert_eq!(without["serviceRegistries"], json!([]), "and taken away");
}

#[test]
fn service_connect_that_is_switched_off_serves_nothing() {
    let off = json!({ "enabled": false, "services": [{ "portName": "http" }] });
    assert_eq!(
        obstacles(&with("/deployments/1/serviceConnectConfiguration", off)),
        []
    );
}

#[test]
fn a_definition_that_a_service_has_is_not_set_again_nor_are_its_volumes() {
    let existing = service();
    let kept_as = |name: &str, change: fn(&mut Value)| {
        let mut body = request(update_request, &service(), name);
        body["taskDefinition"] = existing["taskDefinition"].clone();
        change(&mut body);
        keep_definition(&mut body, &existing);
        let has = |key: &str| body.get(key).is_some();
        (has("taskDefinition"), has("volumeConfigurations"))
    };
    let kept = |change: fn(&mut Value)| kept_as("shop", change);
    assert_eq!(kept(|_| {}), (false, false));
    assert_eq!(
        kept_as("shop-b", |_| {}),
        (false, false),
        "another one's settings"
    );
    assert_eq!(
        kept(|body| body["taskDefinition"] = json!("x")),
        (true, true)
    );
    // ECS takes volumes only beside a definition.
    assert_eq!(
        kept(|body| body["volumeConfigurations"] = json!([])),
        (true, true)
    );
}
