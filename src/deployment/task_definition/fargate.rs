//! What Fargate asks of a task definition beyond what ECS asks of all.

use serde_json::Value;

use super::containers::{containers, list, text};
use super::resources::{task_cpu, task_memory};
use crate::deployment::problem::Problem;

/// Fargate's sizes: CPU units, the least and the most memory in MiB, and the steps between.
/// From "Task CPU and memory" in the Amazon ECS developer guide.
const SIZES: [(u64, u64, u64, u64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// Everything that Fargate would refuse.
pub(super) fn check_fargate(definition: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if text(definition, "networkMode") != "awsvpc" {
        problems.push(Problem::new(
            "Fargate needs the network mode awsvpc",
            "set \"networkMode\": \"awsvpc\"",
        ));
    }
    let compatible = list(definition, "requiresCompatibilities");
    if !compatible.is_empty() && !compatible.iter().any(|c| c == "FARGATE") {
        problems.push(Problem::new(
            "requiresCompatibilities leaves Fargate out",
            "add \"FARGATE\" to requiresCompatibilities",
        ));
    }
    problems.extend(check_size(definition));
    problems.extend(check_share(definition, "cpu", "cpu", task_cpu(definition)));
    problems.extend(check_share(
        definition,
        "memoryReservation",
        "memory",
        task_memory(definition),
    ));
    problems.extend(check_execution_role(definition));
    for container in containers(definition) {
        problems.extend(check_container(container));
    }
    problems
}

/// The next larger memory that goes with `cpu`, or else the next cpu with more memory than
/// `memory`: CPU units and MiB. `None` where there is no larger size.
pub fn next_fargate_size(cpu: u64, memory: u64) -> Option<(u64, u64)> {
    let larger = SIZES.iter().filter(|(size, ..)| *size >= cpu);
    larger
        .flat_map(|(size, least, most, step)| {
            (*least..=*most)
                .step_by(usize::try_from(*step).unwrap_or(usize::MAX))
                .filter(move |mib| (*size, *mib) != (256, 1536))
                .map(move |mib| (*size, mib))
        })
        .find(|(_, mib)| *mib > memory)
}

fn check_size(definition: &Value) -> Option<Problem> {
    let (Some(cpu), Some(memory)) = (task_cpu(definition), task_memory(definition)) else {
        return Some(missing_size(definition));
    };
    let Some((_, least, most, step)) = SIZES.iter().find(|(size, ..)| *size == cpu) else {
        let sizes: Vec<String> = SIZES.iter().map(|(size, ..)| size.to_string()).collect();
        return Some(Problem::new(
            format!("Fargate has no size with cpu {cpu}"),
            format!("set the task's cpu to one of {}", sizes.join(", ")),
        ));
    };
    // The smallest size has 512, 1024 and 2048, but not 1536.
    let odd_one = cpu == 256 && memory == 1536;
    if (*least..=*most).contains(&memory) && memory % step == 0 && !odd_one {
        return None;
    }
    let choices = match cpu {
        256 => "512, 1024 or 2048".to_owned(),
        _ => format!("{least} to {most} in steps of {step}"),
    };
    Some(Problem::new(
        format!("Fargate has no size with cpu {cpu} and memory {memory}"),
        format!("with cpu {cpu}, set the task's memory to {choices}"),
    ))
}

fn missing_size(definition: &Value) -> Problem {
    let unreadable = |key: &str| definition.get(key).is_some_and(|value| !value.is_null());
    let (cpu, memory) = (task_cpu(definition), task_memory(definition));
    let what = if (cpu.is_none() && unreadable("cpu")) || (memory.is_none() && unreadable("memory"))
    {
        "the task's cpu or memory is not a number of CPU units or MiB".to_owned()
    } else {
        let missing: Vec<&str> = [("cpu", cpu), ("memory", memory)]
            .into_iter()
            .filter_map(|(key, amount)| amount.is_none().then_some(key))
            .collect();
        format!(
            "Fargate needs {} at the task's level; a container's own do not count",
            missing.join(" and ")
        )
    };
    Problem::new(
        what,
        "set it beside \"family\", for example \"cpu\": \"256\", \"memory\": \"512\"",
    )
}

/// The containers together may not ask for more than the task has.
fn check_share(
    definition: &Value,
    reserved: &str,
    key: &str,
    task: Option<u64>,
) -> Option<Problem> {
    let task = task?;
    let own = |container: &Value| {
        let amount = container.get(reserved).or_else(|| container.get(key));
        amount.and_then(Value::as_u64).unwrap_or(0)
    };
    let sum: u64 = containers(definition).iter().map(own).sum();
    (sum > task).then(|| {
        Problem::new(
            format!("the containers ask for {key} {sum} together, the task has {task}"),
            format!("raise the task's {key} or lower the containers'"),
        )
    })
}

/// Fargate's agent pulls and logs with the execution role; there is no instance role to fall back on.
fn check_execution_role(definition: &Value) -> Option<Problem> {
    if !text(definition, "executionRoleArn").is_empty() {
        return None;
    }
    let reason = |container: &Value| {
        let image = text(container, "image");
        let driver = container
            .get("logConfiguration")
            .map_or("", |log| text(log, "logDriver"));
        if image.contains(".dkr.ecr.") {
            Some("pulls from ECR")
        } else if driver == "awslogs" {
            Some("logs to CloudWatch")
        } else if !list(container, "secrets").is_empty() {
            Some("takes secrets")
        } else {
            None
        }
    };
    let (name, reason) = containers(definition)
        .iter()
        .find_map(|container| Some((text(container, "name"), reason(container)?)))?;
    Some(Problem::new(
        format!("container {name:?} {reason}, but there is no execution role"),
        "set \"executionRoleArn\"",
    ))
}

fn check_container(container: &Value) -> Option<Problem> {
    let name = text(container, "name");
    let unsupported = [
        (
            container.get("privileged") == Some(&Value::Bool(true)),
            "privileged",
        ),
        (!list(container, "links").is_empty(), "links"),
        (
            !list(container, "dockerSecurityOptions").is_empty(),
            "dockerSecurityOptions",
        ),
    ];
    let (_, key) = unsupported.into_iter().find(|(used, _)| *used)?;
    Some(Problem::new(
        format!("container {name:?} uses {key:?}, which Fargate does not have"),
        format!("take {key:?} out"),
    ))
}
