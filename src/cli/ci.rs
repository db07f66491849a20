//! What `bg` writes down at its end for the job that runs it: in GitHub Actions annotations, the
//! step's outputs and the job's summary, by itself; anywhere a JUnit report and a file of variables,
//! where flags ask for them. None of it makes a deployment fail: what can't be written is told.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::args::{Cli, Misuse, OutputFormat, RunArgs, Verb};
use super::error::{CliError, ErrorKind};
use super::exit::ExitCode;
use super::story::{Aside, REVERTED, Said, Told};
use crate::deployment::ids::DeploymentId;
use crate::report::ci::facts::Facts;
use crate::report::ci::github::{Annotation, Level, annotations, of_end, outputs};
use crate::report::ci::junit::{self, CaseResult, junit};
use crate::report::ci::markdown::inline;
use crate::report::ci::summary::{Mark, Room, note, summary};
use crate::report::ci::{deployments, joined};
use crate::report::line::StyledLine;
use crate::report::view::View;
use crate::strategy::Weight;

/// GitHub refuses a step's summary that is longer.
const SUMMARY_AT_MOST: u64 = 1024 * 1024;

/// Whether this runs in a step of GitHub Actions, whose runner reads commands from what it prints.
pub(super) fn in_actions() -> bool {
    static IN_ACTIONS: OnceLock<bool> = OnceLock::new();
    *IN_ACTIONS.get_or_init(|| std::env::var_os("GITHUB_ACTIONS").is_some_and(|it| it == "true"))
}

/// What this process writes down, as it ended.
pub(super) fn write_down(cli: &Cli, ended: &Result<ExitCode, CliError>) {
    let run = run_of(&cli.verb);
    let end = End::of(cli, ended);
    if in_actions() {
        annotate(cli, &end, ended);
        if run.is_some() || matches!(cli.verb, Verb::Plan(_) | Verb::Tick(_)) {
            if end.facts != Facts::default() {
                fill("GITHUB_OUTPUT", &outputs(&end.facts));
            }
            fill_summary(|room| end.summary(room));
        }
    }
    if let Some(run) = run {
        write(run.junit.as_deref(), || end.junit());
        write(run.env_file.as_deref(), || end.facts.for_a_shell());
    }
}

/// Which deployment this process drives from here on. Where it is killed before it can say how
/// that ended, the job's last step puts this one back, and no other.
pub(super) fn drives(run: &RunArgs, id: &DeploymentId) {
    if in_actions() {
        fill("GITHUB_OUTPUT", &format!("deployment-id={id}\n"));
    }
    let facts = Facts {
        deployment: Some(id.clone()),
        ..Facts::default()
    };
    write(run.env_file.as_deref(), || facts.for_a_shell());
}

/// What is written down where the arguments make no sense.
pub(super) fn misused(misuse: &Misuse) {
    let facts = Facts::without_deployment("failed");
    let mut lines = misuse.error.lines().map(str::trim_end);
    let title = lines.next().unwrap_or_default();
    let title = format!("bg: {}", title.trim_start_matches("error: "));
    let lines: Vec<StyledLine> = lines
        .filter(|it| !it.is_empty())
        .map(|it| StyledLine::new().plain(it))
        .collect();
    if in_actions() {
        let annotation = Annotation {
            level: Level::Error,
            title: "bg ends with exit code 2".to_owned(),
            message: misuse.error.trim_end().to_owned(),
        };
        command(&annotation.command(), misuse.is_json);
        if misuse.has_outcome {
            fill("GITHUB_OUTPUT", &outputs(&facts));
            fill_summary(|_| note(Mark::Bad, &title, &lines));
        }
    }
    write(misuse.env_file.as_deref(), || facts.for_a_shell());
    write(misuse.junit.as_deref(), || {
        let failed = CaseResult::Failed {
            message: title.clone(),
            text: joined(&lines),
        };
        junit::lone("preflight", failed)
    });
}

/// Of the verbs that drive deployments.
fn run_of(verb: &Verb) -> Option<&RunArgs> {
    match verb {
        Verb::Deploy(args) => Some(&args.run),
        Verb::Restart(args) => Some(&args.run),
        Verb::Rollback(args) => Some(&args.run),
        Verb::Resume(args) => Some(&args.run),
        _ => None,
    }
}

/// How this process ended.
struct End {
    told: Told,
    facts: Facts,
    /// What it says where no deployment says it.
    note: Option<Said>,
}

impl End {
    fn of(cli: &Cli, ended: &Result<ExitCode, CliError>) -> End {
        let told = cli.global.story.so_far();
        let view = deployments(&told.records).pop().map(View::of);
        let note = match ended {
            Err(error) => Some(of_error(cli, error)),
            Ok(_) => told.said.clone(),
        };
        let is_over = |view: &View| view.outcome.is_some();
        let is_round = matches!(cli.verb, Verb::Tick(_));
        let facts = match (&note, view) {
            (None, _) if is_round => Facts::of_a_round(&told.records),
            // An error may leave a deployment behind that has not ended.
            (Some(note), Some(view)) if !is_over(&view) => Facts::of(&view, note.outcome),
            (Some(note), _) => Facts {
                deployment: (note.put_back.clone())
                    .or_else(|| named(cli).filter(|_| note.outcome != "refused")),
                task_definition: note.task_definition.clone(),
                weight: note.put_back.as_ref().map(|_| Weight::ZERO),
                ..Facts::without_deployment(note.outcome)
            },
            (None, Some(view)) => Facts::of(&view, "failed"),
            (None, None) => Facts::without_deployment(word(ended)),
        };
        End { told, facts, note }
    }

    fn summary(&self, room: Room) -> String {
        let deployments = deployments(&self.told.records).into_iter();
        let mut parts: Vec<String> = deployments.map(|it| summary(it, room)).collect();
        parts.extend(
            self.note
                .as_ref()
                .map(|it| note(it.mark, &it.title, &it.lines)),
        );
        parts.extend(asides(&self.told.asides));
        parts.extend(self.told.left.as_ref().map(|left| format!("> {left}\n")));
        parts.join("\n")
    }

    fn junit(&self) -> String {
        let name = match self.facts.outcome.as_str() {
            REVERTED => "put back",
            _ => "preflight",
        };
        match (&self.note, self.told.records.is_empty()) {
            (_, false) => junit(&self.told.records),
            (Some(said), true) if said.mark != Mark::Good => {
                let failed = CaseResult::Failed {
                    message: said.title.clone(),
                    text: joined(&said.lines),
                };
                junit::lone(name, failed)
            }
            (_, true) => junit::lone(name, CaseResult::Passed),
        }
    }
}

/// The deployment that the command line names.
fn named(cli: &Cli) -> Option<DeploymentId> {
    match &cli.verb {
        Verb::Resume(args) => args.id.as_ref().map(DeploymentId::new),
        _ => None,
    }
}

/// What a round did beside driving deployments to their ends, as a list.
fn asides(asides: &[Aside]) -> Option<String> {
    let item = |aside: &Aside| {
        let mark = match aside.level {
            Level::Error => "❌ ",
            Level::Warning => "⚠️ ",
            Level::Notice => "",
        };
        let lines: Vec<String> = aside.text.lines().map(inline).collect();
        format!("- {mark}{}\n", lines.join("<br>"))
    };
    let items: String = asides.iter().map(item).collect();
    (!items.is_empty()).then_some(items)
}

/// Of a run that showed nothing.
fn word(ended: &Result<ExitCode, CliError>) -> &'static str {
    match ended {
        Ok(ExitCode::Stands) => "unchanged",
        Ok(ExitCode::Reverted) => "reverted",
        Ok(ExitCode::Stuck) => "stuck",
        Ok(ExitCode::Detached) => "kept",
        Ok(ExitCode::Refused) => "refused",
        Ok(ExitCode::Locked) => "locked",
        Ok(ExitCode::Unexpected | ExitCode::Usage) | Err(_) => "failed",
    }
}

fn of_error(cli: &Cli, error: &CliError) -> Said {
    let outcome = match error.kind {
        ErrorKind::Refused | ErrorKind::NoStore => "refused",
        ErrorKind::Locked => "locked",
        ErrorKind::Stuck => "stuck",
        ErrorKind::Interrupted => "kept",
        ErrorKind::Unexpected | ErrorKind::Store | ErrorKind::Usage => "failed",
    };
    Said {
        outcome,
        mark: Mark::Bad,
        title: format!("{}: {}", verb(cli), error.message),
        lines: error.lines(),
        task_definition: None,
        put_back: None,
    }
}

/// As it is typed.
fn verb(cli: &Cli) -> &'static str {
    match cli.verb {
        Verb::Deploy(_) => "bg deploy",
        Verb::Plan(_) => "bg plan",
        Verb::Restart(_) => "bg restart",
        Verb::Rollback(_) => "bg rollback",
        Verb::Resume(_) => "bg resume",
        Verb::Tick(_) => "bg tick",
        _ => "bg",
    }
}

fn annotate(cli: &Cli, end: &End, ended: &Result<ExitCode, CliError>) {
    let views = deployments(&end.told.records).into_iter().map(View::of);
    // What preflight warned of was told by the one that began it.
    let of = |view: View| match cli.verb {
        Verb::Tick(_) => of_end(&view).into_iter().collect(),
        _ => annotations(&view),
    };
    let mut all: Vec<Annotation> = views.flat_map(of).collect();
    let moved = end.note.iter().filter(|it| it.outcome == REVERTED);
    all.extend(moved.filter(|_| ended.is_ok()).map(|said| {
        let mut message = said.title.clone();
        for line in &said.lines {
            message.push_str(&format!("\n{line}"));
        }
        Annotation {
            level: Level::Warning,
            title: verb(cli).to_owned(),
            message,
        }
    }));
    all.extend(end.told.asides.iter().map(|aside| Annotation {
        level: aside.level,
        title: verb(cli).to_owned(),
        message: aside.text.clone(),
    }));
    if let Err(error) = ended {
        all.push(Annotation {
            level: Level::Error,
            title: format!("{} ends with exit code {}", verb(cli), error.exit().code()),
            message: joined(&error.lines()),
        });
    } else if let Some(said) = end.note.as_ref().filter(|it| it.mark == Mark::Bad) {
        all.push(Annotation {
            level: Level::Error,
            title: said.title.clone(),
            message: joined(&said.lines),
        });
    }
    all.extend(end.told.left.iter().map(|left| Annotation {
        level: Level::Notice,
        title: "Left to do".to_owned(),
        message: left.clone(),
    }));
    // The runner reads both streams, and with JSON the other one is data.
    let to_stderr = cli.global.output == OutputFormat::Json;
    for annotation in all {
        command(&annotation.command(), to_stderr);
    }
}

/// A workflow command, as it is.
pub(super) fn command(command: &str, to_stderr: bool) {
    // Where nobody reads it, nobody misses it.
    let _ = match to_stderr {
        true => writeln!(io::stderr(), "{command}"),
        false => writeln!(io::stdout(), "{command}"),
    };
}

/// Where the runner wants to have something; nowhere where it doesn't say so.
fn file_of(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty())?;
    Some(PathBuf::from(path))
}

fn fill(variable: &str, text: &str) {
    let Some(path) = file_of(variable) else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        missed(&format!("{} ({variable})", path.display()), &error);
    }
}

/// As much as there is room for, beside what the step has written there before.
fn fill_summary(summary: impl Fn(Room) -> String) {
    let variable = "GITHUB_STEP_SUMMARY";
    let Some(path) = file_of(variable) else {
        return;
    };
    let taken = fs::metadata(&path).map_or(0, |it| it.len());
    let left = SUMMARY_AT_MOST.saturating_sub(taken);
    let fits = |text: &String| (text.len() as u64) < left;
    let told = [Room::Plenty, Room::Little].map(|room| format!("{}\n", summary(room)));
    match told.into_iter().find(fits) {
        Some(text) => fill(variable, &text),
        None => note!("Warning: no room is left in the job's summary, which takes 1 MiB at most"),
    }
}

fn write(path: Option<&Path>, text: impl Fn() -> String) {
    let Some(path) = path else {
        return;
    };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = made.and_then(|()| fs::write(path, text())) {
        missed(&path.display().to_string(), &error);
    }
}

fn missed(what: &str, error: &io::Error) {
    let words = format!("{what} can't be written: {error}; what was deployed stands all the same");
    match in_actions() {
        true => {
            let annotation = Annotation {
                level: Level::Warning,
                title: "Not written down".to_owned(),
                message: words,
            };
            command(&annotation.command(), true);
        }
        false => note!("Warning: {words}"),
    }
}
