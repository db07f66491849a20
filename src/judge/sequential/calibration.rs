//! How much two parts of one version differ by themselves, from blue's history by zone.

use super::Pair;
use super::factor::share;

/// The arm noise that blue's history shows: one pair a minute, its two sides two zones of blue.
/// 30 minutes at least are wanted; fewer overrate it or underrate it.
///
/// `κ̂² = max(0, Σ[(e₁ − Ts)² − v]) / (2 Σ v²)` with `T = e₁ + e₂`, `s = n₁/(n₁ + n₂)` and
/// `v = T s(1 − s)`.
pub fn kappa_hat(zones: &[Pair]) -> f64 {
    let (mut excess, mut squares) = (0.0, 0.0);
    for minute in zones {
        let bad = (minute.green.bad + minute.blue.bad) as f64;
        let share = share(*minute);
        let expected = bad * share;
        let variance = expected * (1.0 - share);
        excess += (minute.green.bad as f64 - expected).powi(2) - variance;
        squares += variance * variance;
    }
    match squares == 0.0 {
        true => 0.0,
        false => (excess.max(0.0) / (2.0 * squares)).sqrt(),
    }
}

/// The noise to judge with: half as much again as what was seen, 0.1 at least.
pub fn kappa(kappa_hat: f64) -> f64 {
    (1.5 * kappa_hat).clamp(0.1, 1.0)
}
