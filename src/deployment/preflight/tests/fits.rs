//! What a service's settings ask of its task definition.

use super::*;
use crate::deployment::task_definition;

/// What a plan says where blue's service and what it runs are changed, and green runs the same
/// definition once more, changed.
fn planned_with(
    service: impl FnOnce(&mut Value),
    of_blue: impl FnOnce(&mut Value),
    of_green: impl FnOnce(&mut Value),
) -> Planning {
    planned(|request, found| {
        service(found.services.a.as_mut().expect("it is there"));
        let described = found.task_definitions.values_mut().next().expect("blue's");
        of_blue(&mut described["taskDefinition"]);
        let mut body = task_definition::from_describe(described);
        of_green(&mut body);
        request.definition = DefinitionWanted::Body(body);
    })
}

fn as_it_is(_: &mut Value) {}

#[test]
fn a_volume_of_ebs_is_in_the_service_and_in_the_definition_or_in_neither() {
    let configured = |service: &mut Value| {
        service["deployments"][0]["volumeConfigurations"] =
            json!([{ "name": "data", "managedEBSVolume": { "sizeInGiB": 20 } }]);
    };
    let taken = |body: &mut Value| {
        body["volumes"] = json!([{ "name": "data", "configuredAtLaunch": true }]);
    };
    let both = planned_with(configured, taken, taken);
    assert_eq!(problems(&both), [""; 0]);
    let not_taken = problems(&planned_with(configured, taken, as_it_is_without_volumes)).join("; ");
    assert!(
        not_taken.contains("service shop configures volume data"),
        "{not_taken}"
    );
    let other = |body: &mut Value| body["volumes"] = json!([{ "name": "data" }]);
    let not_at_launch = problems(&planned_with(configured, taken, other)).join("; ");
    assert!(
        not_at_launch.contains("`configuredAtLaunch`"),
        "{not_at_launch}"
    );
    let not_configured = problems(&planned_with(as_it_is, as_it_is, taken)).join("; ");
    assert!(
        not_configured.contains("service shop doesn't configure it"),
        "{not_configured}"
    );
}

#[test]
fn a_definition_needs_room_for_the_tag_of_its_deployment() {
    let told = |count: usize| {
        let tagged = |body: &mut Value| {
            let tag = |at: usize| json!({ "key": format!("k{at}"), "value": "" });
            body["tags"] = (0..count).map(tag).collect();
        };
        problems(&planned_with(as_it_is, as_it_is, tagged)).join("; ")
    };
    assert_eq!(told(49), "");
    let words = "the task definition has 50 tags, and bg needs one of the 50";
    assert!(told(50).contains(words), "{}", told(50));
}

fn as_it_is_without_volumes(body: &mut Value) {
    body["volumes"] = json!([]);
}

#[test]
fn a_container_in_cloud_map_keeps_its_name() {
    let registered = |container: &'static str| {
        let planning = planned_with(
            |service| {
                let arn = "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1";
                service["serviceRegistries"] = json!([
                    { "registryArn": arn, "containerName": container, "containerPort": 8080 },
                ]);
            },
            as_it_is,
            as_it_is,
        );
        problems(&planning).join("; ")
    };
    assert!(!registered("app").contains("registers container"));
    assert!(registered("web").contains("registers container web in Cloud Map"));
}

#[test]
fn exec_takes_a_role() {
    let enabled = |service: &mut Value| service["enableExecuteCommand"] = json!(true);
    let role = |body: &mut Value| {
        body["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/shop");
    };
    let gone = |body: &mut Value| {
        body.as_object_mut().expect("fields").remove("taskRoleArn");
    };
    assert_eq!(problems(&planned_with(enabled, role, role)), [""; 0]);
    for planning in [
        planned_with(enabled, role, gone),
        planned_with(enabled, as_it_is, as_it_is),
    ] {
        let refused = problems(&planning).join("; ");
        assert!(refused.contains("has ECS Exec enabled"), "{refused}");
    }
}

#[test]
fn on_instances_exec_falls_back_on_their_role() {
    let on_instances = |service: &mut Value| {
        service["enableExecuteCommand"] = json!(true);
        service["launchType"] = json!("EC2");
    };
    let role = |body: &mut Value| {
        body["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/shop");
    };
    let gone = |body: &mut Value| {
        body.as_object_mut().expect("fields").remove("taskRoleArn");
    };
    for planning in [
        planned_with(on_instances, role, gone),
        planned_with(on_instances, as_it_is, as_it_is),
    ] {
        assert!(!problems(&planning).join("; ").contains("Exec"));
    }
}

#[test]
fn ports_that_the_idle_slot_still_holds_are_warned_of() {
    let fixed = |body: &mut Value| {
        body["networkMode"] = json!("host");
        body["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 8080 }]);
    };
    let warned = |running: u32, is_there: bool| {
        let planning = planned(|request, found| {
            let mut idle = service("shop-b", "shop-b");
            idle["runningCount"] = json!(running);
            found.services.b = Some(idle);
            let described = found.task_definitions.values_mut().next().expect("blue's");
            let mut body = task_definition::from_describe(described);
            fixed(&mut body);
            if is_there {
                let mut there = described.clone();
                fixed(&mut there["taskDefinition"]);
                let arn = TaskDefinitionArn::new("arn:task-definition/shop:6");
                found.services.b.as_mut().expect("it is there")["taskDefinition"] = json!(arn);
                found.task_definitions.insert(arn.clone(), there);
                found.asked_definition = Some(arn);
                request.definition = DefinitionWanted::Existing("shop:6".to_owned());
            } else {
                request.definition = DefinitionWanted::Body(body);
            }
        });
        planning.warnings.join("; ")
    };
    let words = "slot b still runs 2 tasks of before, and a task takes port 8080 of its instance";
    assert!(warned(2, false).contains(words), "{}", warned(2, false));
    // What it runs already, it goes on running.
    for warned in [warned(0, false), warned(2, true)] {
        assert!(!warned.contains("of its instance"), "{warned}");
    }
}

/// What a plan notes where both run with a port of their instance.
fn noted(of_blue: impl Fn(&mut Value), of_green: impl Fn(&mut Value)) -> String {
    let on_instances = |service: &mut Value| service["launchType"] = json!("EC2");
    planned_with(on_instances, of_blue, of_green)
        .notes
        .join("; ")
}

#[test]
fn ports_of_an_instance_are_told_with_how_many_green_needs() {
    let host = |body: &mut Value| {
        body["networkMode"] = json!("host");
        body["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 8080 }]);
    };
    let fixed = |port: u16| {
        move |body: &mut Value| {
            body["networkMode"] = json!("bridge");
            body["containerDefinitions"][0]["portMappings"] =
                json!([{ "containerPort": 8080, "hostPort": port }]);
        }
    };
    let both = "each task takes port 8080 of its instance: green needs 4 free instances that blue's \
                tasks don't run on";
    assert!(noted(host, host).contains(both), "{}", noted(host, host));
    assert!(noted(fixed(8080), fixed(8080)).contains(both));
    let other = noted(fixed(80), fixed(81));
    assert!(other.contains("port 81 of its instance: green needs 4 free instances"));
    assert!(!other.contains("blue's tasks don't run on"), "{other}");
    for dynamic in [noted(fixed(0), fixed(0)), noted(as_it_is, as_it_is)] {
        assert!(!dynamic.contains("of its instance"), "{dynamic}");
    }
}
