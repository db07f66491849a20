//! `bg rollback`

use std::time::Duration;

use crate::cli::args::{Global, RollbackArgs};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request::Wanted;
use crate::cli::running;
use crate::cli::session::Session;
use crate::cli::settle::Unfinished;
use crate::cli::situation::{Situation, Traffic};
use crate::deployment::event::Event;
use crate::deployment::ids::{SlotName, TaskDefinitionArn};
use crate::deployment::outcome::Outcome;
use crate::deployment::preflight::DefinitionWanted;
use crate::store::Holder;

/// How long a running deployment gets to take an abort; its look comes every few seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long its revert may take once it has taken it.
const REVERT_WITHIN: Duration = Duration::from_secs(120);

pub(super) async fn run(global: &Global, args: &RollbackArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, Some(&args.region)).await?;
    if let (Some(to), true) = (args.to, args.force) {
        return break_glass(&session, to).await;
    }
    if let Some(holder) = last_holder(&session)? {
        if holder.lease_until > session.clock.now()
            && let Some(exit) = abort(&session, &holder).await?
        {
            return Ok(exit);
        }
        if let Some(unfinished) = Unfinished::of(&session, &holder)? {
            eprintln!("reverting deployment {} in its place", holder.deployment);
            let outcome = unfinished.revert(global, &args.run, &session).await?;
            return Ok(ended(&outcome));
        }
    }
    let planned_at = session.fence()?;
    let situation = Situation::look(&session).await?;
    let Some(live) = situation.live() else {
        return Err(CliError::refused("the routes don't say which slot is live")
            .hint("say where to: `bg rollback --to a --force` or `--to b --force`"));
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
        println!("slot {live} serves everything already");
        return Ok(ExitCode::Stands);
    }
    let definition = last_serving(&session, &situation, live.other())?;
    let source = Some(live.other()).filter(|slot| situation.exists(*slot));
    let request = Wanted::rollback(definition, source)?.into_request(&session, session.new_id())?;
    let planning = session.plan(&request).await?;
    running::refuse_problems(&planning)?;
    running::run(global, &args.run, &session, planning, planned_at).await
}

/// What the idle slot ran when it last served: a tag on its service says so, and where that was
/// deleted the journal does.
fn last_serving(
    session: &Session,
    situation: &Situation,
    idle: SlotName,
) -> Result<DefinitionWanted, CliError> {
    if let Some(served) = situation.last_served(idle) {
        return Ok(existing(&served));
    }
    let service = session.service();
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let deployments = session.store.deployments(&service).map_err(unreadable)?;
    for id in deployments.iter().rev() {
        let records = session.store.journal(&service, id).map_err(unreadable)?;
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
        if let (true, Some(plan)) = (promoted, plan.filter(|plan| plan.blue == idle)) {
            return Ok(existing(&plan.blue_task_definition));
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

fn last_holder(session: &Session) -> Result<Option<Holder>, CliError> {
    let holder = session.store.holder(&session.service());
    holder.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
}

/// Asks the running deployment to revert; `None` where its process doesn't answer.
async fn abort(session: &Session, holder: &Holder) -> Result<Option<ExitCode>, CliError> {
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let service = session.service();
    let by = session.holder(&holder.deployment);
    let by = format!("{}@{} (bg rollback)", by.owner, by.host);
    eprintln!(
        "deployment {} is running: asking it to revert",
        holder.deployment
    );
    session
        .store
        .ask_to_abort(&service, &by)
        .map_err(unreadable)?;
    let asked_at = session.clock.now();
    let mut taken = false;
    loop {
        session
            .clock
            .sleep_until(session.clock.now() + jiff::SignedDuration::from_millis(500))
            .await;
        let records = session
            .store
            .journal(&service, &holder.deployment)
            .map_err(unreadable)?;
        if let Some(exit) = records.iter().rev().find_map(|record| match &record.event {
            Event::Ended { outcome } => Some(ended(outcome)),
            _ => None,
        }) {
            return Ok(Some(exit));
        }
        taken |= records
            .iter()
            .any(|record| matches!(record.event, Event::Reverting { .. }));
        let waited = Duration::try_from(session.clock.now().duration_since(asked_at));
        let limit = if taken { REVERT_WITHIN } else { ANSWER_WITHIN };
        if waited.is_ok_and(|waited| waited > limit) {
            let _ = session.store.take_abort(&service);
            eprintln!("its process does not answer");
            return if taken {
                Ok(Some(ExitCode::Stuck))
            } else {
                Ok(None)
            };
        }
    }
}

/// For the one who asked to go back, a revert is what was asked for.
fn ended(outcome: &Outcome) -> ExitCode {
    match outcome {
        Outcome::Reverted { .. } => {
            println!("the deployment was aborted: blue serves everything");
            ExitCode::Stands
        }
        Outcome::Promoted => {
            println!("the deployment had succeeded by then; `bg rollback` once more goes back");
            ExitCode::Stuck
        }
        other => other.into(),
    }
}

/// Weights only: no store, no lock, no health.
async fn break_glass(session: &Session, to: SlotName) -> Result<ExitCode, CliError> {
    let traffic = Traffic::look(session).await?;
    let writes = traffic.writes(to);
    if writes.is_empty() {
        return Err(
            CliError::refused("no listener and no rule forwards to the slots' groups")
                .hint("check `slots` and the region in bg.yaml"),
        );
    }
    let mut failed = 0;
    for (write, result) in writes.iter().zip(session.cloud.write_routes(&writes).await) {
        match result {
            Ok(seen) if carries_everything(&seen.weights, write) => {
                println!(
                    "{}: slot {to} ({}) has everything",
                    write.label,
                    write.to.name()
                );
            }
            Ok(seen) => {
                failed += 1;
                eprintln!("{}: written, but it shows {:?}", write.label, seen.weights);
            }
            Err(error) => {
                failed += 1;
                eprintln!("{}: {error}", write.label);
            }
        }
    }
    if failed == 0 {
        return Ok(ExitCode::Stands);
    }
    Err(CliError::new(
        ErrorKind::Stuck,
        format!("{failed} of {} routes did not move", writes.len()),
    )
    .hint("run it again; each route is written on its own"))
}

fn carries_everything(
    weights: &std::collections::BTreeMap<crate::deployment::ids::TargetGroupArn, u32>,
    write: &crate::aws::RouteWrite,
) -> bool {
    let others = weights.iter().filter(|(group, _)| **group != write.to);
    weights.get(&write.to).is_some_and(|weight| *weight > 0)
        && others.map(|(_, weight)| weight).sum::<u32>() == 0
}
