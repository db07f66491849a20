//! The noise of one side alone, from an hour of the live version by zone.

use fastrand::Rng;
use jiff::Timestamp;

use crate::judge::sequential::calibration::{kappa, kappa_hat};
use crate::judge::sequential::{Count, Pair};
use crate::sandbox::world::traffic::{Noise, binomial, poisson};

const MINUTES: i64 = 60;

/// What the live version served in the hour before.
#[derive(Debug)]
pub(super) struct History {
    /// Requests a second, half of them in each zone.
    pub(super) requests: f64,
    /// The share of them that fails.
    pub(super) errors: f64,
    /// What that does over time; each zone by itself.
    pub(super) noise: Noise,
}

impl History {
    /// The noise to judge with.
    pub(super) fn kappa(&self, seed: u64) -> f64 {
        let mut rng = Rng::with_seed(seed ^ 0x7a6f_6e65);
        let mut zone = |name: &str, minute: i64| {
            let at = Timestamp::from_second(minute * 60).unwrap_or(Timestamp::UNIX_EPOCH);
            let share = (self.errors * self.noise.factor(name, at)).min(1.0);
            let requests = poisson(&mut rng, self.requests * 30.0);
            Count {
                requests,
                bad: binomial(&mut rng, requests, share),
            }
        };
        let minutes = (1..=MINUTES).map(|minute| Pair {
            blue: zone("zone a", minute),
            green: zone("zone b", minute),
        });
        let minutes: Vec<Pair> = minutes.collect();
        kappa(kappa_hat(&minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kappa_at(apart: f64) -> f64 {
        let history = History {
            requests: 500.0,
            errors: 0.005,
            noise: Noise {
                apart,
                seed: 7,
                ..Noise::default()
            },
        };
        history.kappa(7)
    }

    #[test]
    fn an_hour_by_zone_shows_how_noisy_a_side_is() {
        assert!(kappa_at(0.0) < 0.15, "{}", kappa_at(0.0));
        let noisy = kappa_at(0.25);
        assert!((0.25..0.6).contains(&noisy), "{noisy}");
    }
}
