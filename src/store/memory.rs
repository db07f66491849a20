//! A store that ends with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Holder, StoreError, taking, taking_over};
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};

/// Everything in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    services: Mutex<BTreeMap<ServiceName, Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    journals: BTreeMap<DeploymentId, Vec<Record>>,
    holder: Option<Holder>,
    abort: Option<String>,
}

impl MemoryStore {
    fn services(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Kept>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(&self, service: &ServiceName, record: &Record) {
        let mut services = self.services();
        let journals = &mut services.entry(service.clone()).or_default().journals;
        journals
            .entry(record.deployment.clone())
            .or_default()
            .push(record.clone());
    }

    pub(super) fn journal(&self, service: &ServiceName, id: &DeploymentId) -> Vec<Record> {
        let services = self.services();
        let journal = services.get(service).and_then(|kept| kept.journals.get(id));
        journal.cloned().unwrap_or_default()
    }

    pub(super) fn deployments(&self, service: &ServiceName) -> Vec<DeploymentId> {
        let services = self.services();
        services
            .get(service)
            .map(|kept| kept.journals.keys().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn lock(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        let mut services = self.services();
        let kept = services.entry(service.clone()).or_default();
        let fence = kept.holder.as_ref().map(|present| present.fence);
        let taken = taking(kept.holder.clone(), holder)?;
        if fence != Some(taken.fence) {
            // It was asked of who held the lock before.
            kept.abort = None;
        }
        kept.holder = Some(taken.clone());
        Ok(taken)
    }

    pub(super) fn take_over(&self, service: &ServiceName, holder: &Holder) -> Holder {
        let mut services = self.services();
        let kept = services.entry(service.clone()).or_default();
        let taken = taking_over(kept.holder.as_ref(), holder);
        kept.abort = None;
        kept.holder = Some(taken.clone());
        taken
    }

    pub(super) fn unlock(&self, service: &ServiceName, holder: &Holder) {
        if let Some(kept) = self.services().get_mut(service) {
            let ours = |present: &&mut Holder| present.fence == holder.fence;
            // The fence has to go on growing, so the holder stays, with a lease that is over.
            if let Some(present) = kept.holder.as_mut().filter(ours) {
                present.lease_until = jiff::Timestamp::UNIX_EPOCH;
            }
        }
    }

    pub(super) fn holder(&self, service: &ServiceName) -> Option<Holder> {
        self.services()
            .get(service)
            .and_then(|kept| kept.holder.clone())
    }

    pub(super) fn ask_to_abort(&self, service: &ServiceName, by: &str) {
        self.services().entry(service.clone()).or_default().abort = Some(by.to_owned());
    }

    pub(super) fn take_abort(&self, service: &ServiceName) -> Option<String> {
        self.services()
            .get_mut(service)
            .and_then(|kept| kept.abort.take())
    }
}
