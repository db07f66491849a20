//! `bg report`

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use crate::cli::args::{Global, OutputFormat, ReportArgs};
use crate::cli::display::unless_gone;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::page;
use crate::cli::past::Past;
use crate::cli::session::{aws_alone, read_config};
use crate::deployment::event::Record;
use crate::report::html::{self, Measured};

pub(super) async fn run(global: &Global, args: &ReportArgs) -> Result<ExitCode, CliError> {
    if global.output == OutputFormat::Json {
        return Err(CliError::usage("a report is a page, and no JSON")
            .hint("`bg show --output json` prints the records that it is made from"));
    }
    let past = Past::open(global).await?;
    let (id, records) = past.wanted(args.id.as_deref()).await?;
    let measured = measured(global, args, &records).await;
    let page = html::page(&records, &measured, page::now());
    let to = args.write.clone().or_else(|| {
        let on_terminal = io::stdout().is_terminal();
        on_terminal.then(|| PathBuf::from(page::file_of(id.as_str())))
    });
    let Some(to) = to else {
        let mut out = io::stdout().lock();
        let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
        unless_gone(written)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        return Ok(ExitCode::Stands);
    };
    page::write(&to, &page).map_err(|why| {
        CliError::refused(format!("can't write the report to {}: {why}", to.display()))
            .hint("`--write FILE` writes it elsewhere")
    })?;
    if !global.quiet {
        note!("Report of {id}: {}", to.display());
    }
    Ok(ExitCode::Stands)
}

/// The page is worth having without AWS.
async fn measured(global: &Global, args: &ReportArgs, records: &[Record]) -> Measured {
    if args.offline {
        return Measured::not_read("--offline");
    }
    let cloud = match read_config(global) {
        Ok((config, _)) => aws_alone(global, Some(&config)).await,
        Err(error) => Err(error),
    };
    match cloud {
        Ok((cloud, _)) => page::measured(&cloud, records).await,
        Err(error) => Measured::not_read(&error.message),
    }
}
