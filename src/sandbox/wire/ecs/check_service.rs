//! What CreateService and UpdateService refuse.

use super::check_fits::{self, Call};
use crate::sandbox::{
    wire::AwsError,
    world::{
        World,
        ecs::{
            definitions::{Definition, DefinitionStatus, NetworkMode, port_mappings},
            json::{count, list, text},
            services::{Service, ServiceStatus, load_balancers},
        },
    },
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Checks a CreateService and returns the task definition that it names. A service with an external
/// controller names none: its task sets do.
pub(super) fn creation(world: &World, input: &Value) -> Result<Option<Arc<Definition>>, AwsError> {
    let name = text(input, "serviceName").unwrap_or_default();
    let fine = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    if name.is_empty() {
        return Err(AwsError::invalid_parameter("serviceName can not be blank."));
    }
    if name.len() > 255 || !name.chars().all(fine) {
        return Err(AwsError::invalid_parameter("Invalid service name."));
    }
    let daemon = text(input, "schedulingStrategy") == Some("DAEMON");
    if !daemon && count(input, "desiredCount").is_none() {
        return Err(AwsError::invalid_parameter(
            "desiredCount is required for the REPLICA scheduling strategy.",
        ));
    }
    if text(input, "launchType").is_some() && !list(input, "capacityProviderStrategy").is_empty() {
        return Err(AwsError::invalid_parameter(
            "Specifying both a launch type and capacity provider strategy is not supported. \
             Remove one and try again.",
        ));
    }
    let external = &input["deploymentController"]["type"] == "EXTERNAL";
    if external && text(input, "taskDefinition").is_none() {
        return Ok(None);
    }
    let definition = definition(world, text(input, "taskDefinition").unwrap_or_default())?;
    let empty = Map::new();
    let fields = input.as_object().unwrap_or(&empty);
    settings(world, fields, &definition)?;
    check_fits::check(Call::Create, fields, &definition)?;
    service_connect_names(world, input, name)?;
    Ok(Some(definition))
}

/// Checks an UpdateService and returns the task definition that it names, if any.
pub(super) fn change(
    world: &World,
    input: &Value,
    service: &Service,
) -> Result<Option<Arc<Definition>>, AwsError> {
    if service.status != ServiceStatus::Active {
        return Err(AwsError::new(
            "ServiceNotActiveException",
            "Service was not ACTIVE.",
        ));
    }
    let named = text(input, "taskDefinition")
        .map(|reference| definition(world, reference))
        .transpose()?;
    let controller = service
        .settings
        .get("deploymentController")
        .and_then(|controller| text(controller, "type"));
    if let (true, Some(controller @ ("CODE_DEPLOY" | "EXTERNAL"))) = (named.is_some(), controller) {
        return Err(AwsError::invalid_parameter(format!(
            "Unable to update task definition on services with a {controller} deployment \
             controller. Use {} to trigger a new deployment.",
            if controller == "EXTERNAL" {
                "UpdateServicePrimaryTaskSet"
            } else {
                "AWS CodeDeploy"
            }
        )));
    }
    let mut fields = service.settings.clone();
    let given = input.as_object().cloned().unwrap_or_default();
    fields.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
    let running = service.primary().map(|primary| &primary.definition);
    if let Some(definition) = named.as_ref().or(running).filter(|_| reshapes(input)) {
        settings(world, &fields, definition)?;
        check_fits::check(Call::Update, &fields, definition)?;
    }
    service_connect_names(world, input, &service.name)?;
    Ok(named)
}

/// Whether an update touches what tasks are made of. One that doesn't is taken as it is: a service
/// can be scaled in although its target group has lost its load balancer since.
fn reshapes(input: &Value) -> bool {
    let harmless = [
        "cluster",
        "service",
        "desiredCount",
        "deploymentConfiguration",
    ];
    let fields = input.as_object().into_iter().flatten();
    let mut set = fields.filter(|(_, value)| !value.is_null());
    set.any(|(field, _)| !harmless.contains(&field.as_str()))
}

fn definition(world: &World, reference: &str) -> Result<Arc<Definition>, AwsError> {
    let found = world
        .ecs
        .definitions
        .find(reference)
        .ok_or_else(|| AwsError::client("TaskDefinition not found."))?;
    if found.status == DefinitionStatus::Inactive {
        return Err(AwsError::client("TaskDefinition is inactive."));
    }
    Ok(Arc::clone(found))
}

/// What must fit together in a service: task definition, network, launch type, target groups.
fn settings(
    world: &World,
    fields: &Map<String, Value>,
    definition: &Definition,
) -> Result<(), AwsError> {
    let has_network = fields
        .get("networkConfiguration")
        .is_some_and(Value::is_object);
    match (definition.network_mode(), has_network) {
        (NetworkMode::Awsvpc, false) => {
            return Err(AwsError::invalid_parameter(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        }
        (NetworkMode::Instance, true) => {
            return Err(AwsError::invalid_parameter(
                "Network Configuration is not valid for the given networkMode of this task \
                 definition.",
            ));
        }
        (NetworkMode::Awsvpc, true) | (NetworkMode::Instance, false) => {}
    }
    if fields.get("launchType") == Some(&json!("FARGATE")) && !definition.runs_on_fargate() {
        return Err(AwsError::invalid_parameter(
            "Task definition does not support launch_type FARGATE.",
        ));
    }
    let balanced = load_balancers(fields);
    let grace = fields
        .get("healthCheckGracePeriodSeconds")
        .and_then(Value::as_u64);
    if balanced.is_empty() && grace.is_some_and(|seconds| seconds > 0) {
        return Err(AwsError::invalid_parameter(
            "Health check grace period is only valid for services configured to use load \
             balancers",
        ));
    }
    for (group, container, port) in balanced {
        target_group(world, group)?;
        container_port(definition, container, port)?;
    }
    Ok(())
}

fn target_group(world: &World, arn: &str) -> Result<(), AwsError> {
    if world.elb.group(arn).is_none() {
        return Err(AwsError::invalid_parameter(format!(
            "The specified target group does not exist. (targetGroupArn {arn})"
        )));
    }
    if !world.elb.group_is_used(arn) {
        return Err(AwsError::invalid_parameter(format!(
            "The target group with targetGroupArn {arn} does not have an associated load \
             balancer."
        )));
    }
    Ok(())
}

fn container_port(definition: &Definition, name: &str, port: u16) -> Result<(), AwsError> {
    let Some(container) = definition.container(name) else {
        return Err(AwsError::invalid_parameter(format!(
            "The container {name} does not exist in the task definition."
        )));
    };
    if port_mappings(container).any(|mapping| mapping.container == port) {
        return Ok(());
    }
    Err(AwsError::invalid_parameter(format!(
        "The container {name} did not have a container port {port} defined."
    )))
}

/// Discovery names of Service Connect are unique in a namespace.
fn service_connect_names(world: &World, input: &Value, own: &str) -> Result<(), AwsError> {
    let asked = input.get("serviceConnectConfiguration");
    for (namespace, name) in asked.map(discovery_names).unwrap_or_default() {
        let taken = world
            .ecs
            .clusters
            .values()
            .flat_map(|cluster| cluster.services.values())
            .filter(|service| service.status == ServiceStatus::Active && service.name != own)
            .filter_map(|service| service.settings.get("serviceConnectConfiguration"))
            .flat_map(discovery_names)
            .any(|known| known == (namespace, name));
        if taken {
            return Err(AwsError::invalid_parameter(format!(
                "The Service Connect discovery name {name} is already in use in the namespace."
            )));
        }
    }
    Ok(())
}

fn discovery_names(configuration: &Value) -> Vec<(&str, &str)> {
    let namespace = text(configuration, "namespace").unwrap_or_default();
    list(configuration, "services")
        .iter()
        .filter_map(|one| text(one, "discoveryName").or_else(|| text(one, "portName")))
        .map(|name| (namespace, name))
        .collect()
}
