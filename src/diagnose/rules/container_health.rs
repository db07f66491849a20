//! Containers that fail their own health check.

use std::time::Duration;

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::clock;
use super::super::task::{Task, TaskContainer};
use crate::diagnose::Container;

pub(super) const RULES: &[Rule] = &[
    Rule::shown("container-start-period", start_period),
    Rule::shown("container-health-command", command),
];

/// Programs that health commands call and that small images lack.
const HELPERS: [&str; 6] = ["curl", "wget", "nc", "netcat", "bash", "pg_isready"];

/// A task that was stopped for it, or still runs; the container, and what the definition says.
struct Ill<'a> {
    task: &'a Task,
    container: &'a TaskContainer,
    defined: Container<'a>,
}

fn ill(evidence: &Evidence) -> Option<Ill<'_>> {
    let definition = evidence.definition.as_ref()?;
    let failed = evidence.failed_tasks().into_iter();
    let failed = failed.filter(|task| task.failed_container_health());
    let running = evidence.running().filter(|task| task.health == "UNHEALTHY");
    failed.chain(running).find_map(|task| {
        let checked = |it: &&TaskContainer| {
            let defined = definition.container(&it.name);
            defined.is_some_and(|it| !it.health_command().is_empty())
        };
        let of = |health: &str| {
            let mut containers = task.containers.iter().filter(checked);
            containers.find(|it| health.is_empty() || it.health == health)
        };
        let container = of("UNHEALTHY").or_else(|| of(""))?;
        Some(Ill {
            task,
            container,
            defined: definition.container(&container.name)?,
        })
    })
}

impl Ill<'_> {
    fn lines(&self, evidence: &Evidence) -> Vec<String> {
        let at = self.task.ended_at().map(clock).unwrap_or_default();
        let mut lines = vec![match self.task.is_stopped() {
            true => format!(
                "task {} at {at}: {}",
                self.task.id, self.task.stopped_reason
            ),
            false => format!("task {} runs and is UNHEALTHY", self.task.id),
        }];
        lines.push(format!(
            "the check: {}",
            self.defined.health_command().join(" ")
        ));
        if let Some((start, retries)) = self.defined.health_patience() {
            lines.push(format!(
                "it may fail for {} s after the start period of {} s",
                retries.as_secs(),
                start.as_secs()
            ));
        }
        lines.extend(evidence.tail(self.task, self.container));
        lines
    }

    /// Whether the program said that it is up before the check gave up; `None` where its log
    /// doesn't tell.
    fn was_up(&self, evidence: &Evidence) -> Option<Duration> {
        evidence.ready_after(self.task)
    }

    fn given(&self) -> Duration {
        let patience = self.defined.health_patience();
        patience.map_or(Duration::ZERO, |(start, retries)| start + retries)
    }

    fn helper(&self) -> Option<&'static str> {
        let words = self.defined.health_command();
        let calls = |helper: &&&str| {
            let word = |text: &str| text.rsplit('/').next() == Some(**helper);
            words.iter().any(|it| it.split_whitespace().any(word))
        };
        HELPERS.iter().find(calls).copied()
    }
}

fn command(evidence: &Evidence) -> Vec<Found> {
    let Some(ill) = ill(evidence) else {
        return Vec::new();
    };
    let in_time = ill.was_up(evidence).map(|ready| ready < ill.given());
    // Where nothing tells, a helper that small images lack is likelier than a slow start.
    if in_time == Some(false) || (in_time.is_none() && ill.helper().is_none()) {
        return Vec::new();
    }
    let name = &ill.container.name;
    let cause = match ill.helper() {
        Some(helper) => format!(
            "the image has no {helper} (slim and distroless images don't), or the check asks on a \
             port or path that the program doesn't answer"
        ),
        None => {
            "the command isn't in the image, or asks for what the program doesn't answer".into()
        }
    };
    let found = Found::new(format!(
        "container {name}'s own health check fails although it runs"
    ))
    .shown_by(ill.lines(evidence))
    .because(cause)
    .mended_by(
        "try it: docker run --rm --entrypoint sh IMAGE -c 'COMMAND'; or check with a program \
             that the image has, or with the target group's check alone",
    );
    vec![found]
}

fn start_period(evidence: &Evidence) -> Vec<Found> {
    let Some(ill) = ill(evidence) else {
        return Vec::new();
    };
    let ready = ill.was_up(evidence);
    let slow = match ready {
        Some(ready) => ready >= ill.given(),
        None => ill.helper().is_none(),
    };
    if !slow {
        return Vec::new();
    }
    let given = ill.given().as_secs();
    let needs = ready.map_or(given * 2, |ready| ready.as_secs());
    let period = (needs * 3 / 2).div_ceil(10) * 10;
    let what = match ready {
        Some(ready) => format!(
            "container {} takes {} s to start, and its health check gives it {given} s",
            ill.container.name,
            ready.as_secs()
        ),
        None => format!(
            "container {} doesn't pass its own health check within {given} s",
            ill.container.name
        ),
    };
    let found = Found::new(what)
        .shown_by(ill.lines(evidence))
        .because("startPeriod is shorter than the program's start")
        .mended_by(format!(
            "set healthCheck.startPeriod of the container to {} (300 at most)",
            period.min(300)
        ));
    vec![found]
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::super::super::diagnose;
    use super::super::super::testing::{first, tail, with_stopped};
    use super::*;

    fn failing(command: &str, ready_after: Option<i64>) -> Evidence {
        let reason = "Task failed container health checks";
        let mut evidence = with_stopped("ServiceSchedulerInitiated", reason);
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["healthCheck"] =
            json!({ "command": ["CMD-SHELL", command], "interval": 10, "retries": 3 });
        let task = evidence.tasks[0].clone();
        let started = task.started_at.unwrap();
        let line = |after| {
            tail(
                &task,
                started + SignedDuration::from_secs(after),
                "listening",
            )
        };
        evidence.logs = ready_after.map(line).into_iter().collect();
        evidence
    }

    #[test]
    fn a_slow_start_comes_with_the_period_to_set() {
        let found = diagnose(&failing("/healthy", Some(80))).remove(0);
        assert_eq!(found.rule, "container-start-period");
        assert!(found.fix.contains("to 120 "), "{found:?}");
        assert_eq!(first(&failing("/healthy", None)), "container-start-period");
    }

    #[test]
    fn a_check_that_fails_while_the_program_is_up_is_itself_wrong() {
        assert_eq!(
            first(&failing("/healthy", Some(2))),
            "container-health-command"
        );
        let curl = "curl -f localhost:8080/ || exit 1";
        let found = diagnose(&failing(curl, None)).remove(0);
        assert_eq!(found.rule, "container-health-command");
        assert!(found.cause.contains("no curl"), "{found:?}");
    }
}
