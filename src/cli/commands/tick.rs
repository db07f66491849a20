//! `bg tick`

use crate::cli::args::Global;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::event::Event;
use crate::runner::{Retired, Retiring, Round};

pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let situation = Situation::look(&session).await?;
    let now = session.clock.now();
    let mut due = situation.retirements(&session);
    due.retain(|retirement| retirement.due.at <= now);
    if due.is_empty() {
        println!("nothing is due");
    }
    for retirement in due {
        let retiring = Retiring {
            cloud: &session.cloud,
            store: &session.store,
            holder: session.holder(&session.new_id()),
            clock: session.clock,
            service: session.service(),
            cluster: session.cluster(),
            retirement,
        };
        one_round(&retiring).await;
    }
    Ok(ExitCode::Stands)
}

async fn one_round(retiring: &Retiring<'_>) {
    let name = &retiring.retirement.service;
    let mut show = |event: Event| {
        if matches!(event, Event::Retiring) {
            println!("{name}: retiring slot {}", retiring.retirement.slot);
        }
    };
    match retiring.round(&mut show).await {
        Round::Over(Retired::Done) => println!("{name}: retired"),
        Round::Over(Retired::Cancelled(why)) => println!("{name}: stays, because {why}"),
        Round::Over(Retired::Later(at)) => println!("{name}: not before {at:.0}"),
        Round::Again { why, .. } => println!("{name}: not done yet, waiting for {why}"),
    }
}
