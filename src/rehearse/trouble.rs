//! What goes wrong around a version: AWS refuses, or the process that drives the deployment dies.

use fastrand::Rng;
use jiff::SignedDuration;

/// So many tries does the SDK give a call that is refused for its rate.
const TRIES: i32 = 4;

/// Trouble of one run.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// How often a try of a call is refused for its rate, 0 to 1.
    pub throttled: f64,
    /// The process dies a minute into the first bake, and another goes on after so long.
    pub dies_for: Option<SignedDuration>,
    rng: Rng,
}

impl Trouble {
    /// None.
    pub fn none(seed: u64) -> Trouble {
        Trouble {
            throttled: 0.0,
            dies_for: None,
            rng: Rng::with_seed(seed ^ 0x7472_6f75),
        }
    }

    /// Whether there is none ahead.
    pub(super) fn is_none(&self) -> bool {
        self.throttled <= 0.0 && self.dies_for.is_none()
    }

    /// Why the next call fails, if it does.
    pub(super) fn strikes(&mut self) -> Option<String> {
        let struck = self.throttled > 0.0 && self.rng.f64() < self.throttled.powi(TRIES);
        struck.then(|| "Rate exceeded".to_owned())
    }
}
