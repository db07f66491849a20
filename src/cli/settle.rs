//! Reverting a deployment whose process died or doesn't answer: from its journal, in its place.

use std::cell::RefCell;

use super::args::{Global, RunArgs};
use super::display::Display;
use super::error::{CliError, ErrorKind};
use super::running::{Begin, drive, ended_badly};
use super::session::Session;
use super::terminal::Surface;
use crate::deployment::event::Record;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::state::Deployment;
use crate::runner::Asks;
use crate::store::Holder;

/// A deployment that stands in the middle, with the records that say so.
pub(super) struct Unfinished {
    records: Vec<Record>,
    deployment: Deployment,
}

impl Unfinished {
    /// The deployment of the lock's last holder, unless it ended or never began.
    pub(super) fn of(session: &Session, holder: &Holder) -> Result<Option<Unfinished>, CliError> {
        let records = session
            .store
            .journal(&session.service(), &holder.deployment)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        let deployment = Deployment::replay(&records)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        Ok(deployment
            .filter(|deployment| deployment.outcome().is_none())
            .map(|deployment| Unfinished {
                records,
                deployment,
            }))
    }

    /// Takes the lock, whoever has it, and drives the deployment to its end by an abort.
    pub(super) async fn revert(
        self,
        global: &Global,
        args: &RunArgs,
        session: &Session,
    ) -> Result<Outcome, CliError> {
        let service = session.service();
        let unexpected =
            |error: &dyn std::error::Error| CliError::from_error(ErrorKind::Unexpected, error);
        let mut asks = Asks::default();
        asks.listen_to_signals(args.on_interrupt)
            .map_err(|error| unexpected(&error))?;
        let own = session.holder(&self.deployment.plan.id);
        let by = format!("{}@{} (bg rollback)", own.owner, own.host);
        let holder = session
            .store
            .take_over(&service, &own)
            .map_err(|error| unexpected(&error))?;
        let _ = session.store.take_abort(&service);
        let _ = asks.sender().send(Ask::Abort { by });
        let display = RefCell::new(Display::new(global, &Surface::of_process()));
        for record in &self.records {
            let _ = display.borrow_mut().record(record);
        }
        let begin = Begin::Again(Box::new(self.deployment));
        let ended = drive(session, &holder, None, begin, &mut asks, &display).await;
        let _ = session.store.unlock(&service, &holder);
        let ended = ended.map_err(|error| ended_badly(&error))?;
        let _ = display.into_inner().finish();
        ended
            .outcome()
            .cloned()
            .ok_or_else(|| CliError::new(ErrorKind::Stuck, "the deployment did not come to an end"))
    }
}
