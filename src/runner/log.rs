//! A deployment's state with its journal: what happens is folded, kept and shown.

use std::time::Duration;

use jiff::Timestamp;

use crate::deployment::event::{Event, Record};
use crate::deployment::state::{Deployment, IllegalRecord};
use crate::store::{Holder, Store, StoreError};

/// Where a deployment's events go.
pub struct Log<'a> {
    store: &'a Store,
    show: &'a mut dyn FnMut(&Record),
    /// What the store has not taken yet, in order.
    unkept: Vec<Record>,
    /// What has come of the events so far.
    pub(super) deployment: Deployment,
}

impl std::fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

impl<'a> Log<'a> {
    /// Begins a deployment's journal.
    ///
    /// # Errors
    /// When the store doesn't take it: nothing has happened then.
    pub(super) async fn begin(
        store: &'a Store,
        holder: &Holder,
        first: &Record,
        show: &'a mut dyn FnMut(&Record),
    ) -> Result<Log<'a>, super::RunError> {
        let deployment = Deployment::apply(None, first)?;
        let service = &deployment.plan.service;
        store.append(service, Some(holder), first).await?;
        show(first);
        Ok(Log::of(store, deployment, show))
    }

    /// Goes on with one that stands in the store.
    pub fn of(
        store: &'a Store,
        deployment: Deployment,
        show: &'a mut dyn FnMut(&Record),
    ) -> Log<'a> {
        Log {
            store,
            show,
            unkept: Vec::new(),
            deployment,
        }
    }

    /// Folds and shows an event of which nothing may be kept: the journal is another's.
    ///
    /// # Errors
    /// When the event can't follow what came before.
    pub(super) fn tell(&mut self, at: Timestamp, event: Event) -> Result<(), IllegalRecord> {
        let record = self.next(at, event);
        self.deployment = Deployment::apply(Some(self.deployment.clone()), &record)?;
        (self.show)(&record);
        Ok(())
    }

    /// Whether the store has taken all that has happened.
    pub(super) fn is_kept(&self) -> bool {
        self.unkept.is_empty()
    }

    /// Whether the store's `journal` holds a record that somebody else wrote after these.
    pub(super) fn was_gone_on_with(&self, journal: &[Record]) -> bool {
        let kept = self.deployment.next_seq - self.unkept.len() as u64;
        let mut newer = journal.iter().filter(|record| record.seq >= kept);
        newer.any(|record| !self.unkept.contains(record))
    }

    fn next(&self, at: Timestamp, event: Event) -> Record {
        Record {
            v: Record::VERSION,
            seq: self.deployment.next_seq,
            at,
            deployment: self.deployment.plan.id.clone(),
            event,
        }
    }

    /// Folds, keeps and shows an event, for which the store may take `within`. The inner error is
    /// the store's: the event has happened and is shown all the same, and what the store did not
    /// take goes to it before the next one.
    ///
    /// # Errors
    /// When the event can't follow what came before.
    pub(super) async fn record(
        &mut self,
        holder: Option<&Holder>,
        at: Timestamp,
        event: Event,
        within: Duration,
    ) -> Result<Result<(), StoreError>, IllegalRecord> {
        let record = self.next(at, event);
        self.deployment = Deployment::apply(Some(self.deployment.clone()), &record)?;
        self.unkept.push(record.clone());
        let kept = in_time(within, self.keep(holder)).await;
        (self.show)(&record);
        Ok(kept)
    }

    /// Gives the store what it has not taken yet: a journal has no gaps.
    async fn keep(&mut self, holder: Option<&Holder>) -> Result<(), StoreError> {
        let service = &self.deployment.plan.service;
        while let Some(record) = self.unkept.first() {
            self.store.append(service, holder, record).await?;
            self.unkept.remove(0);
        }
        Ok(())
    }
}

/// Waits for the store no longer than `within`.
pub(super) async fn in_time<T>(
    within: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(within, call)
        .await
        .unwrap_or(Err(StoreError::TimedOut))
}
