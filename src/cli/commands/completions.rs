//! `bg completions`

use std::fmt::Write as _;

use clap::{Arg, Command};
use clap_complete::Shell;

use crate::cli::args::{self, CompletionsArgs};
use crate::cli::display::print_text;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::topics;
use crate::strategy::builtin_names;

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "bg", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Fish {
        script.push_str(&positional_for_fish(&args::command()));
    }
    print_text(script.trim_end())
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// What `clap_complete` leaves out for this shell: the values of a verb's first argument without a
/// flag, and what there is of `help strategies`.
fn positional_for_fish(command: &Command) -> String {
    let mut lines = AFTER_WORDS.to_owned();
    let mut offer = |words: &str, value: &str| {
        let _ = writeln!(
            lines,
            "complete -c bg -n \"__fish_bg_after_words {words}\" -f -a \"{value}\""
        );
    };
    for verb in command.get_subcommands() {
        let first = verb.get_positionals().take(1);
        for value in first.flat_map(Arg::get_possible_values) {
            offer(verb.get_name(), value.get_name());
        }
    }
    for name in builtin_names() {
        offer(&format!("help {}", topics::STRATEGIES), name);
    }
    lines
}

/// Asks whether these words stand before the one that is completed, and no others but flags.
const AFTER_WORDS: &str = "
function __fish_bg_after_words
    set -l wanted $argv
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse (__fish_bg_global_optspecs) -- $cmd 2>/dev/null
    or return
    test \"$argv\" = \"$wanted\"
end
";
