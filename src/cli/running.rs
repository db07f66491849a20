//! Running a planned deployment: lock, display, loop, exit code.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;

use super::args::{Global, OutputFormat, RunArgs};
use super::ci;
use super::display::{Display, TICK, print, print_json_line};
use super::error::{CliError, ErrorKind, locked};
use super::exit::ExitCode;
use super::lock::Fence;
use super::notices::Notices;
use super::page;
use super::retiring;
use super::session::Session;
use super::story::{Said, Story};
use super::terminal::Surface;
use super::traces::{self, Sending};
use crate::config::{OnSignal, Signals};
use crate::deployment::event::Record;
use crate::deployment::ids::ServiceName;
use crate::deployment::observation::OnInterrupt;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::preflight::Planning;
use crate::deployment::state::Deployment;
use crate::report::line::{StyledLine, Tone};
use crate::runner::{Asks, Run, RunError, Until};
use crate::store::{Duty, Holder, StoreError};

/// How often a plan is made anew because a slot was retired after its survey.
pub(super) const PLANS_AT_MOST: usize = 5;
/// How long giving the lock back may take.
const UNLOCK_WITHIN: Duration = Duration::from_secs(1);

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
    let title = "Unchanged: blue already runs this";
    let live = planning.plan.as_ref();
    global.story.say(Said {
        task_definition: live.map(|plan| plan.blue_task_definition.clone()),
        lines: planning
            .notes
            .iter()
            .map(|it| StyledLine::new().plain(it))
            .collect(),
        ..Said::well("unchanged", title)
    });
    let shown = match global.output {
        OutputFormat::Json => print_json_line(&serde_json::json!({
            "type": "unchanged",
            "notes": planning.notes,
        })),
        OutputFormat::Text | OutputFormat::Markdown => {
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
    heed_signals(global, args, session, &asks)?;
    let Some(holder) = take_lock(session, &plan, planned_at).await? else {
        return Ok(None);
    };
    let display =
        RefCell::new(Display::new(global, &Surface::of_process()).telling(Notices::of(session)));
    if global.output == OutputFormat::Text && !global.quiet {
        for warning in &planning.warnings {
            note!("Warning: {warning}");
        }
    }
    let plan = Plan {
        warnings: planning.warnings,
        notes: planning.notes,
        changes: planning.changes,
        traceparent: traces::parent(),
        ..plan
    };
    let service = plan.service.clone();
    let job = Job::Begin(Box::new(plan), planning.body);
    ci::drives(args, &holder.deployment);
    let deployment = drive(session, &service, &holder, job, &mut asks, &display).await?;
    let exit = deployment
        .outcome()
        .map_or(ExitCode::Stuck, exit_code(&deployment));
    wind_up(global, args, session, &deployment, &mut asks, display).await;
    Ok(Some(exit))
}

/// Everything that comes after the end, none of which changes the outcome: the report, the trace,
/// retiring blue where that is this process's to do, and the last notices.
pub(super) async fn wind_up(
    global: &Global,
    args: &RunArgs,
    session: &Session,
    deployment: &Deployment,
    asks: &mut Asks,
    display: RefCell<Display>,
) {
    let (service, id) = (&deployment.plan.service, &deployment.plan.id);
    let trace = traces::ended(session, service, id).await;
    page::write_ended(&global.story, args.report.as_deref(), session, deployment).await;
    let left = retiring::finish(args, session, deployment, asks, &display).await;
    let after = match left {
        None => traces::retired(session, service, id).await,
        Some(_) => Sending::default(),
    };
    finish(display).await;
    trace.finish().await;
    after.finish().await;
    // Nothing is left of a region that ends with this process.
    say_left(global, left.filter(|_| !session.is_embedded()));
}

/// Ends a display, and gives those elsewhere a little time to be told.
async fn finish(display: RefCell<Display>) {
    let mut display = display.into_inner();
    let notices = display.take_notices();
    let _ = display.finish();
    if let Some(notices) = notices {
        notices.finish().await;
    }
}

/// From here on signals mean what the flag or the config says.
///
/// # Errors
/// When the operating system gives no signal handler.
pub(super) fn heed_signals(
    global: &Global,
    args: &RunArgs,
    session: &Session,
    asks: &Asks,
) -> Result<(), CliError> {
    let signals = &session.config.signals;
    asks.listen_to_signals(|name| on_signal(args, signals, name))
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    tokio::spawn(reassure(global.story.clone()));
    Ok(())
}

/// Whoever presses Ctrl-C while everything goes back wants to know that it was heard.
async fn reassure(story: Story) {
    loop {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        if story.is_reverting() {
            break;
        }
    }
    note!(
        "Note: it is on its way back: traffic first, then green's tasks, and then it ends. \
         To leave the rest to `bg resume --revert`: kill -KILL {}",
        std::process::id()
    );
}

/// What a signal means: as the flag says, or else the config.
pub(super) fn on_signal(args: &RunArgs, signals: &Signals, name: &str) -> OnInterrupt {
    let of_config = match name {
        "SIGINT" => signals.interrupt,
        "SIGHUP" => signals.hang_up,
        _ => signals.terminate,
    };
    args.on_interrupt.unwrap_or(match of_config {
        OnSignal::Revert => OnInterrupt::Revert,
        OnSignal::Keep => OnInterrupt::Keep,
        OnSignal::Pause => OnInterrupt::Pause,
    })
}

/// Takes the lock, if nobody had it since the plan's survey: what that saw may not be so any more.
/// `None` where only a slot was retired meanwhile.
async fn take_lock(
    session: &Session,
    plan: &Plan,
    planned_at: Fence,
) -> Result<Option<Holder>, CliError> {
    let store = &session.store;
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let before = store.holder(&plan.service).await.map_err(unreadable)?;
    let retired = before.as_ref();
    let retired = retired.is_some_and(|holder| holder.duty == Duty::Retire);
    let holder = match store.lock(&plan.service, &session.holder(&plan.id)).await {
        Err(StoreError::Locked(holder)) if holder.duty == Duty::Retire => return Ok(None),
        result => result.map_err(|error| locked(&error))?,
    };
    if !planned_at.is_just_before(&holder, before.as_ref()) {
        let _ = store.unlock(&plan.service, &holder).await;
        return if retired { Ok(None) } else { Err(disturbed()) };
    }
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
pub(super) fn ended_badly(error: &RunError) -> CliError {
    match error {
        RunError::Store(error) => CliError::from_error(ErrorKind::Unexpected, error),
        RunError::Illegal(_) => CliError::from_error(ErrorKind::Stuck, error)
            .hint("`bg status` shows where traffic is; `bg rollback --to a --force` moves it"),
    }
}

/// A deployment that was refused before it changed anything is an unexpected error, not a revert.
pub(super) fn exit_code(deployment: &Deployment) -> impl Fn(&Outcome) -> ExitCode {
    let touched = deployment.green_touched || deployment.task_definition.is_some();
    move |outcome| match outcome {
        Outcome::Reverted {
            trip: crate::deployment::trip::Trip::Refused { .. },
        } if !touched => ExitCode::Unexpected,
        outcome => outcome.into(),
    }
}

fn say_left(global: &Global, left: Option<Timestamp>) {
    let Some(at) = left else { return };
    let left = format!(
        "blue is left to be retired by `bg tick` from {at:.0} on; until somebody runs that, or \
         deploys again, its tasks go on and cost"
    );
    if !global.quiet {
        note!("Note: {left}");
    }
    global.story.leave(left);
}

/// What a run starts from.
pub(super) enum Job {
    /// A plan, with the task definition to register.
    Begin(Box<Plan>, Option<serde_json::Value>),
    /// A deployment that stands somewhere.
    GoOn {
        deployment: Box<Deployment>,
        by: String,
        unwatched_since: Timestamp,
        until: Until,
    },
}

/// Drives to the end and gives the lock back.
pub(super) async fn drive(
    session: &Session,
    service: &ServiceName,
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
        Job::GoOn {
            deployment,
            by,
            unwatched_since,
            until,
        } => {
            let resumed = run.resume(*deployment, by, unwatched_since, until);
            beside_ticks(session, display, resumed).await
        }
    };
    // A lock that can't be given back runs out by itself, and a runner may be about to be killed.
    let unlock = session.store.unlock(service, holder);
    let _ = tokio::time::timeout(UNLOCK_WITHIN, unlock).await;
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
pub(super) mod tests {
    use super::super::args::{Verb, try_parse};
    use super::super::request::Wanted;
    use super::*;
    use crate::deployment::event::Event;
    use crate::deployment::ids::DeploymentId;

    /// The sandbox, and a plan of a deployment into it.
    pub(in crate::cli) async fn planned() -> (Session, Plan) {
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
        (session, planning.plan.unwrap())
    }

    #[tokio::test]
    async fn a_new_deployment_is_the_last_one_although_an_earlier_clock_was_ahead() {
        let (session, plan) = planned().await;
        let ahead = DeploymentId::new("20991231-235959-abcd");
        let began = Record {
            v: Record::VERSION,
            seq: 0,
            at: session.clock.now(),
            deployment: ahead.clone(),
            event: Event::Started {
                plan: Box::new(plan.clone()),
            },
        };
        let (store, service) = (&session.store, &plan.service);
        store.append(service, None, &began).await.unwrap();
        let next = session.next_id().await.unwrap();
        assert!(next > ahead, "{next}");
    }

    #[tokio::test]
    async fn a_plan_is_made_again_only_where_a_slot_was_retired_since() {
        let (session, plan) = planned().await;
        let hold = async |duty| {
            let holder = session.holder(&session.new_id());
            let holder = Holder { duty, ..holder };
            session.store.lock(&plan.service, &holder).await.unwrap()
        };
        let after = async |duty| {
            let planned_at = session.fence().await.unwrap();
            let held = hold(duty).await;
            session.store.unlock(&plan.service, &held).await.unwrap();
            take_lock(&session, &plan, planned_at).await
        };
        assert_eq!(after(Duty::Retire).await, Ok(None));
        let error = after(Duty::Deploy).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked);

        let planned_at = session.fence().await.unwrap();
        let retires = hold(Duty::Retire).await;
        assert_eq!(take_lock(&session, &plan, planned_at).await, Ok(None));
        session.store.unlock(&plan.service, &retires).await.unwrap();
        let planned_at = session.fence().await.unwrap();
        let taken = take_lock(&session, &plan, planned_at).await.unwrap();
        assert_eq!(taken.map(|holder| holder.deployment), Some(plan.id));
    }
}
