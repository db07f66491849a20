//! Tells a collector of a deployment that has ended, beside everything else: nothing waits for it
//! for long, and nothing fails for it.

use std::env;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::error::{CliError, ErrorKind};
use super::otlp;
use super::session::Session;
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::outcome::Outcome;
use crate::deployment::traceparent::{Sampled, TraceParent};
use crate::report::spans::{Trace, When};
use crate::report::view::View;

/// How long a collector may take: a pipeline's job waits for it.
const AT_MOST: Duration = Duration::from_secs(5);

/// Something that is being sent.
#[derive(Debug, Default)]
pub(super) struct Sending(Option<JoinHandle<()>>);

impl Sending {
    /// Waits until it is sent, or its time is over.
    pub(super) async fn finish(self) {
        if let Some(task) = self.0 {
            let _ = task.await;
        }
    }
}

/// The span of whoever started this process. One that is none is nobody's, as the standard has it.
pub(super) fn parent() -> Option<TraceParent> {
    env::var("TRACEPARENT").ok()?.trim().parse().ok()
}

/// Tells of a deployment, if it has ended and won't go on by itself.
pub(super) async fn ended(session: &Session, service: &ServiceName, id: &DeploymentId) -> Sending {
    tell(session, service, id, When::Within, |records| {
        let outcome = View::of(records).outcome;
        !matches!(outcome, None | Some(Outcome::Kept { .. }))
    })
    .await
}

/// Tells of what came after its end, if blue is retired.
pub(super) async fn retired(
    session: &Session,
    service: &ServiceName,
    id: &DeploymentId,
) -> Sending {
    tell(session, service, id, When::After, |records| {
        let retired = |it: &Record| matches!(it.event, Event::Retired { .. });
        records.iter().any(retired)
    })
    .await
}

/// The store has what every process wrote that drove it. Nothing is sent out of the embedded
/// sandbox.
async fn tell(
    session: &Session,
    service: &ServiceName,
    id: &DeploymentId,
    when: When,
    is_over: impl Fn(&[Record]) -> bool,
) -> Sending {
    if session.is_embedded() || !otlp::is_wanted() {
        return Sending::default();
    }
    let journal = session.unless_silent(async {
        let journal = session.store.journal(service, id).await;
        journal.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
    });
    let records = match journal.await {
        Ok(records) if is_over(&records) => records,
        Ok(_) => return Sending::default(),
        Err(error) => {
            warn(id, &error.message);
            return Sending::default();
        }
    };
    let trace = Trace::of(&records).map(|trace| trace.only(when));
    let Some(trace) = trace.filter(|trace| trace.sampled == Sampled::Yes) else {
        return Sending::default();
    };
    let (web, id) = (session.cloud.way_out(), id.clone());
    Sending(Some(tokio::spawn(async move {
        if let Err(why) = otlp::send(web, &trace, AT_MOST).await {
            warn(&id, &why);
        }
    })))
}

fn warn(id: &DeploymentId, why: &str) {
    note!("Warning: the collector was not told of the trace: {why}");
    note!("Hint: `bg report {id} --otlp` prints it");
}
