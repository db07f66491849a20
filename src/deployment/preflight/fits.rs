//! What the settings that green's service gets ask of its task definition: ECS refuses the service
//! where it hasn't that.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Planning, Request, launch};
use crate::deployment::clone;
use crate::deployment::ids::{ClusterName, SlotName};
use crate::deployment::plan::Kind;
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::Launch;

/// Volumes of EBS, containers in Cloud Map, and the role that ECS Exec takes.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    body: &Value,
    planning: &mut Planning,
) {
    let source = request.source.unwrap_or(live);
    let Some(service) = &found.services[source] else {
        return;
    };
    let name = &request.slots[source].service;
    let settings = Value::Object(clone::shared(service));
    let green = live.other();
    let way = match (&request.kind, &found.services[green]) {
        (Kind::Rollback, _) => {
            format!("move traffic alone while its tasks run: bg rollback --to {green} --force")
        }
        (_, Some(_)) => format!(
            "or register the definition, give it to slot {green}'s service with its volumes in one \
             call once that runs no tasks (aws ecs update-service --cluster {} --service {} \
             --task-definition FAMILY:REVISION --volume-configurations …), and deploy that revision \
             with --service-from {green}",
            request.cluster, request.slots[green].service
        ),
        (_, None) => format!(
            "or deploy once without that change, which makes slot {green}'s service: then change that \
             one, and deploy with --service-from {green}"
        ),
    };
    check_volumes(&settings, body, (name.as_str(), &way), planning);
    check_registries(&settings, body, name.as_str(), planning);
    // On an instance the agent falls back on the instance's own role.
    if launch(Some(service)) == Launch::Fargate {
        check_exec(&settings, body, (&request.cluster, name.as_str()), planning);
    }
}

fn check_exec(
    settings: &Value,
    body: &Value,
    (cluster, service): (&ClusterName, &str),
    planning: &mut Planning,
) {
    let role = body.get("taskRoleArn").and_then(Value::as_str);
    let has_role = role.is_some_and(|role| !role.is_empty());
    if !has_role && settings.get("enableExecuteCommand") == Some(&Value::Bool(true)) {
        planning.problem(
            format!(
                "service {service} has ECS Exec enabled, and the task definition no taskRoleArn: ECS \
                 refuses that"
            ),
            format!(
                "set `taskRoleArn` in it, or switch it off: aws ecs update-service --cluster {cluster} \
                 --service {service} --disable-execute-command"
            ),
        );
    }
}

fn check_volumes(
    settings: &Value,
    body: &Value,
    (service, way): (&str, &str),
    planning: &mut Planning,
) {
    let configured: BTreeSet<&str> = names(settings.get("volumeConfigurations"), |_| true);
    let at_launch = |volume: &Value| volume.get("configuredAtLaunch") == Some(&Value::Bool(true));
    let taken: BTreeSet<&str> = names(body.get("volumes"), at_launch);
    for name in configured.difference(&taken) {
        planning.problem(
            format!(
                "service {service} configures volume {name}, and the task definition has none of that \
                 name that is `configuredAtLaunch`: ECS refuses that"
            ),
            format!("add it to the definition's `volumes`; {way}"),
        );
    }
    for name in taken.difference(&configured) {
        planning.problem(
            format!(
                "the task definition's volume {name} is `configuredAtLaunch`, and service {service} \
                 doesn't configure it: ECS refuses that"
            ),
            format!("take it out of the definition; {way}"),
        );
    }
}

fn names(list: Option<&Value>, counts: impl Fn(&Value) -> bool) -> BTreeSet<&str> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let names = list.filter(|it| counts(it)).map(|it| it.get("name"));
    names.filter_map(|it| it?.as_str()).collect()
}

fn check_registries(settings: &Value, body: &Value, service: &str, planning: &mut Planning) {
    let registries = settings.get("serviceRegistries").and_then(Value::as_array);
    let containers = names(body.get("containerDefinitions"), |_| true);
    for registry in registries.into_iter().flatten() {
        let container = registry.get("containerName").and_then(Value::as_str);
        if let Some(container) = container.filter(|it| !containers.contains(it)) {
            planning.problem(
                format!(
                    "service {service} registers container {container} in Cloud Map, and the task \
                     definition has none of that name: ECS refuses that"
                ),
                "keep the container's name, or change the service's registry first",
            );
        }
    }
}
