//! The lists in the topics' texts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::COLUMNS;
use crate::cli::args;
use crate::cli::exit::ExitCode;
use crate::config;
use crate::report::line::{StyledLine, Tone, width, wrap};
use crate::strategy::{Strategy, builtin_strategies, format_duration};

/// Where the words of a list begin, after its names.
const WORDS: usize = 18;

/// Stands for a space at which no line is broken.
const TOGETHER: &str = "_";

/// The list that a text calls for.
pub(super) fn of(list: &str) -> Vec<StyledLine> {
    match list.split_once(' ') {
        Some(("keys", pointer)) => keys(pointer),
        _ => match list {
            "strategies" => strategies(),
            "exit-codes" => exit_codes(),
            "environment" => environment(),
            other => unreachable!("a test reads every text, and none asks for {other:?}"),
        },
    }
}

/// A name, and what is said of it.
fn entry(name: &str, words: &str, column: usize) -> Vec<StyledLine> {
    let mut lines = wrap(words, COLUMNS - column).into_iter();
    let head = StyledLine::new().plain("  ").with(Tone::Busy, name);
    let head = match lines.next() {
        Some(_) if width(name) + 4 > column => {
            // A long name has a line of its own, and the words begin below it.
            lines = wrap(words, COLUMNS - column).into_iter();
            head
        }
        Some(first) => head.to_column(column).plain(first),
        None => head,
    };
    let rest = lines.map(|line| StyledLine::new().plain(" ".repeat(column) + &line));
    std::iter::once(head).chain(rest).collect()
}

fn strategies() -> Vec<StyledLine> {
    let one = |strategy: &Strategy| {
        let mut lines = entry(strategy.name(), strategy.summary(), WORDS);
        let ladder = wrap(&ladder(strategy), COLUMNS - WORDS);
        let ladder = ladder.iter().map(|line| line.replace(TOGETHER, " "));
        let also = strategy.aliases().iter().map(|it| format!("also {it}"));
        let more = ladder.chain(also);
        lines.extend(more.map(|it| StyledLine::of(Tone::Dim, " ".repeat(WORDS) + &it)));
        lines
    };
    builtin_strategies().iter().flat_map(one).collect()
}

/// `10% 5m, 100% 5m`: each weight, and how long at least to stay there.
fn ladder(strategy: &Strategy) -> String {
    let step = |(index, step): (usize, &crate::strategy::Step)| {
        let bake = strategy.bake_at(index).map(format_duration);
        format!("{}{TOGETHER}{}", step.weight, bake.unwrap_or_default())
    };
    let steps: Vec<String> = strategy.steps().iter().enumerate().map(step).collect();
    steps.join(", ")
}

fn exit_codes() -> Vec<StyledLine> {
    let line = |code: &ExitCode| entry(&code.code().to_string(), code.meaning(), 5);
    ExitCode::ALL.iter().flat_map(line).collect()
}

/// Each variable that a flag can be given as, with the verbs whose flag it is.
fn environment() -> Vec<StyledLine> {
    let command = args::command();
    let mut takers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    collect(&command, "every verb", &mut takers);
    let entries = takers.into_iter().map(|(name, verbs)| {
        let verbs: Vec<String> = verbs.into_iter().collect();
        entry(&name, &verbs.join(", "), 26)
    });
    entries.flatten().collect()
}

fn collect(command: &clap::Command, who: &str, takers: &mut BTreeMap<String, BTreeSet<String>>) {
    let names = command.get_arguments().filter_map(clap::Arg::get_env);
    for name in names {
        let name = name.to_string_lossy().into_owned();
        takers.entry(name).or_default().insert(who.to_owned());
    }
    for verb in command.get_subcommands() {
        let who = match who {
            "every verb" => verb.get_name().to_owned(),
            parent => format!("{parent} {}", verb.get_name()),
        };
        collect(verb, &who, takers);
    }
}

/// The keys of a mapping of bg.yaml, as its schema describes them.
fn keys(pointer: &str) -> Vec<StyledLine> {
    let schema = config::schema();
    let keys = schema.pointer(pointer).and_then(Value::as_object);
    let keys = keys.into_iter().flatten();
    let entries = keys.map(|(key, of)| entry(key, &described(&schema, of), WORDS));
    entries.flatten().collect()
}

/// What the schema says of a key: its own words, or those of what it refers to.
fn described(schema: &Value, key: &Value) -> String {
    let mut said: Vec<String> = words_of(schema, key).into_iter().collect();
    let choices = key.get("enum").and_then(Value::as_array);
    let choices = choices.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    said.extend(choices.map(|all| match all[..] {
        [only] => format!("It is {only}."),
        _ => format!("One of {}.", all.join(", ")),
    }));
    let default = key.get("default").map(|it| match it.as_str() {
        Some(text) => format!("[{text}]"),
        None => format!("[{it}]"),
    });
    said.extend(default);
    said.join(" ")
}

fn words_of(schema: &Value, of: &Value) -> Option<String> {
    if let Some(own) = of.get("description").and_then(Value::as_str) {
        return Some(own.to_owned());
    }
    if let Some(other) = of.get("$ref").and_then(Value::as_str) {
        return words_of(schema, schema.pointer(other.trim_start_matches('#'))?);
    }
    let one_of = of.get("oneOf").and_then(Value::as_array)?;
    one_of.iter().find_map(|it| words_of(schema, it))
}
