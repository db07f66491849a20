//! `bg resume`

use std::time::Duration;

use jiff::SignedDuration;

use super::rollback::from_aws::{self, Locking};
use super::rollback::{end_what_is_under_way, miss_report};
use crate::cli::abandoned::{Abandoned, Taking};
use crate::cli::args::{Global, OutputFormat, ResumeArgs};
use crate::cli::display::{print, print_text};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::page;
use crate::cli::running;
use crate::cli::session::Session;
use crate::cli::situation::{Over, Situation};
use crate::cli::terminal::Surface;
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::DeploymentId;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::state::Deployment;
use crate::deployment::trip::put_back_by;
use crate::report::ending::ending;
use crate::report::json;
use crate::report::view::View;
use crate::runner::{Asks, Until};
use crate::strategy::format_duration;

pub(super) async fn run(global: &Global, args: &ResumeArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    if !args.revert {
        return go_on(global, args, &session).await;
    }
    let exit = match put_back(global, args, &session).await {
        Err(trouble) if trouble.is_of_the_store() => {
            from_aws::settle(global, &session, args.id.as_deref(), &trouble).await
        }
        ended => ended,
    }?;
    miss_report(global, &args.run);
    Ok(exit)
}

/// `--revert`: the job that deployed is over; its process, or the lease of that, may not be.
async fn put_back(
    global: &Global,
    args: &ResumeArgs,
    session: &Session,
) -> Result<ExitCode, CliError> {
    session.read_store().await?;
    if tells_its_end(global, args, session).await? {
        return Ok(ExitCode::Stands);
    }
    let wanted = |id: &DeploymentId| args.id.as_ref().is_none_or(|it| it == id.as_str());
    if let Some(holder) = session.running_holder().await?
        && session.is_of_this_job(&holder)
        && wanted(&holder.deployment)
    {
        let by = put_back_by(&session.who(), "resume");
        let ended = end_what_is_under_way(global, &args.run, session, None, by).await?;
        if let Some(exit) = ended {
            // What this process has shown needs no second telling.
            let is_told = !global.story.so_far().records.is_empty();
            let ended = !is_told && tells_its_end(global, args, session).await?;
            return Ok(if ended { ExitCode::Stands } else { exit });
        }
    }
    if args.run.wait_lock.is_none() {
        session.outlive_holder().await?;
    }
    go_on(global, args, session).await
}

async fn go_on(
    global: &Global,
    args: &ResumeArgs,
    session: &Session,
) -> Result<ExitCode, CliError> {
    let give_up_at = session.wait_ends(args.run.wait_lock);
    session.wait_for_lock(give_up_at).await?;
    let id = args.id.as_ref().map(DeploymentId::new);
    let last = Abandoned::find(session).await?;
    let wanted = |last: &Abandoned| id.as_ref().is_none_or(|id| id == last.id());
    let Some(abandoned) = last.filter(wanted) else {
        return match id {
            None => nothing_in_the_store(global, args, session).await,
            Some(_) if args.revert && tells_its_end(global, args, session).await? => {
                Ok(ExitCode::Stands)
            }
            Some(id) if args.revert => match tagged(session, &id).await? {
                Some(Tagged::UnderWay) => nothing_in_the_store(global, args, session).await,
                Some(Tagged::Over(over)) => {
                    from_aws::say_over(global, &id, &over);
                    Ok(ExitCode::Stands)
                }
                None => Err(Abandoned::refuse_any_other(session, &id).await?),
            },
            Some(id) => Err(Abandoned::refuse_any_other(session, &id).await?),
        };
    };
    abandoned.refuse_to_move_it_back(session).await?;
    let asks = Asks::default();
    if args.revert {
        let by = put_back_by(&session.who(), "resume");
        let _ = asks.sender().send(Ask::Abort { by });
    }
    if let Some(length) = args.at_most {
        leave_after(session, length, &asks);
    }
    let ended = abandoned
        .go_on(global, &args.run, session, Taking::Free, Until::End, asks)
        .await?;
    let reverted = matches!(ended.outcome(), Some(Outcome::Reverted { .. }));
    if args.revert && reverted {
        return Ok(ExitCode::Stands);
    }
    Ok(ended
        .outcome()
        .map_or(ExitCode::Stuck, running::exit_code(&ended)))
}

/// Whether a deployment that a job has named is over, by its own process that was killed after that
/// or by another one: how it ended is told once more, and nothing is left to put back.
///
/// # Errors
/// When its journal can't be read or understood.
async fn tells_its_end(
    global: &Global,
    args: &ResumeArgs,
    session: &Session,
) -> Result<bool, CliError> {
    let Some(id) = args.id.as_ref().map(DeploymentId::new) else {
        return Ok(false);
    };
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let later = open_after(session, &id).await?;
    let records = session.store.journal(&session.service(), &id).await;
    let records = records.map_err(unreadable)?;
    let deployment = Deployment::replay(&records)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let is_over = |it: &Deployment| {
        let outcome = it.outcome();
        matches!(outcome, Some(Outcome::Promoted | Outcome::Reverted { .. }))
    };
    let Some(deployment) = deployment.filter(is_over) else {
        return Ok(false);
    };
    records.iter().for_each(|record| global.story.on(record));
    note!("nothing to go on with: deployment {id} has ended");
    if let Some(later) = later {
        note!(
            "Note: a later one, {later}, has no end yet: `bg status` shows it, and \
             `bg resume {later} --revert` puts it back"
        );
    }
    let shown = match global.output {
        OutputFormat::Text | OutputFormat::Markdown => {
            let colors = Surface::of_process().stdout_colors(global);
            print(&ending(&View::of(&records)), colors)
        }
        OutputFormat::Json => {
            let ended = |record: &&Record| matches!(record.event, Event::Ended { .. });
            let ended = records.iter().rfind(ended);
            ended.map_or(Ok(()), |record| print_text(&json::line(record)))
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let file = args.run.report.as_deref();
    page::write_ended(&global.story, file, session, &deployment).await;
    Ok(true)
}

/// The last deployment, where it came after `id` and has no end.
async fn open_after(
    session: &Session,
    id: &DeploymentId,
) -> Result<Option<DeploymentId>, CliError> {
    let all = session.store.deployments(&session.service()).await;
    let all = all.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    match all.last().filter(|last| *last != id) {
        Some(last) if !session.knows_the_end_of(last).await? => Ok(Some(last.clone())),
        _ => Ok(None),
    }
}

/// The store may be another one than the deployment's: AWS's weights and tags say whether
/// something was left in the middle.
async fn nothing_in_the_store(
    global: &Global,
    args: &ResumeArgs,
    session: &Session,
) -> Result<ExitCode, CliError> {
    let situation = Situation::look(session).await?;
    if let Some((green, id)) = situation.under_way()
        && !session.knows_the_end_of(&id).await?
    {
        if args.revert {
            situation.refuse_mixed_up()?;
            note!("no store knows deployment {id}: putting it back from what AWS shows");
            let lock = Locking::Free;
            return from_aws::put_back(global, session, &situation, green, lock).await;
        }
        return Err(CliError::refused(format!(
            "slot {green}'s tasks are of deployment {id}, and the store doesn't know it: nothing \
             can go on without its journal"
        ))
        .hint("go on where its store is, or put it back: `bg resume --revert`"));
    }
    if args.revert {
        from_aws::refuse_split(&situation)?;
    }
    note!("nothing to go on with: no deployment was left in the middle");
    Ok(ExitCode::Stands)
}

/// What AWS shows of a deployment that its store doesn't know.
enum Tagged {
    /// It is under way.
    UnderWay,
    /// It is over.
    Over(Over),
}

async fn tagged(session: &Session, id: &DeploymentId) -> Result<Option<Tagged>, CliError> {
    let all = session.store.deployments(&session.service()).await;
    let all = all.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    if all.contains(id) {
        return Ok(None);
    }
    let situation = Situation::look(session).await?;
    if situation.under_way().is_some_and(|(_, it)| it == *id) {
        return Ok(Some(Tagged::UnderWay));
    }
    Ok(situation.over(id).map(Tagged::Over))
}

/// Leaves the deployment as it is once `length` is over.
fn leave_after(session: &Session, length: Duration, asks: &Asks) {
    let (clock, sender) = (session.clock, asks.sender());
    let until = clock.now() + SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    let why = format!("--for {}", format_duration(length));
    tokio::spawn(async move {
        clock.sleep_until(until).await;
        let _ = sender.send(Ask::Leave { why });
    });
}
