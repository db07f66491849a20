//! EventBridge Scheduler's one-shot schedules: when each is due, and what became of it.

use crate::sandbox::faults::Faults;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// "Within the minute after its time."
const LATE_AT_MOST: u64 = 60;

/// All schedules, by name.
#[derive(Debug, Clone, Default)]
pub struct Scheduler {
    /// Those of the group `default`: the region has no other.
    pub schedules: BTreeMap<String, Schedule>,
    /// How many calls schedules have made.
    pub calls: u64,
    /// What becomes of those calls, where that is not what they ask for.
    pub faults: Faults,
}

/// A one-shot schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What CreateSchedule or UpdateSchedule was sent last, all of it.
    pub input: Value,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
    /// Its time.
    pub at: Timestamp,
    /// Calls that it made and that failed.
    pub failures: u32,
    /// Whether it has run, or given up, and stays (`ActionAfterCompletion: NONE`).
    pub over: bool,
}

impl Schedule {
    /// When its first call is made: some seconds late, the same in every run.
    pub fn fires_at(&self, name: &str) -> Timestamp {
        let seed = self.at.as_second().unsigned_abs();
        let late = name.bytes().fold(seed, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let late = i64::try_from(late % LATE_AT_MOST).unwrap_or(0);
        self.at + SignedDuration::from_secs(late)
    }

    /// A number of its retry policy; `default` where it says none.
    pub fn policy(&self, field: &str, default: u64) -> u64 {
        let policy = &self.input["Target"]["RetryPolicy"];
        policy[field].as_u64().unwrap_or(default)
    }

    /// Whether it goes once it is over.
    pub fn is_deleted_after(&self) -> bool {
        self.input["ActionAfterCompletion"] == "DELETE"
    }

    /// Whether it is switched on.
    pub fn is_enabled(&self) -> bool {
        self.input["State"] != "DISABLED"
    }
}
