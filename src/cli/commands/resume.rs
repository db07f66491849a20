//! `bg resume`

use std::time::Duration;

use jiff::SignedDuration;

use crate::cli::abandoned::{Abandoned, Taking};
use crate::cli::args::{Global, ResumeArgs};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::running;
use crate::cli::session::Session;
use crate::deployment::ids::DeploymentId;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::runner::{Asks, Until};

pub(super) async fn run(global: &Global, args: &ResumeArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    session.wait_for_lock(args.run.wait_lock).await?;
    let id = args.id.as_ref().map(DeploymentId::new);
    let last = Abandoned::find(&session).await?;
    let wanted = |last: &Abandoned| id.as_ref().is_none_or(|id| id == last.id());
    let Some(abandoned) = last.filter(wanted) else {
        return match id {
            None => {
                eprintln!("nothing to go on with: no deployment was left in the middle");
                Ok(ExitCode::Stands)
            }
            Some(id) => Err(CliError::refused(format!(
                "there is nothing to go on with for {id}: it has ended, or a later one has begun"
            ))
            .hint("`bg history` lists them all")),
        };
    };
    abandoned.refuse_to_move_it_back(&session).await?;
    let asks = Asks::default();
    if args.revert {
        let by = session.who();
        let _ = asks.sender().send(Ask::Abort { by });
    }
    if let Some(length) = args.at_most {
        leave_after(&session, length, &asks);
    }
    let ended = abandoned
        .go_on(global, &args.run, &session, Taking::Free, Until::End, asks)
        .await?;
    let reverted = matches!(ended.outcome(), Some(Outcome::Reverted { .. }));
    if args.revert && reverted {
        return Ok(ExitCode::Stands);
    }
    Ok(ended
        .outcome()
        .map_or(ExitCode::Stuck, running::exit_code(&ended)))
}

/// Leaves the deployment as it is once `length` is over.
fn leave_after(session: &Session, length: Duration, asks: &Asks) {
    let (clock, sender) = (session.clock, asks.sender());
    let until = clock.now() + SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    let why = format!("--for {}", humantime::format_duration(length));
    tokio::spawn(async move {
        clock.sleep_until(until).await;
        let _ = sender.send(Ask::Leave { why });
    });
}
