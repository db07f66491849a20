//! What was asked of the region, for tests and for counting calls.

use crate::sandbox::{faults::FaultKind, wire::Service};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Calls that are remembered one by one; all are counted.
const REMEMBERED: usize = 20_000;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// Answered.
    Ok,
    /// Answered with this error code.
    Refused(String),
    /// Struck by an injected fault.
    Struck(FaultKind),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Virtual time.
    pub at: Timestamp,
    /// Service.
    pub service: Service,
    /// Operation.
    pub operation: String,
    /// What became of it.
    pub outcome: CallOutcome,
}

/// The calls so far.
#[derive(Debug, Clone, Default)]
pub(super) struct CallLog {
    calls: VecDeque<Call>,
    counts: BTreeMap<(Service, String), u64>,
}

impl CallLog {
    pub(super) fn note(&mut self, call: Call) {
        let key = (call.service, call.operation.clone());
        *self.counts.entry(key).or_default() += 1;
        if self.calls.len() == REMEMBERED {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<(Service, String), u64> {
        self.counts.clone()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
