//! `bg pause`, `bg promote`, `bg abort`

use crate::cli::abandoned::Abandoned;
use crate::cli::args::Global;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::cli::steering::{Answer, ask_and_wait, say};
use crate::deployment::outcome::Outcome;
use crate::store::Steer;

pub(super) async fn run(global: &Global, steer: Steer) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let Some(holder) = session.running_holder().await? else {
        return Err(nobody_to_ask(&session, steer).await?);
    };
    let Some(answer) = ask_and_wait(&session, &holder, steer, &session.who()).await? else {
        return Err(CliError::refused(format!(
            "the process of deployment {} does not answer",
            holder.deployment
        ))
        .hint("`bg rollback` takes it over and puts all traffic back")
        .hint("`bg resume` goes on with it once its lease is over"));
    };
    let (kind, text, exit) = match answer {
        Answer::Taken => ("taken", told(steer), ExitCode::Stands),
        Answer::Ended(Outcome::Reverted { .. }) => {
            let text = "the deployment was aborted: blue serves everything";
            ("aborted", text, ExitCode::Stands)
        }
        Answer::Ended(outcome) => ("too_late", "the deployment has ended", (&outcome).into()),
    };
    say(global, kind, text);
    Ok(exit)
}

fn told(steer: Steer) -> &'static str {
    match steer {
        Steer::Abort => "it reverts; no end was seen yet: `bg status` shows it",
        Steer::Pause => "it stays at its present weight; `bg promote` lets it go on",
        Steer::Promote { full: false } => "it goes on",
        Steer::Promote { full: true } => "it goes straight to 100%",
    }
}

async fn nobody_to_ask(session: &Session, steer: Steer) -> Result<CliError, CliError> {
    let Some(abandoned) = Abandoned::find(session).await? else {
        let none = CliError::refused("no deployment of this service is under way");
        return Ok(none.hint("`bg status` shows what is live; `bg rollback` goes back"));
    };
    let gone = CliError::refused(format!(
        "no process drives deployment {} any more",
        abandoned.id()
    ));
    Ok(match steer {
        Steer::Abort => gone.hint("`bg resume --revert` puts all traffic back"),
        _ => gone.hint("`bg resume` goes on with it"),
    })
}
