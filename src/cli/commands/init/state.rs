//! `bg init --state`

use serde_json::json;

use crate::cli::args::{Global, OutputFormat};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::store::{Made, Store};

/// Makes the table that `state` names, if it isn't there yet.
pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let made = match &session.store {
        Store::Dynamo(store) => {
            session.refuse_another_account().await?;
            let made = store.make_table().await;
            Some(made.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?)
        }
        Store::File(_) | Store::Memory(_) => None,
    };
    let state = &session.config.state;
    let (result, words) = match made {
        Some(Made::Created) => ("created", "created, and ready"),
        Some(Made::AlreadyThere) => ("exists", "there already, and fits"),
        None => (
            "not needed",
            "made with the first deployment; nothing to do",
        ),
    };
    let shown = match global.output {
        OutputFormat::Json => print_json(&json!({
            "state": { "location": state.to_string(), "result": result },
        })),
        OutputFormat::Text | OutputFormat::Markdown => {
            tell!("state {state}: {words}");
            Ok(())
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}
