//! What an expression comes to.

use super::Points;

/// A constant, a series, or several of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Quantity {
    /// The same at all times.
    Scalar(f64),
    /// Values by time.
    Series(Points),
    /// Several series: to be summed up to one.
    Several(Vec<Points>),
}

impl Quantity {
    /// A series: a constant holds at all times.
    ///
    /// # Errors
    /// Several are none, in words.
    pub fn into_points(self, times: &[i64]) -> Result<Points, String> {
        match self {
            Self::Series(points) => Ok(points),
            Self::Scalar(value) => Ok(times.iter().map(|time| (*time, value)).collect()),
            Self::Several(_) => Err(
                "The expression is a list of time series where a single one is wanted: take the \
                 SUM, AVG, MIN or MAX of it"
                    .to_owned(),
            ),
        }
    }

    /// Its value at a time; several have none.
    pub(super) fn at(&self, time: i64) -> Option<f64> {
        match self {
            Self::Scalar(value) => Some(*value),
            Self::Series(points) => points.get(&time).copied(),
            Self::Several(_) => None,
        }
    }

    /// Changes each series.
    pub(super) fn each(
        self,
        times: &[i64],
        change: impl Fn(Points) -> Points,
    ) -> Result<Self, String> {
        Ok(match self {
            Self::Several(all) => Self::Several(all.into_iter().map(change).collect()),
            one => Self::Series(change(one.into_points(times)?)),
        })
    }

    pub(super) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let points = |points: Points| {
            let points = points.into_iter();
            points.map(|(time, value)| (time, change(value))).collect()
        };
        match self {
            Self::Scalar(value) => Self::Scalar(change(value)),
            Self::Series(series) => Self::Series(points(series)),
            Self::Several(all) => Self::Several(all.into_iter().map(points).collect()),
        }
    }

    /// Joins two, at the times that both have; several with one, each by itself.
    pub(super) fn with(
        &self,
        other: &Self,
        join: impl Fn(f64, f64) -> f64,
    ) -> Result<Self, String> {
        let along = |series: &Points, join: &dyn Fn(i64, f64) -> Option<f64>| -> Points {
            let joined = series.iter().filter_map(|(time, value)| {
                let value = join(*time, *value)?;
                value.is_finite().then_some((*time, value))
            });
            joined.collect()
        };
        let right = |time, left| Some(join(left, other.at(time)?));
        let left = |time, right| Some(join(self.at(time)?, right));
        Ok(match (self, other) {
            (Self::Several(_), Self::Several(_)) => {
                return Err("A list of time series can't be combined with another".to_owned());
            }
            (Self::Scalar(left), Self::Scalar(right)) => Self::Scalar(join(*left, *right)),
            (Self::Several(all), _) => {
                Self::Several(all.iter().map(|one| along(one, &right)).collect())
            }
            (_, Self::Several(all)) => {
                Self::Several(all.iter().map(|one| along(one, &left)).collect())
            }
            (Self::Series(series), _) => Self::Series(along(series, &right)),
            (_, Self::Series(series)) => Self::Series(along(series, &left)),
        })
    }
}
