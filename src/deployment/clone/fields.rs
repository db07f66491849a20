//! Which of a service's fields are settings, where they stand, and what it means that one is
//! missing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Fields of DescribeServices that say how a service is doing, not what it is to be.
const OUTPUT_ONLY: &[&str] = &[
    "clusterArn",
    "createdAt",
    "createdBy",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deployments",
    "events",
    "pendingCount",
    "platformFamily",
    "resourceManagementType",
    "roleArn",
    "runningCount",
    "serviceArn",
    "status",
    "taskSets",
];

/// Settings that each slot has for itself.
const OWN: &[&str] = &[
    "desiredCount",
    "loadBalancers",
    "serviceName",
    "tags",
    "taskDefinition",
];

/// Settings that DescribeServices prints only in the primary deployment.
const IN_PRIMARY: &[&str] = &[
    "gatewayConnectors",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Settings that CreateService takes and UpdateService doesn't, or takes with another meaning.
pub(super) const CREATE_ONLY: &[&str] =
    &["deploymentController", "launchType", "schedulingStrategy"];

/// The settings of `service` that another slot can share, wherever DescribeServices prints them.
pub fn shared(service: &Value) -> Map<String, Value> {
    let left_out = |name: &str| OUTPUT_ONLY.contains(&name) || OWN.contains(&name);
    let own_level = service.as_object().into_iter().flatten();
    let mut settings: Map<String, Value> = own_level
        .filter(|(name, value)| !left_out(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for name in IN_PRIMARY {
        if let Some(value) = primary(service).and_then(|deployment| deployment.get(*name)) {
            settings.insert((*name).to_owned(), value.clone());
        }
    }
    if let Some(Value::Array(volumes)) = settings.get_mut("volumeConfigurations") {
        // ECS lists volumes of other kinds (S3 Files) by name alone, and takes no such entry back.
        volumes.retain(configures);
    }
    if has_items(settings.get("capacityProviderStrategy")) {
        settings.remove("launchType");
    } else {
        settings.remove("capacityProviderStrategy");
    }
    settings
}

/// Whether an entry says more of a volume than its name.
fn configures(volume: &Value) -> bool {
    let fields = volume.as_object().into_iter().flatten();
    let mut more = fields.filter(|(name, value)| *name != "name" && !value.is_null());
    more.next().is_some()
}

/// The deployment that the service is to run.
fn primary(service: &Value) -> Option<&Value> {
    let deployments = service.get("deployments")?.as_array()?;
    deployments
        .iter()
        .find(|deployment| text(deployment, "/status") == Some("PRIMARY"))
}

/// The shared settings with every default left out: two services that ECS treats alike are equal.
pub(super) fn normalised(service: &Value) -> BTreeMap<String, Value> {
    let mut settings = shared(service);
    settings.insert(
        "deploymentConfiguration".to_owned(),
        super::settings(service),
    );
    settings
        .into_iter()
        .map(|(name, value)| (name, canonical(value)))
        .filter(|(name, value)| !is_default(name, value))
        .collect()
}

/// What ECS assumes for a setting that is not there.
pub(super) fn default_of(name: &str) -> Option<Value> {
    Some(match name {
        "availabilityZoneRebalancing" => json!("DISABLED"),
        "deploymentController" => json!({ "type": "ECS" }),
        "enableECSManagedTags" | "enableExecuteCommand" => json!(false),
        "healthCheckGracePeriodSeconds" => json!(0),
        "placementConstraints"
        | "placementStrategy"
        | "serviceRegistries"
        | "volumeConfigurations"
        | "vpcLatticeConfigurations" => json!([]),
        "propagateTags" => json!("NONE"),
        "schedulingStrategy" => json!("REPLICA"),
        "serviceConnectConfiguration" => json!({ "enabled": false }),
        _ => return None,
    })
}

fn is_default(name: &str, value: &Value) -> bool {
    default_of(name).as_ref() == Some(value)
        || (name == "serviceConnectConfiguration" && value.get("enabled") == Some(&json!(false)))
        || *value == json!([])
        || value.is_null()
}

/// Lists of plain texts (subnets, security groups, alarm names) have no order, and zeros in a
/// capacity provider strategy say nothing.
fn canonical(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(canonical).collect();
            if items.iter().all(Value::is_string) {
                items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
            Value::Array(items)
        }
        Value::Object(fields) => {
            let keeps = |name: &str, value: &Value| {
                !(value.is_null() || matches!(name, "base" | "weight") && *value == json!(0))
            };
            let kept = fields
                .into_iter()
                .filter(|(name, value)| keeps(name, value));
            Value::Object(kept.map(|(name, value)| (name, canonical(value))).collect())
        }
        plain => plain,
    }
}

/// The text at a JSON pointer.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// Whether it is a list with something in it.
pub(super) fn has_items(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_array)
        .is_some_and(|items| !items.is_empty())
}
