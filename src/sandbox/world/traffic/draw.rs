//! Random counts.

use fastrand::Rng;

/// Up to here counts are drawn exactly; beyond, by the normal approximation.
const EXACT: u64 = 64;

/// How many of events that come at this mean rate happen.
pub fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    if mean <= 0.0 {
        return 0;
    }
    if mean > EXACT as f64 {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0) as u64;
    }
    // Knuth: multiply uniform draws until they fall below e^-mean.
    let floor = (-mean).exp();
    let mut product = rng.f64();
    let mut count = 0;
    while product > floor {
        product *= rng.f64();
        count += 1;
    }
    count
}

/// How many of `n` trials succeed, each with probability `p`.
pub fn binomial(rng: &mut Rng, n: u64, p: f64) -> u64 {
    if p <= 0.0 || n == 0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if n <= EXACT {
        return (0..n).filter(|_| rng.f64() < p).count() as u64;
    }
    if p > 0.5 {
        return n - binomial(rng, n, 1.0 - p);
    }
    let mean = n as f64 * p;
    // Rare successes among many trials are Poisson; the normal approximation is off there.
    let drawn = match mean < 10.0 {
        true => poisson(rng, mean),
        false => {
            let spread = (mean * (1.0 - p)).sqrt();
            (mean + spread * normal(rng)).round().max(0.0) as u64
        }
    };
    drawn.min(n)
}

/// A standard normal draw, by Box and Muller.
pub(super) fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of many draws.
    fn moments(mut draw: impl FnMut() -> u64) -> (f64, f64) {
        let draws: Vec<f64> = (0..20_000).map(|_| draw() as f64).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let squares = draws.iter().map(|draw| (draw - mean).powi(2));
        (mean, squares.sum::<f64>() / draws.len() as f64)
    }

    #[test]
    fn counts_have_the_right_mean_and_spread() {
        let mut rng = Rng::with_seed(1);
        for mean in [0.2, 5.0, 60.0, 500.0] {
            let (got, spread) = moments(|| poisson(&mut rng, mean));
            assert!((got / mean - 1.0).abs() < 0.05, "poisson {mean}: {got}");
            assert!(
                (spread / mean - 1.0).abs() < 0.1,
                "poisson {mean}: {spread}"
            );
        }
        for (n, p) in [
            (20, 0.1),
            (64, 0.9),
            (1_000, 0.001),
            (1_000, 0.3),
            (1_000, 0.97),
        ] {
            let (mean, variance) = (n as f64 * p, n as f64 * p * (1.0 - p));
            let (got, spread) = moments(|| binomial(&mut rng, n, p));
            assert!((got / mean - 1.0).abs() < 0.05, "binomial {n} {p}: {got}");
            assert!(
                (spread / variance - 1.0).abs() < 0.1,
                "binomial {n} {p}: {spread}"
            );
        }
    }

    #[test]
    fn impossible_and_certain_events_are_exact() {
        let mut rng = Rng::with_seed(1);
        assert_eq!(poisson(&mut rng, 0.0), 0);
        assert_eq!(binomial(&mut rng, 1_000, 0.0), 0);
        assert_eq!(binomial(&mut rng, 1_000, 1.0), 1_000);
        assert!((0..1_000).all(|_| binomial(&mut rng, 100, 0.999) <= 100));
    }
}
