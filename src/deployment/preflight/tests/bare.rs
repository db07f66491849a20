//! Cloud Map's consent, and tasks on their instances' network.

use serde_json::json;

use super::*;
use crate::deployment::preflight::Discovery;

fn register(found: &mut Surroundings) {
    let arn = "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1";
    let service = found.services.a.as_mut().expect("it is there");
    service["serviceRegistries"] = json!([{ "registryArn": arn }]);
}

#[test]
fn a_service_in_cloud_map_is_refused_until_the_config_agrees() {
    each_is_refused(&[
        (
            "registered in Cloud Map (srv-1)",
            "set `discovery: shared` in bg.yaml",
            |_, found| register(found),
        ),
        (
            "registered in Cloud Map (srv-1)",
            "aws ecs update-service --cluster prod --service shop --service-registries '[]'",
            |_, found| register(found),
        ),
    ]);
    let agreed = planned(|request, found| {
        register(found);
        request.discovery = Discovery::Shared;
    });
    assert!(agreed.plan.is_some(), "{:#?}", agreed.problems);
    let told = agreed.warnings.join("\n");
    assert!(
        told.contains("reaches green as soon as its tasks run"),
        "{told}"
    );
}

#[test]
fn consent_says_nothing_of_a_service_that_is_in_no_registry() {
    let planning = planned(|request, _| request.discovery = Discovery::Shared);
    assert_eq!(planning.warnings, [] as [String; 0]);
}

/// Tasks on their instances' network, registered by instance.
fn on_instances(found: &mut Surroundings, mode: &str) {
    let services = [&mut found.services.a, &mut found.services.b];
    for service in services.into_iter().flatten() {
        service["launchType"] = json!("EC2");
    }
    for definition in found.task_definitions.values_mut() {
        let body = &mut definition["taskDefinition"];
        body["networkMode"] = json!(mode);
        body["requiresCompatibilities"] = json!(["EC2"]);
        let ports = &mut body["containerDefinitions"][0]["portMappings"];
        if mode == "bridge" {
            ports[0]["hostPort"] = json!(0);
        }
    }
    for group in found.groups.values_mut().flatten() {
        group.target_type = "instance".to_owned();
    }
}

#[test]
fn bridge_mode_with_dynamic_ports_and_host_mode_take_instance_targets() {
    for mode in ["bridge", "host"] {
        let planning = planned(|_, found| on_instances(found, mode));
        assert!(planning.plan.is_some(), "{mode}: {:#?}", planning.problems);
        let by_address = planned(|_, found| {
            on_instances(found, mode);
            let group = found.groups.get_mut("shop-b").and_then(Option::as_mut);
            group.expect("it is there").target_type = "ip".to_owned();
        });
        let told = problems(&by_address).join("\n");
        assert!(
            told.contains(&format!("network mode {mode} needs instance")),
            "{told}"
        );
    }
}

#[test]
fn a_gate_may_ask_targets_that_are_instances() {
    for mode in ["bridge", "host"] {
        let planning = planned(|request, found| {
            request.gates.push(gates::asking("/health"));
            on_instances(found, mode);
        });
        assert!(planning.plan.is_some(), "{mode}: {:#?}", planning.problems);
    }
}
