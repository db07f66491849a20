//! One deployment, from wherever it stands to its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use thiserror::Error;

use super::log::{Log, in_time};
use super::{Asks, Clock};
use crate::aws::{AwsError, Cloud, Done};
use crate::deployment::action::{ActName, Action, WeightWrite};
use crate::deployment::decide::{Decision, decide};
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::observation::{Ask, Observation};
use crate::deployment::plan::Plan;
use crate::deployment::state::{Deployment, IllegalRecord, Phase};
use crate::store::{Holder, Request, Steer, Store, StoreError};

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

/// How long the store may take for one call.
const STORE: Duration = Duration::from_secs(10);
/// The same while traffic is being put back.
const STORE_IN_A_REVERT: Duration = Duration::from_secs(1);

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
        let (means, show) = self.split();
        let log = Log::begin(means.store, &means.holder, &record, show).await?;
        Box::pin(Loop::new(means, log).go(Until::End)).await
    }

    /// Goes on with a deployment that another process had begun, and drives it to its end or to
    /// where `until` says.
    ///
    /// # Errors
    /// Only before anything was changed.
    pub async fn resume(
        self,
        deployment: Deployment,
        by: String,
        unwatched_since: Timestamp,
        until: Until,
    ) -> Result<Deployment, RunError> {
        let (means, show) = self.split();
        let mut log = Log::of(means.store, deployment, show);
        let resumed = Event::Resumed {
            by,
            unwatched_since,
        };
        let at = means.clock.now();
        log.record(Some(&means.holder), at, resumed, STORE)
            .await??;
        Box::pin(Loop::new(means, log).go(until)).await
    }
}

impl<'a> Run<'a> {
    fn split(self) -> (Means<'a>, &'a mut dyn FnMut(&Record)) {
        let means = Means {
            cloud: self.cloud,
            store: self.store,
            clock: self.clock,
            holder: self.holder,
            body: self.body,
            asks: self.asks,
        };
        (means, self.show)
    }
}

/// How far a run drives a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To its end.
    End,
    /// To where there is nothing to do but to wait, such as a bake; the next round comes back.
    Rest {
        /// A moment after which it is left wherever it is.
        at_most: Timestamp,
    },
}

/// Whether a deployment may be left alone for a minute: not while weights are being moved.
fn may_rest(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Registering | Phase::Provisioning { .. } | Phase::Ready | Phase::Baking { .. }
    )
}

/// What a loop works with.
struct Means<'a> {
    cloud: &'a Cloud,
    store: &'a Store,
    clock: Clock,
    holder: Holder,
    body: Option<Value>,
    asks: &'a mut Asks,
}

struct Loop<'a> {
    means: Means<'a>,
    log: Log<'a>,
    last: Option<Observation>,
    renewed_at: Timestamp,
    journal_fails: bool,
    lock_fails: bool,
    /// Who took the lock: from then on the journal is theirs.
    lock_lost_to: Option<String>,
}

impl<'a> Loop<'a> {
    fn new(means: Means<'a>, log: Log<'a>) -> Loop<'a> {
        let renewed_at = means.holder.lease_until - LEASE;
        Loop {
            means,
            log,
            last: None,
            renewed_at,
            journal_fails: false,
            lock_fails: false,
            lock_lost_to: None,
        }
    }

    async fn go(mut self, until: Until) -> Result<Deployment, RunError> {
        while self.log.deployment.outcome().is_none() {
            let observation = self.observe().await;
            let decision = decide(&self.log.deployment, &observation);
            self.last = Some(observation);
            let wake_at = decision.wake_at;
            let idle = decision.actions.is_empty() && wake_at > self.means.clock.now();
            self.carry_out(decision).await?;
            if let Until::Rest { at_most } = until {
                let rests = idle && may_rest(&self.log.deployment.phase);
                if rests || self.means.clock.now() >= at_most {
                    break;
                }
            }
            if self.log.deployment.outcome().is_none() {
                self.wait_until(wake_at).await;
            }
        }
        Ok(self.log.deployment)
    }

    /// Looks, and hears from the store meanwhile.
    async fn observe(&mut self) -> Observation {
        let mut asks = self.means.asks.drain();
        let mut observation = match self.last.clone() {
            // Another process may have moved everything since the last look.
            Some(_) if self.lock_lost_to.is_some() => self.look_afresh().await,
            Some(last) if !asks.is_empty() => again(last, self.means.clock),
            last => self.look(last, &mut asks).await,
        };
        asks.extend(self.means.asks.drain());
        observation.asks = asks;
        observation.lock_lost_to.clone_from(&self.lock_lost_to);
        observation
    }

    async fn look_afresh(&self) -> Observation {
        see(self.means.cloud, self.means.clock, &self.log.deployment).await
    }

    /// Looks, unless something is asked meanwhile: then the last look has to do, because a
    /// revert must not wait for an answer that may never come. The store is asked beside it.
    async fn look(&mut self, last: Option<Observation>, asks: &mut Vec<Ask>) -> Observation {
        let round = self.store_round();
        let Means {
            cloud,
            store,
            clock,
            asks: asked,
            ..
        } = &mut self.means;
        let (cloud, store, clock) = (*cloud, *store, *clock);
        let look = Box::pin(see(cloud, clock, &self.log.deployment));
        let both = async { tokio::join!(look, round.go(store)) };
        let (seen, heard) = match last {
            None => both.await,
            Some(last) => tokio::select! {
                biased;
                ask = asked.next() => {
                    asks.push(ask);
                    return again(last, clock);
                }
                both = both => both,
            },
        };
        if let Some(renewed) = heard.renewed {
            self.heed_renewal(renewed).await;
        }
        self.heed_requests(heard.requests);
        seen
    }

    async fn wait_until(&mut self, at: Timestamp) {
        tokio::select! {
            biased;
            ask = self.means.asks.next() => { let _ = self.means.asks.sender().send(ask); }
            () = self.means.clock.sleep_until(at) => {}
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
        let mut on_record = true;
        for event in decision.events.into_iter().chain(facts) {
            on_record &= self.record(event).await?;
        }
        for action in others {
            if self.log.deployment.outcome().is_some() || !self.may_act(on_record).await {
                break;
            }
            let Some(fact) = self.perform(&action).await else {
                continue;
            };
            let failed = matches!(fact, Event::ActFailed { .. });
            self.record(fact).await?;
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
        let Loop { means, log, .. } = self;
        let act = means
            .cloud
            .perform(&log.deployment.plan, action, means.body.as_ref());
        let urgent = action.name() == ActName::Revert;
        let at_most = if urgent {
            REVERTS_AT_MOST
        } else {
            ACTS_AT_MOST
        };
        let act = tokio::time::timeout(at_most, act);
        let done = tokio::select! {
            biased;
            ask = means.asks.next(), if !urgent => {
                let _ = means.asks.sender().send(ask);
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
    /// reason to revert while this process still can, not to stop in the middle. True when it is
    /// in the journal.
    async fn record(&mut self, event: Event) -> Result<bool, RunError> {
        let now = self.means.clock.now();
        if now >= self.means.holder.lease_until {
            self.renew_lock().await;
        }
        if self.lock_lost_to.is_some() {
            self.log.tell(now, event)?;
            return Ok(false);
        }
        let holder = self.means.holder.clone();
        let within = store_within(&self.log.deployment);
        let kept = self.log.record(Some(&holder), now, event, within).await?;
        match &kept {
            Ok(()) => {}
            Err(StoreError::LockLost) => self.lose_lock().await,
            Err(error) => self.give_up_on_the_journal(error),
        }
        Ok(kept.is_ok())
    }

    /// Whether this process still is the one to act, right before it does: its lease runs, and
    /// what it is about to do is on record. A revert doesn't need the record.
    async fn may_act(&mut self, on_record: bool) -> bool {
        if self.means.clock.now() >= self.means.holder.lease_until {
            self.renew_lock().await;
        }
        let reverting = matches!(self.log.deployment.phase, Phase::Reverting { .. });
        let leased = self.means.clock.now() < self.means.holder.lease_until;
        leased && self.lock_lost_to.is_none() && (on_record || reverting)
    }

    fn give_up_on_the_journal(&mut self, error: &StoreError) {
        if !self.journal_fails {
            self.journal_fails = true;
            self.ask_to_abort(format!("bg itself: the journal can't be written ({error})"));
        }
    }

    /// What is to be asked of the store beside a look.
    fn store_round(&self) -> StoreRound {
        let now = self.means.clock.now();
        let plan = &self.log.deployment.plan;
        StoreRound {
            service: plan.service.clone(),
            deployment: plan.id.clone(),
            renewal: (now >= self.renewed_at + RENEW_EVERY).then(|| self.renewal(now)),
            within: store_within(&self.log.deployment),
        }
    }

    fn renewal(&self, now: Timestamp) -> Holder {
        Holder {
            lease_until: now + LEASE,
            ..self.means.holder.clone()
        }
    }

    /// Renews the lease now, because without it nothing may be done.
    async fn renew_lock(&mut self) {
        let renewal = self.renewal(self.means.clock.now());
        let service = &self.log.deployment.plan.service;
        let within = store_within(&self.log.deployment);
        let renewed = in_time(within, self.means.store.lock(service, &renewal)).await;
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
            Err(error) if now >= self.renewed_at + UNRENEWED_AT_MOST => {
                self.give_up_on_the_lock(&error);
            }
            Err(_) => {}
        }
    }

    fn heed_requests(&self, requests: Vec<Request>) {
        for Request { by, steer, .. } in requests {
            self.ask(match steer {
                Steer::Abort => Ask::Abort { by },
                Steer::Pause => Ask::Pause { by },
                Steer::Promote { full } => Ask::GoOn { by, full },
            });
        }
    }

    /// From now on journal, requests and services are another process's.
    async fn lose_lock(&mut self) {
        let service = &self.log.deployment.plan.service;
        let holder = in_time(STORE_IN_A_REVERT, self.means.store.holder(service)).await;
        let holder = holder.ok().flatten();
        self.lock_lost_to = Some(holder.map_or_else(
            || "another process".to_owned(),
            |holder| {
                format!(
                    "{}@{} (pid {}, deployment {})",
                    holder.owner, holder.host, holder.pid, holder.deployment
                )
            },
        ));
    }

    /// Asked once: an ask goes before a look, and one in each round would blind the revert.
    fn give_up_on_the_lock(&mut self, error: &StoreError) {
        if !self.lock_fails {
            self.lock_fails = true;
            self.ask_to_abort(format!("bg itself: the lock can't be kept ({error})"));
        }
    }

    fn ask_to_abort(&self, by: String) {
        self.ask(Ask::Abort { by });
    }

    fn ask(&self, ask: Ask) {
        let _ = self.means.asks.sender().send(ask);
    }
}

/// One look; at metrics only where they are judged.
async fn see(cloud: &Cloud, clock: Clock, deployment: &Deployment) -> Observation {
    let (plan, within) = (&deployment.plan, look_within(deployment));
    let metrics = async {
        let from = deployment.metrics_from()?;
        cloud.see_metrics(plan, from, within, clock.now()).await
    };
    let look = cloud.observe(plan, within, || clock.now());
    let (seen, metrics) = tokio::join!(look, metrics);
    Observation { metrics, ..seen }
}

/// What was last seen, now.
fn again(last: Observation, clock: Clock) -> Observation {
    Observation {
        now: clock.now(),
        ..last
    }
}

/// What is asked of the store beside a look.
struct StoreRound {
    service: ServiceName,
    deployment: DeploymentId,
    renewal: Option<Holder>,
    within: Duration,
}

/// What the store said.
struct Heard {
    renewed: Option<Result<Holder, StoreError>>,
    requests: Vec<Request>,
}

impl StoreRound {
    async fn go(self, store: &Store) -> Heard {
        let renewed = match &self.renewal {
            Some(holder) => Some(in_time(self.within, store.lock(&self.service, holder)).await),
            None => None,
        };
        let taken = store.take_requests(&self.service, &self.deployment);
        // One that was missed is there at the next look.
        let requests = in_time(self.within, taken).await.unwrap_or_default();
        Heard { renewed, requests }
    }
}

/// How long the store may take: it must never keep traffic from being put back.
fn store_within(deployment: &Deployment) -> Duration {
    match deployment.phase {
        Phase::Reverting { .. } => STORE_IN_A_REVERT,
        _ => STORE,
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
        (Action::ArmDeadman { until }, _) => Some(Event::DeadmanArmed { until: *until }),
        (Action::DisarmDeadman, _) => Some(Event::DeadmanDisarmed),
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
