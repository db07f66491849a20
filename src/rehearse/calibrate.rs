//! What an hour of the live version shows before a deployment: its level of failures, and by zone
//! the noise of one side alone.

use fastrand::Rng;
use jiff::Timestamp;

use crate::judge::guards::ErrorGuard;
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
    /// Both zones, minute by minute.
    pub(super) fn minutes(&self, seed: u64) -> Vec<Pair> {
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
        minutes.collect()
    }
}

/// The noise to judge with, in thousandths.
pub(super) fn noise(minutes: &[Pair]) -> u32 {
    (kappa(kappa_hat(minutes)) * 1000.0).round() as u32
}

/// The live version's level, in millionths.
pub(super) fn level(minutes: &[Pair]) -> Option<u32> {
    let both = minutes.iter().map(|pair| Count {
        requests: pair.blue.requests + pair.green.requests,
        bad: pair.blue.bad + pair.green.bad,
    });
    ErrorGuard::level(&both.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise_at(apart: f64) -> u32 {
        let history = History {
            requests: 500.0,
            errors: 0.005,
            noise: Noise {
                apart,
                seed: 7,
                ..Noise::default()
            },
        };
        noise(&history.minutes(7))
    }

    #[test]
    fn an_hour_by_zone_shows_how_noisy_a_side_is() {
        assert!(noise_at(0.0) < 150, "{}", noise_at(0.0));
        let noisy = noise_at(0.25);
        assert!((250..600).contains(&noisy), "{noisy}");
    }
}
