//! DynamoDB's numbers, exact to a billionth: what timestamps and counters need.

use super::{AwsError, invalid};

const DIGITS: usize = 9;
const ONE: i128 = 1_000_000_000;

/// A number in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(i128);

impl Number {
    pub(super) fn parse(text: &str) -> Result<Number, AwsError> {
        let read = || {
            let (sign, digits) = match text.strip_prefix('-') {
                Some(digits) => (-1, digits),
                None => (1, text),
            };
            let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
            let rest = format!("{rest:0<DIGITS$}");
            let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let sound = !whole.is_empty() && rest.len() == DIGITS;
            if !(sound && digits_only(whole) && digits_only(&rest)) {
                return None;
            }
            let whole: i128 = whole.parse().ok()?;
            let rest: i128 = rest.parse().ok()?;
            Some(Number(sign * (whole.checked_mul(ONE)? + rest)))
        };
        read().ok_or_else(|| {
            invalid(format!(
                "The parameter cannot be converted to a numeric value, or not here: {text}"
            ))
        })
    }

    pub(super) fn plus(self, other: Number) -> Number {
        Number(self.0.saturating_add(other.0))
    }

    pub(super) fn minus(self, other: Number) -> Number {
        Number(self.0.saturating_sub(other.0))
    }
}

impl std::fmt::Display for Number {
    /// Without needless zeros, as DynamoDB gives numbers back.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, all) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, rest) = (all / ONE.unsigned_abs(), all % ONE.unsigned_abs());
        let rest = format!("{rest:0DIGITS$}");
        match rest.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            rest => write!(f, "{sign}{whole}.{rest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_size_and_come_back_without_needless_zeros() {
        let read = |text: &str| Number::parse(text).unwrap();
        assert!(read("9") < read("10"));
        assert!(read("-10.5") < read("-10.25"));
        assert_eq!(read("1800000060.500000000").to_string(), "1800000060.5");
        assert_eq!(read("-0.001").plus(read("1")).to_string(), "0.999");
        assert_eq!(read("007").minus(read("9")).to_string(), "-2");
        for text in ["", "-", ".", "1e9", "x", "1.2.3", "1.0123456789"] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
    }
}
