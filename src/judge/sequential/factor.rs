//! What one interval says for or against a null hypothesis: the logarithm of a factor whose
//! expectation is at most 1 where the null holds.

use super::evidence::log_sum;
use super::{Count, Method, Pair};

/// The null "green's odds of being bad are at most `ratio` times blue's", for each effect size of
/// `grid`: how many times worse than that.
pub(super) fn relative(method: Method, pair: Pair, ratio: f64, grid: &[f64]) -> Vec<f64> {
    if pair.green.requests == 0 || pair.blue.requests == 0 {
        return vec![0.0; grid.len()];
    }
    match method {
        Method::A => grid.iter().map(|by| by_share(pair, ratio, *by)).collect(),
        Method::B => {
            let exact = Exact::of(pair);
            let under_null = exact.log_normaliser(ratio);
            let bad = pair.green.bad as f64;
            let factor = |by: &f64| bad * by.ln() + under_null - exact.log_normaliser(ratio * by);
            grid.iter().map(factor).collect()
        }
    }
}

/// Method A: of all bad events green gets its share of the traffic, times the ratio.
fn by_share(pair: Pair, ratio: f64, by: f64) -> f64 {
    let share = share(pair);
    let bad = (pair.green.bad + pair.blue.bad) as f64;
    let alternative = 1.0 - share + share * ratio * by;
    let null = 1.0 - share + share * ratio;
    pair.green.bad as f64 * by.ln() - bad * (alternative / null).ln()
}

/// The null "green is bad at most at the rate `limit`".
pub(super) fn absolute(green: Count, limit: f64, by: f64) -> f64 {
    green.bad as f64 * by.ln() - green.requests as f64 * (limit * (by - 1.0)).ln_1p()
}

/// Green's share of the requests; 0 where there are none.
pub(super) fn share(pair: Pair) -> f64 {
    let all = pair.green.requests + pair.blue.requests;
    match all {
        0 => 0.0,
        all => pair.green.requests as f64 / all as f64,
    }
}

/// Method B: Fisher's noncentral hypergeometric distribution of green's bad events, given how many
/// there are on both sides together. Exact also where bad is common.
#[derive(Debug, Clone)]
pub struct Exact {
    lowest: u64,
    /// Logarithm of each term over the one before it, at odds 1.
    steps: Vec<f64>,
}

impl Exact {
    /// For the requests of both sides and the sum of their bad ones.
    pub fn of(pair: Pair) -> Exact {
        let (green, blue) = (pair.green.requests, pair.blue.requests);
        let bad = pair.green.bad + pair.blue.bad;
        let lowest = bad.saturating_sub(blue);
        let highest = green.min(bad);
        let step = |k: u64| {
            let more = (green - k) as f64 * (bad - k) as f64;
            let fewer = (k + 1) as f64 * (blue + k + 1 - bad) as f64;
            (more / fewer).ln()
        };
        Exact {
            lowest,
            steps: (lowest..highest).map(step).collect(),
        }
    }

    /// `ln Σ C(n_g,k) C(n_b,T-k) odds^k`, but for a constant that doesn't depend on the odds.
    fn log_normaliser(&self, odds: f64) -> f64 {
        log_sum(self.log_terms(odds).into_iter())
    }

    /// The probability that green has k bad events, for each k that can be, in their order.
    pub fn probabilities(&self, odds: f64) -> Vec<f64> {
        let all = self.log_normaliser(odds);
        let terms = self.log_terms(odds);
        terms.into_iter().map(|term| (term - all).exp()).collect()
    }

    fn log_terms(&self, odds: f64) -> Vec<f64> {
        let log_odds = odds.ln();
        let first = self.lowest as f64 * log_odds;
        let mut terms = Vec::with_capacity(self.steps.len() + 1);
        terms.push(first);
        let mut term = first;
        for step in &self.steps {
            term += step + log_odds;
            terms.push(term);
        }
        terms
    }
}
