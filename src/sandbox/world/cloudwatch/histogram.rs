//! A distribution of values in buckets of 2 % width, for percentiles.

/// Each bucket's upper bound is this much above its lower one: percentiles are right to 1 %.
const GROWTH: f64 = 1.02;

/// Counts by bucket. Values of zero and below share the lowest one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// In order. They are few and mostly the same ones: a search costs less than a tree.
    buckets: Vec<(i16, f64)>,
}

impl Histogram {
    /// Counts a value so many times.
    pub fn add(&mut self, value: f64, count: f64) {
        self.add_to(bucket(value), count);
    }

    fn add_to(&mut self, bucket: i16, count: f64) {
        match self.buckets.binary_search_by_key(&bucket, |it| it.0) {
            Ok(at) => self.buckets[at].1 += count,
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Adds all of another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add_to(*bucket, *count);
        }
    }

    /// How many are above `value`; of its own bucket the part that lies above.
    pub fn above(&self, value: f64) -> f64 {
        let own = bucket(value);
        let from = self.buckets.partition_point(|(bucket, _)| *bucket < own);
        let (within, from) = match self.buckets.get(from) {
            Some((bucket, count)) if *bucket == own => (*count, from + 1),
            _ => (0.0, from),
        };
        let above: f64 = self.buckets[from..].iter().map(|(_, count)| count).sum();
        let (low, high) = (GROWTH.powi(own.into()), GROWTH.powi(i32::from(own) + 1));
        let part = match own {
            i16::MIN => 0.0,
            _ => ((high - value) / (high - low)).clamp(0.0, 1.0),
        };
        above + within * part
    }

    /// The value below which `percent` of all lie.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let total: f64 = self.buckets.iter().map(|(_, count)| count).sum();
        let rank = total * percent / 100.0;
        let mut seen = 0.0;
        let mut found = None;
        for (bucket, count) in &self.buckets {
            found = Some(middle(*bucket));
            seen += count;
            if seen >= rank {
                break;
            }
        }
        found
    }
}

fn bucket(value: f64) -> i16 {
    if value <= 0.0 {
        return i16::MIN;
    }
    // f64's whole range is about ±36,000 buckets: clamped values are beyond any metric.
    (value.ln() / GROWTH.ln())
        .floor()
        .clamp(-32_000.0, 32_000.0) as i16
}

fn middle(bucket: i16) -> f64 {
    match bucket {
        i16::MIN => 0.0,
        bucket => GROWTH.powf(f64::from(bucket) + 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn percentiles_are_right_to_one_percent(
            mut values in prop::collection::vec(0.0001..1000.0_f64, 1..200),
            percent in 1.0..100.0_f64,
        ) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.add(*value, 1.0);
            }
            values.sort_by(f64::total_cmp);
            let rank = (values.len() as f64 * percent / 100.0).ceil() as usize;
            let exact = values[rank.clamp(1, values.len()) - 1];
            let got = histogram.percentile(percent).unwrap();
            prop_assert!((got / exact - 1.0).abs() < 0.011, "{} for {}", got, exact);
        }
    }

    #[test]
    fn what_is_above_a_value_is_counted() {
        let mut histogram = Histogram::default();
        for value in 1..=1000 {
            histogram.add(f64::from(value) / 1000.0, 2.0);
        }
        for value in [0.1, 0.25, 0.5, 0.95] {
            let above = histogram.above(value);
            assert!(
                (above - 2000.0 * (1.0 - value)).abs() < 6.0,
                "{above} above {value}"
            );
        }
        assert_eq!((histogram.above(0.0), histogram.above(2.0)), (2000.0, 0.0));
    }

    #[test]
    fn zero_has_a_place() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50.0), None);
        histogram.add(0.0, 3.0);
        assert_eq!(histogram.percentile(99.0), Some(0.0));
    }
}
