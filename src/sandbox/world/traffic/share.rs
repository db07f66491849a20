//! One target's answers to many requests, drawn all at once.

use super::super::app::{Behaviour, LEAST, SPREAD, TAIL};
use super::super::ecs::RunningApp;
use super::Answer;
use super::draw::binomial;
use fastrand::Rng;
use jiff::Timestamp;

/// Parts into which the usual latencies are cut, and as many for the slow ones.
const CELLS: u64 = 24;
/// Two in a hundred are slow.
const SLOW: f64 = 0.02;

/// How many answers of each kind `requests` to one target get.
pub(super) fn out(
    app: Option<RunningApp<'_>>,
    errors: f64,
    requests: u64,
    rng: &mut Rng,
    now: Timestamp,
) -> Vec<(Answer, u64)> {
    if requests == 0 {
        return Vec::new();
    }
    let Some(app) = app else {
        return vec![(Answer::Unreachable, requests)];
    };
    if !app.behaviour.listens(now.duration_since(app.started_at)) {
        return vec![(Answer::Broken, requests)];
    }
    let share = (app.behaviour.error_rate * errors).min(1.0);
    let bad = binomial(rng, requests, share);
    let mut answers = Vec::with_capacity(4 * CELLS as usize);
    for (status, count) in [(500, bad), (200, requests - bad)] {
        let slow = binomial(rng, count, SLOW);
        for (count, times) in [(count - slow, 1.0), (slow, TAIL)] {
            latencies(app.behaviour, times, count, rng, |latency, count| {
                answers.push((Answer::Status(status, latency), count));
            });
        }
    }
    answers
}

/// Cuts the even spread of latencies into cells and draws how many answers fall into each.
fn latencies(
    behaviour: &Behaviour,
    times: f64,
    count: u64,
    rng: &mut Rng,
    mut note: impl FnMut(std::time::Duration, u64),
) {
    let mut left = count;
    for cell in 0..CELLS {
        if left == 0 {
            return;
        }
        let here = binomial(rng, left, 1.0 / (CELLS - cell) as f64);
        left -= here;
        if here > 0 {
            let middle = (cell as f64 + 0.5) / CELLS as f64;
            let factor = middle.mul_add(SPREAD, LEAST) * times;
            note(behaviour.latency.mul_f64(factor), here);
        }
    }
}
