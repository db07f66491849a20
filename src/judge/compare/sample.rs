//! One side's values: what is missing, what is left out, and what they are together.

/// What a missing value, which is not a number, is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing.
    Remove,
    /// Zero.
    Zero,
}

impl Missing {
    /// The values to go on with.
    pub fn left(self, values: &[f64]) -> Vec<f64> {
        let values = values.iter().copied();
        match self {
            Missing::Remove => values.filter(|value| !value.is_nan()).collect(),
            Missing::Zero => values
                .map(|value| if value.is_nan() { 0.0 } else { value })
                .collect(),
        }
    }
}

/// Which values are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outliers {
    /// None.
    Keep,
    /// Those far outside the quartiles.
    Fences {
        /// How many times the distance between the quartiles: 3.
        factor: f64,
        /// Whether what is between the percentiles 1 and 99 always stays.
        reduce_sensitivity: bool,
    },
    /// Those so many standard deviations from the mean.
    Deviations {
        /// How many: 3.
        k: f64,
    },
}

impl Outliers {
    /// One flag for each value.
    pub fn flags(self, values: &[f64]) -> Vec<bool> {
        match self {
            _ if values.is_empty() => Vec::new(),
            Outliers::Keep => vec![false; values.len()],
            Outliers::Fences {
                factor,
                reduce_sensitivity,
            } => {
                let at = |p| percentile(values, p);
                let (low, high) = (at(25.0), at(75.0));
                let reach = factor * (high - low);
                let (mut low, mut high) = (low - reach, high + reach);
                if reduce_sensitivity {
                    low = low.min(at(1.0));
                    high = high.max(at(99.0));
                }
                values.iter().map(|it| *it < low || *it > high).collect()
            }
            Outliers::Deviations { k } => {
                let mean = mean(values);
                let squares = values.iter().map(|value| (value - mean).powi(2));
                let deviation = (squares.sum::<f64>() / values.len() as f64).sqrt();
                let far = |value: &f64| (value - mean).abs() > k * deviation;
                values.iter().map(far).collect()
            }
        }
    }

    /// The values that stay.
    pub fn left(self, values: Vec<f64>) -> Vec<f64> {
        let flags = self.flags(&values);
        let both = values.into_iter().zip(flags);
        both.filter_map(|(value, out)| (!out).then_some(value))
            .collect()
    }
}

/// A sample in five figures, all 0 where it is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// The least value.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The sample's standard deviation; 0 for one value.
    pub deviation: f64,
    /// How many.
    pub count: usize,
}

impl Summary {
    /// Of `values`.
    pub fn of(values: &[f64]) -> Summary {
        if values.is_empty() {
            return Summary::default();
        }
        Summary {
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean: mean(values),
            deviation: variance(values).sqrt(),
            count: values.len(),
        }
    }
}

/// The p-th percentile of a sample that isn't empty, between two values by their distance (the
/// type 7 of Hyndman and Fan 1996).
pub fn percentile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() - 1) as f64 * p / 100.0;
    let below = at.floor();
    let low = sorted[below as usize];
    let high = sorted[at.ceil() as usize];
    low + (at - below) * (high - low)
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample's variance; 0 for one value.
fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    squares.sum::<f64>() / (values.len() - 1) as f64
}

/// Green's mean over blue's; not a number where either is 0.
pub fn mean_ratio(green: &[f64], blue: &[f64]) -> f64 {
    match (mean(green), mean(blue)) {
        (green, blue) if green == 0.0 || blue == 0.0 => f64::NAN,
        (green, blue) => green / blue,
    }
}

/// The distance of the means in pooled standard deviations, divided by all values but two each
/// (Cohen 1988).
pub fn cohen_d(green: &[f64], blue: &[f64]) -> f64 {
    let (m, n) = (green.len() as f64, blue.len() as f64);
    let pooled = ((m - 1.0) * variance(green) + (n - 1.0) * variance(blue)) / (m + n - 2.0);
    (mean(green) - mean(blue)).abs() / pooled.sqrt()
}

/// One draw from the standard normal distribution, from two or more of `uniform`'s in [0, 1)
/// (Marsaglia and Bray 1964).
pub fn gaussian(mut uniform: impl FnMut() -> f64) -> f64 {
    loop {
        let (x, y) = (2.0 * uniform() - 1.0, 2.0 * uniform() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
}
