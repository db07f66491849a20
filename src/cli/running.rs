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
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::preflight::Planning;
use crate::deployment::retire::{Retirement, due};
use crate::deployment::state::{Deployment, Phase};
use crate::report::line::{StyledLine, Tone};
use crate::runner::{Asks, LEASE, Log, Retired, Retiring, Run, RunError, Until};
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
    let service = plan.service.clone();
    let job = Job::Begin(Box::new(plan), planning.body);
    let deployment = drive(session, &service, &holder, job, &mut asks, &display).await?;
    let exit = deployment
        .outcome()
        .map_or(ExitCode::Stuck, exit_code(&deployment));
    let left = finish_retiring(args, session, &deployment, &mut asks, &display).await;
    let _ = display.into_inner().finish();
    say_left(global, left);
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
        RunError::Store(_) => CliError::from_error(ErrorKind::Unexpected, error),
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

/// A deployment that no process drives any more.
pub(super) struct Abandoned {
    deployment: Deployment,
    records: Vec<Record>,
}

impl Abandoned {
    /// The service's last deployment, or the one with that id, if something is left to do for it.
    ///
    /// # Errors
    /// When its journal can't be read or understood.
    pub(super) async fn find(
        session: &Session,
        id: Option<&DeploymentId>,
    ) -> Result<Option<Abandoned>, CliError> {
        Abandoned::of(session, &session.service(), id).await
    }

    /// The same for any service in the store.
    ///
    /// # Errors
    /// When its journal can't be read or understood.
    pub(super) async fn of(
        session: &Session,
        service: &ServiceName,
        id: Option<&DeploymentId>,
    ) -> Result<Option<Abandoned>, CliError> {
        let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let id = match id {
            Some(id) => id.clone(),
            None => match session
                .store
                .deployments(service)
                .await
                .map_err(unreadable)?
                .pop()
            {
                Some(last) => last,
                None => return Ok(None),
            },
        };
        let records = session
            .store
            .journal(service, &id)
            .await
            .map_err(unreadable)?;
        let deployment = Deployment::replay(&records)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        Ok(deployment
            .filter(Deployment::can_go_on)
            .map(|deployment| Abandoned {
                deployment,
                records,
            }))
    }

    /// What was planned.
    pub(super) fn plan(&self) -> &Plan {
        &self.deployment.plan
    }

    /// Whether somebody left it on purpose, or it waits for a person.
    pub(super) fn was_left(&self) -> bool {
        self.deployment.outcome().is_some()
    }

    /// Drives it for a while without showing anything: to where it only has to wait.
    ///
    /// # Errors
    /// Where somebody else drives it; only before anything was changed.
    pub(super) async fn round(
        self,
        session: &Session,
        at_most: Timestamp,
    ) -> Result<Deployment, CliError> {
        let (store, service) = (&session.store, self.deployment.plan.service.clone());
        let unexpected = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let before = store.holder(&service).await.map_err(unexpected)?;
        let holder = store.lock(&service, &session.holder(self.id())).await;
        let holder = holder.map_err(|error| locked(&error))?;
        let unwatched_since = self.unwatched_since(before.as_ref());
        let run = Run {
            cloud: &session.cloud,
            store,
            clock: session.clock,
            holder: holder.clone(),
            body: None,
            asks: &mut Asks::default(),
            show: &mut |_| {},
        };
        let by = format!("{}@{} (bg tick)", holder.owner, holder.host);
        let until = Until::Rest { at_most };
        let rested = run
            .resume(self.deployment, by, unwatched_since, until)
            .await;
        // A lock that can't be given back runs out by itself.
        let _ = store.unlock(&service, &holder).await;
        rested.map_err(|error| ended_badly(&error))
    }

    /// Which it is.
    pub(super) fn id(&self) -> &DeploymentId {
        &self.deployment.plan.id
    }

    /// Since when nobody has watched: its process renewed its lease until shortly before it died,
    /// and wrote its last record even later if it was left on purpose.
    fn unwatched_since(&self, holder: Option<&Holder>) -> Timestamp {
        let last = self
            .records
            .last()
            .map_or(Timestamp::UNIX_EPOCH, |it| it.at);
        let held = holder.filter(|holder| holder.deployment == *self.id());
        held.map_or(last, |holder| last.max(holder.lease_until - LEASE))
    }

    /// Takes the lock and goes on with it; `ask` is asked of it at once.
    ///
    /// # Errors
    /// Only before anything was changed.
    pub(super) async fn go_on(
        self,
        global: &Global,
        args: &RunArgs,
        session: &Session,
        taking: Taking,
        until: Until,
        mut asks: Asks,
    ) -> Result<Deployment, CliError> {
        let (store, service) = (&session.store, self.deployment.plan.service.clone());
        let unexpected = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let before = store.holder(&service).await.map_err(unexpected)?;
        let holder = session.holder(self.id());
        let holder = match taking {
            Taking::Free => store
                .lock(&service, &holder)
                .await
                .map_err(|error| locked(&error))?,
            Taking::FromADeadProcess => store
                .take_over(&service, &holder)
                .await
                .map_err(unexpected)?,
        };
        let display = RefCell::new(Display::new(global, &Surface::of_process()));
        for record in &self.records {
            display.borrow_mut().know(record);
        }
        asks.listen_to_signals(args.on_interrupt)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        let job = Job::GoOn {
            until,
            unwatched_since: self.unwatched_since(before.as_ref()),
            by: format!("{}@{}", holder.owner, holder.host),
            deployment: Box::new(self.deployment),
        };
        let ended = drive(session, &service, &holder, job, &mut asks, &display).await?;
        let left = finish_retiring(args, session, &ended, &mut asks, &display).await;
        let _ = display.into_inner().finish();
        say_left(global, left);
        Ok(ended)
    }
}

/// How an abandoned deployment's lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// If its lease has run out.
    Free,
    /// In any case: its process was asked, and did not answer.
    FromADeadProcess,
}

fn say_left(global: &Global, left: Option<Timestamp>) {
    if let Some(at) = left.filter(|_| !global.quiet) {
        eprintln!("Note: blue is left to be retired by `bg tick` from {at:.0} on");
    }
}

/// What a run starts from.
enum Job {
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
async fn drive(
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
    // A lock that can't be given back runs out by itself.
    let _ = session.store.unlock(service, holder).await;
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

pub(super) fn retirement_of(deployment: &Deployment) -> Option<Retirement> {
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
