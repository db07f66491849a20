//! How long the store is waited for: it must never keep traffic from being put back, nor a runner
//! from ending before it is killed.

use std::time::Duration;

use tokio::time::Instant;

use super::log::in_time;
use crate::deployment::event::Event;
use crate::deployment::state::{Deployment, Phase};
use crate::store::StoreError;

/// For one call.
pub(super) const ORDINARY: Duration = Duration::from_secs(10);
/// The same while traffic is being put back.
pub(super) const STORE_IN_A_REVERT: Duration = Duration::from_secs(1);
/// For all calls of a revert that come to nothing: a CI runner kills 7.5 s after its signal.
const IN_ALL: Duration = Duration::from_secs(2);
/// For a call after that: a store that answers does so in time.
const AT_LEAST: Duration = Duration::from_millis(100);

/// What is left of it.
#[derive(Debug)]
pub(super) struct Patience {
    left: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { left: IN_ALL }
    }
}

impl Patience {
    /// How long a call may take that comes with `event`, or with none.
    pub(super) fn within(&self, deployment: &Deployment, event: Option<&Event>) -> Duration {
        let reverting = matches!(deployment.phase, Phase::Reverting { .. })
            || matches!(event, Some(Event::Reverting { .. }));
        match reverting {
            true => STORE_IN_A_REVERT.min(self.left).max(AT_LEAST),
            false => ORDINARY,
        }
    }

    /// Notes what a call took, where it came to nothing in the end.
    pub(super) fn spend(&mut self, took: Duration, in_time: bool) {
        if !in_time {
            self.left = self.left.saturating_sub(took);
        }
    }

    /// Waits for a call.
    pub(super) async fn wait<T>(
        &mut self,
        within: Duration,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let answer = in_time(within, call).await;
        self.spend(
            start.elapsed(),
            !matches!(answer, Err(StoreError::TimedOut)),
        );
        answer
    }
}
