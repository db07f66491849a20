//! What a service asks of its task definition.

use super::*;

/// What a service asks of its task definition, what makes that one fit, and what ECS says otherwise.
type Demand = (Value, Value, &'static str, &'static str);

fn demands() -> [Demand; 3] {
    let volume = json!([{ "name": "data", "configuredAtLaunch": true }]);
    let configured =
        json!({ "volumeConfigurations": [{ "name": "data", "managedEBSVolume": {} }] });
    let no_role = "couldn't be created because a valid taskRoleArn is not being used.";
    let registry = json!({ "registryArn": "arn:r", "containerName": "web", "containerPort": 8080 });
    [
        (
            configured,
            json!({ "volumes": volume }),
            "volumes",
            "Volume configuration provided but no matching configuredAtLaunch volume found",
        ),
        (
            json!({ "enableExecuteCommand": true }),
            json!({ "taskRoleArn": "arn:aws:iam::123456789012:role/shop" }),
            "taskRoleArn",
            no_role,
        ),
        (
            json!({ "serviceRegistries": [registry] }),
            json!({ "containerDefinitions": [
                { "name": "app", "image": "shop:v2", "portMappings": [{ "containerPort": 8080 }] },
                { "name": "web", "image": "web:v1" },
            ] }),
            "containerDefinitions",
            "The container web is not valid. The value for 'containerName' must already be",
        ),
    ]
}

#[test]
fn what_a_service_asks_of_its_definition_is_there_from_its_making_on() {
    for (settings, fitting, field, told) in demands() {
        let (mut world, balancer) = shop();
        let mut service = demo::service("other", &balancer.group_b, 1);
        let fields = service.as_object_mut().unwrap();
        fields.extend(settings.as_object().unwrap().clone());
        let mut definition = demo::task_definition("shop:v2");
        let error = refused(&mut world, "CreateService", &service);
        assert_eq!(error.code, "InvalidParameterException", "{error}");
        assert!(error.message.contains(told), "{error}");
        definition[field] = fitting[field].clone();
        ok(&mut world, "RegisterTaskDefinition", definition);
        ok(&mut world, "CreateService", service);
        // What the service has stays what it asks, also where an update doesn't name it.
        for mut update in [
            json!({ "taskDefinition": "shop:1" }),
            json!({ "taskDefinition": "shop:1", "volumeConfigurations": null }),
        ] {
            update["cluster"] = json!(CLUSTER);
            update["service"] = json!("other");
            let error = refused(&mut world, "UpdateService", update);
            let told = told.replace("created", "updated");
            assert!(error.message.contains(&told), "{error}");
        }
    }
}

#[test]
fn a_volume_for_the_launch_is_configured_or_the_service_is_refused() {
    let (mut world, balancer) = shop();
    let mut definition = demo::task_definition("shop:v2");
    definition["volumes"] = json!([{ "name": "data", "configuredAtLaunch": true }]);
    ok(&mut world, "RegisterTaskDefinition", definition);
    let told = "Task definition has configuredAtLaunch volume but no volume configuration";
    let service = demo::service("other", &balancer.group_b, 1);
    let error = refused(&mut world, "CreateService", service);
    assert!(error.message.contains(told), "{error}");
    let mut update = json!({ "cluster": CLUSTER, "service": "shop", "taskDefinition": "shop:2" });
    let error = refused(&mut world, "UpdateService", &update);
    assert!(error.message.contains(told), "{error}");
    update["volumeConfigurations"] = json!([{ "name": "data", "managedEBSVolume": {} }]);
    ok(&mut world, "UpdateService", &update);
    update["taskDefinition"] = json!("shop:1");
    update["volumeConfigurations"] = json!([]);
    ok(&mut world, "UpdateService", &update);
}
