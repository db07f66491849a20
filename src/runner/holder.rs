//! Being the lock's holder: its lease, what is asked of it through the store, and losing it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::deploy::{LEASE, Loop};
use super::log::in_time;
use super::patience::STORE_IN_A_REVERT;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::observation::{Ask, LostTo};
use crate::deployment::state::Phase;
use crate::deployment::trip::ITSELF;
use crate::store::{Duty, Holder, Request, Steer, Store, StoreError};

/// How often the lease is renewed.
const RENEW_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// How long the store may refuse to renew it before that is a reason to revert: while this
/// process still is the holder.
const UNRENEWED_AT_MOST: SignedDuration = SignedDuration::from_secs(30);
/// How often the store is asked what people want, however far apart looks are.
const HEAR_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// A look that comes so soon hears the store as well.
const A_LOOK_IS_NEAR: SignedDuration = SignedDuration::from_secs(2);

/// What is asked of the store beside a look.
pub(super) struct StoreRound {
    service: ServiceName,
    deployment: DeploymentId,
    renewal: Option<Holder>,
    within: Duration,
    /// Whether anything can still be asked for.
    hears: bool,
}

/// What the store said.
pub(super) struct Heard {
    renewed: Option<Result<Holder, StoreError>>,
    requests: Vec<Request>,
    /// Whether it answered in time, and after how long.
    in_time: bool,
    took: Duration,
}

impl StoreRound {
    pub(super) async fn go(self, store: &Store) -> Heard {
        let start = Instant::now();
        let renewed = match &self.renewal {
            Some(holder) => Some(in_time(self.within, store.lock(&self.service, holder)).await),
            None => None,
        };
        let requests = match self.hears {
            true => {
                let requests = store.requests(&self.service, &self.deployment);
                in_time(self.within, requests).await
            }
            false => Ok(Vec::new()),
        };
        let late = |error: &StoreError| matches!(error, StoreError::TimedOut);
        let renewal_is_late = matches!(&renewed, Some(Err(error)) if late(error));
        Heard {
            renewed,
            in_time: !renewal_is_late && !matches!(&requests, Err(error) if late(error)),
            took: start.elapsed(),
            // One that was missed is there at the next look.
            requests: requests.unwrap_or_default(),
        }
    }
}

impl Loop<'_> {
    /// What is to be asked of the store beside a look.
    pub(super) fn store_round(&mut self) -> StoreRound {
        let now = self.means.clock.now();
        self.heard_at = now;
        let plan = &self.log.deployment.plan;
        StoreRound {
            service: plan.service.clone(),
            deployment: plan.id.clone(),
            renewal: (now >= self.renewed_at + RENEW_EVERY).then(|| self.renewal(now)),
            within: self.patience.within(&self.log.deployment, None),
            hears: !matches!(self.log.deployment.phase, Phase::Reverting { .. }),
        }
    }

    /// When the store is to be asked before a look at `at`, if that is too far away.
    pub(super) fn hears_before(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.heard_at.checked_add(HEAR_EVERY).ok()?;
        let is_near = next
            .checked_add(A_LOOK_IS_NEAR)
            .is_ok_and(|near| near >= at);
        (self.lock_lost_to.is_none() && !is_near).then_some(next)
    }

    /// Heeds what the store said.
    pub(super) async fn heed(&mut self, heard: Heard) {
        self.patience.spend(heard.took, heard.in_time);
        if let Some(renewed) = heard.renewed {
            self.heed_renewal(renewed).await;
        }
        self.heed_requests(heard.requests);
    }

    fn renewal(&self, now: Timestamp) -> Holder {
        Holder {
            lease_until: now + LEASE,
            ..self.means.holder.clone()
        }
    }

    /// Renews the lease now, because without it nothing may be done.
    pub(super) async fn renew_lock(&mut self) {
        let renewal = self.renewal(self.means.clock.now());
        let service = &self.log.deployment.plan.service;
        let within = self.patience.within(&self.log.deployment, None);
        let call = self.means.store.lock(service, &renewal);
        let renewed = self.patience.wait(within, call).await;
        self.heed_renewal(renewed).await;
    }

    async fn heed_renewal(&mut self, renewed: Result<Holder, StoreError>) {
        let now = self.means.clock.now();
        match renewed {
            Ok(holder) => {
                self.renewed_at = holder.lease_until - LEASE;
                self.means.holder = holder;
            }
            Err(StoreError::LockLost) => self.lose_lock().await,
            Err(error) if self.waits_for_credentials(&error) => {}
            Err(error) if now >= self.renewed_at + UNRENEWED_AT_MOST => {
                self.give_up_on_the_lock(&error);
            }
            Err(_) => {}
        }
    }

    /// Turns each request into an ask once, however often the store shows it.
    fn heed_requests(&mut self, requests: Vec<Request>) {
        for request in requests {
            if self.heard.contains(&request) {
                continue;
            }
            let by = request.by.clone();
            self.ask(match request.steer.clone() {
                Steer::Approve => Ask::Approve { by },
                Steer::Reject { why } => Ask::Reject { by, why },
                Steer::Abort => Ask::Abort { by },
                Steer::Pause => Ask::Pause { by },
                Steer::Promote { full } => Ask::GoOn { by, full },
            });
            self.heard.push(request);
        }
    }

    /// Takes the requests out of the store whose answer is in the journal: what a process heard
    /// and didn't live to write down is heard again by the next one.
    pub(super) async fn remove_answered(&mut self) {
        if self.lock_lost_to.is_some() || !self.log.is_kept() {
            return;
        }
        let mut still_there = Vec::new();
        for request in std::mem::take(&mut self.heard) {
            if !self.remove_if_answered(&request).await {
                still_there.push(request);
            }
        }
        self.heard = still_there;
    }

    async fn remove_if_answered(&self, request: &Request) -> bool {
        let deployment = &self.log.deployment;
        if deployment.left.is_some() && request.steer == Steer::Abort {
            // It came beside what left everything as it is: whoever goes on heeds it.
            return false;
        }
        let service = &deployment.plan.service;
        let removal = self.means.store.remove_request(service, request);
        let within = self.patience.within(deployment, None);
        in_time(within, removal).await.is_ok()
    }

    /// From now on journal, requests and services are another process's.
    pub(super) async fn lose_lock(&mut self) {
        let service = &self.log.deployment.plan.service;
        let holder = in_time(STORE_IN_A_REVERT, self.means.store.holder(service)).await;
        let holder = holder.ok().flatten();
        let took_traffic = self.traffic_is_another_s(holder.as_ref()).await;
        let who = holder.map_or_else(
            || "another process".to_owned(),
            |holder| {
                format!(
                    "{}@{} (pid {}, deployment {})",
                    holder.owner, holder.host, holder.pid, holder.deployment
                )
            },
        );
        self.lock_lost_to = Some(LostTo { who, took_traffic });
    }

    /// Whether somebody has gone on with this deployment, or begun another one; so, too, where
    /// the store doesn't say.
    async fn traffic_is_another_s(&self, holder: Option<&Holder>) -> bool {
        let (store, deployment) = (self.means.store, &self.log.deployment);
        let (service, own) = (&deployment.plan.service, &deployment.plan.id);
        let journal = in_time(STORE_IN_A_REVERT, store.journal(service, own)).await;
        if journal.map_or(true, |journal| self.log.was_gone_on_with(&journal)) {
            return true;
        }
        let deploys = |other: &&Holder| other.deployment != *own && other.duty == Duty::Deploy;
        let Some(other) = holder.filter(deploys) else {
            return false;
        };
        let begun = in_time(STORE_IN_A_REVERT, store.journal(service, &other.deployment)).await;
        begun.map_or(true, |journal| !journal.is_empty())
    }

    /// Asked once: an ask goes before a look, and one in each round would blind the revert.
    fn give_up_on_the_lock(&mut self, error: &StoreError) {
        if !self.lock_fails {
            self.lock_fails = true;
            self.ask_to_abort(format!("{ITSELF}the lock can't be kept ({error})"));
        }
    }
}
