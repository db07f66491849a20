//! A number that is written down and read back as the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A finite number; in a journal its shortest decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(f64);

// It is never "not a number".
impl Eq for Number {}

impl Number {
    /// `value`, where it is finite.
    pub fn of(value: f64) -> Option<Number> {
        value.is_finite().then_some(Number(value))
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Number, String> {
        let value = text.parse().ok().and_then(Number::of);
        value.ok_or_else(|| format!("{text:?} is not a number"))
    }
}

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Number, String> {
        text.parse()
    }
}

impl From<Number> for String {
    fn from(number: Number) -> String {
        number.0.to_string()
    }
}

/// At most four decimals, or four figures of what is smaller.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value != 0.0 && value.abs() < 0.001 {
            return write!(f, "{value:.3e}");
        }
        let text = format!("{value:.4}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}
