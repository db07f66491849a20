//! `bg completions`

use crate::cli::args::{self, CompletionsArgs};
use crate::cli::display::print_text;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "bg", &mut script);
    print_text(String::from_utf8_lossy(&script).trim_end())
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}
