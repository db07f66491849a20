//! The Mann-Whitney statistic, and what it says about the difference between two samples.

use std::f64::consts::SQRT_2;

/// Two samples, to be compared by rank.
#[derive(Debug, Clone)]
pub struct Ranks<'a> {
    green: &'a [f64],
    blue: &'a [f64],
}

/// Where the difference between green and blue is, by the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The difference is hardly below this.
    pub lower: f64,
    /// Nor above this.
    pub upper: f64,
    /// The median of all differences between one of green's values and one of blue's.
    pub estimate: f64,
}

impl<'a> Ranks<'a> {
    /// Of two samples that are not empty.
    pub fn of(green: &'a [f64], blue: &'a [f64]) -> Ranks<'a> {
        Ranks { green, blue }
    }

    pub(super) fn green(&self) -> &[f64] {
        self.green
    }

    pub(super) fn blue(&self) -> &[f64] {
        self.blue
    }

    fn sizes(&self) -> (f64, f64) {
        (self.green.len() as f64, self.blue.len() as f64)
    }

    /// `W(shift, quantile)`: how far, in standard deviations, green's ranks are above what they
    /// would be if it were blue shifted by `shift`; less `quantile`. With the corrections for
    /// continuity and for ties. It falls as `shift` grows.
    pub fn statistic(&self, shift: f64, quantile: f64) -> f64 {
        let (m, n) = self.sizes();
        let (rank_sum, ties) = self.rank_sum(shift);
        let above = rank_sum - m * (m + 1.0) / 2.0 - m * n / 2.0;
        let all = m + n;
        let variance = m * n / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
        let sign = if above == 0.0 { 0.0 } else { above.signum() };
        (above - sign / 2.0) / variance.sqrt() - quantile
    }

    /// The sum of green's ranks among all, ties shared; and `Σ(t³ − t)` over the ties.
    fn rank_sum(&self, shift: f64) -> (f64, f64) {
        let green = self.green.iter().map(|value| (value - shift, true));
        let mut all: Vec<_> = green
            .chain(self.blue.iter().map(|it| (*it, false)))
            .collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut sum, mut ties, mut before) = (0.0, 0.0, 0.0);
        // By `==`, to which 0 and -0 are the same.
        for tied in all.chunk_by(|one, other| one.0 == other.0) {
            let count = tied.len() as f64;
            let rank = before + (count + 1.0) / 2.0;
            sum += rank * tied.iter().filter(|(_, green)| *green).count() as f64;
            ties += count.powi(3) - count;
            before += count;
        }
        (sum, ties)
    }

    /// How far the statistic can be from 0 at all with samples of these sizes.
    pub(super) fn furthest(&self) -> f64 {
        let (m, n) = self.sizes();
        (m * n / 2.0 - 0.5) / (m * n * (m + n + 1.0) / 12.0).sqrt()
    }

    /// How often a value of green's is above one of blue's; a tie is half.
    pub fn common_language(&self) -> f64 {
        let (m, n) = self.sizes();
        (2.0 * self.rank_sum(0.0).0 - m * (m + 1.0)) / (2.0 * m * n)
    }

    /// The median of all differences (Hodges and Lehmann 1963).
    pub fn estimate(&self) -> f64 {
        median(&self.differences())
    }

    /// The interval of the differences that the test does not refuse.
    pub fn interval(&self, confidence: f64) -> Interval {
        let z = normal_quantile(1.0 - (1.0 - confidence) / 2.0);
        let differences = self.differences();
        Interval {
            lower: self.root(&differences, z),
            upper: self.root(&differences, -z),
            estimate: median(&differences),
        }
    }

    /// Where the statistic changes its sign: it is a step function, whose steps are at the
    /// differences.
    fn root(&self, differences: &[f64], quantile: f64) -> f64 {
        let above = |shift: f64| self.statistic(shift, quantile) > 0.0;
        let (first, last) = (differences[0], differences[differences.len() - 1]);
        if !above(first) {
            return first;
        }
        let middle = |index: usize| f64::midpoint(differences[index], differences[index + 1]);
        let (mut low, mut high) = (0, differences.len() - 1);
        // Above zero right after every difference before `low`, not so from `high` on.
        while low < high {
            let index = usize::midpoint(low, high);
            match above(middle(index)) {
                true => low = index + 1,
                false => high = index,
            }
        }
        differences.get(low).copied().unwrap_or(last)
    }

    fn differences(&self) -> Vec<f64> {
        let pairs = self
            .green
            .iter()
            .flat_map(|x| self.blue.iter().map(move |y| x - y));
        let mut differences: Vec<f64> = pairs.collect();
        differences.sort_by(f64::total_cmp);
        differences
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The standard normal distribution's quantile: -2.326 for 0.01.
pub fn normal_quantile(probability: f64) -> f64 {
    let below = |z: f64| libm::erfc(-z / SQRT_2) / 2.0;
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    loop {
        let z = f64::midpoint(low, high);
        if z <= low || z >= high {
            return z;
        }
        match below(z) < probability {
            true => low = z,
            false => high = z,
        }
    }
}
