//! Asking a deployment that another process drives, and hearing what came of it.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::args::{Global, OutputFormat};
use super::error::{CliError, ErrorKind};
use super::session::Session;
use crate::deployment::event::{Event, Record};
use crate::deployment::outcome::Outcome;
use crate::store::{Holder, Request, Steer};

// Time here is this process's own, also where the sandbox's clock runs faster: so is the time
// that the other process needs to answer.

/// How long a running deployment gets to take a request; its look comes every few seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long its revert may take once it has taken it.
const REVERT_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at its journal.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What came of a request.
pub(super) enum Answer {
    /// The deployment has ended like this.
    Ended(Outcome),
    /// It was taken; of a revert, no end was seen.
    Taken,
}

/// Asks the process that holds the lock; `None` where it doesn't answer.
pub(super) async fn ask_and_wait(
    session: &Session,
    holder: &Holder,
    steer: Steer,
    by: &str,
) -> Result<Option<Answer>, CliError> {
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let (store, service) = (&session.store, session.service());
    let id = &holder.deployment;
    let before = store.journal(&service, id).await.map_err(unreadable)?.len();
    let (asked_at, waiting_since) = (session.clock.now(), Instant::now());
    let request = Request {
        deployment: id.clone(),
        by: by.to_owned(),
        at: asked_at,
        steer,
    };
    store.ask(&service, &request).await.map_err(unreadable)?;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let records = store.journal(&service, id).await.map_err(unreadable)?;
        if let Some(outcome) = outcome(&records) {
            // What came too late must not be heeded by a process that goes on with it later.
            let _ = store.remove_request(&service, &request).await;
            return Ok(Some(Answer::Ended(outcome)));
        }
        let news = records.get(before..).unwrap_or_default();
        let taken = news.iter().any(|record| answers(&record.event, steer))
            || records
                .iter()
                .any(|record| matches!(record.event, Event::Reverting { .. }));
        if taken && steer != Steer::Abort {
            return Ok(Some(Answer::Taken));
        }
        let limit = if taken { REVERT_WITHIN } else { ANSWER_WITHIN };
        if waiting_since.elapsed() > limit {
            // It must not be heeded when nobody expects it any more.
            let _ = store.remove_request(&service, &request).await;
            return Ok(taken.then_some(Answer::Taken));
        }
    }
}

fn outcome(records: &[Record]) -> Option<Outcome> {
    match &records.last()?.event {
        Event::Ended { outcome } => Some(outcome.clone()),
        _ => records.iter().rev().find_map(|record| match &record.event {
            Event::Ended {
                outcome: Outcome::Promoted,
            } => Some(Outcome::Promoted),
            _ => None,
        }),
    }
}

fn answers(event: &Event, steer: Steer) -> bool {
    match steer {
        Steer::Abort => matches!(event, Event::Reverting { .. }),
        Steer::Pause => matches!(event, Event::Paused { .. }),
        Steer::Promote { .. } => matches!(event, Event::GoingOn { .. }),
    }
}

/// A line on stdout, as text or as JSON.
pub(super) fn say(global: &Global, kind: &str, text: &str) {
    let document = json!({ "type": kind, "message": text });
    match global.output {
        OutputFormat::Text => println!("{text}"),
        OutputFormat::Json => println!("{document}"),
    }
}
