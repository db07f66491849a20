//! Single values of the config that can't be wrong once they are made.

use std::fmt;
use std::str::FromStr;

use crate::strategy::{Weight, WeightError};

/// An AWS account's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = String;

    fn from_str(text: &str) -> Result<AccountId, String> {
        let sound = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        sound
            .then(|| AccountId(text.to_owned()))
            .ok_or_else(|| format!("{text:?} is not an account's 12 digits"))
    }
}

/// A part of a count, in percent with one decimal, 0 to 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

impl Percent {
    /// Nothing of it.
    pub const ZERO: Percent = Percent(0);
    /// All of it.
    pub const ALL: Percent = Percent(1000);

    /// A whole number of percent; `None` over 100.
    pub fn of_percent(percent: u16) -> Option<Percent> {
        Weight::of_percent(percent).map(Percent::from)
    }

    /// In tenths of a percent, 0 to 1000.
    pub fn per_mille(self) -> u16 {
        self.0
    }

    /// That part of `count`, rounded up: 75 % of 3 is 3.
    pub fn of(self, count: u32) -> u32 {
        let part = (u64::from(count) * u64::from(self.0)).div_ceil(1000);
        u32::try_from(part).expect("a part is not larger than the whole")
    }
}

impl From<Weight> for Percent {
    fn from(weight: Weight) -> Percent {
        Percent(weight.per_mille())
    }
}

impl FromStr for Percent {
    type Err = WeightError;

    fn from_str(text: &str) -> Result<Percent, WeightError> {
        text.parse::<Weight>().map(Percent::from)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = Weight::of_per_mille(self.0).expect("a percent is at most 1000 per mille");
        weight.fmt(f)
    }
}

/// Where journals and locks are kept (`state`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateLocation {
    /// A folder on this machine, `file:DIR`; relative to the config's.
    File(String),
    /// A DynamoDB table, `dynamodb://TABLE`.
    DynamoDb(String),
}

impl Default for StateLocation {
    fn default() -> StateLocation {
        StateLocation::File(".bg".to_owned())
    }
}

impl fmt::Display for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateLocation::File(folder) => write!(f, "file:{folder}"),
            StateLocation::DynamoDb(table) => write!(f, "dynamodb://{table}"),
        }
    }
}

impl FromStr for StateLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<StateLocation, String> {
        if let Some(folder) = text.strip_prefix("file:") {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            return match folder {
                "" => Err("the folder after file: is missing".to_owned()),
                folder => Ok(StateLocation::File(folder.to_owned())),
            };
        }
        let Some(table) = text.strip_prefix("dynamodb://") else {
            return Err(format!("{text:?} is neither file:DIR nor dynamodb://TABLE"));
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let sound = (3..=255).contains(&table.len()) && table.bytes().all(allowed);
        sound
            .then(|| StateLocation::DynamoDb(table.to_owned()))
            .ok_or_else(|| format!("{table:?} can't be a DynamoDB table's name: 3 to 255 letters, digits, _ . and -"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, proptest};

    proptest! {
        #[test]
        fn a_part_of_targets_is_rounded_to_the_safe_side(per_mille in 0u16..=1000, count: u32) {
            let part = Percent(per_mille).of(count);
            prop_assert!(part <= count);
            prop_assert!(u64::from(part) * 1000 >= u64::from(per_mille) * u64::from(count));
        }
    }

    #[test]
    fn three_quarters_of_three_are_three() {
        let three_quarters: Percent = "75%".parse().unwrap();
        assert_eq!(three_quarters.of(3), 3);
        assert_eq!(three_quarters.of(4), 3);
        assert_eq!(Percent::ZERO.of(7), 0);
    }

    #[test]
    fn reads_where_state_is_kept() {
        let read = |text: &str| text.parse::<StateLocation>().map(|state| state.to_string());
        assert_eq!(read("file:.bg"), Ok("file:.bg".to_owned()));
        assert_eq!(
            read("file:///var/lib/bg"),
            Ok("file:/var/lib/bg".to_owned())
        );
        assert_eq!(
            read("dynamodb://bg-state"),
            Ok("dynamodb://bg-state".to_owned())
        );
        for text in [
            "",
            ".bg",
            "s3://x",
            "file:",
            "dynamodb://x",
            "dynamodb://a/b",
            "dynamodb:table",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
