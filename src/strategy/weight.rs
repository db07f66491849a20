//! Green's share of a route.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Green's share of a route, in percent with one decimal (held in per mille, 0 to 1000).
/// Blue has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// Blue serves everything.
    pub const ZERO: Weight = Weight(0);
    /// Green serves everything.
    pub const FULL: Weight = Weight(1000);

    /// A whole number of percent; `None` over 100.
    pub fn of_percent(percent: u16) -> Option<Weight> {
        Weight::of_per_mille(percent.checked_mul(10)?)
    }

    /// A number of tenths of a percent; `None` over 1000.
    pub fn of_per_mille(per_mille: u16) -> Option<Weight> {
        (per_mille <= 1000).then_some(Weight(per_mille))
    }

    /// In tenths of a percent, 0 to 1000.
    pub fn per_mille(self) -> u16 {
        self.0
    }

    /// Blue's share beside this one: the two are always 100 % together.
    pub fn blue(self) -> Weight {
        Weight(1000 - self.0)
    }
}

/// Why a text is not a percentage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightError {
    /// Not a number followed by `%`.
    Malformed(String),
    /// More than one digit after the point.
    TooFine(String),
    /// Over 100 %.
    TooLarge(String),
}

impl fmt::Display for WeightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightError::Malformed(text) => {
                write!(
                    f,
                    "{text:?} is not a percentage such as \"10%\" or \"2.5%\""
                )
            }
            WeightError::TooFine(text) => {
                write!(f, "{text:?} has more than one digit after the point")
            }
            WeightError::TooLarge(text) => write!(f, "{text:?} is over 100%"),
        }
    }
}

impl std::error::Error for WeightError {}

impl FromStr for Weight {
    type Err = WeightError;

    fn from_str(text: &str) -> Result<Weight, WeightError> {
        let malformed = || WeightError::Malformed(text.to_owned());
        let number = text.strip_suffix('%').ok_or_else(malformed)?.trim_end();
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(tenth) {
            return Err(malformed());
        }
        if tenth.len() > 1 {
            return Err(WeightError::TooFine(text.to_owned()));
        }
        let too_large = || WeightError::TooLarge(text.to_owned());
        let whole: u16 = whole.parse().map_err(|_| too_large())?;
        let tenth: u16 = tenth.parse().map_err(|_| malformed())?;
        let per_mille = whole.checked_mul(10).and_then(|n| n.checked_add(tenth));
        per_mille
            .and_then(Weight::of_per_mille)
            .ok_or_else(too_large)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 % 10 {
            0 => format!("{}%", self.0 / 10),
            tenth => format!("{}.{tenth}%", self.0 / 10),
        };
        f.pad(&text)
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Weight, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn every_weight_survives_being_printed_and_read(per_mille in 0u16..=1000) {
            let weight = Weight::of_per_mille(per_mille).unwrap();
            prop_assert_eq!(weight.to_string().parse::<Weight>(), Ok(weight));
            let json = serde_json::to_string(&weight).unwrap();
            prop_assert_eq!(serde_json::from_str::<Weight>(&json).unwrap(), weight);
        }

        #[test]
        fn blue_has_the_rest(per_mille in 0u16..=1000) {
            let weight = Weight::of_per_mille(per_mille).unwrap();
            prop_assert_eq!(weight.per_mille() + weight.blue().per_mille(), 1000);
        }

        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = text.parse::<Weight>();
        }
    }

    #[test]
    fn prints_a_decimal_only_where_there_is_one() {
        assert_eq!(Weight::of_per_mille(25).unwrap().to_string(), "2.5%");
        assert_eq!(Weight::of_percent(10).unwrap().to_string(), "10%");
        assert_eq!(format!("{:>5}", Weight::FULL), " 100%");
    }

    #[test]
    fn refuses_what_is_no_percentage_between_0_and_100() {
        let error = |text: &str| text.parse::<Weight>().unwrap_err();
        assert_eq!(error("101%"), WeightError::TooLarge("101%".into()));
        assert_eq!(error("100.1%"), WeightError::TooLarge("100.1%".into()));
        assert_eq!(
            error("99999999%"),
            WeightError::TooLarge("99999999%".into())
        );
        assert_eq!(error("2.25%"), WeightError::TooFine("2.25%".into()));
        for text in [
            "", "%", "10", "-1%", "+1%", "1.%", ".5%", "1,5%", "ten%", "1e1%",
        ] {
            assert_eq!(error(text), WeightError::Malformed(text.into()));
        }
        assert_eq!(Weight::of_percent(101), None);
        assert_eq!(Weight::of_percent(u16::MAX), None);
    }
}
