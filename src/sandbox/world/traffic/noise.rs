//! What error rates do over time, beside the versions' own: together, and each group by itself.

use super::super::ids;
use fastrand::Rng;
use jiff::Timestamp;

/// A factor on every application's error rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noise {
    /// What all targets have in common.
    pub together: Together,
    /// By how much of its rate each target group differs from one minute to the next, by itself
    /// (the coefficient of variation; 0 is not at all).
    pub apart: f64,
    /// Chooses the minutes.
    pub seed: u64,
}

/// What the error rates of all targets do together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Together {
    /// Nothing.
    #[default]
    Steady,
    /// They swing around their mean by so much of it, once in so many minutes.
    Drifting {
        /// 0 to 1.
        swing: f64,
        /// The length of one swing.
        minutes: f64,
    },
    /// Something that all depend on fails at times.
    Incidents {
        /// How many times as many errors there are meanwhile.
        times: f64,
        /// From the beginning of one to that of the next, in minutes.
        every: i64,
        /// How long each takes, in minutes.
        length: i64,
    },
}

impl Noise {
    /// How many times as frequent as usual errors of a group's targets are.
    pub fn factor(&self, group: &str, now: Timestamp) -> f64 {
        // What is drawn at the end of a minute belongs to it.
        let minute = (now.as_second() - 1).div_euclid(60);
        let together = match self.together {
            Together::Steady => 1.0,
            Together::Drifting { swing, minutes } => {
                let turn = (minute as f64 + self.seed as f64) / minutes;
                1.0 + swing * (turn * std::f64::consts::TAU).sin()
            }
            Together::Incidents {
                times,
                every,
                length,
            } => {
                let shift = i64::try_from(self.seed % every.unsigned_abs().max(1)).unwrap_or(0);
                match (minute + shift).rem_euclid(every.max(1)) < length {
                    true => times,
                    false => 1.0,
                }
            }
        };
        together * self.own(group, minute)
    }

    /// A lognormal draw with mean 1, the same for the same group and minute.
    fn own(&self, group: &str, minute: i64) -> f64 {
        if self.apart <= 0.0 {
            return 1.0;
        }
        let seed = ids::fingerprint(group) ^ self.seed.rotate_left(32) ^ minute.unsigned_abs();
        let mut rng = Rng::with_seed(seed);
        let spread = self.apart.mul_add(self.apart, 1.0).ln();
        (spread.sqrt() * super::draw::normal(&mut rng) - spread / 2.0).exp()
    }
}
