//! `bg help`

use std::io;

use crate::cli::args::{self, Global, HelpArgs};
use crate::cli::display::{print, print_text, unless_gone};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::terminal::Surface;
use crate::cli::topics::{self, Topic};
use crate::strategy::Strategy;

pub(super) fn run(global: &Global, args: &HelpArgs) -> Result<ExitCode, CliError> {
    let words: Vec<&str> = args
        .topic
        .iter()
        .chain(&args.name)
        .map(String::as_str)
        .collect();
    let shown = match (words.first().copied().and_then(Topic::named), words.get(1)) {
        (Some(topic), None) => print(&topic.lines(), Surface::of_process().stdout_colors(global)),
        (Some(topic), Some(name)) => print_text(part_of(topic, name)?.trim_end()),
        (None, _) => of_verb(&words)?,
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// A strategy's file, as it is built in.
fn part_of(topic: Topic, name: &str) -> Result<&'static str, CliError> {
    if topic.name != topics::STRATEGIES {
        return Err(CliError::usage(format!("{} has no parts", topic.name))
            .hint(format!("all of it: bg help {}", topic.name)));
    }
    let strategy = Strategy::named(name).map_err(|error| CliError::usage(error.to_string()))?;
    let file = crate::strategy::builtin_file(strategy.name());
    file.ok_or_else(|| CliError::usage(format!("strategy {name} is not built in")))
}

/// What `bg VERB --help` prints.
fn of_verb(words: &[&str]) -> Result<io::Result<()>, CliError> {
    let mut command = args::command();
    command.build();
    let mut found = &mut command;
    for word in words {
        let parent = found.get_name().to_owned();
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            CliError::usage(format!("there is no verb {word:?} of {parent}"))
                .hint("bg help lists the verbs, bg help help the topics")
        })?;
    }
    Ok(unless_gone(found.print_long_help()))
}
