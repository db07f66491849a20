//! What a service's settings ask of its task definition beside network and target groups: volumes of
//! EBS, the role that ECS Exec takes, containers in Cloud Map. `bg plan` refuses the same
//! (`deployment::preflight::fits`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::sandbox::{
    wire::AwsError,
    world::ecs::{definitions::Definition, json::text},
};

/// Which call is checked: ECS's words differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    Update,
}

/// Checks the settings that a service would have, those that an update leaves as they are among them.
pub(super) fn check(
    call: Call,
    settings: &Map<String, Value>,
    definition: &Definition,
) -> Result<(), AwsError> {
    volumes(settings, definition)?;
    exec(call, settings, definition)?;
    registries(settings, definition)
}

fn volumes(settings: &Map<String, Value>, definition: &Definition) -> Result<(), AwsError> {
    let configured = names(settings.get("volumeConfigurations"), |_| true);
    let at_launch = |volume: &Value| volume.get("configuredAtLaunch") == Some(&Value::Bool(true));
    let taken = names(definition.body.get("volumes"), at_launch);
    if !configured.is_subset(&taken) {
        return Err(AwsError::invalid_parameter(
            "Volume configuration provided but no matching configuredAtLaunch volume found in task \
             definition.",
        ));
    }
    if !taken.is_subset(&configured) {
        return Err(AwsError::invalid_parameter(
            "Task definition has configuredAtLaunch volume but no volume configuration provided at \
             runtime.",
        ));
    }
    Ok(())
}

fn names(items: Option<&Value>, counts: impl Fn(&Value) -> bool) -> BTreeSet<&str> {
    let items = items.and_then(Value::as_array).into_iter().flatten();
    let items = items.filter(|item| counts(item));
    items.filter_map(|item| text(item, "name")).collect()
}

fn exec(
    call: Call,
    settings: &Map<String, Value>,
    definition: &Definition,
) -> Result<(), AwsError> {
    let role = definition.body.get("taskRoleArn").and_then(Value::as_str);
    let has_role = role.is_some_and(|role| !role.is_empty());
    let is_on = settings.get("enableExecuteCommand") == Some(&Value::Bool(true));
    // On an instance the agent falls back on the instance's own role.
    if has_role || !is_on || !is_on_fargate(settings) {
        return Ok(());
    }
    let done = match call {
        Call::Create => "created",
        Call::Update => "updated",
    };
    Err(AwsError::invalid_parameter(format!(
        "The service couldn't be {done} because a valid taskRoleArn is not being used. Specify a valid \
         task role in your task definition and try again."
    )))
}

fn is_on_fargate(settings: &Map<String, Value>) -> bool {
    let direct = settings.get("launchType") == Some(&Value::from("FARGATE"));
    let providers = settings.get("capacityProviderStrategy");
    let providers = providers.and_then(Value::as_array).into_iter().flatten();
    let mut names = providers.filter_map(|it| text(it, "capacityProvider"));
    direct || names.any(|name| name.starts_with("FARGATE"))
}

fn registries(settings: &Map<String, Value>, definition: &Definition) -> Result<(), AwsError> {
    let registries = settings.get("serviceRegistries").and_then(Value::as_array);
    for registry in registries.into_iter().flatten() {
        let named = text(registry, "containerName");
        if let Some(name) = named.filter(|name| definition.container(name).is_none()) {
            return Err(AwsError::invalid_parameter(format!(
                "The container {name} is not valid. The value for 'containerName' must already be \
                 specified in the task definition. Registry: {}",
                text(registry, "registryArn").unwrap_or_default()
            )));
        }
    }
    Ok(())
}
