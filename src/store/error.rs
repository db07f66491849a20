//! What a store can't do, and why.

use thiserror::Error;

use super::Holder;
use crate::aws::{AwsError, ErrorClass};
use crate::deployment::ids::DeploymentId;

/// What a store can't do.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The lock is another's.
    #[error("{0}")]
    Locked(Box<Holder>),
    /// The lock that this process held went to another.
    #[error("the lock was lost: its lease ran out and somebody else took it")]
    LockLost,
    /// No answer in time.
    #[error("the store did not answer in time")]
    TimedOut,
    /// The lease is over, and nobody else has taken the lock: it can be renewed.
    #[error("the lock's lease is over, and was not renewed")]
    LeaseOver,
    /// Another process wrote the journal meanwhile.
    #[error("record {seq} of deployment {deployment} was written by somebody else")]
    OutOfTurn {
        /// Whose journal.
        deployment: DeploymentId,
        /// The position.
        seq: u64,
    },
    /// A journal that can't be read.
    #[error("{what}, line {line}: {why}")]
    Damaged {
        /// The file.
        what: String,
        /// From 1.
        line: usize,
        /// The parser's words.
        why: String,
    },
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// Which file.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// DynamoDB, or the way to it, refused.
    #[error("table {table}: {source}")]
    Aws {
        /// Which table.
        table: String,
        /// Why.
        source: AwsError,
    },
    /// The table is not there yet.
    #[error("table {table} doesn't exist in {region}")]
    NoTable {
        /// Its name.
        table: String,
        /// Where it was looked for.
        region: String,
    },
    /// There is such a table, and it can't be a store.
    #[error("table {table} can't keep state: {why}")]
    Unfit {
        /// Its name.
        table: String,
        /// What is wrong with it.
        why: String,
    },
    /// DynamoDB's limit for one item.
    #[error(
        "record {seq} of deployment {deployment} has {bytes} bytes, and an item of DynamoDB at \
         most {most}"
    )]
    TooLong {
        /// Whose journal.
        deployment: DeploymentId,
        /// The position.
        seq: u64,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
}

impl StoreError {
    /// Whether it is AWS refusing the credentials, or nobody having any.
    pub fn is_of_credentials(&self) -> bool {
        matches!(self, StoreError::Aws { source, .. } if source.class == ErrorClass::Expired)
    }
}
