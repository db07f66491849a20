//! Essential containers that ended.

use super::super::definition::LogPlace;
use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{clock, has, written};
use super::super::task::{Task, TaskContainer};

pub(super) const RULES: &[Rule] = &[
    Rule::shown("address-in-use", address_in_use),
    Rule::shown("port-not-allowed", port_not_allowed),
    Rule::shown("exit-done", done),
    Rule::shown("exit-crash", crash),
    Rule::shown("exit-killed", killed),
    Rule::shown("exit-terminated", terminated),
    Rule::shown("exit-error", error),
];

/// What a program's last words suggest, where they do.
const HINTS: [(&[&str], &str); 6] = [
    (
        &[
            "econnrefused",
            "connection refused",
            "could not connect",
            "no route to host",
        ],
        "something that it needs (a database, a queue) doesn't answer: look at its address and at \
         the security groups between",
    ),
    (
        &[
            "enotfound",
            "name or service not known",
            "no such host",
            "getaddrinfo",
        ],
        "a host name that it needs can't be resolved",
    ),
    (
        &[
            "password authentication failed",
            "access denied for user",
            "invalid credentials",
        ],
        "credentials that it uses are refused",
    ),
    (
        &[
            "environment variable",
            "is not set",
            "missing required",
            "keyerror",
        ],
        "a setting that it needs isn't there: look at environment and secrets of the container",
    ),
    (
        &[
            "modulenotfounderror",
            "cannot find module",
            "classnotfound",
            "no module named",
        ],
        "the image lacks a part of the program",
    ),
    (
        &["no space left on device", "read-only file system"],
        "it can't write where it wants to",
    ),
];

/// The newest failed task whose container ended in a way that `is` wanted, and how many did.
fn ended(
    evidence: &Evidence,
    is: impl Fn(&TaskContainer) -> bool,
) -> Option<(&Task, &TaskContainer, usize)> {
    // Where a health check failed the task was stopped by ECS, and its codes say nothing.
    let tasks = evidence.failed_tasks().into_iter();
    let tasks = tasks.filter(|it| it.stop_code == "EssentialContainerExited");
    let ended: Vec<(&Task, &TaskContainer)> = tasks
        .filter_map(|task| Some((task, task.culprit(evidence.definition.as_ref())?)))
        .filter(|(_, container)| is(container) && !has(&container.reason, &["memory"]))
        .collect();
    let (task, container) = ended.first()?;
    Some((task, container, ended.len()))
}

fn lines(
    evidence: &Evidence,
    (task, container, times): (&Task, &TaskContainer, usize),
) -> Vec<String> {
    let at = task.ended_at().map(clock).unwrap_or_default();
    let code = container
        .exit_code
        .map_or_else(|| "none".to_owned(), |it| it.to_string());
    let ran = task.ran_for().map_or_else(String::new, |ran| {
        format!(", {} s after its start", ran.as_secs())
    });
    let mut lines = vec![format!(
        "task {}: container {} ended at {at} with exit code {code}{ran}",
        task.id, container.name
    )];
    if times > 1 {
        lines.push(format!("{times} tasks ended in this way"));
    }
    if !container.reason.is_empty() {
        lines.push(container.reason.clone());
    }
    lines.extend(evidence.tail(task, container));
    lines
}

/// How to read on.
fn log_of(evidence: &Evidence, (task, container, _): (&Task, &TaskContainer, usize)) -> String {
    let definition = evidence.definition.as_ref();
    let place = definition
        .and_then(|it| it.container(&container.name))
        .map_or(LogPlace::Nowhere, |it| it.logs());
    let since = task.created_at.map_or_else(|| "1h".to_owned(), written);
    let read_on = place.read_on(&container.name, &task.id, &since);
    match place {
        LogPlace::Nowhere => read_on,
        _ => format!("read on: {read_on}"),
    }
}

fn of_log<'a>(
    evidence: &'a Evidence,
    words: &[&str],
) -> Option<((&'a Task, &'a TaskContainer, usize), &'a str)> {
    let ended = ended(evidence, |it| it.exit_code != Some(0))?;
    let mut said = evidence.lines_of(&ended.0.id, Some(&ended.1.name));
    let line = said.find(|line| has(&line.text, words))?;
    Some((ended, &line.text))
}

fn address_in_use(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "address already in use",
        "eaddrinuse",
        "port is already allocated",
    ];
    let found = of_log(evidence, &words).map(|(ended, line)| {
        Found::new(format!(
            "container {} wants a port that is taken",
            ended.1.name
        ))
        .shown_by([format!("it logged: {line}")])
        .shown_by(lines(evidence, ended).into_iter().take(1))
        .because(
            "two containers of the task listen on the same port: they share one network (in \
                 host mode also with everything else on the instance)",
        )
        .mended_by("give one of them another port, in its own settings and in portMappings")
    });
    found.into_iter().collect()
}

fn port_not_allowed(evidence: &Evidence) -> Vec<Found> {
    let Some((ended, line)) = of_log(evidence, &["permission denied", "eacces"]) else {
        return Vec::new();
    };
    if !has(line, &["bind", "listen", ":80", ":443"]) {
        return Vec::new();
    }
    let found = Found::new(format!(
        "container {} may not listen on its port",
        ended.1.name
    ))
    .shown_by([format!("it logged: {line}")])
    .shown_by(lines(evidence, ended).into_iter().take(1))
    .because("ports below 1024 are for root, and the container runs as another user")
    .mended_by("listen on a port from 1024 on (8080), and change portMappings and target group");
    vec![found]
}

fn done(evidence: &Evidence) -> Vec<Found> {
    let ended = ended(evidence, |it| {
        it.exit_code == Some(0) && it.reason.is_empty()
    });
    let found = ended.map(|ended| {
        Found::new(format!(
            "container {} did its work and ended (exit code 0)",
            ended.1.name
        ))
        .shown_by(lines(evidence, ended))
        .because(
            "a service's essential container has to go on running; this one is a job, runs in \
                 the background of its own script, or was given the wrong command",
        )
        .mended_by(
            "run the server in the foreground; for a helper set \"essential\": false; for a job \
                 use a scheduled task instead of a service",
        )
    });
    found.into_iter().collect()
}

fn crash(evidence: &Evidence) -> Vec<Found> {
    let ended = ended(evidence, |it| {
        matches!(it.exit_code, Some(132 | 134 | 135 | 136 | 139))
    });
    let found = ended.map(|ended| {
        let how = match ended.1.exit_code {
            Some(139) => "a segmentation fault",
            Some(134) => "an abort (a failed assertion, or a runtime's fatal error)",
            Some(132) => "an instruction that this processor doesn't know",
            Some(136) => "an arithmetic error",
            _ => "a bus error",
        };
        Found::new(format!("container {} crashed: {how}", ended.1.name))
            .shown_by(lines(evidence, ended))
            .because(
                "native code went wrong: a library built for another system (musl and glibc), \
                 another processor, or a bug",
            )
            .mended_by(log_of(evidence, ended))
    });
    found.into_iter().collect()
}

fn killed(evidence: &Evidence) -> Vec<Found> {
    let found = ended(evidence, |it| it.exit_code == Some(137)).map(|ended| {
        Found::new(format!(
            "container {} was killed (SIGKILL, exit code 137)",
            ended.1.name
        ))
        .shown_by(lines(evidence, ended))
        .because(
            "most often its memory ran out, although ECS doesn't say so; or something inside \
                 killed it",
        )
        .mended_by(format!(
            "compare MemoryUtilized with MemoryReserved in Container Insights, and raise memory; \
                 {}",
            log_of(evidence, ended)
        ))
    });
    found.into_iter().collect()
}

fn terminated(evidence: &Evidence) -> Vec<Found> {
    let found = ended(evidence, |it| it.exit_code == Some(143)).map(|ended| {
        Found::new(format!(
            "container {} was told to end (SIGTERM, exit code 143)",
            ended.1.name
        ))
        .shown_by(lines(evidence, ended))
        .because("something inside the task sent SIGTERM: a supervisor, or a script's own time-out")
        .mended_by(log_of(evidence, ended))
    });
    found.into_iter().collect()
}

fn error(evidence: &Evidence) -> Vec<Found> {
    let told = [0, 126, 127, 132, 134, 135, 136, 137, 139, 143];
    let is = |it: &TaskContainer| it.exit_code.is_some_and(|code| !told.contains(&code));
    let found = ended(evidence, is).map(|ended| {
        let (task, container, _) = ended;
        let said: Vec<&str> = evidence
            .lines_of(&task.id, Some(&container.name))
            .map(|line| line.text.as_str())
            .collect();
        let hint = HINTS
            .iter()
            .find(|(words, _)| said.iter().rev().any(|line| has(line, words)));
        let code = container.exit_code.unwrap_or(1);
        Found::new(format!(
            "container {} ended with an error (exit code {code})",
            container.name
        ))
        .shown_by(lines(evidence, ended))
        .because(
            hint.map_or("the program's own: its last words say more", |(_, hint)| {
                *hint
            }),
        )
        .mended_by(log_of(evidence, ended))
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{exited, first};
    use super::super::super::{LogRead, diagnose};

    #[test]
    fn each_exit_code_has_its_meaning() {
        for (code, rule) in [
            (0, "exit-done"),
            (1, "exit-error"),
            (134, "exit-crash"),
            (137, "exit-killed"),
            (139, "exit-crash"),
            (143, "exit-terminated"),
        ] {
            assert_eq!(first(&exited(code, "", &[])), rule, "{code}");
        }
    }

    #[test]
    fn the_last_words_are_shown_and_understood() {
        let line = "Error: connect ECONNREFUSED 10.0.0.9:5432";
        let found = diagnose(&exited(1, "", &["starting", line])).remove(0);
        assert!(
            found.evidence.contains(&format!("app: {line}")),
            "{found:?}"
        );
        assert!(found.cause.contains("doesn't answer"), "{found:?}");
        let line = "listen tcp :8080: bind: address already in use";
        assert_eq!(first(&exited(1, "", &[line])), "address-in-use");
        let line = "Error: listen EACCES: permission denied 0.0.0.0:80";
        assert_eq!(first(&exited(1, "", &[line])), "port-not-allowed");
    }

    #[test]
    fn the_command_reads_this_task_s_log_from_its_beginning() {
        let mut evidence = exited(1, "", &["bye"]);
        evidence.tasks[0].created_at = Some("2026-01-05T08:50:00Z".parse().unwrap());
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["logConfiguration"] = serde_json::json!({
            "logDriver": "awslogs",
            "options": { "awslogs-group": "/ecs/shop", "awslogs-stream-prefix": "shop" },
        });
        assert_eq!(
            diagnose(&evidence)[0].fix,
            "read on: aws logs tail /ecs/shop --since 2026-01-05T08:50:00Z \
             --log-stream-name-prefix shop/app/bbbb"
        );
    }

    #[test]
    fn a_log_that_is_elsewhere_is_named() {
        let mut evidence = exited(1, "", &["x"]);
        evidence.logs[0].read = LogRead::Elsewhere("awsfirelens".to_owned());
        let found = diagnose(&evidence).remove(0);
        let named = |line: &String| line.contains("logs by the driver awsfirelens");
        assert!(found.evidence.iter().any(named), "{found:?}");
        evidence.logs[0].read = LogRead::Nowhere;
        let found = diagnose(&evidence).remove(0);
        assert!(found.fix.starts_with("nothing is kept"), "{found:?}");
        let named = |line: &String| line.contains("has no log driver");
        assert!(found.evidence.iter().any(named), "{found:?}");
    }
}
