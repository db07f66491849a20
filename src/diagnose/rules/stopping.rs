//! Tasks that ECS stops, and that don't end.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::super::task::TaskContainer;

pub(super) const RULES: &[Rule] = &[Rule::follows(
    "killed-while-stopping",
    killed_while_stopping,
)];

/// Tasks that ECS stopped for good reason, and that did not end in time.
fn killed_while_stopping(evidence: &Evidence) -> Vec<Found> {
    let killed = evidence.tasks.iter().find_map(|task| {
        let asked = matches!(
            task.stop_code.as_str(),
            "ServiceSchedulerInitiated" | "UserInitiated" | "SpotInterruption"
        );
        let is = |it: &&TaskContainer| it.exit_code == Some(137) && !has(&it.reason, &["memory"]);
        let container = task.containers.iter().find(is)?;
        asked.then_some((task, container))
    });
    let found = killed.map(|(task, container)| {
        let name = &container.name;
        let definition = evidence.definition.as_ref();
        let timeout = definition
            .and_then(|it| it.container(name))
            .map_or(30, |it| it.stop_timeout());
        let delays = evidence
            .groups
            .iter()
            .map(|group| group.deregistration_delay.as_secs());
        let delay = delays.max().map_or_else(String::new, |delay| {
            format!("; its targets drain for {delay} s (deregistration delay)")
        });
        Found::new(format!(
            "container {name} doesn't end on SIGTERM and is killed with requests open"
        ))
        .shown_by([
            format!("task {}: {}", task.id, task.stopped_reason),
            format!("exit code 137 after {timeout} s (stopTimeout){delay}"),
        ])
        .because(
            "the program doesn't handle SIGTERM, or a shell stands before it and doesn't pass \
                 it on, or it takes longer than stopTimeout",
        )
        .mended_by(
            "finish open requests on SIGTERM; start it with `exec`, or set \
                 linuxParameters.initProcessEnabled; raise stopTimeout (to 120 at most on Fargate)",
        )
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnose;
    use super::super::super::testing::{first, healthy, stopped};

    #[test]
    fn a_task_that_was_stopped_and_had_to_be_killed_is_told() {
        let mut evidence = healthy();
        let reason = "Scaling activity initiated by (deployment ecs-svc/1)";
        let mut task = stopped("ServiceSchedulerInitiated", reason);
        task.containers[0].exit_code = Some(0);
        evidence.tasks.push(task.clone());
        assert_eq!(diagnose(&evidence), []);
        task.containers[0].exit_code = Some(137);
        evidence.tasks.push(task);
        assert_eq!(first(&evidence), "killed-while-stopping");
    }
}
