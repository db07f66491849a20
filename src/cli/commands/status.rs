//! `bg status`

use crate::cli::args::{Global, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::cli::terminal::Surface;
use crate::report::status::text;

pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let report = Situation::look(&session).await?.report(&session).await?;
    let shown = match global.output {
        OutputFormat::Text => print(&text(&report), Surface::of_process().stdout_colors(global)),
        OutputFormat::Json => print_json(&report),
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}
