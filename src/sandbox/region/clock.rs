//! Virtual time: the region's start plus tokio's elapsed time, times a speed.

use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Tells virtual time. Under tokio's paused clock it moves only as that one does.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Timestamp,
    origin: Instant,
    speed: f64,
}

impl Clock {
    /// A clock that shows `start` now and runs `speed` times as fast as tokio's.
    pub fn new(start: Timestamp, speed: f64) -> Self {
        Self {
            start,
            origin: Instant::now(),
            speed,
        }
    }

    /// Virtual now.
    pub fn now(&self) -> Timestamp {
        let elapsed = self.origin.elapsed().mul_f64(self.speed);
        self.start + SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::ZERO)
    }

    /// Virtual seconds per second of tokio's clock.
    pub fn speed(&self) -> f64 {
        self.speed
    }
}

impl aws_smithy_async::time::TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let millis = u64::try_from(Self::now(self).as_millisecond()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }
}
