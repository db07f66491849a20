//! How a deployed version behaves: chosen by the image's tag.

use jiff::SignedDuration;
use std::time::Duration;

/// A health check's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// An HTTP status.
    Status(u16),
    /// Nothing listens.
    Refused,
    /// No answer in time.
    Timeout,
}

/// The answer to a user's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// An HTTP answer.
    Answer {
        /// Its status.
        status: u16,
        /// How long it took.
        latency: Duration,
    },
    /// The connection broke.
    Reset,
}

/// How a version behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Share of requests answered with 500.
    pub error_rate: f64,
    /// Typical latency.
    pub latency: Duration,
    /// Health check answer.
    pub probe: Probe,
}

impl Behaviour {
    /// A good version.
    pub fn good() -> Self {
        Self {
            error_rate: 0.0,
            latency: Duration::from_millis(20),
            probe: Probe::Status(200),
        }
    }

    /// The answer to a health check.
    pub fn probe(&self, _age: SignedDuration) -> Probe {
        self.probe
    }

    /// The answer to a request.
    pub fn respond(&self, rng: &mut fastrand::Rng, _age: SignedDuration) -> Reply {
        let status = if rng.f64() < self.error_rate {
            500
        } else {
            200
        };
        Reply::Answer {
            status,
            latency: self.latency.mul_f64(0.5 + rng.f64()),
        }
    }
}
