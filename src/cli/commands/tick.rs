//! `bg tick`

use serde_json::{Value, json};

use crate::cli::args::{Global, OutputFormat};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::retire::Retirement;
use crate::runner::{Retired, Retiring, Round};

pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let situation = Situation::look(&session).await?;
    let now = session.clock.now();
    let mut rounds = Vec::new();
    for retirement in situation.retirements(&session) {
        if retirement.due.at <= now {
            let round = one_round(&session, retirement.clone()).await;
            rounds.push((retirement, round));
        }
    }
    show(global, &rounds).map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

async fn one_round(session: &Session, retirement: Retirement) -> Round {
    let mut retiring = Retiring {
        cloud: &session.cloud,
        store: &session.store,
        holder: session.holder(&session.new_id()),
        clock: session.clock,
        service: session.service(),
        cluster: session.cluster(),
        retirement,
        log: None,
    };
    retiring.round().await
}

fn show(global: &Global, rounds: &[(Retirement, Round)]) -> std::io::Result<()> {
    if global.output == OutputFormat::Json {
        let due: Vec<Value> = rounds.iter().map(document).collect();
        return print_json(&json!({ "due": due }));
    }
    if rounds.is_empty() {
        println!("nothing is due");
    }
    for (Retirement { slot, service, .. }, round) in rounds {
        let (word, why) = told(round);
        let why = why.map_or_else(String::new, |why| format!(", because {why}"));
        println!("slot {slot}, service {service}: {word}{why}");
    }
    Ok(())
}

fn document((retirement, round): &(Retirement, Round)) -> Value {
    let (result, why) = told(round);
    json!({
        "slot": retirement.slot,
        "service": retirement.service,
        "at": retirement.due.at,
        "result": result,
        "why": why,
    })
}

/// `retired`, `kept`, `retiring` or `waiting`, and why.
fn told(round: &Round) -> (&'static str, Option<&str>) {
    match round {
        Round::Over(Retired::Done) => ("retired", None),
        Round::Over(Retired::Cancelled(why)) => ("kept", Some(why)),
        Round::Acted => ("retiring", None),
        Round::Over(Retired::Later(_)) => ("waiting", None),
        Round::Again { why, .. } => ("waiting", Some(why)),
    }
}
