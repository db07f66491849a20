//! `bg schema`

use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::config;

pub(super) fn run() -> Result<ExitCode, CliError> {
    print_json(&config::schema())
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}
