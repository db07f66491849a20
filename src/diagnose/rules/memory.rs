//! Containers that were killed for their memory.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{clock, has};
use super::super::task::{Task, TaskContainer};
use crate::deployment::task_definition::next_fargate_size;

pub(super) const RULES: &[Rule] = &[
    Rule::said("out-of-memory", out_of_memory),
    Rule::shown("out-of-memory-by-log", by_log),
];

const KILLED: [&str; 3] = ["outofmemory", "out of memory", "oom"];
/// What runtimes say when they are out of memory themselves.
const LOGGED: [&str; 5] = [
    "outofmemoryerror",
    "javascript heap out of memory",
    "cannot allocate memory",
    "memoryerror",
    "fatal error: runtime: out of memory",
];

fn out_of_memory(evidence: &Evidence) -> Vec<Found> {
    let tasks = evidence.failed_tasks();
    let all = tasks.iter().flat_map(|task| {
        let containers = task.containers.iter();
        containers
            .filter(|it| has(&it.reason, &KILLED))
            .map(move |it| (*task, it))
    });
    let all: Vec<(&Task, &TaskContainer)> = all.collect();
    let Some((task, container)) = all.first() else {
        return Vec::new();
    };
    let at = task.ended_at().map(clock).unwrap_or_default();
    let code = container
        .exit_code
        .map_or_else(String::new, |it| format!(", exit code {it}"));
    let mut lines = vec![format!(
        "task {} at {at}: {}{code}",
        task.id, container.reason
    )];
    if all.len() > 1 {
        lines.push(format!("{} containers were killed so", all.len()));
    }
    lines.extend(evidence.tail(task, container));
    let found = Found::new(format!(
        "container {} ran out of memory and was killed",
        container.name
    ))
    .shown_by(lines)
    .because("it needs more than it is given, or it leaks")
    .mended_by(more(evidence, &container.name));
    vec![found]
}

/// A runtime's own limit, before ECS's.
fn by_log(evidence: &Evidence) -> Vec<Found> {
    let found = evidence.failed_tasks().into_iter().find_map(|task| {
        let container = task.culprit(evidence.definition.as_ref())?;
        let mut lines = evidence.lines_of(&task.id, Some(&container.name));
        let line = lines.find(|line| has(&line.text, &LOGGED))?;
        let found = Found::new(format!(
            "container {} ran out of memory by itself",
            container.name
        ))
        .shown_by([format!("task {} logged: {}", task.id, line.text)])
        .because("the runtime's own limit (-Xmx, --max-old-space-size) is lower than it needs")
        .mended_by(format!(
            "raise the runtime's limit, and then {}",
            more(evidence, &container.name)
        ));
        Some(found)
    });
    found.into_iter().collect()
}

/// What to set to give a container more.
fn more(evidence: &Evidence, container: &str) -> String {
    let Some(definition) = &evidence.definition else {
        return "raise memory in the task definition".to_owned();
    };
    if let Some(limit) = definition.container(container).and_then(|it| it.memory()) {
        return format!(
            "set memory of container {container} to {} or more (it is {limit} MiB), and the task's \
             so that all containers fit",
            limit * 2
        );
    }
    let sizes = definition.cpu().zip(definition.memory());
    match sizes {
        Some((cpu, memory)) if evidence.is_fargate() => match next_fargate_size(cpu, memory) {
            Some((larger, more)) if larger == cpu => {
                format!("set the task's memory to {more} (it is {memory} MiB)")
            }
            Some((larger, more)) => format!(
                "set the task's cpu to {larger} and its memory to {more} (they are {cpu} and \
                 {memory} MiB; cpu {cpu} has no more)"
            ),
            None => format!("it has Fargate's largest size, {memory} MiB: find the leak"),
        },
        Some((_, memory)) => format!("raise the task's memory, which is {memory} MiB"),
        None => format!("set memory of container {container}, and watch what it uses"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::diagnose;
    use super::super::super::testing::{exited, first};

    const REASON: &str = "OutOfMemoryError: Container killed due to memory usage";

    #[test]
    fn a_container_killed_for_memory_is_given_the_next_size() {
        let mut evidence = exited(137, REASON, &[]);
        let found = diagnose(&evidence).remove(0);
        assert_eq!(found.rule, "out-of-memory");
        assert_eq!(found.fix, "set the task's memory to 1024 (it is 512 MiB)");
        evidence.definition.as_mut().unwrap().body["memory"] = json!("2048");
        let found = diagnose(&evidence).remove(0);
        assert!(
            found
                .fix
                .starts_with("set the task's cpu to 512 and its memory to 3072"),
            "{found:?}"
        );
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["memory"] = json!(300);
        let found = diagnose(&evidence).remove(0);
        assert!(
            found.fix.contains("to 600 or more (it is 300 MiB)"),
            "{found:?}"
        );
    }

    #[test]
    fn a_runtime_that_says_so_itself_is_believed() {
        let line = "FATAL ERROR: Reached heap limit: JavaScript heap out of memory";
        assert_eq!(first(&exited(134, "", &[line])), "out-of-memory-by-log");
    }
}
