//! `bg tick`

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cli::abandoned::Abandoned;
use crate::cli::args::{Global, OutputFormat, TickArgs};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::notices::Notices;
use crate::cli::retiring::retirement_of;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::cli::story::{Aside, Said, Story};
use crate::cli::traces;
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::outcome::Outcome;
use crate::deployment::retire::Retirement;
use crate::deployment::state::Deployment;
use crate::deployment::trip;
use crate::report::ci::deployments;
use crate::report::ci::github::Level;
use crate::report::ending::ending;
use crate::report::view::View;
use crate::report::words;
use crate::runner::{Log, Retired, Retiring, Round};

/// What came of something that was due.
struct Done {
    service: ServiceName,
    what: What,
}

enum What {
    /// A slot that was to be retired.
    Retirement(Box<Retirement>, Round),
    /// A deployment that no process drove.
    Deployment(DeploymentId, Result<Box<Deployment>, CliError>),
    /// State that nothing can be told from.
    Unreadable(CliError),
}

pub(super) async fn run(global: &Global, args: &TickArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    session.refuse_another_account().await?;
    let mut done = Vec::new();
    for service in services(&session).await? {
        let driven = drive_on(&session, &global.story, &service, args.at_most).await;
        // What one service's state does to this is no other's concern.
        if let Some(what) = driven.unwrap_or_else(|error| Some(What::Unreadable(error))) {
            done.push(Done { service, what });
        }
    }
    done.extend(retire(&session).await?);
    told_to_ci(&global.story, &done);
    show(global, &done).map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(exit(&done))
}

/// Everything in the store, the config's own service among it.
async fn services(session: &Session) -> Result<Vec<ServiceName>, CliError> {
    let services = session.store.services().await;
    services.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
}

/// One round for a deployment whose process died; what was left on purpose stays as it is until
/// somebody asks for something.
async fn drive_on(
    session: &Session,
    story: &Story,
    service: &ServiceName,
    at_most: Duration,
) -> Result<Option<What>, CliError> {
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let holder = session.store.holder(service).await.map_err(unreadable)?;
    if holder.is_some_and(|holder| holder.lease_until > session.clock.now()) {
        return Ok(None);
    }
    let Some(abandoned) = Abandoned::of(session, service).await? else {
        return Ok(None);
    };
    if !session.reaches(abandoned.plan()).await? {
        return Ok(None);
    }
    let id = abandoned.id().clone();
    if abandoned.was_left() {
        let requests = session.store.requests(service, &id).await;
        if requests.map_err(unreadable)?.is_empty() {
            return Ok(None);
        }
    }
    // The config names one service's groups; another's weights are seen by its own loop.
    if *service == session.service()
        && let Err(error) = abandoned.refuse_to_move_it_back(session).await
    {
        return Ok(Some(What::Deployment(id, Err(error))));
    }
    let at_most = session.clock.now() + SignedDuration::try_from(at_most).unwrap_or_default();
    let rested = abandoned.round(session, story, at_most).await;
    Ok(Some(What::Deployment(id, rested.map(Box::new))))
}

/// One round for each slot that is due, as the journals say or, for the config's own service, its
/// tags alone.
async fn retire(session: &Session) -> Result<Vec<Done>, CliError> {
    let mut done = Vec::new();
    let now = session.clock.now();
    for service in services(session).await? {
        // One that can't be read was told of.
        if let Ok(Some(last)) = last_deployment(session, &service).await
            && session.reaches(&last.deployment.plan).await?
            && let Some(retirement) = retirement_of(&last.deployment).filter(|it| it.due.at <= now)
        {
            let round = one_round(session, &service, &retirement, Some(last)).await;
            let what = What::Retirement(Box::new(retirement), round);
            done.push(Done { service, what });
        }
    }
    let service = session.service();
    let situation = Situation::look(session).await?;
    // A tag of an earlier deployment may stand on the way back of one that is open.
    if situation.under_way().is_some() || !is_over(session, &service).await {
        return Ok(done);
    }
    for retirement in situation.retirements(session) {
        let known = done.iter().any(|it: &Done| match &it.what {
            What::Retirement(known, _) => {
                it.service == service && known.service == retirement.service
            }
            What::Deployment(..) | What::Unreadable(_) => false,
        });
        if retirement.due.at <= now && !known {
            // The weights that would keep it are the other slot's.
            if let Err(error) = situation.refuse_mixed_up() {
                let what = What::Unreadable(error);
                done.push(Done { service, what });
                break;
            }
            let round = one_round(session, &service, &retirement, None).await;
            let what = What::Retirement(Box::new(retirement), round);
            let service = service.clone();
            done.push(Done { service, what });
        }
    }
    Ok(done)
}

/// Whether a service's last deployment has ended on one side, or the store knows of none; one that
/// can't be read was told of.
async fn is_over(session: &Session, service: &ServiceName) -> bool {
    let last = last_deployment(session, service).await;
    let ended = |last: Last| {
        let outcome = last.deployment.outcome();
        matches!(outcome, Some(Outcome::Promoted | Outcome::Reverted { .. }))
    };
    last.is_ok_and(|last| last.is_none_or(ended))
}

/// A service's last deployment.
struct Last {
    deployment: Deployment,
    records: Vec<Record>,
}

async fn last_deployment(
    session: &Session,
    service: &ServiceName,
) -> Result<Option<Last>, CliError> {
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let store = &session.store;
    let Some(id) = store.deployments(service).await.map_err(unreadable)?.pop() else {
        return Ok(None);
    };
    let records = store.journal(service, &id).await.map_err(unreadable)?;
    // A journal of a later version is another program's to retire.
    let deployment = Deployment::replay(&records).ok().flatten();
    Ok(deployment.map(|deployment| Last {
        deployment,
        records,
    }))
}

async fn one_round(
    session: &Session,
    service: &ServiceName,
    retirement: &Retirement,
    last: Option<Last>,
) -> Round {
    let cluster = last.as_ref().map_or_else(
        || session.cluster(),
        |it| it.deployment.plan.cluster.clone(),
    );
    let id = last.as_ref().map(|it| it.deployment.plan.id.clone());
    let records = last.as_ref().map_or(&[][..], |it| &it.records);
    let mut notices = Notices::of(session).knowing(records);
    let mut show = |record: &Record| notices.record(record);
    let mut retiring = Retiring {
        cloud: &session.cloud,
        store: &session.store,
        holder: session.holder(&session.new_id()),
        clock: session.clock,
        service: service.clone(),
        cluster,
        retirement: retirement.clone(),
        log: last.map(|it| Log::of(&session.store, it.deployment, &mut show)),
    };
    let round = retiring.round().await;
    drop(retiring);
    notices.finish().await;
    if let (Round::Over(Retired::Done), Some(id)) = (&round, &id) {
        traces::retired(session, service, id).await.finish().await;
    }
    round
}

/// What needs a person, or went back, is worth an alarm of whoever runs this by the clock.
fn exit(done: &[Done]) -> ExitCode {
    let codes = done.iter().filter_map(|it| match &it.what {
        What::Deployment(_, Ok(deployment)) => match deployment.outcome() {
            Some(outcome @ (Outcome::Stuck { .. } | Outcome::Reverted { .. })) => {
                Some(outcome.into())
            }
            _ => None,
        },
        What::Unreadable(error) => Some(error.exit()),
        What::Deployment(_, Err(error)) if error.kind != ErrorKind::Locked => Some(error.exit()),
        _ => None,
    });
    codes.max().unwrap_or(ExitCode::Stands)
}

fn show(global: &Global, done: &[Done]) -> std::io::Result<()> {
    if global.output == OutputFormat::Json {
        let due: Vec<Value> = done.iter().map(document).collect();
        return print_json(&json!({ "due": due }));
    }
    if done.is_empty() {
        tell!("nothing is due");
    }
    for done in done {
        tell!("{}", line(done));
        match &done.what {
            What::Deployment(id, Ok(deployment)) if went_wrong(deployment) => why(global, id),
            What::Unreadable(error) => {
                for hint in &error.hints {
                    note!("Hint: {hint}");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What was done, in a line.
fn line(Done { service, what }: &Done) -> String {
    match what {
        What::Retirement(retirement, round) => {
            let (word, why) = told(round);
            let why = why.map_or_else(String::new, |why| format!(", because {why}"));
            let (slot, ecs) = (retirement.slot, &retirement.service);
            format!("{service}: slot {slot}, service {ecs}: {word}{why}")
        }
        What::Deployment(id, Ok(deployment)) => {
            format!("{service}: deployment {id}: {}", stands(deployment))
        }
        What::Deployment(id, Err(error)) => {
            format!("{service}: deployment {id}: not driven: {}", error.message)
        }
        What::Unreadable(error) => format!("{service}: nothing was done: {}", error.message),
    }
}

fn went_wrong(deployment: &Deployment) -> bool {
    matches!(
        deployment.outcome(),
        Some(Outcome::Reverted { .. } | Outcome::Stuck { .. })
    )
}

/// The reason, the diagnosis and what to do next, below the line that says how it ended.
fn why(global: &Global, id: &DeploymentId) {
    let told = global.story.so_far();
    let mut all = deployments(&told.records).into_iter().map(View::of);
    let own = all.find(|view| view.id.as_ref() == Some(id));
    for line in own.iter().flat_map(ending).skip(1) {
        tell!("{line}");
    }
}

/// A deployment that has ended tells that itself.
fn told_to_ci(story: &Story, done: &[Done]) {
    if done.is_empty() {
        story.say(Said::well("unchanged", "bg tick: nothing is due"));
    }
    for done in done {
        let level = match &done.what {
            What::Deployment(_, Ok(deployment)) if deployment.outcome().is_some() => continue,
            What::Deployment(_, Ok(deployment)) if deployment.hold.is_some() => Level::Warning,
            What::Deployment(_, Err(error)) if error.kind != ErrorKind::Locked => Level::Error,
            What::Deployment(..) | What::Retirement(..) => Level::Notice,
            What::Unreadable(_) => Level::Error,
        };
        let hints = match &done.what {
            What::Deployment(_, Err(error)) | What::Unreadable(error) => &error.hints[..],
            _ => &[],
        };
        let hints = hints.iter().map(|hint| format!("\nHint: {hint}"));
        let text = format!("{}{}", line(done), hints.collect::<String>());
        story.note(Aside { level, text });
    }
}

fn document(done: &Done) -> Value {
    let service = &done.service;
    match &done.what {
        What::Retirement(retirement, round) => {
            let (result, why) = told(round);
            json!({
                "kind": "retirement",
                "for": service,
                "slot": retirement.slot,
                "service": retirement.service,
                "at": retirement.due.at,
                "result": result,
                "why": why,
            })
        }
        What::Deployment(id, Ok(deployment)) => json!({
            "kind": "deployment",
            "for": service,
            "deployment": id,
            "result": stands(deployment),
            "outcome": deployment.outcome(),
            "hold": deployment.hold.as_ref().map(|held| json!({
                "reasons": trip::join(&held.reasons),
                "since": held.since,
                "until": held.until,
            })),
            "why": null,
        }),
        What::Deployment(id, Err(error)) => json!({
            "kind": "deployment",
            "for": service,
            "deployment": id,
            "result": "not driven",
            "outcome": null,
            "why": error.message,
        }),
        What::Unreadable(error) => json!({
            "kind": "state",
            "for": service,
            "result": "unreadable",
            "why": error.message,
        }),
    }
}

/// Where a deployment was left, in a few words.
fn stands(deployment: &Deployment) -> String {
    match deployment.outcome() {
        Some(Outcome::Promoted) => "promoted".to_owned(),
        Some(Outcome::Reverted { trip }) => format!("reverted: {trip}"),
        Some(Outcome::Stuck { why }) => format!("stuck: {why}"),
        Some(Outcome::Kept { signal }) => format!("left as it is: {signal}"),
        None => match &deployment.hold {
            Some(held) => format!(
                "at {}, holds since {} until {} at the latest: {}",
                deployment.set,
                words::clock(held.since),
                words::moment(held.until, held.since),
                trip::join(&held.reasons),
            ),
            None => format!("at {}, goes on with the next tick", deployment.set),
        },
    }
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
