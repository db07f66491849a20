//! Running a planned deployment: lock, display, loop, retiring, exit code.

use std::cell::RefCell;

use jiff::Timestamp;

use super::args::{Global, OutputFormat, RetireBy, RunArgs};
use super::display::{Display, TICK, print, print_json_line};
use super::error::{CliError, ErrorKind, locked};
use super::exit::ExitCode;
use super::session::{Fence, Session};
use super::terminal::Surface;
use crate::deployment::event::Record;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::preflight::Planning;
use crate::deployment::retire::{Retirement, due};
use crate::deployment::state::{Deployment, Phase};
use crate::report::line::{StyledLine, Tone};
use crate::runner::{Asks, Log, Retired, Retiring, Run, RunError};
use crate::store::Holder;

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
///
/// # Errors
/// Only before anything was changed.
pub(super) async fn run(
    global: &Global,
    args: &RunArgs,
    session: &Session,
    planning: Planning,
    planned_at: Fence,
) -> Result<ExitCode, CliError> {
    let plan = planning.plan.ok_or_else(|| {
        CliError::new(
            ErrorKind::Unexpected,
            "there is no plan, although nothing forbids one",
        )
    })?;
    let mut asks = Asks::default();
    asks.listen_to_signals(args.on_interrupt)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let holder = take_lock(session, &plan, planned_at).await?;
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
    let left = finish_retiring(args, session, &deployment, &mut asks, &display).await;
    let _ = display.into_inner().finish();
    if let Some(at) = left.filter(|_| !global.quiet) {
        eprintln!("Note: blue is left to be retired by `bg tick` from {at:.0} on");
    }
    Ok(exit)
}

/// Takes the lock, if nobody had it since the plan's survey: what that saw may not be so any more.
async fn take_lock(session: &Session, plan: &Plan, planned_at: Fence) -> Result<Holder, CliError> {
    let holder = session
        .store
        .lock(&plan.service, &session.holder(&plan.id))
        .await
        .map_err(|error| locked(&error))?;
    if !planned_at.is_just_before(&holder) {
        let _ = session.store.unlock(&plan.service, &holder).await;
        return Err(CliError::new(
            ErrorKind::Locked,
            "somebody else held the lock while this was planned; nothing was changed",
        )
        .hint("run it again: `bg status` shows what is so now"));
    }
    Ok(holder)
}

/// Only a journal that can't be begun leaves everything as it was.
fn ended_badly(error: &RunError) -> CliError {
    match error {
        RunError::Store(error) => CliError::from_error(ErrorKind::Unexpected, error),
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
        .await
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
    let _ = session.store.unlock(&session.service(), holder).await;
    ended.map_err(|error| ended_badly(&error))
}

/// Lets the clocks of a live view move while something runs.
async fn beside_ticks<T>(
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

/// Retires blue where that is this process's to do; otherwise says from when on somebody else has
/// to.
async fn finish_retiring(
    args: &RunArgs,
    session: &Session,
    deployment: &Deployment,
    asks: &mut Asks,
    display: &RefCell<Display>,
) -> Option<Timestamp> {
    let Phase::Ended {
        outcome: Outcome::Promoted,
        retire_at: Some(_),
    } = &deployment.phase
    else {
        return None;
    };
    let ci = std::env::var_os("CI").is_some();
    let by = args.retire_by().unwrap_or(if ci {
        RetireBy::Later
    } else {
        RetireBy::ThisRun
    });
    let retirement = retirement_of(deployment)?;
    if by == RetireBy::Later {
        return Some(retirement.due.at);
    }
    let mut show = |record: &Record| {
        let _ = display.borrow_mut().record(record);
    };
    let log = Log::of(&session.store, deployment.clone(), &mut show);
    let mut retiring = Retiring {
        cloud: &session.cloud,
        store: &session.store,
        holder: session.holder(&deployment.plan.id),
        clock: session.clock,
        service: deployment.plan.service.clone(),
        cluster: deployment.plan.cluster.clone(),
        retirement,
        log: Some(log),
    };
    let work = retiring.wait(asks);
    match beside_ticks(session, display, work).await {
        Retired::Later(at) => Some(at),
        Retired::Done | Retired::Cancelled(_) => None,
    }
}

fn retirement_of(deployment: &Deployment) -> Option<Retirement> {
    let plan = &deployment.plan;
    let Phase::Ended {
        retire_at: Some(at),
        ..
    } = &deployment.phase
    else {
        return None;
    };
    let mut due = due(plan, plan.created_at)?;
    due.at = *at;
    let slot = &plan.slots[plan.blue];
    Some(Retirement {
        slot: plan.blue,
        service: slot.service.clone(),
        groups: slot
            .targets
            .iter()
            .map(|target| target.group.clone())
            .collect(),
        due,
        at_most: plan.retire.at_most,
    })
}
