//! What green is to run.

use serde_json::Value;

use super::{DefinitionWanted, Planning, Request, WhenUnchanged, fits, instances, tags};
use crate::deployment::ids::{SlotName, Slots, TaskDefinitionArn};
use crate::deployment::plan::{Kind, NewTaskDefinition, SlotPlan, TaskHealth};
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition as taskdef;

/// What was decided about the task definition.
pub(super) struct Definition {
    pub(super) new: NewTaskDefinition,
    pub(super) blue: TaskDefinitionArn,
    pub(super) body: Option<Value>,
    /// How each slot's tasks show that they are well.
    pub(super) tasks: Slots<TaskHealth>,
}

pub(super) fn decide(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Option<Definition> {
    let blue = running(found, live)?;
    let old = taskdef::from_describe(found.task_definitions.get(&blue)?);
    let (new, body) = match &request.definition {
        DefinitionWanted::Images(images) => {
            let mut body = old.clone();
            if let Err(error) = taskdef::set_images(&mut body, images) {
                planning.problem(
                    error.to_string(),
                    "name one of its containers: --image NAME=REF",
                );
                return None;
            }
            (register(&body, Some(blue.clone())), body)
        }
        DefinitionWanted::Body(body) => (register(body, None), body.clone()),
        DefinitionWanted::Existing(name) => {
            let set = running(found, live.other());
            existing(found.asked_definition.clone(), name, (found, set), planning)?
        }
    };
    planning.changes = taskdef::diff(&old, &body);
    if matches!(new, NewTaskDefinition::Register { .. }) {
        tags::check_definition(&body, planning);
    }
    check(found, live, slots, &body, planning);
    fits::check(request, found, live, &body, planning);
    let green = running(found, live.other());
    let is_there =
        matches!(&new, NewTaskDefinition::Existing { arn } if green.as_ref() == Some(arn));
    let is_kept = request.kind == Kind::Rollback || request.when_unchanged == WhenUnchanged::Skip;
    let replaces = !(is_there && is_kept);
    instances::note(found, live, (&old, &body), replaces, planning);
    planning.unchanged = unchanged(request, found, &old, &body, planning);
    let tasks = Slots::from_fn(|slot| task_health(if slot == live { &old } else { &body }));
    let body = matches!(new, NewTaskDefinition::Register { .. }).then_some(body);
    Some(Definition {
        new,
        blue,
        body,
        tasks,
    })
}

/// ECS says that a task is healthy where an essential container has a check; `NONE` switches the
/// image's own off.
fn task_health(body: &Value) -> TaskHealth {
    let containers = body.get("containerDefinitions").and_then(Value::as_array);
    let checked = |container: &Value| {
        let command = container.pointer("/healthCheck/command/0");
        container.get("essential") != Some(&Value::Bool(false))
            && command.is_some_and(|word| word != "NONE")
    };
    match containers.into_iter().flatten().any(checked) {
        true => TaskHealth::Checked,
        false => TaskHealth::Running,
    }
}

fn register(body: &Value, from: Option<TaskDefinitionArn>) -> NewTaskDefinition {
    let family = body
        .get("family")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    NewTaskDefinition::Register {
        family,
        images: taskdef::images(body),
        from,
    }
}

fn running(found: &Surroundings, slot: SlotName) -> Option<TaskDefinitionArn> {
    let service = found.services[slot].as_ref()?;
    service
        .get("taskDefinition")
        .and_then(Value::as_str)
        .map(TaskDefinitionArn::new)
}

fn existing(
    arn: Option<TaskDefinitionArn>,
    name: &str,
    (found, set): (&Surroundings, Option<TaskDefinitionArn>),
    planning: &mut Planning,
) -> Option<(NewTaskDefinition, Value)> {
    let described = arn.and_then(|arn| Some((found.task_definitions.get(&arn)?, arn)));
    let Some((described, arn)) = described else {
        planning.problem(
            format!("there is no task definition {name}"),
            "list them: aws ecs list-task-definitions --sort DESC",
        );
        return None;
    };
    let inactive = described
        .pointer("/taskDefinition/status")
        .and_then(Value::as_str);
    // A service that is set to one may go on with it: "Task definition states" in ECS's guide.
    if inactive.is_some_and(|status| status != "ACTIVE") && set.as_ref() != Some(&arn) {
        planning.problem(
            format!("task definition {} is not ACTIVE", arn.short()),
            "choose another revision, or register it again: bg deploy --task-definition FILE",
        );
    }
    Some((
        NewTaskDefinition::Existing { arn },
        taskdef::from_describe(described),
    ))
}

fn check(
    found: &Surroundings,
    live: SlotName,
    slots: &Slots<SlotPlan>,
    body: &Value,
    planning: &mut Planning,
) {
    let service = found.services[live].as_ref();
    for problem in taskdef::check(body, launch(service)) {
        planning.problem(problem.what, problem.fix);
    }
    for target in &slots[live.other()].targets {
        if target.container.is_empty() || target.port == 0 {
            continue;
        }
        if !taskdef::container_has_port(body, &target.container, target.port) {
            planning.problem(
                format!(
                    "the task definition has no container {} with port {}, which target group {} needs",
                    target.container,
                    target.port,
                    target.group.name()
                ),
                "map that port in the container, or correct `targets` in bg.yaml",
            );
        }
        let mode = body
            .get("networkMode")
            .and_then(Value::as_str)
            .unwrap_or("bridge");
        let needed = if mode == "awsvpc" { "ip" } else { "instance" };
        let group = found.group(&target.group);
        if let Some(group) = group.filter(|group| group.target_type != needed) {
            planning.problem(
                format!(
                    "target group {} has target type {}, network mode {mode} needs {needed}",
                    target.group.name(),
                    group.target_type
                ),
                format!("create a target group with --target-type {needed}"),
            );
        }
    }
}

/// Where a service's tasks run.
pub fn launch(service: Option<&Value>) -> taskdef::Launch {
    let fargate = service.is_some_and(|service| {
        let direct = service.get("launchType").and_then(Value::as_str) == Some("FARGATE");
        let providers = service
            .get("capacityProviderStrategy")
            .and_then(Value::as_array);
        let by_provider = providers.into_iter().flatten().any(|provider| {
            let name = provider.get("capacityProvider").and_then(Value::as_str);
            name.is_some_and(|name| name.starts_with("FARGATE"))
        });
        direct || by_provider
    });
    if fargate {
        taskdef::Launch::Fargate
    } else {
        taskdef::Launch::Ec2
    }
}

/// Whether the user named this image: another container's tag is not what this is about.
fn is_asked_for(request: &Request, image: &str) -> bool {
    match &request.definition {
        DefinitionWanted::Images(changes) => {
            changes.iter().any(|change| change.image.as_str() == image)
        }
        DefinitionWanted::Body(_) => true,
        DefinitionWanted::Existing(_) => false,
    }
}

/// Whether blue already runs just this: the same definition and provably the same digests.
fn unchanged(
    request: &Request,
    found: &Surroundings,
    old: &Value,
    new: &Value,
    planning: &mut Planning,
) -> bool {
    if !taskdef::same(old, new) || request.when_unchanged == WhenUnchanged::Deploy {
        return false;
    }
    for (container, image) in taskdef::images(new) {
        if image.contains('@') || !is_asked_for(request, &image) {
            continue;
        }
        let running = found.running_digests.get(&container);
        let registry = found.registry_digests.get(&image);
        match (running, registry) {
            (Some(running), Some(registry)) if running == registry => {}
            (_, Some(_)) => {
                planning.note(format!("{image} has a new digest since it was deployed"));
                return false;
            }
            (_, None) => {
                planning.note(format!(
                    "{image} is deployed again: its registry can't be asked whether the tag moved"
                ));
                return false;
            }
        }
    }
    true
}
