//! `bg tick`

use crate::cli::args::Global;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::running::locked;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::event::Event;
use crate::runner::{Retired, Round, one_round};

pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let situation = Situation::look(&session).await?;
    let due: Vec<_> = situation
        .retirements(&session)
        .into_iter()
        .filter(|retirement| retirement.due.at <= session.clock.now())
        .collect();
    if due.is_empty() {
        println!("nothing is due");
        return Ok(ExitCode::Stands);
    }
    let service = session.service();
    let id = session.new_id();
    let holder = session
        .store
        .lock(&service, &session.holder(&id))
        .map_err(|error| locked(&error))?;
    for retirement in &due {
        let name = &retirement.service;
        let mut show = |event: Event| {
            if matches!(event, Event::Retiring) {
                println!("{name}: retiring slot {}", retirement.slot);
            }
        };
        let cluster = session.cluster();
        let round = one_round(
            &session.cloud,
            session.clock,
            &cluster,
            retirement,
            &mut show,
        )
        .await;
        match round {
            Round::Over(Retired::Done) => println!("{name}: retired"),
            Round::Over(Retired::Cancelled(why)) => println!("{name}: stays, because {why}"),
            Round::Over(Retired::Later(_)) => {}
            Round::Again { why, .. } => println!("{name}: not done yet, waiting for {why}"),
        }
    }
    session
        .store
        .unlock(&service, &holder)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}
