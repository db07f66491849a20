//! `bg show`

use serde_json::json;

use crate::cli::args::{Global, OutputFormat, ShowArgs};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::past::{Past, unknown};
use crate::cli::terminal::Surface;
use crate::deployment::ids::DeploymentId;
use crate::report::text::{Detail, Lines};

pub(super) async fn run(global: &Global, args: &ShowArgs) -> Result<ExitCode, CliError> {
    let past = Past::open(global).await?;
    let id = match &args.id {
        Some(id) => DeploymentId::new(id),
        None => past.deployments().await?.pop().ok_or_else(|| {
            CliError::refused(format!("there was no deployment of {} yet", past.service()))
        })?,
    };
    let records = past.journal(&id).await?;
    if records.is_empty() {
        return Err(unknown(&id, past.service(), &past.deployments().await?));
    }
    let shown = match global.output {
        OutputFormat::Json => print_json(&json!({ "deployment": id, "records": records })),
        OutputFormat::Text | OutputFormat::Markdown => {
            let detail = match (global.quiet, global.verbose) {
                (true, _) => Detail::Quiet,
                (false, true) => Detail::Verbose,
                (false, false) => Detail::Normal,
            };
            let mut lines = Lines::new(detail);
            let told: Vec<_> = records.iter().flat_map(|record| lines.on(record)).collect();
            print(&told, Surface::of_process().stdout_colors(global))
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}
