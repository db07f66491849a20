//! One deployment, from wherever it stands to its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use thiserror::Error;

use super::gates::Asking;
use super::log::Log;
use super::patience::{ORDINARY, Patience};
use super::{Asks, Clock};
use crate::aws::{AwsError, Cloud, Done};
use crate::deployment::action::{ActName, Action, FailureClass, WeightWrite};
use crate::deployment::decide::{Decision, decide};
use crate::deployment::event::{Event, Record};
use crate::deployment::handover::Drive;
use crate::deployment::observation::{Ask, LostTo, Observation, OnInterrupt};
use crate::deployment::plan::Plan;
use crate::deployment::state::{Deployment, IllegalRecord, Phase};
use crate::deployment::trip::ITSELF;
use crate::store::{Holder, Request, Store, StoreError};

/// How long a lock is held without being renewed.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
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
            drive: until.drive(),
        };
        let at = means.clock.now();
        log.record(Some(&means.holder), at, resumed, ORDINARY)
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

impl Until {
    fn drive(self) -> Drive {
        match self {
            Until::End => Drive::Through,
            Until::Rest { .. } => Drive::Rounds,
        }
    }
}

/// Whether a deployment may be left alone for a minute: not while weights are being moved, nor
/// while a gate is asked, nor while green has to stay healthy for a while, which begins anew where
/// nobody watches.
fn may_rest(deployment: &Deployment) -> bool {
    if deployment.gates.trial().is_some_and(|it| it.under_way) {
        return false;
    }
    match &deployment.phase {
        Phase::Provisioning { healthy_since, .. } => healthy_since.is_none(),
        Phase::Registering | Phase::Ready | Phase::Baking { .. } => true,
        Phase::Shifting { .. }
        | Phase::Promoted { .. }
        | Phase::Reverting { .. }
        | Phase::Ended { .. } => false,
    }
}

/// What a loop works with.
pub(super) struct Means<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) store: &'a Store,
    pub(super) clock: Clock,
    pub(super) holder: Holder,
    pub(super) body: Option<Value>,
    pub(super) asks: &'a mut Asks,
}

pub(super) struct Loop<'a> {
    pub(super) means: Means<'a>,
    pub(super) log: Log<'a>,
    pub(super) last: Option<Observation>,
    pub(super) renewed_at: Timestamp,
    pub(super) journal_fails: bool,
    pub(super) lock_fails: bool,
    /// Requests that were turned into asks, and are still in the store: they stay there until
    /// their answer is in the journal.
    pub(super) heard: Vec<Request>,
    /// When the store was last asked.
    pub(super) heard_at: Timestamp,
    /// How long it may still be waited for.
    pub(super) patience: Patience,
    /// Who took the lock: from then on the journal is theirs.
    pub(super) lock_lost_to: Option<LostTo>,
    /// The gate that is asked.
    asking: Asking,
    /// Whether this process has tried to find out why green failed.
    pub(super) has_asked_why: bool,
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
            heard: Vec::new(),
            heard_at: Timestamp::MIN,
            patience: Patience::default(),
            lock_lost_to: None,
            asking: Asking::default(),
            has_asked_why: false,
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
            if matches!(self.log.deployment.phase, Phase::Reverting { .. }) {
                self.asking = Asking::default();
            }
            self.find_out_why().await?;
            self.remove_answered().await;
            if let Until::Rest { at_most } = until {
                let rests = idle && may_rest(&self.log.deployment);
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
        self.heed(heard).await;
        seen
    }

    /// Waits for a moment or an ask; the store is heard on its own clock meanwhile.
    async fn wait_until(&mut self, at: Timestamp) {
        loop {
            let hears_at = self.hears_before(at);
            tokio::select! {
                biased;
                ask = self.means.asks.next() => return self.ask(ask),
                () = self.means.clock.sleep_until(hears_at.unwrap_or(at)) => {}
            }
            if hears_at.is_none() {
                return;
            }
            let round = self.store_round();
            let store = self.means.store;
            let heard = tokio::select! {
                biased;
                ask = self.means.asks.next() => return self.ask(ask),
                heard = round.go(store) => heard,
            };
            self.heed(heard).await;
            if self.lock_lost_to.is_some() {
                return;
            }
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
        if let Action::AskGate { gate, point, asked } = *action {
            let Loop { means, log, .. } = self;
            let (answers, deployment) = (means.asks.sender(), &log.deployment);
            let what = (gate, point, asked);
            self.asking = Asking::of(what, deployment, means.cloud, means.clock, answers);
            return None;
        }
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
                let cut_short = cut_short(action, &ask);
                let _ = means.asks.sender().send(ask);
                return cut_short;
            }
            done = act => done,
        };
        match done {
            Ok(Ok(done)) => fact_of(action, done),
            Ok(Err(error)) => Some(failed(action, &error)).filter(|event| !self.is_known(event)),
            Err(_) => Some(failed(action, &AwsError::timed_out("the whole act"))),
        }
    }

    /// Whether it says of a revert what its last try said already. It is tried each second, and
    /// credentials may stay away for minutes.
    fn is_known(&self, event: &Event) -> bool {
        let Event::ActFailed {
            act: ActName::Revert,
            class: FailureClass::Expired,
            ..
        } = event
        else {
            return false;
        };
        let last = self.log.deployment.failure_of(ActName::Revert);
        last.is_some_and(|last| last.class == FailureClass::Expired)
    }

    /// Appends to the journal and to the state. A journal that can't be written any more is a
    /// reason to revert while this process still can, not to stop in the middle. True when it is
    /// in the journal.
    pub(super) async fn record(&mut self, event: Event) -> Result<bool, RunError> {
        let now = self.means.clock.now();
        if now >= self.means.holder.lease_until {
            self.renew_lock().await;
        }
        if self.lock_lost_to.is_some() {
            self.log.tell(now, event)?;
            return Ok(false);
        }
        let holder = self.means.holder.clone();
        let within = self.patience.within(&self.log.deployment, Some(&event));
        let start = tokio::time::Instant::now();
        let kept = self.log.record(Some(&holder), now, event, within).await?;
        let in_time = !matches!(kept, Err(StoreError::TimedOut));
        self.patience.spend(start.elapsed(), in_time);
        match &kept {
            Ok(()) => {}
            Err(StoreError::LockLost) => self.lose_lock().await,
            Err(error) if self.waits_for_credentials(error) => {}
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

    /// Whether the store refuses the same credentials as everything else: traffic could not be put
    /// back with them either, so `blind_after` decides. Nothing is raised without the record.
    pub(super) fn waits_for_credentials(&self, error: &StoreError) -> bool {
        let over = |last: &Observation| last.credentials_over.is_some();
        error.is_of_credentials() && self.last.as_ref().is_some_and(over)
    }

    fn give_up_on_the_journal(&mut self, error: &StoreError) {
        if !self.journal_fails {
            self.journal_fails = true;
            self.ask_to_abort(format!("{ITSELF}the journal can't be written ({error})"));
        }
    }

    pub(super) fn ask_to_abort(&self, by: String) {
        self.ask(Ask::Abort { by });
    }

    pub(super) fn ask(&self, ask: Ask) {
        let _ = self.means.asks.sender().send(ask);
    }
}

/// One look; at metrics only where they are judged.
async fn see(cloud: &Cloud, clock: Clock, deployment: &Deployment) -> Observation {
    let (plan, within) = (&deployment.plan, look_within(deployment));
    let metrics = async {
        let wanted = deployment.metrics_wanted()?;
        cloud.see_metrics(plan, wanted, within, clock.now()).await
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
        (Action::RegisterTaskDefinition, Done::NothingToRegister) => Some(Event::ActFailed {
            act: action.name(),
            class: FailureClass::Lost,
            message: "it came from a file, and the journal never holds one".to_owned(),
        }),
        (Action::ProvisionGreen { .. }, _) => Some(Event::GreenProvisioned),
        (Action::RestoreSettings { .. }, _) => Some(Event::SettingsRestored),
        (Action::ArmDeadman { until }, _) => Some(Event::DeadmanArmed { until: *until }),
        (Action::DisarmDeadman, _) => Some(Event::DeadmanDisarmed),
        _ => None,
    }
}

/// What an ask that cut an act short leaves to be told. Most acts show at the next look; a
/// revision may take a while to be listed, and registering again would make a second one.
fn cut_short(action: &Action, by: &Ask) -> Option<Event> {
    let reverts = match by {
        Ask::Abort { .. } => true,
        Ask::Interrupt { then, .. } => *then == OnInterrupt::Revert,
        _ => false,
    };
    (*action == Action::RegisterTaskDefinition && !reverts).then(|| Event::ActFailed {
        act: action.name(),
        class: FailureClass::Ambiguous,
        message: "something was asked for meanwhile".to_owned(),
    })
}

fn failed(action: &Action, error: &AwsError) -> Event {
    Event::ActFailed {
        act: action.name(),
        class: error.class.into(),
        message: error.to_string(),
    }
}
