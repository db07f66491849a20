//! `bg tick`

use serde_json::{Value, json};

use crate::cli::args::{Global, OutputFormat};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::running::locked;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::retire::Retirement;
use crate::runner::{Retired, Round, one_round};

pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let situation = Situation::look(&session).await?;
    let mut due = situation.retirements(&session);
    due.retain(|retirement| retirement.due.at <= session.clock.now());
    let rounds = if due.is_empty() {
        Vec::new()
    } else {
        one_round_each(&session, &due).await?
    };
    show(global, &rounds).map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// Under the lock, so that nobody deploys meanwhile.
async fn one_round_each<'a>(
    session: &Session,
    due: &'a [Retirement],
) -> Result<Vec<(&'a Retirement, Round)>, CliError> {
    let (service, cluster) = (session.service(), session.cluster());
    let holder = session
        .store
        .lock(&service, &session.holder(&session.new_id()))
        .map_err(|error| locked(&error))?;
    let mut rounds = Vec::new();
    for retirement in due {
        let mut unheard = |_| {};
        let (cloud, clock) = (&session.cloud, session.clock);
        let round = one_round(cloud, clock, &cluster, retirement, &mut unheard);
        rounds.push((retirement, round.await));
    }
    session
        .store
        .unlock(&service, &holder)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(rounds)
}

fn show(global: &Global, rounds: &[(&Retirement, Round)]) -> std::io::Result<()> {
    if global.output == OutputFormat::Json {
        let due: Vec<Value> = rounds.iter().map(|round| document(round)).collect();
        return print_json(&json!({ "due": due }));
    }
    if rounds.is_empty() {
        println!("nothing is due");
    }
    for (retirement, round) in rounds {
        let (word, why) = told(round);
        let why = why
            .map(|why| format!(", because {why}"))
            .unwrap_or_default();
        println!(
            "slot {}, service {}: {word}{why}",
            retirement.slot, retirement.service
        );
    }
    Ok(())
}

fn document((retirement, round): &(&Retirement, Round)) -> Value {
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
