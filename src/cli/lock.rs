//! Who holds a service's lock, and waiting for it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::{CliError, ErrorKind, locked};
use super::session::Session;
use crate::report::status::{DeploymentStatus, how_far};
use crate::report::view::View;
use crate::report::words;
use crate::store::{Duty, Holder, StoreError};

/// How often to see whether a lock is free.
const LOOK_AT_LOCK_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// How long a lock that is held to retire a slot is waited for: it is one look and one act.
const RETIRES_AT_MOST: SignedDuration = SignedDuration::from_secs(10);
/// Between two looks at such a lock.
const ASK_EVERY: SignedDuration = SignedDuration::from_millis(250);

/// The lock's fence before a plan was made; none where nobody had ever taken it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fence(Option<u64>);

impl Fence {
    /// Whether `holder` was the first to take the lock since; `before` is who had it right before.
    pub(super) fn is_just_before(self, holder: &Holder, before: Option<&Holder>) -> bool {
        match self.0 {
            Some(fence) => holder.fence == fence + 1,
            None => before.is_none() && holder.fence == holder.first_fence(),
        }
    }
}

impl Session {
    /// Who holds the lock, if its lease has not run out.
    pub(super) async fn present_holder(&self) -> Result<Option<Holder>, CliError> {
        let holder = self.store.holder(&self.service()).await;
        let holder = holder.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        Ok(holder.filter(|holder| holder.lease_until > self.clock.now()))
    }

    /// The lock's fence while nobody holds it: a plan is good as long as it doesn't grow. Who
    /// only retires a slot is waited for.
    ///
    /// # Errors
    /// When somebody else deploys this service.
    pub(super) async fn fence(&self) -> Result<Fence, CliError> {
        let give_up_at = self.clock.now() + RETIRES_AT_MOST;
        let mut said = false;
        while let Some(holder) = self.present_holder().await? {
            if holder.duty != Duty::Retire || self.clock.now() >= give_up_at {
                return Err(self.held_by(holder).await);
            }
            if !said {
                note!("{holder}: waiting for that");
                said = true;
            }
            self.clock.sleep_until(self.clock.now() + ASK_EVERY).await;
        }
        let last = self.store.holder(&self.service()).await;
        let last = last.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        Ok(Fence(last.map(|holder| holder.fence)))
    }

    /// The process that drives a deployment now, if one does; one that only retires a slot is
    /// nobody to ask.
    pub(super) async fn running_holder(&self) -> Result<Option<Holder>, CliError> {
        let holder = self.present_holder().await?;
        Ok(holder.filter(|holder| holder.duty == Duty::Deploy))
    }

    /// When a wait of `at_most` is over: now, where nobody wants to wait.
    pub(super) fn wait_ends(&self, at_most: Option<Duration>) -> Timestamp {
        let at_most = SignedDuration::try_from(at_most.unwrap_or_default());
        let until = at_most.map(|at_most| self.clock.now().checked_add(at_most));
        until.into_iter().flatten().next().unwrap_or(Timestamp::MAX)
    }

    /// Waits until nobody deploys this service, but no longer than `until`.
    ///
    /// # Errors
    /// When somebody still does.
    pub(super) async fn wait_for_lock(&self, until: Timestamp) -> Result<(), CliError> {
        let mut said = false;
        while let Some(holder) = self.running_holder().await? {
            if self.clock.now() >= until {
                return Err(self.held_by(holder).await);
            }
            if !said {
                note!(
                    "{}; waiting for its end",
                    StoreError::Locked(Box::new(holder))
                );
                said = true;
            }
            let again = self.clock.now() + LOOK_AT_LOCK_EVERY;
            self.clock.sleep_until(again.min(until)).await;
        }
        Ok(())
    }

    /// Whether it is a process of this CI job: whoever ends the job ends that as well.
    pub(super) fn is_of_this_job(&self, holder: &Holder) -> bool {
        let own = self.holder(&holder.deployment);
        own.run_url.is_some() && (&own.run_url, &own.host) == (&holder.run_url, &holder.host)
    }

    /// Waits until the lease of a process that doesn't renew it is over: nobody is left to ask.
    ///
    /// # Errors
    /// When it is renewed, or somebody else takes it: a process drives that deployment.
    pub(super) async fn outlive_holder(&self) -> Result<(), CliError> {
        let Some(first) = self.unless_silent(self.running_holder()).await? else {
            return Ok(());
        };
        let left = words::between(self.clock.now(), first.lease_until);
        note!(
            "{first}; if its process is gone, the lease ends in {}: waiting for that",
            words::length(left)
        );
        while let Some(holder) = self.running_holder().await? {
            if (holder.fence, holder.lease_until) != (first.fence, first.lease_until) {
                return Err(self.held_by(holder).await);
            }
            let again = self.clock.now() + LOOK_AT_LOCK_EVERY;
            let again = again.min(first.lease_until);
            self.clock.sleep_until(again).await;
        }
        Ok(())
    }

    /// Somebody else holds the lock: who, and how far that deployment is.
    pub(super) async fn held_by(&self, holder: Holder) -> CliError {
        let journal = self
            .store
            .journal(&self.service(), &holder.deployment)
            .await;
        let view = View::of(&journal.unwrap_or_default());
        let now = self.clock.now();
        let held_for = words::length(words::between(holder.since, now));
        let free_in = words::length(words::between(now, holder.lease_until));
        let error = locked(&StoreError::Locked(Box::new(holder)));
        error.hint(match DeploymentStatus::of(&view) {
            Some(status) if status.outcome.is_some() => format!(
                "that deployment has ended, and the lock is free in {free_in} at the latest"
            ),
            Some(status) => {
                format!("it has it for {held_for}, and is {}", how_far(&status, now))
            }
            None => format!("it has it for {held_for}"),
        })
    }
}
