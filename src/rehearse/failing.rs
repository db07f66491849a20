//! Why green failed in the one run that is told.

use crate::deployment::diagnosis::{Diagnosis, Finding};
use crate::deployment::event::{Event, Record};
use crate::deployment::state::Deployment;
use crate::sandbox::world::World;

/// The account as it is when a deployment finds out why its green failed.
#[derive(Debug, Clone)]
pub struct Failing {
    /// The account.
    pub world: World,
    /// The deployment.
    pub deployment: Deployment,
    /// After how many records.
    pub(super) after: usize,
}

impl Failing {
    /// The journal with what was found recorded where the loop does it.
    pub fn told(&self, mut records: Vec<Record>, findings: Vec<Finding>) -> Vec<Record> {
        let before = self.after.checked_sub(1).and_then(|at| records.get(at));
        let Some(before) = before.filter(|_| !findings.is_empty()) else {
            return records;
        };
        let diagnosed = Record {
            at: self.world.now,
            event: Event::Diagnosed {
                diagnosis: Diagnosis::of(findings),
            },
            ..before.clone()
        };
        records.insert(self.after, diagnosed);
        for (seq, record) in (0..).zip(&mut records) {
            record.seq = seq;
        }
        records
    }
}
