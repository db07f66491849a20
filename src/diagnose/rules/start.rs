//! Programs that can't be started at all: not in the image, not executable, of another machine.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{between, clock, has};
use super::super::task::{Task, TaskContainer};

pub(super) const RULES: &[Rule] = &[
    Rule::said("wrong-architecture", wrong_architecture),
    Rule::said("working-directory", working_directory),
    Rule::said("command-not-executable", not_executable),
    Rule::said("command-not-found", not_found),
    Rule::otherwise("failed-to-start", any),
];

/// What a failed task says that fits: of ECS, in its log, or by its exit code.
struct Says<'a> {
    task: &'a Task,
    container: Option<&'a TaskContainer>,
    text: String,
}

impl Says<'_> {
    fn name(&self) -> &str {
        self.container.map_or("of the task", |it| &it.name)
    }

    fn lines(&self, evidence: &Evidence) -> Vec<String> {
        let at = self.task.ended_at().map(clock).unwrap_or_default();
        let mut lines = vec![format!("task {} at {at}: {}", self.task.id, self.text)];
        lines.extend(
            self.container
                .iter()
                .flat_map(|it| evidence.tail(self.task, it)),
        );
        lines.dedup_by(|one, other| one.ends_with(other.as_str()));
        lines
    }
}

fn says<'a>(evidence: &'a Evidence, words: &[&str], code: Option<i32>) -> Option<Says<'a>> {
    evidence.failed_tasks().into_iter().find_map(|task| {
        let container = task.culprit(evidence.definition.as_ref());
        let exit = container.and_then(|it| it.exit_code);
        let name = container.map(|it| it.name.as_str());
        let mut reasons = container
            .map(|it| it.reason.as_str())
            .into_iter()
            .chain([task.stopped_reason.as_str()]);
        let reason = reasons.find(|text| has(text, words)).map(str::to_owned);
        // A program that ran may say such things of others: its own start is its last word.
        let failed = exit.is_some_and(|code| code != 0);
        let logged = || {
            let line = evidence.lines_of(&task.id, name).last()?;
            (failed && has(&line.text, words)).then(|| line.text.clone())
        };
        let by_code = || {
            let exit = exit.filter(|exit| Some(*exit) == code)?;
            Some(format!("exit code {exit}"))
        };
        let text = reason.or_else(logged).or_else(by_code)?;
        Some(Says {
            task,
            container,
            text,
        })
    })
}

fn wrong_architecture(evidence: &Evidence) -> Vec<Found> {
    let found = says(evidence, &["exec format error"], None).map(|said| {
        Found::new(format!(
            "container {} is built for another processor",
            said.name()
        ))
        .shown_by(said.lines(evidence))
        .because("the image is for arm64 and the task runs on x86_64, or the other way round")
        .mended_by(
            "docker buildx build --platform linux/amd64 …; or runtimePlatform.cpuArchitecture: \
             ARM64 in the task definition; or, for a script, a first line `#!/bin/sh`",
        )
    });
    found.into_iter().collect()
}

fn working_directory(evidence: &Evidence) -> Vec<Found> {
    let found = says(evidence, &["chdir to cwd"], None).map(|said| {
        let definition = evidence.definition.as_ref();
        let container = definition.and_then(|it| it.container(said.name()));
        let folder = between(&said.text, "chdir to cwd (\"", &['"'])
            .or_else(|| container.and_then(|it| it.folder()))
            .unwrap_or("the working directory");
        Found::new(format!("container {} has no folder {folder}", said.name()))
            .shown_by(said.lines(evidence))
            .because("workingDirectory, or the image's WORKDIR, isn't there")
            .mended_by(
                "take workingDirectory out of the container, or make the folder in the image",
            )
    });
    found.into_iter().collect()
}

/// The `serve` of `sh: 1: serve: not found` and `bash: serve: command not found`.
fn missed_by_a_shell(line: &str) -> Option<&str> {
    let before = line.trim_end().strip_suffix("not found")?.trim_end();
    let before = before.strip_suffix("command").unwrap_or(before);
    let (_, program) = before.trim_end().strip_suffix(':')?.rsplit_once(':')?;
    Some(program.trim()).filter(|it| !it.is_empty())
}

fn not_found(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "executable file not found",
        "no such file or directory: unknown",
        "command not found",
    ];
    let found = says(evidence, &words, Some(127)).map(|said| {
        let definition = evidence.definition.as_ref();
        let runs = definition
            .and_then(|it| it.container(said.name()))
            .and_then(|it| it.runs());
        let container = said.container.map(|it| it.name.as_str());
        let last = evidence.lines_of(&said.task.id, container).last();
        let program = between(&said.text, "exec: \"", &['"'])
            .or_else(|| missed_by_a_shell(&last?.text))
            .or(runs);
        let what = match program {
            Some(program) => format!("the image has no {program:?}"),
            None => "its program isn't in the image".to_owned(),
        };
        Found::new(format!("container {}: {what}", said.name()))
            .shown_by(said.lines(evidence))
            .because("entryPoint or command name something that isn't in the image or on its PATH")
            .mended_by(
                "look: docker run --rm --entrypoint ls IMAGE -l /; then correct entryPoint or \
                 command, as a list of words",
            )
    });
    found.into_iter().collect()
}

fn not_executable(evidence: &Evidence) -> Vec<Found> {
    let words = ["permission denied: unknown", "is a directory: unknown"];
    let found = says(evidence, &words, Some(126)).map(|said| {
        Found::new(format!(
            "container {}: its program may not be executed",
            said.name()
        ))
        .shown_by(said.lines(evidence))
        .because("the file lacks its execute bit, or the container's user may not read it")
        .mended_by("RUN chmod +x FILE in the Dockerfile (git keeps the bit, some CI copies don't)")
    });
    found.into_iter().collect()
}

/// A task that could not start, in ECS's own words.
fn any(evidence: &Evidence) -> Vec<Found> {
    let tasks = evidence.failed_tasks();
    let mut tasks = tasks
        .into_iter()
        .filter(|it| it.stop_code == "TaskFailedToStart");
    let found = tasks.next().map(|task| {
        let said = Says {
            task,
            container: None,
            text: task.stopped_reason.clone(),
        };
        let reasons = task.containers.iter().filter(|it| !it.reason.is_empty());
        Found::new("tasks can't start")
            .shown_by(said.lines(evidence))
            .shown_by(reasons.map(|it| format!("container {}: {}", it.name, it.reason)))
            .because("the words above are ECS's")
            .mended_by(
                "look them up in \"Stopped tasks error messages\" of the Amazon ECS developer guide",
            )
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnose;
    use super::super::super::testing::{exited, explains, first, not_started};

    const BEGIN: &str = "CannotStartContainerError: ResourceInitializationError: failed to create \
                         new container runtime task: failed to create shim task: OCI runtime create \
                         failed: runc create failed: unable to start container process: ";

    #[test]
    fn each_way_of_not_starting_is_told_apart() {
        let table = [
            (
                format!("{BEGIN}exec: \"serve\": executable file not found in $PATH: unknown"),
                "command-not-found",
            ),
            (
                format!("{BEGIN}exec: \"/app/serve\": permission denied: unknown"),
                "command-not-executable",
            ),
            (
                format!("{BEGIN}exec: \"/app/serve\": exec format error: unknown"),
                "wrong-architecture",
            ),
            (
                format!(
                    "{BEGIN}chdir to cwd (\"/srv\") set in config.json failed: no such file or \
                     directory: unknown"
                ),
                "working-directory",
            ),
            (
                "something that nobody has seen".to_owned(),
                "failed-to-start",
            ),
        ];
        let table = table.each_ref().map(|(text, rule)| (text.as_str(), *rule));
        explains(&table);
        let reason = &table[0].0;
        let found = diagnose(&not_started(reason)).remove(0);
        assert!(found.what.contains("\"serve\""), "{found:?}");
    }

    #[test]
    fn exit_codes_and_last_words_say_it_too() {
        assert_eq!(first(&exited(127, "", &[])), "command-not-found");
        for (line, missing) in [
            ("sh: serve: not found", "the image has no \"serve\""),
            (
                "bash: line 1: ./x: command not found",
                "the image has no \"./x\"",
            ),
            ("bye", "its program isn't in the image"),
        ] {
            let found = diagnose(&exited(127, "", &[line])).remove(0);
            assert_eq!(found.what, format!("container app: {missing}"));
        }
        assert_eq!(first(&exited(126, "", &[])), "command-not-executable");
        let line = "exec /usr/local/bin/serve: exec format error";
        assert_eq!(first(&exited(255, "", &[line])), "wrong-architecture");
        let earlier = ["convert: command not found", "giving up"];
        assert_eq!(first(&exited(1, "", &earlier)), "exit-error");
    }
}
