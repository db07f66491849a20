//! Time as a deployment sees it: AWS's, or a region's that runs faster than the wall.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Maps tokio's clock to timestamps.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    base: Timestamp,
    started: Instant,
    speed: f64,
}

impl Clock {
    /// The machine's own clock.
    pub fn wall() -> Clock {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where time comes in"
        )]
        let now = Timestamp::now();
        Clock::starting_at(now, 1.0)
    }

    /// A clock that shows `base` now and runs `speed` times as fast as tokio's.
    pub fn starting_at(base: Timestamp, speed: f64) -> Clock {
        Clock {
            base,
            started: Instant::now(),
            speed,
        }
    }

    /// How many times as fast as tokio's it runs.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().mul_f64(self.speed);
        SignedDuration::try_from(elapsed)
            .ok()
            .and_then(|elapsed| self.base.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Waits until it shows `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        if !wait.is_zero() {
            tokio::time::sleep(wait.div_f64(self.speed)).await;
        }
    }
}
