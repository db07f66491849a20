//! `bg history`

use crate::cli::args::{Global, HistoryArgs, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::past::Past;
use crate::cli::terminal::Surface;
use crate::deployment::ids::DeploymentId;
use crate::report::history::{Entry, text};
use crate::report::view::View;

pub(super) async fn run(global: &Global, args: &HistoryArgs) -> Result<ExitCode, CliError> {
    let past = Past::open(global).await?;
    let ids = past.deployments().await?;
    let mut entries = Vec::new();
    for id in ids.iter().rev().take(args.last) {
        match past.journal(id).await {
            Ok(records) => entries.extend(Entry::of(&View::of(&records))),
            Err(error) => say_unreadable(id, &error),
        }
    }
    let shown = match global.output {
        OutputFormat::Json => print_json(&entries),
        OutputFormat::Text | OutputFormat::Markdown => {
            print(&text(&entries), Surface::of_process().stdout_colors(global))
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// One journal that can't be read takes the others' story away from nobody.
fn say_unreadable(id: &DeploymentId, error: &CliError) {
    note!("Warning: deployment {id} can't be read: {}", error.message);
    for hint in &error.hints {
        note!("Hint: {hint}");
    }
}
