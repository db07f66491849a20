//! `bg rollback`

use std::time::Duration;

use serde_json::json;

use crate::cli::args::{Global, OutputFormat, RollbackArgs};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request::Wanted;
use crate::cli::running;
use crate::cli::session::Session;
use crate::cli::situation::{Situation, Traffic};
use crate::deployment::event::Event;
use crate::deployment::ids::{SlotName, TaskDefinitionArn};
use crate::deployment::outcome::Outcome;
use crate::deployment::preflight::DefinitionWanted;
use crate::store::{Holder, Request, Steer};

/// How long a running deployment gets to take an abort; its look comes every few seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long its revert may take once it has taken it.
const REVERT_WITHIN: Duration = Duration::from_secs(120);

pub(super) async fn run(global: &Global, args: &RollbackArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    if let (Some(to), true) = (args.to, args.force) {
        return break_glass(global, &session, to).await;
    }
    if let Some(exit) = end_what_is_under_way(global, args, &session).await? {
        return Ok(exit);
    }
    let planned_at = session.fence().await?;
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
        say(
            global,
            "unchanged",
            &format!("slot {live} serves everything already"),
        );
        return Ok(ExitCode::Stands);
    }
    let definition = last_serving(&session, &situation, live.other()).await?;
    let source = Some(live.other()).filter(|slot| situation.exists(*slot));
    let request = Wanted::rollback(definition, source)?.into_request(&session, session.new_id())?;
    let planning = session.plan(&request).await?;
    running::refuse_problems(&planning)?;
    running::run(global, &args.run, &session, planning, planned_at).await
}

/// A line on stdout, as text or as JSON.
fn say(global: &Global, kind: &str, text: &str) {
    let document = json!({ "type": kind, "message": text });
    match global.output {
        OutputFormat::Text => println!("{text}"),
        OutputFormat::Json => println!("{document}"),
    }
}

/// Reverts a deployment that has not ended: its process does it, or where that is gone, this
/// one. `None` where there is none.
async fn end_what_is_under_way(
    global: &Global,
    args: &RollbackArgs,
    session: &Session,
) -> Result<Option<ExitCode>, CliError> {
    let by = session.holder(&session.new_id());
    let by = format!("{}@{} (bg rollback)", by.owner, by.host);
    if let Some(holder) = running_holder(session).await?
        && let Some(answer) = abort(session, &holder, &by).await?
    {
        return Ok(Some(match answer {
            Answer::Ended(outcome) => ended(global, &outcome),
            Answer::Reverting => ExitCode::Stuck,
        }));
    }
    let Some(records) = session.unfinished().await? else {
        return Ok(None);
    };
    if let Some(first) = records.first() {
        eprintln!(
            "the process of deployment {} is gone: reverting it here",
            first.deployment
        );
    }
    let reverted = running::revert_abandoned(global, &args.run, session, &records, by).await?;
    let exit = reverted.outcome().map(|outcome| ended(global, outcome));
    Ok(Some(exit.unwrap_or(ExitCode::Stuck)))
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
        let records = session
            .store
            .journal(&service, id)
            .await
            .map_err(unreadable)?;
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

async fn running_holder(session: &Session) -> Result<Option<Holder>, CliError> {
    let holder = session
        .store
        .holder(&session.service())
        .await
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(holder.filter(|holder| holder.lease_until > session.clock.now()))
}

/// What came of an abort.
enum Answer {
    /// The deployment has ended like this.
    Ended(Outcome),
    /// It was taken, and no end was seen.
    Reverting,
}

/// Asks the running deployment to revert; `None` where its process doesn't answer.
async fn abort(session: &Session, holder: &Holder, by: &str) -> Result<Option<Answer>, CliError> {
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let service = session.service();
    eprintln!(
        "deployment {} is running: asking it to revert",
        holder.deployment
    );
    let asked_at = session.clock.now();
    let request = Request {
        deployment: holder.deployment.clone(),
        by: by.to_owned(),
        at: asked_at,
        steer: Steer::Abort,
    };
    let asked = session.store.ask(&service, &request).await;
    asked.map_err(unreadable)?;
    loop {
        session
            .clock
            .sleep_until(session.clock.now() + jiff::SignedDuration::from_millis(500))
            .await;
        let records = session
            .store
            .journal(&service, &holder.deployment)
            .await
            .map_err(unreadable)?;
        let outcome = records.iter().rev().find_map(|record| match &record.event {
            Event::Ended { outcome } => Some(outcome.clone()),
            _ => None,
        });
        if let Some(outcome) = outcome {
            return Ok(Some(Answer::Ended(outcome)));
        }
        let taken = records
            .iter()
            .any(|record| matches!(record.event, Event::Reverting { .. }));
        let waited = Duration::try_from(session.clock.now().duration_since(asked_at));
        let limit = if taken { REVERT_WITHIN } else { ANSWER_WITHIN };
        if waited.is_ok_and(|waited| waited > limit) {
            let _ = session
                .store
                .take_requests(&service, &holder.deployment)
                .await;
            eprintln!("its process does not answer");
            return Ok(taken.then_some(Answer::Reverting));
        }
    }
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

/// Weights only: no store, no lock, no health.
async fn break_glass(
    global: &Global,
    session: &Session,
    to: SlotName,
) -> Result<ExitCode, CliError> {
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
                let (label, group) = (&write.label, write.to.name());
                say(
                    global,
                    "route_written",
                    &format!("{label}: slot {to} ({group}) has everything"),
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
