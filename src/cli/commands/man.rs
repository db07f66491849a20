//! `bg man`

use std::io;
use std::path::Path;

use clap_mangen::Man;

use crate::cli::args::{self, ManArgs};
use crate::cli::display::print_text;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;

pub(super) fn run(args: &ManArgs) -> Result<ExitCode, CliError> {
    match &args.write {
        Some(folder) => write(folder).map_err(|error| {
            CliError::usage(format!("can't write to {}", folder.display())).caused_by(&error)
        }),
        None => print().map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error)),
    }?;
    Ok(ExitCode::Stands)
}

/// As the pages show it, which know nothing of what is required unless a flag stands for it.
fn command() -> clap::Command {
    args::command().mut_subcommand("scale", |scale| {
        scale.mut_arg("tasks", |tasks| tasks.required(true))
    })
}

fn print() -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command()).render(&mut page)?;
    print_text(String::from_utf8_lossy(&page).trim_end())
}

fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command(), folder)?;
    let shown = folder.display();
    note!("the manual pages are in {shown}: man -l {shown}/bg.1");
    Ok(())
}
