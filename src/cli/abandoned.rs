//! Deployments that no process drives any more: found in the store, judged by what AWS shows, and
//! gone on with.

use std::cell::RefCell;

use jiff::Timestamp;

use super::args::{Global, RunArgs};
use super::ci;
use super::display::Display;
use super::error::{CliError, ErrorKind, locked};
use super::notices::Notices;
use super::past::unknown;
use super::running::{Job, drive, ended_badly, heed_signals, wind_up};
use super::session::Session;
use super::story::Story;
use super::terminal::Surface;
use super::traces;
use super::traffic::Traffic;
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::deployment::problem::Problem;
use crate::deployment::state::{Deployment, Phase};
use crate::report::view::View;
use crate::runner::{Asks, LEASE, Run, Until};
use crate::store::{Holder, Steer};
use crate::strategy::Weight;

/// A deployment that no process drives any more.
pub(super) struct Abandoned {
    deployment: Deployment,
    records: Vec<Record>,
}

impl Abandoned {
    /// The config's service's last deployment, if something is left to do for it.
    ///
    /// # Errors
    /// When its journal can't be read or understood.
    pub(super) async fn find(session: &Session) -> Result<Option<Abandoned>, CliError> {
        Abandoned::of(session, &session.service()).await
    }

    /// The same for any service in the store. An earlier one than the last is nobody's to go on
    /// with: a later one has moved what it planned for.
    ///
    /// # Errors
    /// When its journal can't be read or understood.
    pub(super) async fn of(
        session: &Session,
        service: &ServiceName,
    ) -> Result<Option<Abandoned>, CliError> {
        let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let store = &session.store;
        let Some(id) = store.deployments(service).await.map_err(unreadable)?.pop() else {
            return Ok(None);
        };
        let records = store.journal(service, &id).await.map_err(unreadable)?;
        let deployment = Deployment::replay(&records)
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        Ok(deployment
            .filter(Deployment::can_go_on)
            .map(|deployment| Abandoned {
                deployment,
                records,
            }))
    }

    /// The config's service's last deployment where a new one has to wait for its end: not where
    /// one side serves everything by somebody's hand.
    ///
    /// # Errors
    /// When a process drives it, or its journal or the weights can't be read.
    pub(super) async fn in_the_way(session: &Session) -> Result<Option<Abandoned>, CliError> {
        if Abandoned::find(session).await?.is_none() {
            return Ok(None);
        }
        if let Some(holder) = session.running_holder().await? {
            return Err(session.held_by(holder).await);
        }
        // Its process may have ended it between the two looks.
        let Some(abandoned) = Abandoned::find(session).await? else {
            return Ok(None);
        };
        let traffic = Traffic::look(session).await?;
        Ok(Some(abandoned).filter(|it| it.stands(&traffic) == Stands::Open))
    }

    /// Why there is nothing to go on with for a deployment that somebody names.
    ///
    /// # Errors
    /// When the store can't be read.
    pub(super) async fn refuse_any_other(
        session: &Session,
        id: &DeploymentId,
    ) -> Result<CliError, CliError> {
        let service = session.service();
        let known = session.store.deployments(&service).await;
        let known = known.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        if !known.contains(id) {
            return Ok(unknown(id, &service, &known));
        }
        let why = format!(
            "there is nothing to go on with for {id}: it has ended, or a later one has begun"
        );
        Ok(CliError::refused(why).hint("`bg history` lists them all"))
    }

    /// That nobody drives it, and why.
    pub(super) fn told(&self) -> String {
        let id = self.id();
        match self.deployment.outcome() {
            Some(Outcome::Kept { signal }) => {
                format!("deployment {id} was left in the middle, as asked ({signal})")
            }
            Some(_) => format!("deployment {id} is stuck in the middle: it waits for a person"),
            None => format!("deployment {id} was left in the middle: its process is gone"),
        }
    }

    /// What is wrong, for a plan.
    pub(super) fn problem(&self) -> Problem {
        Problem::new(
            self.told(),
            "`bg resume` goes on with it, `bg resume --revert` puts it back; `bg deploy` does \
             either before it deploys: --resume, --revert",
        )
    }

    /// What was planned.
    pub(super) fn plan(&self) -> &Plan {
        &self.deployment.plan
    }

    /// Whether somebody left it on purpose, or it waits for a person.
    pub(super) fn was_left(&self) -> bool {
        self.deployment.outcome().is_some()
    }

    /// Where it stands now that somebody may have helped himself.
    pub(super) fn stands(&self, traffic: &Traffic) -> Stands {
        let all_on = |slot| traffic.is_all_on(slot);
        let plan = &self.deployment.plan;
        if all_on(plan.green_slot()) && self.left_at() < Weight::FULL {
            Stands::MovedToGreen
        } else if self.was_left() && (all_on(plan.blue) || all_on(plan.green_slot())) {
            Stands::LeftOnOneSide
        } else {
            Stands::Open
        }
    }

    /// Green's share as its process may have left it: a revert need not have gone through.
    fn left_at(&self) -> Weight {
        let Deployment {
            phase,
            left,
            set,
            set_before,
            ..
        } = &self.deployment;
        match left.as_deref().unwrap_or(phase) {
            Phase::Reverting {
                traffic_back_at: None,
                ..
            } => *set_before,
            _ => *set,
        }
    }

    /// What somebody has put on green by hand since is not this deployment's any more.
    ///
    /// # Errors
    /// Where that is so, or the weights can't be read.
    pub(super) async fn refuse_to_move_it_back(&self, session: &Session) -> Result<(), CliError> {
        let traffic = Traffic::look(session).await?;
        if self.stands(&traffic) != Stands::MovedToGreen {
            return Ok(());
        }
        Err(CliError::refused(format!(
            "somebody has given green everything since deployment {} stopped: it is over",
            self.id()
        ))
        .hint("go back: `bg rollback`; or deploy the next version: `bg deploy`"))
    }

    /// What its records say.
    pub(super) fn view(&self) -> View {
        View::of(&self.records)
    }

    /// What its outcome leaves no room for any more.
    ///
    /// # Errors
    /// Where it has succeeded, or reverts already.
    pub(super) fn refuse_too_late(&self, steer: &Steer) -> Result<(), CliError> {
        let Deployment { phase, left, .. } = &self.deployment;
        match left.as_deref().unwrap_or(phase) {
            Phase::Promoted { .. } => Err(CliError::refused(format!(
                "deployment {} has succeeded: green serves everything",
                self.id()
            ))
            .hint("`bg rollback` goes back")),
            Phase::Reverting { .. } if *steer != Steer::Abort => Err(CliError::refused(format!(
                "deployment {} reverts already, and its process is gone",
                self.id()
            ))
            .hint("`bg resume` ends it")),
            _ => Ok(()),
        }
    }

    /// Drives it for a while without showing anything, telling those elsewhere and CI: to where it
    /// only has to wait.
    ///
    /// # Errors
    /// Where somebody else drives it; only before anything was changed.
    pub(super) async fn round(
        self,
        session: &Session,
        story: &Story,
        at_most: Timestamp,
    ) -> Result<Deployment, CliError> {
        let (store, service) = (&session.store, self.deployment.plan.service.clone());
        let unexpected = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let before = store.holder(&service).await.map_err(unexpected)?;
        let holder = store.lock(&service, &session.holder(self.id())).await;
        let holder = holder.map_err(|error| locked(&error))?;
        let unwatched_since = self.unwatched_since(before.as_ref());
        // What is in the journal already was told of, or wasn't, when it was written there.
        let mut notices = Notices::of(session).knowing(&self.records);
        for record in &self.records {
            story.on(record);
        }
        let run = Run {
            cloud: &session.cloud,
            store,
            clock: session.clock,
            holder: holder.clone(),
            body: None,
            asks: &mut Asks::default(),
            show: &mut |record| {
                story.on(record);
                notices.record(record);
            },
        };
        let by = format!("{}@{} (bg tick)", holder.owner, holder.host);
        let until = Until::Rest { at_most };
        let rested = run
            .resume(self.deployment, by, unwatched_since, until)
            .await;
        // A lock that can't be given back runs out by itself.
        let _ = store.unlock(&service, &holder).await;
        notices.finish().await;
        let rested = rested.map_err(|error| ended_badly(&error))?;
        traces::ended(session, &service, &rested.plan.id)
            .await
            .finish()
            .await;
        Ok(rested)
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
    /// Where it is another account's or region's; only before anything was changed.
    pub(super) async fn go_on(
        self,
        global: &Global,
        args: &RunArgs,
        session: &Session,
        taking: Taking,
        until: Until,
        mut asks: Asks,
    ) -> Result<Deployment, CliError> {
        session.refuse_elsewhere(self.plan()).await?;
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
        let display = RefCell::new(
            Display::new(global, &Surface::of_process()).telling(Notices::of(session)),
        );
        for record in &self.records {
            display.borrow_mut().know(record);
        }
        heed_signals(global, args, session, &asks)?;
        let job = Job::GoOn {
            until,
            unwatched_since: self.unwatched_since(before.as_ref()),
            by: format!("{}@{}", holder.owner, holder.host),
            deployment: Box::new(self.deployment),
        };
        ci::drives(args, &holder.deployment);
        let ended = drive(session, &service, &holder, job, &mut asks, &display).await?;
        wind_up(global, args, session, &ended, &mut asks, display).await;
        Ok(ended)
    }
}

/// Where an abandoned deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// Somebody has to go on with it or put it back.
    Open,
    /// It was left on purpose or waits for a person, and one side serves everything: nothing
    /// needs to be done for it.
    LeftOnOneSide,
    /// Somebody gave green everything by hand: going on with it would take that back.
    MovedToGreen,
}

/// How an abandoned deployment's lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// If its lease has run out.
    Free,
    /// In any case: its process was asked, and did not answer.
    FromADeadProcess,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::running::tests::planned;
    use crate::deployment::event::Event;
    use crate::deployment::ids::{SlotName, TaskDefinitionArn};
    use crate::deployment::trip::Trip;

    /// Its process died after it gave green `weight`, or after `then`.
    fn died(plan: &Plan, weight: Weight, then: Option<Event>) -> Abandoned {
        let (plan, id) = (Box::new(plan.clone()), plan.id.clone());
        let task_definition = TaskDefinitionArn::new("arn:task-definition/shop:8");
        let events = [
            Event::Started { plan },
            Event::TaskDefinitionReady { task_definition },
            Event::GreenReady,
            Event::Shifting { step: 0, weight },
        ];
        let events = events.into_iter().chain(then);
        let record = |(event, seq)| Record {
            v: Record::VERSION,
            seq,
            at: Timestamp::UNIX_EPOCH,
            deployment: id.clone(),
            event,
        };
        let records: Vec<Record> = events.zip(0..).map(record).collect();
        let deployment = Deployment::replay(&records).unwrap().unwrap();
        Abandoned {
            deployment,
            records,
        }
    }

    #[tokio::test]
    async fn all_traffic_on_green_is_somebody_s_hand_unless_a_revert_did_not_go_through() {
        let (session, plan) = planned().await;
        let traffic = Traffic::look(&session).await.unwrap();
        // Slot a has all traffic in the sandbox.
        let plan = Plan {
            blue: SlotName::B,
            ..plan
        };
        let stands = |weight, then| died(&plan, weight, then).stands(&traffic);
        let reverting = || {
            let by = "ada".to_owned();
            let trip = Trip::Aborted { by };
            Some(Event::Reverting { trip })
        };
        let ten = Weight::of_per_mille(100).unwrap();
        assert_eq!(stands(ten, None), Stands::MovedToGreen);
        assert_eq!(stands(ten, reverting()), Stands::MovedToGreen);
        assert_eq!(stands(Weight::FULL, None), Stands::Open);
        assert_eq!(stands(Weight::FULL, reverting()), Stands::Open);
    }
}
