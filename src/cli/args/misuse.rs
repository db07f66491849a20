//! Command lines that make no sense: what is said of them, and what is left for CI to know.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};

use super::{Cli, command, try_parse};
use crate::cli::ci::in_actions;
use crate::cli::topics::TOPICS;

/// More values than this are not listed in an error.
const LISTED: usize = 12;

/// What drives deployments, with other programs' names for it.
const DRIVE: [&str; 5] = ["deploy", "restart", "refresh", "rollback", "resume"];
/// What else has outputs and a summary.
const TELL: [&str; 3] = ["plan", "diff", "tick"];

/// A command line that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// Whether it is of a verb that has an outcome.
    pub has_outcome: bool,
    /// Whether stdout is for JSON.
    pub is_json: bool,
    /// What is wrong with it, as it was shown.
    pub error: String,
    /// Where its JUnit report was to go.
    pub junit: Option<PathBuf>,
    /// Where its variables were to go.
    pub env_file: Option<PathBuf>,
}

/// Reads the process's arguments and environment.
///
/// # Errors
/// When there is nothing to run, after that was shown: help or the version where there is no
/// misuse.
pub fn parse() -> Result<Cli, Option<Misuse>> {
    let args: Vec<OsString> = std::env::args_os().collect();
    try_parse(args.clone()).map_err(|error| {
        let is_misuse = error.use_stderr();
        match is_misuse && in_actions() {
            // Its text is anybody's.
            true => note!("{}", error.to_string().trim_end()),
            // Where nobody reads it, the exit code still tells.
            false => drop(error.print()),
        }
        is_misuse.then(|| misuse(&error, &args))
    })
}

fn misuse(error: &Error, args: &[OsString]) -> Misuse {
    let has = |words: &[&str]| words.iter().any(|word| args.iter().any(|arg| arg == *word));
    let file = |flag, variable| named(args, flag, variable).filter(|_| has(&DRIVE));
    let output = named(args, "--output", "BG_OUTPUT");
    Misuse {
        has_outcome: has(&DRIVE) || has(&TELL),
        is_json: output.is_some_and(|it| it.as_os_str() == "json"),
        error: error.to_string(),
        junit: file("--junit", "BG_JUNIT"),
        env_file: file("--env-file", "BG_ENV_FILE"),
    }
}

/// The file that a flag names, on a command line that makes no sense as a whole.
fn named(args: &[OsString], flag: &str, variable: &str) -> Option<PathBuf> {
    let joined = format!("{flag}=");
    let given = args
        .iter()
        .enumerate()
        .find_map(|(at, arg)| match arg.to_str() {
            Some(text) if text == flag => args.get(at + 1).cloned(),
            Some(text) => text.strip_prefix(&joined).map(OsString::from),
            None => None,
        });
    let name = given.or_else(|| std::env::var_os(variable));
    // What follows may be the next flag: then it is this one that has no value.
    let is_name = |it: &OsString| !it.is_empty() && !it.to_string_lossy().starts_with('-');
    name.filter(is_name).map(PathBuf::from)
}

/// Flags that other programs have, and what is here for what they mean there.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "--no-wait",
        "the process that begins a deployment drives it, and without one it stands still. \
         --on-interrupt keep leaves it as it is on a signal, and `bg resume --for 50m` goes on \
         with it, in another job too; --no-wait-retire leaves only retiring blue to the next run",
    ),
    (
        "--force-new-deployment",
        "`bg restart` deploys what is live once more",
    ),
];

/// The same error, with what helps whoever made it.
pub(super) fn explained(error: Error, args: &[OsString]) -> Error {
    let error = with_the_flag_of_an_image(error, args);
    with_its_variables(with_its_topic(with_a_way(with_a_short_list(error))), args)
}

/// An image alone is what other programs take.
fn with_the_flag_of_an_image(mut error: Error, args: &[OsString]) -> Error {
    let lone = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) if error.kind() == ErrorKind::UnknownArgument => text,
        _ => return error,
    };
    let deploys = ["deploy", "plan", "diff", "verify", "rehearse"];
    let takes_one = args
        .iter()
        .any(|arg| deploys.iter().any(|verb| arg == *verb));
    if takes_one && !lone.starts_with('-') {
        let tip = format!("images are given as --image {lone}");
        add_tip(&mut error, &tip);
    }
    error
}

/// Some topics sound like verbs.
fn with_its_topic(mut error: Error) -> Error {
    let topic = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) => TOPICS.iter().find(|topic| topic.name == name),
        _ => None,
    };
    if let Some(topic) = topic {
        error.remove(ContextKind::SuggestedSubcommand);
        let tip = format!("`bg help {}` explains {}", topic.name, topic.name);
        add_tip(&mut error, &tip);
    }
    error
}

/// A flag that is spelt alike and means something else is no help to whoever knows another
/// program's.
fn with_a_way(mut error: Error) -> Error {
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if error.kind() == ErrorKind::UnknownArgument => flag,
        _ => return error,
    };
    let known = ELSEWHERE.iter().find(|(flag, _)| flag == unknown);
    if let Some((_, way)) = known {
        error.remove(ContextKind::SuggestedArg);
        add_tip(&mut error, way);
    }
    error
}

/// Nobody reads a list of all verbs and topics in one line; `bg help` has it with what they are.
fn with_a_short_list(mut error: Error) -> Error {
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) => known.len(),
        _ => 0,
    };
    if known > LISTED {
        error.remove(ContextKind::ValidValue);
        add_tip(
            &mut error,
            "`bg help` lists the verbs, `bg help help` the topics",
        );
    }
    error
}

/// Whoever gave no such flag looks for it in vain: it came from the environment.
fn with_its_variables(mut error: Error, args: &[OsString]) -> Error {
    let mut whole = command();
    whole.build();
    let named = [ContextKind::InvalidArg, ContextKind::PriorArg]
        .map(|kind| texts(error.get(kind)))
        .concat();
    for tip in named
        .iter()
        .filter_map(|name| variable_of(&whole, name, args))
    {
        add_tip(&mut error, &tip);
    }
    error
}

fn texts(value: Option<&ContextValue>) -> Vec<String> {
    match value {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// `name` is a flag as errors name it, `--poll <LENGTH>`.
fn variable_of(whole: &Command, name: &str, args: &[OsString]) -> Option<String> {
    let verbs = whole.get_subcommands().flat_map(Command::get_arguments);
    let mut known = whole.get_arguments().chain(verbs);
    let arg = known.find(|arg| arg.to_string() == name && !is_given(arg, args))?;
    let variable = arg.get_env()?;
    let is_set = std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    let (flag, variable) = (arg.get_long()?, variable.to_string_lossy());
    is_set.then(|| format!("--{flag} comes from the environment here: {variable} is set"))
}

fn is_given(arg: &Arg, args: &[OsString]) -> bool {
    let long = arg.get_long().map(|name| format!("--{name}"));
    let short = arg.get_short().map(|name| format!("-{name}"));
    let mut args = args
        .iter()
        .map(OsString::as_os_str)
        .map(OsStr::to_string_lossy);
    args.any(|given| {
        let name = given.split_once('=').map_or(&*given, |(name, _)| name);
        long.as_deref() == Some(name) || short.as_deref().is_some_and(|it| given.starts_with(it))
    })
}

fn add_tip(error: &mut Error, tip: &str) {
    let mut tips = match error.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    tips.push(tip.to_owned().into());
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}
