//! What the settings that green's service gets ask of its task definition: ECS refuses the service
//! where it hasn't that.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Planning, Request, launch};
use crate::deployment::clone;
use crate::deployment::ids::{EcsServiceName, SlotName};
use crate::deployment::plan::Kind;
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::Launch;

/// Volumes of EBS, containers in Cloud Map, and the role that ECS Exec takes. `old` is what blue runs.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    (old, body): (&Value, &Value),
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
    if settings.get("enableExecuteCommand") == Some(&Value::Bool(true)) {
        check_exec(request, launch(Some(service)), (old, body), name, planning);
    }
}

/// On an instance the agent falls back on the instance's own role, where a task has none.
fn check_exec(
    request: &Request,
    launch: Launch,
    (old, body): (&Value, &Value),
    name: &EcsServiceName,
    planning: &mut Planning,
) {
    let has_role = |definition: &Value| definition.get("taskRoleArn").is_some_and(Value::is_string);
    let what =
        format!("service {name} has ECS Exec enabled, and the task definition no taskRoleArn");
    match (has_role(body), launch) {
        (true, _) => {}
        (false, Launch::Fargate) if has_role(old) => planning.problem(
            format!("{what}: ECS refuses that"),
            format!(
                "set `taskRoleArn` in it, or switch it off: aws ecs update-service --cluster {} \
                 --service {name} --disable-execute-command",
                request.cluster
            ),
        ),
        (false, Launch::Fargate) => {
            planning.warn(format!("{what}: `aws ecs execute-command` needs one"));
        }
        (false, Launch::Ec2) if has_role(old) => planning.warn(format!(
            "{what} any more: `aws ecs execute-command` goes by the instances' role then"
        )),
        (false, Launch::Ec2) => {}
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
