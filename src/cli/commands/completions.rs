//! `bg completions`

use std::fmt::Write as _;

use clap::{Arg, Command};
use clap_complete::Shell;

use crate::cli::args::{self, CompletionsArgs};
use crate::cli::display::print_text;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;

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

/// The values of arguments without a flag, which `clap_complete` leaves out for this shell.
fn positional_for_fish(command: &Command) -> String {
    let mut lines = String::new();
    for verb in command.get_subcommands() {
        for value in verb.get_positionals().flat_map(Arg::get_possible_values) {
            let (verb, value) = (verb.get_name(), value.get_name());
            let _ = writeln!(
                lines,
                "complete -c bg -n \"__fish_bg_using_subcommand {verb}\" -f -a \"{value}\""
            );
        }
    }
    lines
}
