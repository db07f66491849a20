//! `bg status`

use std::error::Error;
use std::io;

use jiff::SignedDuration;

use crate::cli::args::{Global, OutputFormat, StatusArgs};
use crate::cli::display::{Display, TICK, print, print_json, unless_gone};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::cli::terminal::Surface;
use crate::deployment::event::Record;
use crate::deployment::handover::Drive;
use crate::deployment::ids::DeploymentId;
use crate::deployment::state::Deployment;
use crate::report::status::text;

/// How often the journal of a deployment that is followed is read.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(1);

pub(super) async fn run(global: &Global, args: &StatusArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let followed = match args.watch {
        // A store that can't be read is told with what AWS shows.
        true => session
            .unless_silent(running(&session))
            .await
            .unwrap_or_default(),
        false => None,
    };
    if let Some(id) = followed {
        return follow(global, &session, &id).await;
    }
    let report = Situation::look(&session).await?.report(&session).await;
    let shown = match global.output {
        OutputFormat::Text | OutputFormat::Markdown => {
            print(&text(&report), Surface::of_process().stdout_colors(global))
        }
        OutputFormat::Json => print_json(&report),
    };
    shown.map_err(unexpected)?;
    Ok(ExitCode::Stands)
}

/// The deployment that a process drives, or that is driven by rounds.
async fn running(session: &Session) -> Result<Option<DeploymentId>, CliError> {
    if let Some(holder) = session.running_holder().await? {
        return Ok(Some(holder.deployment));
    }
    let service = session.service();
    let ids = session.store.deployments(&service).await;
    let ids = ids.map_err(unexpected)?;
    let Some(last) = ids.last() else {
        return Ok(None);
    };
    let journal = session.store.journal(&service, last).await;
    let journal = journal.map_err(unexpected)?;
    Ok(goes_by_rounds(&journal).then(|| last.clone()))
}

/// Whether rounds drive it, between which nobody has its lock.
fn goes_by_rounds(journal: &[Record]) -> bool {
    let deployment = Deployment::replay(journal).ok().flatten();
    deployment.is_some_and(|it| it.outcome().is_none() && it.driven == Drive::Rounds)
}

/// Shows a deployment's records as its own process does, until it ends or is left, or nobody
/// reads them any more.
async fn follow(
    global: &Global,
    session: &Session,
    id: &DeploymentId,
) -> Result<ExitCode, CliError> {
    let service = session.service();
    let mut display = Display::new(global, &Surface::of_process());
    let mut seen = 0;
    loop {
        let records = session.store.journal(&service, id).await;
        let records = records.map_err(unexpected)?;
        let news = records.get(seen..).unwrap_or_default();
        let shown = news.iter().try_for_each(|record| display.record(record));
        if let Some(end) = gone(shown) {
            return end;
        }
        seen = records.len();
        let driven = session.running_holder().await?;
        let driven = driven.is_some_and(|holder| holder.deployment == *id);
        if display.view().outcome.is_some() || !(driven || goes_by_rounds(&records)) {
            break;
        }
        let until = session.clock.now() + READ_EVERY;
        while session.clock.now() < until {
            if let Some(end) = gone(display.tick(session.clock.now())) {
                return end;
            }
            tokio::time::sleep(TICK).await;
        }
    }
    let ended = display.view().outcome.is_some();
    if let Some(end) = gone(display.finish()) {
        return end;
    }
    if !ended {
        note!("Note: no process drives deployment {id} any more; `bg resume` goes on with it");
    }
    Ok(ExitCode::Stands)
}

/// How it ends where nothing can be shown any more.
fn gone(shown: io::Result<()>) -> Option<Result<ExitCode, CliError>> {
    let error = shown.err()?;
    Some(match unless_gone(Err(error)) {
        Ok(()) => Ok(ExitCode::Stands),
        Err(error) => Err(unexpected(error)),
    })
}

// What `map_err` takes.
#[allow(clippy::needless_pass_by_value)]
fn unexpected(error: impl Error + 'static) -> CliError {
    CliError::from_error(ErrorKind::Unexpected, &error)
}
