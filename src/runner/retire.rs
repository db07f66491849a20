//! Retiring a slot: look, decide, act, until it is done or must not be done.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Asks, Clock, LEASE, Log};
use crate::aws::Cloud;
use crate::deployment::action::Action;
use crate::deployment::event::Event;
use crate::deployment::ids::{ClusterName, EcsServiceName, ServiceName};
use crate::deployment::retire::{RetireStep, Retirement, TAG, decide};
use crate::store::{Duty, Holder, Store};

/// Between an act and the look that confirms it.
const CONFIRM_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// What is due is done within so long; what keeps it longer is left to the next run.
const LEAVES_AFTER: SignedDuration = SignedDuration::from_secs(120);
/// How long the store may take for a record.
const WRITES: Duration = Duration::from_secs(10);
/// Before another try where somebody else has the lock.
const LOCKED_FOR: SignedDuration = SignedDuration::from_secs(15);

/// A duty to retire a slot, and what it takes.
#[derive(Debug)]
pub struct Retiring<'a> {
    /// AWS.
    pub cloud: &'a Cloud,
    /// Where the lock is. It is held for each act only, so that a new deployment, which takes
    /// the duty away, never has to wait.
    pub store: &'a Store,
    /// This process, as the lock's holder.
    pub holder: Holder,
    /// Time.
    pub clock: Clock,
    /// The logical service.
    pub service: ServiceName,
    /// Where it runs.
    pub cluster: ClusterName,
    /// The slot, and when it is due.
    pub retirement: Retirement,
    /// The journal of the deployment that left the duty, where it is at hand.
    pub log: Option<Log<'a>>,
}

/// How a retirement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retired {
    /// The slot is scaled to zero or deleted.
    Done,
    /// It stays, and why.
    Cancelled(String),
    /// Not yet: somebody else has to come back for it, not before then.
    Later(Timestamp),
}

/// Whether one round was the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// It was.
    Over(Retired),
    /// ECS took the act; the next look shows what came of it.
    Acted,
    /// It has to be looked at again.
    Again {
        /// When.
        until: Timestamp,
        /// What is waited for.
        why: String,
    },
}

impl Retiring<'_> {
    /// Goes round until it is over, or traffic has kept it waiting for as long as it may; a signal
    /// ends the waiting, too, and not the duty.
    pub async fn wait(&mut self, asks: &mut Asks) -> Retired {
        let mut waiting_for = String::new();
        let gives_up_at = self.retirement.gives_up_at();
        loop {
            let until = match self.round().await {
                Round::Over(retired) => return retired,
                Round::Again { until, why } => {
                    if why != waiting_for {
                        let why = why.clone();
                        self.tell(Event::RetireWaiting { until, why }).await;
                    }
                    waiting_for = why;
                    if self.clock.now().duration_since(gives_up_at) >= LEAVES_AFTER {
                        return Retired::Later(until);
                    }
                    until
                }
                Round::Acted => self.clock.now() + CONFIRM_AFTER,
            };
            tokio::select! {
                biased;
                _ = asks.next() => return Retired::Later(until),
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    /// Looks once, and does what is due.
    pub async fn round(&mut self) -> Round {
        match self.look_and_decide().await {
            RetireStep::Wait { until, why } => Round::Again { until, why },
            RetireStep::Cancel { why } => self.cancelled(why).await,
            RetireStep::Done | RetireStep::Act(_) | RetireStep::Revoke { .. } => {
                self.under_the_lock().await
            }
        }
    }

    async fn look_and_decide(&self) -> RetireStep {
        let Retiring {
            cloud,
            cluster,
            retirement,
            ..
        } = self;
        let look = cloud
            .look_at_retirement(cluster, retirement, self.clock.now())
            .await;
        decide(retirement, &look)
    }

    /// Takes the lock, looks again, and acts only on that look.
    async fn under_the_lock(&mut self) -> Round {
        let now = self.clock.now();
        let holder = Holder {
            since: now,
            lease_until: now + LEASE,
            duty: Duty::Retire,
            ..self.holder.clone()
        };
        let held = match self.store.lock(&self.service, &holder).await {
            Ok(held) => held,
            Err(error) => return self.again_after(LOCKED_FOR, error.to_string()),
        };
        let round = match self.look_and_decide().await {
            RetireStep::Wait { until, why } => Round::Again { until, why },
            RetireStep::Cancel { why } => self.cancelled(why).await,
            RetireStep::Revoke { why } => self.revoke(why).await,
            RetireStep::Act(action) => self.act(&action).await,
            RetireStep::Done => self.finish().await,
        };
        // A lock that can't be given back runs out by itself.
        let _ = self.store.unlock(&self.service, &held).await;
        round
    }

    async fn act(&mut self, action: &Action) -> Round {
        self.tell(Event::Retiring).await;
        let service = &self.retirement.service;
        let acted = self
            .cloud
            .act_on_service(&self.cluster, service, action)
            .await;
        acted.map_or_else(
            |error| self.again_after(CONFIRM_AFTER, error.to_string()),
            |()| Round::Acted,
        )
    }

    async fn finish(&mut self) -> Round {
        let service = &self.retirement.service;
        if let Err(error) = self.cloud.forget_retirement(&self.cluster, service).await {
            return self.again_after(
                CONFIRM_AFTER,
                format!("its tag can't be taken off: {error}"),
            );
        }
        self.tell(Event::Retired {
            then: self.retirement.due.then,
        })
        .await;
        Round::Over(Retired::Done)
    }

    /// Autoscaling first: while the tag stands, somebody comes back for what could not be put back.
    /// A tag that can't be taken off changes nothing about the slot's staying.
    async fn revoke(&mut self, why: String) -> Round {
        let plan = self.log.as_ref().map(|log| &log.deployment.plan);
        let (cloud, retirement) = (self.cloud, &self.retirement);
        let given = cloud.give_scaling_back(&self.cluster, retirement, plan);
        let why = match given.await {
            Ok(services) if services.is_empty() => why,
            Ok(services) => {
                let names: Vec<&str> = services.iter().map(EcsServiceName::as_str).collect();
                format!(
                    "{why}; the autoscaling of {} is put back",
                    names.join(" and ")
                )
            }
            Err(error) if error.class.may_pass() => {
                let why = format!("{why}, and its autoscaling can't be put back yet: {error}");
                return self.again_after(CONFIRM_AFTER, why);
            }
            Err(error) => format!("{why}; its autoscaling can't be put back: {error}"),
        };
        let service = &self.retirement.service;
        let untagged = self.cloud.forget_retirement(&self.cluster, service).await;
        let why = match untagged {
            Ok(()) => why,
            Err(error) => format!("{why}; its tag {TAG} can't be taken off: {error}"),
        };
        self.cancelled(why).await
    }

    async fn cancelled(&mut self, why: String) -> Round {
        self.tell(Event::RetireCancelled { why: why.clone() }).await;
        Round::Over(Retired::Cancelled(why))
    }

    /// Writes down what happens after the end. Its deployment has no lock any more, and a store
    /// that doesn't take it is no reason to leave blue running.
    async fn tell(&mut self, event: Event) {
        if let Some(log) = &mut self.log {
            let _ = log.record(None, self.clock.now(), event, WRITES).await;
        }
    }

    fn again_after(&self, wait: SignedDuration, why: String) -> Round {
        Round::Again {
            until: self.clock.now() + wait,
            why,
        }
    }
}
