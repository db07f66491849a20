//! `bg pause`, `bg promote`, `bg abort`, `bg approve`, `bg reject`

use crate::cli::abandoned::Abandoned;
use crate::cli::args::Global;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::cli::steering::{ask_and_wait, say};
use crate::deployment::ids::DeploymentId;
use crate::deployment::outcome::Outcome;
use crate::report::approval::{Unasked, asked};
use crate::report::view::View;
use crate::runner::Answer;
use crate::store::{Request, Steer};

pub(super) async fn run(global: &Global, steer: Steer) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let Some(holder) = session.running_holder().await? else {
        return leave_behind(global, &session, steer).await;
    };
    if matches!(steer, Steer::Approve | Steer::Reject { .. }) {
        let service = session.service();
        let records = session.store.journal(&service, &holder.deployment).await;
        let records = records.map_err(|it| CliError::from_error(ErrorKind::Unexpected, &it))?;
        refuse_unasked(&View::of(&records), &session.who())?;
    }
    let answer = ask_and_wait(&session, &holder, steer.clone(), &session.who()).await?;
    let Some(answer) = answer else {
        return Err(CliError::refused(format!(
            "the process of deployment {} does not answer",
            holder.deployment
        ))
        .hint("`bg rollback` takes it over and puts all traffic back")
        .hint("`bg resume` goes on with it once its lease is over"));
    };
    let id = &holder.deployment;
    let (kind, text, exit) = match (answer, &steer) {
        (Answer::Taken, _) => ("taken", told(&steer).to_owned(), ExitCode::Stands),
        (Answer::Ended(Outcome::Reverted { .. }), Steer::Abort) => {
            let text = "the deployment was aborted: blue serves everything";
            ("aborted", text.to_owned(), ExitCode::Stands)
        }
        (Answer::Ended(Outcome::Reverted { .. }), Steer::Reject { .. }) => {
            let text = "the gate says no: blue serves everything";
            ("rejected", text.to_owned(), ExitCode::Stands)
        }
        (Answer::Ended(Outcome::Promoted), Steer::Promote { .. }) => {
            let text = "it needed nobody to go on: green serves everything";
            ("promoted", text.to_owned(), ExitCode::Stands)
        }
        (Answer::Ended(Outcome::Promoted), _) => {
            return Err(
                CliError::refused(over(id, &Outcome::Promoted)).hint("`bg rollback` goes back")
            );
        }
        (Answer::Ended(outcome), _) => ("too_late", over(id, &outcome), ExitCode::from(&outcome)),
        (Answer::Reverts(trip), _) => {
            return Err(
                CliError::refused(format!("deployment {id} reverts already: {trip}"))
                    .hint("`bg status --watch` shows its end"),
            );
        }
    };
    say(global, kind, &text);
    Ok(exit)
}

/// How a deployment ended before it could do what was asked.
fn over(id: &DeploymentId, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Promoted => format!("deployment {id} has succeeded: green serves everything"),
        Outcome::Reverted { trip } => {
            format!("too late: deployment {id} was reverted, and blue serves everything: {trip}")
        }
        Outcome::Stuck { why } => format!("too late: deployment {id} is stuck: {why}"),
        Outcome::Kept { signal } => format!(
            "too late: deployment {id} was left as it is ({signal}); `bg resume` goes on with it"
        ),
    }
}

/// Nobody waits for a yes, or not for this person's.
fn refuse_unasked(view: &View, who: &str) -> Result<(), CliError> {
    asked(view, who).map(|_| ()).map_err(|why| {
        let refused = CliError::refused(why.to_string());
        match why {
            Unasked::Nobody => refused.hint("`bg status` shows what it does"),
            Unasked::Others { .. } => refused,
        }
    })
}

fn told(steer: &Steer) -> &'static str {
    match steer {
        Steer::Approve => "approved: it goes on",
        Steer::Reject { .. } => "rejected: it reverts; `bg status` shows its end",
        Steer::Abort => "it reverts; no end was seen yet: `bg status` shows it",
        Steer::Pause => "it stays at its present weight; `bg promote` lets it go on",
        Steer::Promote { full: false } => "it goes on",
        Steer::Promote { full: true } => "it goes straight to 100%",
    }
}

/// Leaves the request in the store for whoever goes on with a deployment that no process drives.
async fn leave_behind(
    global: &Global,
    session: &Session,
    steer: Steer,
) -> Result<ExitCode, CliError> {
    let Some(abandoned) = Abandoned::find(session).await? else {
        return Err(
            CliError::refused("no deployment of this service is under way")
                .hint("`bg status` shows what is live; `bg rollback` goes back"),
        );
    };
    abandoned.refuse_too_late(&steer)?;
    if matches!(steer, Steer::Approve | Steer::Reject { .. }) {
        refuse_unasked(&abandoned.view(), &session.who())?;
    }
    abandoned.refuse_to_move_it_back(session).await?;
    let request = Request {
        deployment: abandoned.id().clone(),
        by: session.who(),
        at: session.clock.now(),
        steer: steer.clone(),
    };
    let left = session.store.ask(&session.service(), &request).await;
    left.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let (does, now) = match steer {
        Steer::Abort => ("puts all traffic back", "bg resume --revert"),
        Steer::Approve => ("lets it go on", "bg resume"),
        Steer::Reject { .. } => ("puts all traffic back", "bg resume"),
        Steer::Pause => ("keeps it at its weight", "bg resume"),
        Steer::Promote { full: false } => ("takes it past its bake or pause", "bg resume"),
        Steer::Promote { full: true } => ("takes it straight to 100%", "bg resume"),
    };
    let id = abandoned.id();
    let text = format!("no process drives deployment {id} any more: the next `bg tick` {does}");
    say(global, "left", &text);
    note!("Hint: `{now}` does it now");
    Ok(ExitCode::Detached)
}
