//! One e-process: the evidence against one null hypothesis, as a natural logarithm.

/// From when evidence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From the first interval: what was banked while all was well hides a later fault.
    First,
    /// From any interval: the j-th has the weight 1/(j(j+1)) (a sum of 1 over all j). What came
    /// before a fault costs nothing but this weight.
    Harmonic,
}

/// A mixture of products of factors, over effect sizes and start times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evidence {
    start: Start,
    log_weights: Vec<f64>,
    /// Per effect size, the logarithm of the mixture of products over the starts so far.
    log_products: Vec<f64>,
    intervals: u32,
}

impl Evidence {
    /// No evidence yet. `weights` sum to 1, one for each effect size.
    pub(super) fn new(start: Start, weights: &[f64]) -> Evidence {
        let nothing = match start {
            Start::First => 0.0,
            Start::Harmonic => f64::NEG_INFINITY,
        };
        Evidence {
            start,
            log_weights: weights.iter().map(|weight| weight.ln()).collect(),
            log_products: vec![nothing; weights.len()],
            intervals: 0,
        }
    }

    /// Takes one interval's logarithm of the factor for each effect size.
    pub(super) fn take(&mut self, log_factors: impl IntoIterator<Item = f64>) {
        self.intervals += 1;
        let t = f64::from(self.intervals);
        for (product, factor) in self.log_products.iter_mut().zip(log_factors) {
            let before = match self.start {
                Start::First => *product,
                Start::Harmonic => log_add(*product, -t.ln() - (t + 1.0).ln()),
            };
            *product = before + factor;
        }
    }

    /// The logarithm of the e-value.
    pub(super) fn log(&self) -> f64 {
        let terms = self.log_weights.iter().zip(&self.log_products);
        let begun = log_sum(terms.map(|(weight, product)| weight + product));
        match self.start {
            Start::First => begun,
            // The starts that are still to come: their products are 1.
            Start::Harmonic => log_add(begun, -f64::from(self.intervals + 1).ln()),
        }
    }
}

/// `ln(e^a + e^b)`.
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

/// The logarithm of a sum, from its terms' logarithms.
pub(super) fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let high = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if high == f64::NEG_INFINITY {
        return high;
    }
    high + terms.map(|term| (term - high).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_is_no_evidence() {
        for start in [Start::First, Start::Harmonic] {
            let mut evidence = Evidence::new(start, &[0.5, 0.5]);
            assert!(evidence.log().abs() < 1e-12);
            for _ in 0..50 {
                evidence.take([0.0, 0.0]);
            }
            assert!(evidence.log().abs() < 1e-12);
        }
    }

    #[test]
    fn what_was_banked_in_good_times_hides_a_late_fault_unless_any_start_counts() {
        let late = |start| {
            let mut evidence = Evidence::new(start, &[1.0]);
            (0..20).for_each(|_| evidence.take([-1.0]));
            (0..10).for_each(|_| evidence.take([1.0]));
            evidence.log()
        };
        assert!((late(Start::First) + 10.0).abs() < 1e-9);
        assert!(late(Start::Harmonic) > 3.0);
    }

    #[test]
    fn a_sum_of_tiny_terms_does_not_vanish() {
        let sum = log_sum([-2000.0, -2000.0].into_iter());
        assert!((sum - (-2000.0 + 2f64.ln())).abs() < 1e-9);
        assert_eq!(
            log_add(f64::NEG_INFINITY, f64::NEG_INFINITY),
            f64::NEG_INFINITY
        );
    }
}
