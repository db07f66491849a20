//! Running a planned deployment: lock, display, loop, exit code.

use std::cell::RefCell;

use super::args::{Global, OutputFormat, RunArgs};
use super::display::{Display, TICK, print, print_json_line};
use super::error::{CliError, ErrorKind, locked};
use super::exit::ExitCode;
use super::retiring;
use super::session::{Fence, Session};
use super::terminal::Surface;
use crate::deployment::event::Record;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::preflight::Planning;
use crate::deployment::state::Deployment;
use crate::report::line::{StyledLine, Tone};
use crate::runner::{Asks, Run, RunError};
use crate::store::{Duty, Holder, StoreError};

/// How often a plan is made anew because a slot was retired after its survey.
pub(super) const PLANS_AT_MOST: usize = 5;

/// Everything that preflight found, at once.
///
/// # Errors
/// When it found a problem.
pub(super) fn refuse_problems(planning: &Planning) -> Result<(), CliError> {
    if planning.problems.is_empty() {
        return Ok(());
    }
    Err(CliError::preflight(planning.problems.clone())
        .hint("`bg plan` with the same flags shows the whole picture"))
}

/// Says that there is nothing to do.
///
/// # Errors
/// When stdout is gone.
pub(super) fn say_unchanged(global: &Global, planning: &Planning) -> Result<(), CliError> {
    let shown = match global.output {
        OutputFormat::Json => print_json_line(&serde_json::json!({
            "type": "unchanged",
            "notes": planning.notes,
        })),
        OutputFormat::Text => {
            let mut lines = vec![StyledLine::of(
                Tone::Good,
                "unchanged: blue already runs this; --force deploys it again",
            )];
            lines.extend(
                planning
                    .notes
                    .iter()
                    .map(|note| StyledLine::of(Tone::Dim, note)),
            );
            print(&lines, Surface::of_process().stdout_colors(global))
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
}

/// Takes the lock, runs the plan to its end, retires blue where that is this process's to do.
/// `None` where a slot was retired after the plan's survey: plan again.
///
/// # Errors
/// Only before anything was changed.
pub(super) async fn run(
    global: &Global,
    args: &RunArgs,
    session: &Session,
    planning: Planning,
    planned_at: Fence,
) -> Result<Option<ExitCode>, CliError> {
    let plan = planning.plan.ok_or_else(|| {
        CliError::new(
            ErrorKind::Unexpected,
            "there is no plan, although nothing forbids one",
        )
    })?;
    let mut asks = Asks::default();
    asks.listen_to_signals(args.on_interrupt)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let Some(holder) = take_lock(session, &plan, planned_at)? else {
        return Ok(None);
    };
    let display = RefCell::new(Display::new(global, &Surface::of_process()));
    if global.output == OutputFormat::Text && !global.quiet {
        for warning in &planning.warnings {
            eprintln!("Warning: {warning}");
        }
    }
    let job = Job::Begin(Box::new(plan), planning.body);
    let deployment = drive(session, &holder, job, &mut asks, &display).await?;
    let exit = deployment
        .outcome()
        .map_or(ExitCode::Stuck, exit_code(&deployment));
    let left = retiring::finish(args, session, &deployment, &mut asks, &display).await;
    let _ = display.into_inner().finish();
    if let Some(at) = left.filter(|_| !global.quiet) {
        eprintln!("Note: blue is left to be retired by `bg tick` from {at:.0} on");
    }
    Ok(Some(exit))
}

/// Takes the lock, if nobody had it since the plan's survey: what that saw may not be so any more.
/// `None` where only a slot was retired meanwhile.
fn take_lock(
    session: &Session,
    plan: &Plan,
    planned_at: Fence,
) -> Result<Option<Holder>, CliError> {
    let store = &session.store;
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let before = store.holder(&plan.service).map_err(unreadable)?;
    let retired = before.is_some_and(|holder| holder.duty == Duty::Retire);
    let holder = match store.lock(&plan.service, &session.holder(&plan.id)) {
        Err(StoreError::Locked(holder)) if holder.duty == Duty::Retire => return Ok(None),
        result => result.map_err(|error| locked(&error))?,
    };
    if !planned_at.is_just_before(&holder) {
        let _ = store.unlock(&plan.service, &holder);
        return if retired { Ok(None) } else { Err(disturbed()) };
    }
    // A request that came too late for the deployment it was meant for must not end this one.
    let _ = store.take_abort(&plan.service);
    Ok(Some(holder))
}

/// Somebody else came between a plan and its lock.
pub(super) fn disturbed() -> CliError {
    CliError::new(
        ErrorKind::Locked,
        "somebody else held the lock while this was planned; nothing was changed",
    )
    .hint("run it again: `bg status` shows what is so now")
}

/// Only a journal that can't be begun leaves everything as it was.
fn ended_badly(error: &RunError) -> CliError {
    match error {
        RunError::Store(_) => CliError::from_error(ErrorKind::Unexpected, error),
        RunError::Illegal(_) => CliError::from_error(ErrorKind::Stuck, error)
            .hint("`bg status` shows where traffic is; `bg rollback --to a --force` moves it"),
    }
}

/// A deployment that was refused before it changed anything is an unexpected error, not a revert.
fn exit_code(deployment: &Deployment) -> impl Fn(&Outcome) -> ExitCode {
    let touched = deployment.green_touched || deployment.task_definition.is_some();
    move |outcome| match outcome {
        Outcome::Reverted {
            trip: crate::deployment::trip::Trip::Refused { .. },
        } if !touched => ExitCode::Unexpected,
        outcome => outcome.into(),
    }
}

/// Takes over a deployment whose process is gone, and reverts it.
///
/// # Errors
/// Only before anything was changed.
pub(super) async fn revert_abandoned(
    global: &Global,
    args: &RunArgs,
    session: &Session,
    records: &[Record],
    by: String,
) -> Result<Deployment, CliError> {
    let display = RefCell::new(Display::new(global, &Surface::of_process()));
    let mut state = None;
    for record in records {
        let next = Deployment::apply(state, record)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        state = Some(next);
        display.borrow_mut().know(record);
    }
    let abandoned = state.ok_or_else(|| CliError::refused("its journal is empty"))?;
    let plan = &abandoned.plan;
    let holder = session
        .store
        .take_over(&plan.service, &session.holder(&plan.id))
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let mut asks = Asks::default();
    asks.listen_to_signals(args.on_interrupt)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let _ = asks.sender().send(Ask::Abort { by });
    let job = Job::GoOn(Box::new(abandoned));
    let reverted = drive(session, &holder, job, &mut asks, &display).await?;
    let _ = display.into_inner().finish();
    Ok(reverted)
}

/// What a run starts from.
enum Job {
    /// A plan, with the task definition to register.
    Begin(Box<Plan>, Option<serde_json::Value>),
    /// A deployment that stands somewhere.
    GoOn(Box<Deployment>),
}

/// Drives to the end and gives the lock back.
async fn drive(
    session: &Session,
    holder: &Holder,
    job: Job,
    asks: &mut Asks,
    display: &RefCell<Display>,
) -> Result<Deployment, CliError> {
    let mut show = |record: &Record| {
        // A terminal that went away doesn't end a deployment.
        let _ = display.borrow_mut().record(record);
    };
    let run = Run {
        cloud: &session.cloud,
        store: &session.store,
        clock: session.clock,
        holder: holder.clone(),
        body: None,
        asks,
        show: &mut show,
    };
    let ended = match job {
        Job::Begin(plan, body) => {
            beside_ticks(session, display, Run { body, ..run }.begin(*plan)).await
        }
        Job::GoOn(deployment) => beside_ticks(session, display, run.drive(*deployment)).await,
    };
    // A lock that can't be given back runs out by itself.
    let _ = session.store.unlock(&session.service(), holder);
    ended.map_err(|error| ended_badly(&error))
}

/// Lets the clocks of a live view move while something runs.
pub(super) async fn beside_ticks<T>(
    session: &Session,
    display: &RefCell<Display>,
    work: impl Future<Output = T>,
) -> T {
    tokio::pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => { let _ = display.borrow_mut().tick(session.clock.now()); }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::{Verb, try_parse};
    use super::super::request::Wanted;
    use super::*;

    #[tokio::test]
    async fn a_plan_is_made_again_only_where_a_slot_was_retired_since() {
        let arguments = ["bg", "deploy", "--sandbox", "--image", "shop:v2"];
        let cli = try_parse(arguments).unwrap();
        let Verb::Deploy(args) = &cli.verb else {
            panic!("not a deployment");
        };
        let region = Some(&args.region);
        let session = Session::open(&cli.global, region).await.unwrap();
        let wanted = Wanted::of_version(&args.version).unwrap();
        let id = session.new_id();
        let request = wanted.into_request(&session.config, &session.folder, id);
        let planning = session.plan(&request.unwrap()).await.unwrap();
        let plan = planning.plan.unwrap();
        let hold = |duty| {
            let holder = session.holder(&session.new_id());
            let holder = Holder { duty, ..holder };
            session.store.lock(&plan.service, &holder).unwrap()
        };
        let after = async |duty| {
            let planned_at = session.fence().await.unwrap();
            let held = hold(duty);
            session.store.unlock(&plan.service, &held).unwrap();
            take_lock(&session, &plan, planned_at)
        };
        assert_eq!(after(Duty::Retire).await, Ok(None));
        let error = after(Duty::Deploy).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked);

        let planned_at = session.fence().await.unwrap();
        let retires = hold(Duty::Retire);
        assert_eq!(take_lock(&session, &plan, planned_at), Ok(None));
        session.store.unlock(&plan.service, &retires).unwrap();
        let planned_at = session.fence().await.unwrap();
        let taken = take_lock(&session, &plan, planned_at).unwrap();
        assert_eq!(taken.map(|holder| holder.deployment), Some(plan.id));
    }
}
