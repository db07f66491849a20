//! One deployment, from wherever it stands to its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use thiserror::Error;

use super::{Asks, Clock};
use crate::aws::{AwsError, Cloud, Done};
use crate::deployment::action::{ActName, Action, WeightWrite};
use crate::deployment::decide::{Decision, decide};
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::DeploymentId;
use crate::deployment::observation::{Ask, Observation};
use crate::deployment::plan::Plan;
use crate::deployment::state::{Deployment, IllegalRecord, Phase};
use crate::store::{Holder, Store, StoreError};

/// How long a lock is held without being renewed.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How often it is renewed.
const RENEW_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// How long the store may refuse to renew it before that is a reason to revert: while this
/// process still is the holder.
const UNRENEWED_AT_MOST: SignedDuration = SignedDuration::from_secs(30);
/// How long one act may take; what became of it is seen at the next look.
const ACTS_AT_MOST: Duration = Duration::from_secs(30);
/// The same for putting traffic back: it is written down, shown and tried anew this often at
/// least, because a CI runner kills 7.5 s after its signal.
const REVERTS_AT_MOST: Duration = Duration::from_secs(2);
/// For each part of an ordinary look: a few tries of five seconds each.
const LOOKS: Duration = Duration::from_secs(30);
/// How long a look may hold up the next try to put traffic back.
const LOOKS_IN_A_REVERT: Duration = Duration::from_secs(2);

/// Everything that one run needs.
pub struct Run<'a> {
    /// AWS.
    pub cloud: &'a Cloud,
    /// Journal and lock.
    pub store: &'a Store,
    /// Time.
    pub clock: Clock,
    /// The lock that this process holds.
    pub holder: Holder,
    /// The task definition to register; it never reaches the journal.
    pub body: Option<Value>,
    /// Signals and requests.
    pub asks: &'a mut Asks,
    /// Is shown each record as it is written.
    pub show: &'a mut dyn FnMut(&Record),
}

/// Why a run can't go on at all.
#[derive(Debug, Error)]
pub enum RunError {
    /// The journal could not be begun: nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal holds what this program would never write.
    #[error(transparent)]
    Illegal(#[from] IllegalRecord),
}

impl Run<'_> {
    /// Begins a deployment and drives it to its end.
    ///
    /// # Errors
    /// Only before anything was changed.
    pub async fn begin(self, plan: Plan) -> Result<Deployment, RunError> {
        let record = Record {
            v: Record::VERSION,
            seq: 0,
            at: self.clock.now(),
            deployment: plan.id.clone(),
            event: Event::Started {
                plan: Box::new(plan),
            },
        };
        self.store.append(&service_of(&record), &record)?;
        (self.show)(&record);
        let deployment = Deployment::apply(None, &record)?;
        self.drive(deployment).await
    }

    /// Drives a deployment from where it stands to its end.
    ///
    /// # Errors
    /// When its journal is damaged.
    pub async fn drive(self, deployment: Deployment) -> Result<Deployment, RunError> {
        let renewed_at = self.holder.lease_until - LEASE;
        Loop {
            run: self,
            deployment,
            last: None,
            renewed_at,
            journal_fails: false,
            lock_fails: false,
            lock_lost_to: None,
        }
        .go()
        .await
    }
}

fn service_of(record: &Record) -> crate::deployment::ids::ServiceName {
    match &record.event {
        Event::Started { plan } => plan.service.clone(),
        _ => crate::deployment::ids::ServiceName::new("unknown"),
    }
}

struct Loop<'a> {
    run: Run<'a>,
    deployment: Deployment,
    last: Option<Observation>,
    renewed_at: Timestamp,
    journal_fails: bool,
    lock_fails: bool,
    /// Who took the lock: from then on the journal is theirs.
    lock_lost_to: Option<String>,
}

impl Loop<'_> {
    async fn go(mut self) -> Result<Deployment, RunError> {
        while self.deployment.outcome().is_none() {
            let observation = self.observe().await;
            let decision = decide(&self.deployment, &observation);
            self.last = Some(observation);
            let wake_at = decision.wake_at;
            self.carry_out(decision).await?;
            if self.deployment.outcome().is_none() {
                self.wait_until(wake_at).await;
            }
        }
        Ok(self.deployment)
    }

    /// Looks, unless something is asked meanwhile: then the last look has to do, because a
    /// revert must not wait for an answer that may never come.
    async fn observe(&mut self) -> Observation {
        self.keep_lock();
        self.fetch_abort();
        let mut asks = self.run.asks.drain();
        let mut observation = match self.last.clone() {
            // Another process may have moved everything since the last look.
            None => self.look_afresh().await,
            Some(_) if self.lock_lost_to.is_some() => self.look_afresh().await,
            Some(last) if !asks.is_empty() => self.again(last),
            Some(last) => {
                let (cloud, clock) = (self.run.cloud, self.run.clock);
                let (plan, within) = (&self.deployment.plan, look_within(&self.deployment));
                let look = cloud.observe(plan, within, || clock.now());
                let seen = tokio::select! {
                    biased;
                    ask = self.run.asks.next() => {
                        asks.push(ask);
                        None
                    }
                    seen = look => Some(seen),
                };
                seen.unwrap_or_else(|| self.again(last))
            }
        };
        asks.extend(self.run.asks.drain());
        observation.asks = asks;
        observation.lock_lost_to.clone_from(&self.lock_lost_to);
        observation
    }

    async fn look_afresh(&self) -> Observation {
        let (cloud, clock) = (self.run.cloud, self.run.clock);
        let (plan, within) = (&self.deployment.plan, look_within(&self.deployment));
        cloud.observe(plan, within, || clock.now()).await
    }

    /// What was last seen, now.
    fn again(&self, last: Observation) -> Observation {
        Observation {
            now: self.run.clock.now(),
            ..last
        }
    }

    async fn wait_until(&mut self, at: Timestamp) {
        tokio::select! {
            biased;
            ask = self.run.asks.next() => { let _ = self.run.asks.sender().send(ask); }
            () = self.run.clock.sleep_until(at) => {}
        }
    }

    /// Records, then acts; only a write of all weights to blue goes ahead of its record.
    async fn carry_out(&mut self, decision: Decision) -> Result<(), RunError> {
        let (urgent, others): (Vec<Action>, Vec<Action>) = decision
            .actions
            .into_iter()
            .partition(|action| *action == Action::WriteWeights(WeightWrite::AllBlue));
        let mut facts = Vec::new();
        for action in urgent {
            facts.extend(self.perform(&action).await);
        }
        for event in decision.events {
            self.record(event)?;
        }
        for event in facts {
            self.record(event)?;
        }
        for action in others {
            if self.deployment.outcome().is_some() {
                break;
            }
            let Some(fact) = self.perform(&action).await else {
                continue;
            };
            let failed = matches!(fact, Event::ActFailed { .. });
            self.record(fact)?;
            if failed && action.name() == ActName::Tag {
                // What comes after a tag would end the deployment as if the tag were there.
                break;
            }
        }
        Ok(())
    }

    /// Performs one act and says what came of it; an ask cuts it short, because what it did will
    /// be seen at the next look.
    async fn perform(&mut self, action: &Action) -> Option<Event> {
        let Loop {
            run, deployment, ..
        } = self;
        let act = run
            .cloud
            .perform(&deployment.plan, action, run.body.as_ref());
        let urgent = action.name() == ActName::Revert;
        let at_most = if urgent {
            REVERTS_AT_MOST
        } else {
            ACTS_AT_MOST
        };
        let act = tokio::time::timeout(at_most, act);
        let done = tokio::select! {
            biased;
            ask = run.asks.next(), if !urgent => {
                let _ = run.asks.sender().send(ask);
                return None;
            }
            done = act => done,
        };
        match done {
            Ok(Ok(done)) => fact_of(action, done),
            Ok(Err(error)) => Some(failed(action, &error)),
            Err(_) => Some(failed(action, &AwsError::timed_out("the whole act"))),
        }
    }

    /// Appends to the journal and to the state. A journal that can't be written any more is a
    /// reason to revert while this process still can, not to stop in the middle.
    fn record(&mut self, event: Event) -> Result<(), RunError> {
        let record = Record {
            v: Record::VERSION,
            seq: self.deployment.next_seq,
            at: self.run.clock.now(),
            deployment: self.deployment.plan.id.clone(),
            event,
        };
        let next = Deployment::apply(Some(self.deployment.clone()), &record)?;
        if self.lock_lost_to.is_none()
            && let Err(error) = self
                .run
                .store
                .append(&self.deployment.plan.service, &record)
        {
            self.give_up_on_the_journal(&error);
        }
        self.deployment = next;
        (self.run.show)(&record);
        Ok(())
    }

    fn give_up_on_the_journal(&mut self, error: &StoreError) {
        if !self.journal_fails {
            self.journal_fails = true;
            self.ask_to_abort(format!("bg itself: the journal can't be written ({error})"));
        }
    }

    fn keep_lock(&mut self) {
        let now = self.run.clock.now();
        if self.lock_lost_to.is_some() || now < self.renewed_at + RENEW_EVERY {
            return;
        }
        let renewed = Holder {
            lease_until: now + LEASE,
            ..self.run.holder.clone()
        };
        match self.run.store.lock(&self.deployment.plan.service, &renewed) {
            Ok(holder) => {
                self.run.holder = holder;
                self.renewed_at = now;
            }
            Err(StoreError::LockLost) => self.lock_lost_to = Some(self.who_has_the_lock()),
            Err(error) if now >= self.renewed_at + UNRENEWED_AT_MOST => {
                self.give_up_on_the_lock(&error);
            }
            Err(_) => {}
        }
    }

    fn who_has_the_lock(&self) -> String {
        let holder = self.run.store.holder(&self.deployment.plan.service);
        holder.ok().flatten().map_or_else(
            || "another process".to_owned(),
            |holder| {
                format!(
                    "{}@{} (pid {}, deployment {})",
                    holder.owner, holder.host, holder.pid, holder.deployment
                )
            },
        )
    }

    /// Asked once: an ask goes before a look, and one in each round would blind the revert.
    fn give_up_on_the_lock(&mut self, error: &StoreError) {
        if !self.lock_fails {
            self.lock_fails = true;
            self.ask_to_abort(format!("bg itself: the lock can't be kept ({error})"));
        }
    }

    /// What is asked of the lock's next holder is not for this process.
    fn fetch_abort(&mut self) {
        if self.lock_lost_to.is_none()
            && let Ok(Some(by)) = self.run.store.take_abort(&self.deployment.plan.service)
        {
            self.ask_to_abort(by);
        }
    }

    fn ask_to_abort(&self, by: String) {
        let _ = self.run.asks.sender().send(Ask::Abort { by });
    }
}

/// How long each part of a look may take: while traffic is being put back, one that is late must
/// not keep the others from being seen.
fn look_within(deployment: &Deployment) -> Duration {
    match deployment.phase {
        Phase::Reverting {
            traffic_back_at: None,
            ..
        } => LOOKS_IN_A_REVERT,
        _ => LOOKS,
    }
}

fn fact_of(action: &Action, done: Done) -> Option<Event> {
    match (action, done) {
        (Action::RegisterTaskDefinition, Done::TaskDefinition(task_definition)) => {
            Some(Event::TaskDefinitionReady { task_definition })
        }
        (Action::ProvisionGreen { .. }, _) => Some(Event::GreenProvisioned),
        (Action::RestoreSettings, _) => Some(Event::SettingsRestored),
        _ => None,
    }
}

fn failed(action: &Action, error: &AwsError) -> Event {
    Event::ActFailed {
        act: action.name(),
        class: error.class.into(),
        message: error.to_string(),
    }
}

/// A deployment's id: when it began, and four random characters. Sorts by time.
pub fn new_id(now: Timestamp) -> DeploymentId {
    let stamp = now.strftime("%Y%m%d-%H%M%S");
    let tail: String = (0..4).map(|_| fastrand::char('a'..='z')).collect();
    DeploymentId::new(format!("{stamp}-{tail}"))
}
