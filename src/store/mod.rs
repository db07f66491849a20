//! Journal and lock; never decides anything.
//!
//! A record that `append` has returned from survives the death of the process and of the
//! machine. One that it hasn't may or may not be there; a torn last line is dropped on reading.

mod dynamo;
mod error;
mod file;
mod memory;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use dynamo::{DynamoStore, Made};
pub use error::StoreError;
pub use file::FileStore;
pub use memory::MemoryStore;

use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};

/// Where journals and locks are kept.
#[derive(Debug)]
pub enum Store {
    /// A folder; one machine.
    File(FileStore),
    /// A DynamoDB table; every machine that reaches it.
    Dynamo(DynamoStore),
    /// Nowhere: for the sandbox in process, and for tests.
    Memory(MemoryStore),
}

/// Who holds a service's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// For which deployment.
    pub deployment: DeploymentId,
    /// User name.
    pub owner: String,
    /// Host name.
    pub host: String,
    /// Process id on that host.
    pub pid: u32,
    /// The CI run's address, where there is one.
    pub run_url: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When the lock is free again unless it is renewed.
    pub lease_until: Timestamp,
    /// Grows with each taking.
    pub fence: u64,
    /// What it does with it.
    #[serde(default)]
    pub duty: Duty,
}

/// What a lock is held for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// A deployment or a rollback, until it has ended.
    #[default]
    Deploy,
    /// One act of retiring a slot: a few seconds.
    Retire,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder {
            owner,
            host,
            pid,
            since,
            deployment,
            ..
        } = self;
        write!(
            f,
            "{owner}@{host} (pid {pid}) holds the lock since {since:.0} "
        )?;
        match self.duty {
            Duty::Deploy => write!(f, "for deployment {deployment}"),
            Duty::Retire => f.write_str("to retire a slot"),
        }
    }
}

/// What somebody asks of a deployment that another process drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Of which.
    pub deployment: DeploymentId,
    /// Who asks.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// For what.
    pub steer: Steer,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum Steer {
    /// Put all traffic back to blue, and end.
    Abort,
    /// Stay at this weight until somebody says go on.
    Pause,
    /// Go past this bake or pause.
    Promote {
        /// To 100 % at once, past all steps.
        full: bool,
    },
    /// Say yes to the gate that waits for somebody.
    Approve,
    /// Say no to it.
    Reject {
        /// Why.
        why: Option<String>,
    },
}

impl Steer {
    /// Whether it puts all traffic back.
    pub fn reverts(&self) -> bool {
        matches!(self, Steer::Abort | Steer::Reject { .. })
    }
}

impl Store {
    /// Adds a record at the end of its deployment's journal, as the lock's holder; `None` is for
    /// what comes after a deployment's end, when it has no lock any more. A record that is there
    /// already, because an answer got lost, is no error.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] where the lock went to somebody else, [`StoreError::LeaseOver`]
    /// where it has to be renewed first, [`StoreError::OutOfTurn`] where another record stands at its position.
    pub async fn append(
        &self,
        service: &ServiceName,
        holder: Option<&Holder>,
        record: &Record,
    ) -> Result<(), StoreError> {
        match self {
            Store::File(store) => store.append(service, holder, record),
            Store::Dynamo(store) => Box::pin(store.append(service, holder, record)).await,
            Store::Memory(store) => store.append(service, holder, record),
        }
    }

    /// A deployment's journal, oldest record first; empty where there is none.
    ///
    /// # Errors
    /// When it can't be read, or holds what this program can't understand.
    pub async fn journal(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Record>, StoreError> {
        match self {
            Store::File(store) => store.journal(service, id),
            Store::Dynamo(store) => Box::pin(store.journal(service, id)).await,
            Store::Memory(store) => Ok(store.journal(service, id)),
        }
    }

    /// The service's deployments, oldest first.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn deployments(
        &self,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentId>, StoreError> {
        match self {
            Store::File(store) => store.deployments(service),
            Store::Dynamo(store) => Box::pin(store.deployments(service)).await,
            Store::Memory(store) => Ok(store.deployments(service)),
        }
    }

    /// The services that the store knows, by name.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        match self {
            Store::File(store) => store.services(),
            Store::Dynamo(store) => Box::pin(store.services()).await,
            Store::Memory(store) => Ok(store.services()),
        }
    }

    /// Takes the service's lock; answers with the holder as stored, its fence grown. A holder
    /// that has a fence already renews its lease instead, and never takes the lock a second time.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where somebody else's lease runs, [`StoreError::LockLost`] where a
    /// lock that is to be renewed went to somebody else, were it only for a while.
    pub async fn lock(&self, service: &ServiceName, holder: &Holder) -> Result<Holder, StoreError> {
        match self {
            Store::File(store) => store.lock(service, holder),
            Store::Dynamo(store) => Box::pin(store.lock(service, holder)).await,
            Store::Memory(store) => store.lock(service, holder),
        }
    }

    /// Takes the service's lock from whoever has it: for a holder whose process doesn't answer.
    /// It loses the lock at its next renewal, and can write its journal no more.
    ///
    /// # Errors
    /// When the lock can't be read or written.
    pub async fn take_over(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        match self {
            Store::File(store) => store.take_over(service, holder),
            Store::Dynamo(store) => Box::pin(store.take_over(service, holder)).await,
            Store::Memory(store) => Ok(store.take_over(service, holder)),
        }
    }

    /// Gives the lock back, if `holder` still has it.
    ///
    /// # Errors
    /// When the lock can't be read or written; it runs out by itself then.
    pub async fn unlock(&self, service: &ServiceName, holder: &Holder) -> Result<(), StoreError> {
        match self {
            Store::File(store) => store.unlock(service, holder),
            Store::Dynamo(store) => Box::pin(store.unlock(service, holder)).await,
            Store::Memory(store) => {
                store.unlock(service, holder);
                Ok(())
            }
        }
    }

    /// Who holds the service's lock, whether its lease has run out or not.
    ///
    /// # Errors
    /// When the lock can't be read.
    pub async fn holder(&self, service: &ServiceName) -> Result<Option<Holder>, StoreError> {
        match self {
            Store::File(store) => store.holder(service),
            Store::Dynamo(store) => Box::pin(store.holder(service)).await,
            Store::Memory(store) => Ok(store.holder(service)),
        }
    }

    /// Looks whether anything can be written, and writes nothing. Of a table only a write shows it.
    ///
    /// # Errors
    /// Where it can't.
    pub fn may_be_written(&self) -> Result<(), StoreError> {
        match self {
            Store::File(store) => store.may_be_written(),
            Store::Dynamo(_) | Store::Memory(_) => Ok(()),
        }
    }

    /// Leaves a request for the process that drives the deployment it names, or for the next one
    /// that does.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn ask(&self, service: &ServiceName, request: &Request) -> Result<(), StoreError> {
        match self {
            Store::File(store) => store.ask(service, request),
            Store::Dynamo(store) => Box::pin(store.ask(service, request)).await,
            Store::Memory(store) => {
                store.ask(service, request);
                Ok(())
            }
        }
    }

    /// The requests for a deployment that are still to be heeded, oldest first.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn requests(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Request>, StoreError> {
        match self {
            Store::File(store) => store.requests(service, id),
            Store::Dynamo(store) => Box::pin(store.requests(service, id)).await,
            Store::Memory(store) => Ok(store.requests(service, id)),
        }
    }

    /// Takes a request away: its answer is in the journal, or nobody waits for one any more. One
    /// that is gone already is no error.
    ///
    /// # Errors
    /// When it can't be taken away.
    pub async fn remove_request(
        &self,
        service: &ServiceName,
        request: &Request,
    ) -> Result<(), StoreError> {
        match self {
            Store::File(store) => store.remove_request(service, request),
            Store::Dynamo(store) => Box::pin(store.remove_request(service, request)).await,
            Store::Memory(store) => {
                store.remove_request(service, request);
                Ok(())
            }
        }
    }
}

/// Whether `holder` may write now: its fence is the lock's, and its lease runs.
fn may_write(
    present: Option<&Holder>,
    holder: Option<&Holder>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(holder) = holder else {
        return Ok(());
    };
    match present.filter(|present| present.fence == holder.fence) {
        None => Err(StoreError::LockLost),
        Some(present) if present.lease_until <= at => Err(StoreError::LeaseOver),
        Some(_) => Ok(()),
    }
}

impl Holder {
    /// The fence of a lock that nobody has had yet: milliseconds since 1970, so that it grows even
    /// where the lock of a service that slept for months was deleted meanwhile.
    pub fn first_fence(&self) -> u64 {
        u64::try_from(self.since.as_millisecond()).unwrap_or(0) + 1
    }
}

/// `holder` with the fence that follows `present`'s.
fn taking_over(present: Option<&Holder>, holder: &Holder) -> Holder {
    let following = |present: &Holder| present.fence + 1;
    Holder {
        fence: present.map_or_else(|| holder.first_fence(), following),
        ..holder.clone()
    }
}

/// Whether `holder` may take, or renew, a lock that shows `present`, and with which fence.
fn taking(present: Option<Holder>, holder: &Holder) -> Result<Holder, StoreError> {
    let fence = present.as_ref().map_or(0, |present| present.fence);
    match present {
        // A process that slept through its lease must not think that nothing happened meanwhile.
        _ if holder.fence > 0 && holder.fence != fence => Err(StoreError::LockLost),
        Some(present) if holder.fence > 0 => Ok(Holder {
            since: present.since,
            ..holder.clone()
        }),
        Some(present) if present.lease_until > holder.since => {
            Err(StoreError::Locked(Box::new(present)))
        }
        present => Ok(taking_over(present.as_ref(), holder)),
    }
}
