//! Containers of one task that wait for each other.

use jiff::SignedDuration;

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::super::task::Task;

/// How long a task may take to start before it counts as waiting.
const STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(5);

pub(super) const RULES: &[Rule] = &[
    Rule::shown("dependency-failed", failed),
    Rule::shown("dependency-waits", waits),
];

/// A container that waits, what for, and the condition.
struct Waiting<'a> {
    task: &'a Task,
    container: &'a str,
    other: &'a str,
    condition: &'a str,
}

/// The containers of `tasks` that never began, with each that they depend on.
fn waiting<'a>(evidence: &'a Evidence, tasks: impl Iterator<Item = &'a Task>) -> Vec<Waiting<'a>> {
    let Some(definition) = &evidence.definition else {
        return Vec::new();
    };
    let of_task = |task: &'a Task| {
        let idle = |name: &str| {
            let container = task.containers.iter().find(|it| it.name == name);
            container.is_some_and(|it| it.exit_code.is_none() && !has(&it.reason, &["cannot"]))
        };
        let containers = definition.containers().filter(move |it| idle(it.name()));
        containers.flat_map(move |container| {
            let others = container.depends_on();
            others.map(move |(other, condition)| Waiting {
                task,
                container: container.name(),
                other,
                condition,
            })
        })
    };
    tasks.flat_map(of_task).collect()
}

fn failed(evidence: &Evidence) -> Vec<Found> {
    let tasks = evidence.failed_tasks();
    let all = waiting(
        evidence,
        tasks.into_iter().filter(|it| it.started_at.is_none()),
    );
    let found =
        all.into_iter().find_map(|it| {
            let other = it.task.containers.iter().find(|one| one.name == it.other)?;
            let why = match (it.condition, other.exit_code) {
                ("SUCCESS", Some(code)) if code != 0 => format!("it exited with {code}"),
                ("HEALTHY", Some(code)) => format!("it exited with {code} before it was healthy"),
                ("HEALTHY", None) => "it never became healthy".to_owned(),
                ("START" | "COMPLETE", None) => "it never got there".to_owned(),
                _ => return None,
            };
            let (name, condition) = (it.other, it.condition);
            let found = Found::new(format!(
            "container {} waits for {name} to be {condition}, and {why}",
            it.container
        ))
        .shown_by([format!("task {}: {}", it.task.id, it.task.stopped_reason)])
        .shown_by(evidence.tail(it.task, other))
        .because(format!("the trouble is {name}'s, and {} never began", it.container))
        .mended_by(format!(
            "mend {name}, or change the condition of dependsOn; startTimeout says how long it may \
             take"
        ));
            Some(found)
        });
    found.into_iter().collect()
}

/// Tasks that neither run nor fail.
fn waits(evidence: &Evidence) -> Vec<Found> {
    let pending = evidence.tasks.iter().filter(|task| {
        let age = task.created_at.map(|at| evidence.now.duration_since(at));
        !task.is_stopped()
            && task.started_at.is_none()
            && age.is_some_and(|age| age > STARTS_WITHIN)
    });
    let found = waiting(evidence, pending).into_iter().next().map(|it| {
        Found::new(format!(
            "container {} still waits for {} to be {}",
            it.container, it.other, it.condition
        ))
        .shown_by([format!("task {} is {}", it.task.id, it.task.last_status)])
        .because(match it.condition {
            "SUCCESS" | "COMPLETE" => "a container that is waited for to end must end by itself",
            "HEALTHY" => "its health check doesn't pass, or it has none",
            _ => "it doesn't start",
        })
        .mended_by(format!(
            "look at {}'s log; or change the condition of dependsOn",
            it.other
        ))
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{first, healthy, not_started};
    use super::super::super::{Evidence, TaskContainer, diagnose};
    use super::*;

    fn depending(condition: &str, mut evidence: Evidence) -> Evidence {
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["dependsOn"] =
            json!([{ "containerName": "migrate", "condition": condition }]);
        let other = json!({ "name": "migrate", "image": "migrate:1", "essential": false });
        let containers = body["containerDefinitions"].as_array_mut().unwrap();
        containers.push(other);
        evidence
    }

    #[test]
    fn a_dependency_that_failed_is_to_blame() {
        let mut evidence = depending("SUCCESS", not_started("Task failed to start"));
        let task = &mut evidence.tasks[0];
        task.started_at = None;
        task.containers.push(TaskContainer {
            name: "migrate".to_owned(),
            exit_code: Some(3),
            ..TaskContainer::default()
        });
        let found = diagnose(&evidence).remove(0);
        assert_eq!(found.rule, "dependency-failed");
        assert!(
            found
                .what
                .contains("migrate to be SUCCESS, and it exited with 3"),
            "{found:?}"
        );
    }

    #[test]
    fn a_task_that_waits_for_long_is_told() {
        let mut evidence = depending("COMPLETE", healthy());
        evidence.service.as_mut().unwrap().running = 0;
        let task = &mut evidence.tasks[0];
        task.last_status = "PENDING".to_owned();
        task.started_at = None;
        task.created_at = Some(evidence.now - SignedDuration::from_mins(9));
        assert_eq!(first(&evidence), "dependency-waits");
    }
}
