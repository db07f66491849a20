//! `bg schema`

use std::io;
use std::path::Path;

use crate::cli::args::SchemaArgs;
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::config;

pub(super) fn run(args: &SchemaArgs) -> Result<ExitCode, CliError> {
    match &args.write {
        Some(file) => write(file).map_err(|error| {
            CliError::usage(format!("can't write {}", file.display())).caused_by(&error)
        }),
        None => print_json(&config::schema())
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error)),
    }?;
    Ok(ExitCode::Stands)
}

/// A later version's replaces an earlier one's.
fn write(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&config::schema())?;
    std::fs::write(file, text + "\n")?;
    note!("Next: as the first line of bg.yaml, with the file's place as seen from there:");
    note!("# yaml-language-server: $schema={}", file.display());
    Ok(())
}
