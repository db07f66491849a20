//! Services as teams build them: each setting arrives in a clone and in an update.

use super::*;

/// What both requests for a twin of `source` have at `field`.
fn arrives(source: &Value, field: &str) -> [Value; 2] {
    let created = request(create_request, source, "shop-b");
    let updated = request(update_request, source, "shop-b");
    [created, updated].map(|body| body.get(field).cloned().unwrap_or(Value::Null))
}

/// Both have just what the source has.
#[track_caller]
fn is_carried(field: &str, value: Value) {
    let source = with(&format!("/{field}"), value.clone());
    assert_eq!(arrives(&source, field), [value.clone(), value], "{field}");
}

#[test]
fn settings_of_either_launch_type_are_carried() {
    is_carried(
        "placementConstraints",
        json!([{ "type": "memberOf", "expression": "attribute:ecs.instance-type =~ m7.*" }]),
    );
    is_carried(
        "placementStrategy",
        json!([
            { "type": "spread", "field": "attribute:ecs.availability-zone" },
            { "type": "binpack", "field": "memory" },
        ]),
    );
    is_carried("platformVersion", json!("1.3.0"));
    is_carried("enableExecuteCommand", json!(true));
    is_carried("enableECSManagedTags", json!(false));
    is_carried("availabilityZoneRebalancing", json!("ENABLED"));
    is_carried("healthCheckGracePeriodSeconds", json!(180));
    is_carried("propagateTags", json!("TASK_DEFINITION"));
    is_carried(
        "networkConfiguration",
        json!({ "awsvpcConfiguration": {
            "subnets": ["s1"], "securityGroups": [], "assignPublicIp": "ENABLED",
        } }),
    );
}

#[test]
fn a_mix_of_capacity_providers_is_carried_in_order_and_without_a_launch_type() {
    let mix = json!([
        { "capacityProvider": "FARGATE", "base": 1, "weight": 1 },
        { "capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 4 },
    ]);
    let source = with("/capacityProviderStrategy", mix.clone());
    assert_eq!(
        arrives(&source, "capacityProviderStrategy"),
        [mix.clone(), mix]
    );
    assert_eq!(arrives(&source, "launchType"), [Value::Null, Value::Null]);
}

#[test]
fn a_service_on_its_instances_network_gets_no_network_configuration() {
    let mut source = without("networkConfiguration");
    source["launchType"] = json!("EC2");
    source.as_object_mut().unwrap().remove("platformVersion");
    let created = request(create_request, &source, "shop-b");
    assert_eq!(created["launchType"], "EC2");
    for absent in ["networkConfiguration", "platformVersion"] {
        assert_eq!(created.get(absent), None, "{absent}");
    }
    // Dynamic host ports are the task definition's: the entry names the container's own.
    assert_eq!(created["loadBalancers"][0]["containerPort"], 80);
}

#[test]
fn an_ebs_volume_is_carried_with_all_of_its_settings() {
    let volume = json!([{ "name": "data", "managedEBSVolume": {
        "encrypted": true, "volumeType": "gp3", "sizeInGiB": 20, "iops": 3000, "throughput": 125,
        "filesystemType": "xfs", "roleArn": "arn:aws:iam::123456789012:role/ecsInfrastructure",
        "tagSpecifications": [{ "resourceType": "volume", "propagateTags": "SERVICE" }],
    } }]);
    let source = with("/deployments/1/volumeConfigurations", volume.clone());
    assert_eq!(
        arrives(&source, "volumeConfigurations"),
        [volume.clone(), volume]
    );
}

#[test]
fn bounds_of_a_rollout_are_carried_and_the_breaker_stays_without_its_rollback() {
    let configuration = json!({
        "maximumPercent": 125, "minimumHealthyPercent": 100, "strategy": "ROLLING",
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
    });
    let source = with("/deploymentConfiguration", configuration);
    for carried in arrives(&source, "deploymentConfiguration") {
        assert_eq!(carried["maximumPercent"], 125);
        assert_eq!(carried["minimumHealthyPercent"], 100);
        assert_eq!(
            carried["deploymentCircuitBreaker"],
            json!({ "enable": true, "rollback": false })
        );
    }
    assert_eq!(
        settings(&source)["deploymentCircuitBreaker"]["rollback"],
        true
    );
}

#[test]
fn a_source_that_says_nothing_of_rebalancing_has_none_and_so_has_its_clone() {
    let created = request(
        create_request,
        &without("availabilityZoneRebalancing"),
        "shop-b",
    );
    assert_eq!(created["availabilityZoneRebalancing"], "DISABLED");
}

#[test]
fn a_client_of_service_connect_is_carried_with_its_namespace_and_log_settings() {
    let client = json!({
        "enabled": true, "namespace": "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-1",
        "services": [], "logConfiguration": { "logDriver": "awslogs" },
        "accessLogConfiguration": { "format": "JSON" },
    });
    let source = with("/deployments/1/serviceConnectConfiguration", client.clone());
    assert_eq!(obstacles(&source), []);
    assert_eq!(
        arrives(&source, "serviceConnectConfiguration"),
        [client.clone(), client]
    );
}

#[test]
fn a_clone_without_target_groups_asks_for_no_load_balancer_and_no_grace_period() {
    let task_definition = TaskDefinitionArn::new("worker:8");
    let (cluster, service_b) = (ClusterName::new("prod"), EcsServiceName::new("shop-b"));
    let deployment = DeploymentId::new("20261121-071405-abcd");
    let target = Target {
        cluster: &cluster,
        service: &service_b,
        targets: &[],
        task_definition: &task_definition,
        desired: 2,
        deployment: &deployment,
    };
    let bodies = [
        create_request(&service(), &target),
        update_request(&service(), &target),
    ];
    for body in bodies {
        assert_eq!(body.get("loadBalancers"), None);
        assert_eq!(body.get("healthCheckGracePeriodSeconds"), None);
        assert_eq!(body["desiredCount"], 2);
    }
}

#[test]
fn what_is_refused_says_the_way_over() {
    let served = json!([{ "portName": "http", "discoveryName": "shop" }]);
    let connect = "/deployments/1/serviceConnectConfiguration/services";
    let controller = |kind: &str| with("/deploymentController", json!({ "type": kind }));
    let strategy = |kind: &str| with("/deploymentConfiguration/strategy", json!(kind));
    for (source, way) in [
        (with("/schedulingStrategy", json!("DAEMON")), "REPLICA"),
        (
            controller("CODE_DEPLOY"),
            "create a service with deployment controller ECS beside it",
        ),
        (
            controller("EXTERNAL"),
            "create a service with deployment controller ECS beside it",
        ),
        (strategy("BLUE_GREEN"), "strategy to ROLLING"),
        (
            with(connect, served),
            "deploymentConfiguration.strategy BLUE_GREEN",
        ),
    ] {
        let [obstacle] = &obstacles(&source)[..] else {
            panic!("{:?}", obstacles(&source));
        };
        assert!(obstacle.fix.contains(way), "{obstacle:?}");
    }
}
