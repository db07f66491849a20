//! Retiring blue after a deployment, where that is this process's to do.

use std::cell::RefCell;

use jiff::Timestamp;

use super::args::{RetireBy, RunArgs};
use super::display::Display;
use super::running::beside_ticks;
use super::session::Session;
use super::terminal::Surface;
use crate::deployment::deadman;
use crate::deployment::event::Record;
use crate::deployment::outcome::Outcome;
use crate::deployment::retire::{Retirement, due};
use crate::deployment::state::{Deployment, Phase};
use crate::runner::{Asks, Log, Retired, Retiring};

/// Retires blue where that is this process's to do; otherwise says from when on somebody else has
/// to.
pub(super) async fn finish(
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
    let usual = match Surface::of_process().is_ci() {
        true => RetireBy::Later,
        false => RetireBy::ThisRun,
    };
    let by = args.retire_by().unwrap_or(usual);
    let retirement = retirement_of(deployment)?;
    // The journal doesn't show the end where another process took the lock: it is theirs.
    let journal_is_ours = journal_is_ours(session, deployment).await;
    if by == RetireBy::Later || !journal_is_ours {
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

async fn journal_is_ours(session: &Session, deployment: &Deployment) -> bool {
    let plan = &deployment.plan;
    let journal = session.store.journal(&plan.service, &plan.id).await;
    let state = journal.ok().and_then(|it| Deployment::replay(&it).ok()?);
    state.is_some_and(|state| state.outcome() == Some(&Outcome::Promoted))
}

/// What a promoted deployment left to do.
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
        other: plan.slots[plan.green_slot()].service.clone(),
        is_bare: plan.is_bare(),
        due,
        at_most: plan.retire.at_most,
        deadman: plan
            .deadman
            .as_ref()
            .map(|_| deadman::prefix(&plan.cluster, &plan.service)),
        records: plan
            .routes
            .iter()
            .filter_map(|route| route.kind.record().cloned())
            .collect(),
    })
}
