//! Single values of the config that can't be wrong once they are made.

use std::fmt;
use std::str::FromStr;

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
