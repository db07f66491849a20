//! A store that ends with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Holder, Request, StoreError, may_write, taking, taking_over};
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
    requests: Vec<Request>,
}

impl MemoryStore {
    fn services_kept(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Kept>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of<T: Default>(&self, service: &ServiceName, read: impl FnOnce(&Kept) -> T) -> T {
        self.services_kept()
            .get(service)
            .map(read)
            .unwrap_or_default()
    }

    fn change<T>(&self, service: &ServiceName, change: impl FnOnce(&mut Kept) -> T) -> T {
        change(self.services_kept().entry(service.clone()).or_default())
    }

    pub(super) fn append(
        &self,
        service: &ServiceName,
        holder: Option<&Holder>,
        record: &Record,
    ) -> Result<(), StoreError> {
        self.change(service, |kept| {
            may_write(kept.holder.as_ref(), holder, record.at)?;
            let journal = kept.journals.get(&record.deployment);
            if record.seq == journal.map_or(0, Vec::len) as u64 {
                let journal = kept.journals.entry(record.deployment.clone());
                journal.or_default().push(record.clone());
                return Ok(());
            }
            if journal.and_then(|journal| journal.last()) == Some(record) {
                return Ok(());
            }
            Err(StoreError::OutOfTurn {
                deployment: record.deployment.clone(),
                seq: record.seq,
            })
        })
    }

    pub(super) fn journal(&self, service: &ServiceName, id: &DeploymentId) -> Vec<Record> {
        self.of(service, |kept| {
            kept.journals.get(id).cloned().unwrap_or_default()
        })
    }

    pub(super) fn deployments(&self, service: &ServiceName) -> Vec<DeploymentId> {
        self.of(service, |kept| kept.journals.keys().cloned().collect())
    }

    pub(super) fn services(&self) -> Vec<ServiceName> {
        self.services_kept().keys().cloned().collect()
    }

    pub(super) fn lock(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        self.change(service, |kept| {
            let taken = taking(kept.holder.clone(), holder)?;
            kept.holder = Some(taken.clone());
            Ok(taken)
        })
    }

    pub(super) fn take_over(&self, service: &ServiceName, holder: &Holder) -> Holder {
        self.change(service, |kept| {
            let taken = taking_over(kept.holder.as_ref(), holder);
            kept.holder = Some(taken.clone());
            taken
        })
    }

    pub(super) fn unlock(&self, service: &ServiceName, holder: &Holder) {
        self.change(service, |kept| {
            let ours = |present: &&mut Holder| present.fence == holder.fence;
            // The fence has to go on growing, so the holder stays, with a lease that is over.
            if let Some(present) = kept.holder.as_mut().filter(ours) {
                present.lease_until = jiff::Timestamp::UNIX_EPOCH;
            }
        });
    }

    pub(super) fn holder(&self, service: &ServiceName) -> Option<Holder> {
        self.of(service, |kept| kept.holder.clone())
    }

    pub(super) fn ask(&self, service: &ServiceName, request: &Request) {
        self.change(service, |kept| kept.requests.push(request.clone()));
    }

    pub(super) fn requests(&self, service: &ServiceName, id: &DeploymentId) -> Vec<Request> {
        self.of(service, |kept| {
            let of_it = kept.requests.iter().filter(|it| it.deployment == *id);
            of_it.cloned().collect()
        })
    }

    pub(super) fn remove_request(&self, service: &ServiceName, request: &Request) {
        if let Some(kept) = self.services_kept().get_mut(service) {
            kept.requests.retain(|it| it != request);
        }
    }
}
