//! `bg report`

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::cli::args::{Global, OutputFormat, ReportArgs};
use crate::cli::display::unless_gone;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::otlp;
use crate::cli::page;
use crate::cli::past::Past;
use crate::cli::session::{aws_alone, read_config};
use crate::deployment::event::Record;
use crate::report::html::{self, Measured};
use crate::report::spans::Trace;
use crate::runner::Clock;

pub(super) async fn run(global: &Global, args: &ReportArgs) -> Result<ExitCode, CliError> {
    if global.output == OutputFormat::Json && !args.otlp {
        return Err(CliError::usage("a report is a page, and no JSON")
            .hint("`bg show --output json` prints the records that it is made from")
            .hint("`bg report --otlp` prints them as an OpenTelemetry trace, which is JSON"));
    }
    let past = Past::open(global).await?;
    let (id, records) = past.wanted(args.id.as_deref()).await?;
    let (report, usual) = match args.otlp {
        true => (trace(&records)?, None),
        false => {
            let (measured, now) = measured(global, args, &records).await;
            let page = html::page(&records, &measured, now);
            let on_terminal = io::stdout().is_terminal();
            (page, on_terminal.then(|| page::file_of(id.as_str())))
        }
    };
    let to = args.write.clone().or(usual.map(PathBuf::from));
    let Some(to) = to.filter(|it| it != "-") else {
        let mut out = io::stdout().lock();
        let written = out.write_all(report.as_bytes()).and_then(|()| out.flush());
        unless_gone(written)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        return Ok(ExitCode::Stands);
    };
    page::write(&to, &report).map_err(|why| {
        CliError::refused(format!("can't write the report to {}: {why}", to.display()))
            .hint("`--write FILE` writes it elsewhere")
    })?;
    if !global.quiet {
        note!("Report of {id}: {}", to.display());
    }
    Ok(ExitCode::Stands)
}

/// As a collector takes it.
fn trace(records: &[Record]) -> Result<String, CliError> {
    let trace = Trace::of(records).ok_or_else(|| {
        CliError::refused("the journal has no beginning: there is nothing to make a trace from")
    })?;
    let text = serde_json::to_string_pretty(&otlp::document(&trace));
    let text = text.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(format!("{text}\n"))
}

/// The page is worth having without AWS; whose time it is in a sandbox, its region says.
async fn measured(global: &Global, args: &ReportArgs, records: &[Record]) -> (Measured, Timestamp) {
    let unread = |why: &str| (Measured::not_read(why), Clock::wall().now());
    if args.offline {
        return unread("--offline");
    }
    let cloud = match read_config(global) {
        Ok((config, _)) => aws_alone(global, Some(&config)).await,
        Err(error) => Err(error),
    };
    match cloud {
        Ok((cloud, clock)) => (page::measured(&cloud, records).await, clock.now()),
        Err(error) => unread(&error.message),
    }
}
