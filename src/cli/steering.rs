//! Asking a deployment that another process drives, and saying what came of it.

use serde_json::json;

use super::args::{Global, OutputFormat};
use super::error::{CliError, ErrorKind};
use super::session::Session;
use super::story::{REVERTED, Said};
use crate::runner::{self, Answer};
use crate::store::{Holder, Steer};

/// Asks the process that holds the lock; `None` where it doesn't answer, or dies over its revert.
pub(super) async fn ask_and_wait(
    session: &Session,
    holder: &Holder,
    steer: Steer,
    by: &str,
) -> Result<Option<Answer>, CliError> {
    let (store, clock) = (&session.store, session.clock);
    let asked = runner::ask_and_wait(store, clock, &session.service(), holder, steer, by).await;
    asked.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
}

/// A line on stdout, as text or as JSON.
pub(super) fn say(global: &Global, kind: &str, text: &str) {
    let outcome = match kind {
        "aborted" | "scaled" | "route_written" | "put_away" => REVERTED,
        "too_late" => "stuck",
        _ => "unchanged",
    };
    global.story.say_alone(Said::well(outcome, text));
    let document = json!({ "type": kind, "message": text });
    match global.output {
        OutputFormat::Text | OutputFormat::Markdown => tell!("{text}"),
        OutputFormat::Json => tell!("{document}"),
    }
}
