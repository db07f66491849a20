//! `bg rollback`

mod break_glass;
pub(super) mod from_aws;

use self::from_aws::Locking;
use crate::cli::abandoned::{Abandoned, Stands, Taking};
use crate::cli::args::{Global, RollbackArgs, RunArgs};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request::Wanted;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::cli::steering::{ask_and_wait, say};
use crate::cli::traffic::Traffic;
use crate::cli::{page, running};
use crate::deployment::event::Event;
use crate::deployment::ids::{DeploymentId, SlotName, TaskDefinitionArn};
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::preflight::DefinitionWanted;
use crate::deployment::state::Deployment;
use crate::runner::{Answer, Asks, Until};
use crate::store::{Steer, StoreError};

pub(super) async fn run(global: &Global, args: &RollbackArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    session.refuse_other_than(&args.meant)?;
    let exit = go(global, args, &session).await?;
    miss_report(global, &args.run);
    Ok(exit)
}

/// Says so where no report came of it.
pub(super) fn miss_report(global: &Global, args: &RunArgs) {
    let Some(file) = &args.report else { return };
    if global.story.so_far().reported {
        return;
    }
    note!(
        "Note: {} is not written: a report is of a deployment, and this has made none{}",
        file.display(),
        match file.exists() {
            true => "; the one that is there is of an earlier run",
            false => "",
        }
    );
}

async fn go(global: &Global, args: &RollbackArgs, session: &Session) -> Result<ExitCode, CliError> {
    if let (Some(to), true) = (args.to, args.force) {
        return break_glass::run(global, session, to).await;
    }
    match with_store(global, args, session).await {
        Err(trouble) if trouble.is_of_the_store() => {
            from_aws::without_store(global, session, args.to, &trouble).await
        }
        ended => ended,
    }
}

async fn with_store(
    global: &Global,
    args: &RollbackArgs,
    session: &Session,
) -> Result<ExitCode, CliError> {
    session.read_store().await?;
    let by = format!("{} (bg rollback)", session.who());
    let ended = end_what_is_under_way(global, &args.run, session, args.to, by).await?;
    if let Some(exit) = ended {
        return Ok(exit);
    }
    for _ in 0..running::PLANS_AT_MOST {
        if let Some(exit) = go_back(global, args, session).await? {
            return Ok(exit);
        }
    }
    Err(running::disturbed())
}

/// Goes to the slot that doesn't serve; `None` where a slot was retired after the look.
async fn go_back(
    global: &Global,
    args: &RollbackArgs,
    session: &Session,
) -> Result<Option<ExitCode>, CliError> {
    let planned_at = session.fence().await?;
    let situation = Situation::look(session).await?;
    situation.refuse_mixed_up()?;
    if let Some((green, id)) = situation.under_way()
        && args.to != Some(green)
        && !session.knows_the_end_of(&id).await?
    {
        note!("no store knows deployment {id}: putting it back from what AWS shows");
        let lock = Locking::Free;
        let exit = from_aws::put_back(global, session, &situation, green, lock).await?;
        return Ok(Some(exit));
    }
    let Some(live) = situation.live() else {
        return Err(unclear());
    };
    if args.to == Some(live) && !situation.serves_everything(live) {
        return Err(CliError::refused(format!(
            "slot {live} has most of the traffic, and not all of it"
        ))
        .hint(format!(
            "is a deployment under way (`bg status`)? If not: `bg rollback --to {live} --force`"
        )));
    }
    if args.to == Some(live) {
        say(global, "unchanged", &serves_already(live));
        return Ok(Some(ExitCode::Stands));
    }
    let definition = last_serving(session, &situation, live.other()).await?;
    let source = Some(live.other()).filter(|slot| situation.exists(*slot));
    let wanted = Wanted::rollback(definition, source)?;
    let id = session.next_id().await?;
    let request = wanted.into_request(&session.config, &session.folder, id)?;
    let planning = session.plan(&request).await?;
    running::refuse_problems(&planning)?;
    running::run(global, &args.run, session, planning, planned_at).await
}

fn unclear() -> CliError {
    CliError::refused("nothing says which slot is live")
        .hint("say where to: `bg rollback --to a --force` or `--to b --force`")
}

fn serves_already(slot: SlotName) -> String {
    format!("slot {slot} serves everything already")
}

/// Reverts a deployment that has not ended: its process does it, or where that is gone, this
/// one. `None` where there is none.
pub(super) async fn end_what_is_under_way(
    global: &Global,
    args: &RunArgs,
    session: &Session,
    to: Option<SlotName>,
    by: String,
) -> Result<Option<ExitCode>, CliError> {
    if let Some(holder) = session.running_holder().await? {
        let (service, id) = (session.service(), &holder.deployment);
        let journal = session.store.journal(&service, id).await;
        let journal =
            journal.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        if let Some(Event::Started { plan }) = journal.first().map(|record| &record.event) {
            refuse_green(to, plan)?;
        }
        note!("deployment {id} is running: asking it to revert");
        match ask_and_wait(session, &holder, Steer::Abort, &by).await? {
            Some(Answer::Ended(outcome)) => {
                let exit = ended(global, &outcome);
                if matches!(outcome, Outcome::Reverted { .. }) {
                    global.story.put_back(id.clone());
                }
                write_report(global, args, session, id).await;
                return Ok(Some(exit));
            }
            Some(Answer::Taken | Answer::Reverts(_)) => return Ok(Some(ExitCode::Stuck)),
            None => note!("its process does not answer"),
        }
    }
    let Some(abandoned) = Abandoned::find(session).await? else {
        return Ok(None);
    };
    if abandoned.stands(&Traffic::look(session).await?) != Stands::Open {
        return Ok(None);
    }
    refuse_green(to, abandoned.plan())?;
    note!(
        "the process of deployment {} is gone: reverting it here",
        abandoned.id()
    );
    let asks = Asks::default();
    let _ = asks.sender().send(Ask::Abort { by });
    let taking = Taking::FromADeadProcess;
    let reverted = abandoned
        .go_on(global, args, session, taking, Until::End, asks)
        .await?;
    let exit = reverted.outcome().map(|outcome| ended(global, outcome));
    Ok(Some(exit.unwrap_or(ExitCode::Stuck)))
}

/// The report of a deployment that another process has ended.
async fn write_report(global: &Global, args: &RunArgs, session: &Session, id: &DeploymentId) {
    if args.report.is_none() {
        return;
    }
    let journal = session.store.journal(&session.service(), id).await;
    let deployment = journal.ok().map(|it| Deployment::replay(&it));
    if let Some(Ok(Some(deployment))) = deployment {
        let file = args.report.as_deref();
        page::write_ended(&global.story, file, session, &deployment).await;
    }
}

/// What the idle slot ran when it last served: a tag on its service says so, and where that was
/// deleted the journal does.
async fn last_serving(
    session: &Session,
    situation: &Situation,
    idle: SlotName,
) -> Result<DefinitionWanted, CliError> {
    if let Some(served) = situation.last_served(idle) {
        return Ok(existing(&served));
    }
    let service = session.service();
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let deployments = session
        .store
        .deployments(&service)
        .await
        .map_err(unreadable)?;
    for id in deployments.iter().rev() {
        let records = match session.store.journal(&service, id).await {
            // An older one may tell.
            Err(StoreError::Damaged { .. }) => continue,
            records => records.map_err(unreadable)?,
        };
        let promoted = records.iter().any(|record| {
            matches!(
                &record.event,
                Event::Ended {
                    outcome: Outcome::Promoted
                }
            )
        });
        let plan = records.first().and_then(|record| match &record.event {
            Event::Started { plan } => Some(plan),
            _ => None,
        });
        let ready = records.iter().find_map(|record| match &record.event {
            Event::TaskDefinitionReady { task_definition } => Some(task_definition),
            _ => None,
        });
        let served = plan.filter(|_| promoted).and_then(|plan| {
            let of_blue = plan.blue == idle;
            of_blue.then_some(&plan.blue_task_definition).or(ready)
        });
        if let Some(served) = served {
            return Ok(existing(served));
        }
    }
    Err(CliError::refused(format!(
        "neither slot {idle}'s service nor a journal says which version served there before"
    ))
    .hint(
        "deploy the version you want: bg deploy --task-definition FAMILY:REV --hotfix --reason …",
    ))
}

fn existing(arn: &TaskDefinitionArn) -> DefinitionWanted {
    DefinitionWanted::Existing(arn.as_str().to_owned())
}

/// What is under way can only go back to blue here.
fn refuse_green(to: Option<SlotName>, plan: &Plan) -> Result<(), CliError> {
    let green = plan.green_slot();
    match to == Some(green) {
        true => Err(only_back(&plan.id, green)),
        false => Ok(()),
    }
}

fn only_back(id: &DeploymentId, green: SlotName) -> CliError {
    let blue = green.other();
    CliError::refused(format!(
        "deployment {id} brings slot {green} up and has not ended: a rollback can only go back to \
         slot {blue}"
    ))
    .hint(format!(
        "`bg status` shows how far it is; `bg rollback` puts everything back on slot {blue}"
    ))
    .hint(format!(
        "`bg rollback --to {green} --force` gives slot {green} all traffic now, whatever its health"
    ))
}

/// For the one who asked to go back, a revert is what was asked for.
fn ended(global: &Global, outcome: &Outcome) -> ExitCode {
    match outcome {
        Outcome::Reverted { .. } => {
            let text = "the deployment was aborted: blue serves everything";
            say(global, "aborted", text);
            ExitCode::Stands
        }
        Outcome::Promoted => {
            let text = "the deployment had succeeded by then; `bg rollback` once more goes back";
            say(global, "too_late", text);
            ExitCode::Stuck
        }
        other => other.into(),
    }
}
