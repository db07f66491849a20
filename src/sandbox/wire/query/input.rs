//! Reads request fields that may be typed (JSON, CBOR) or strings (Query).

use super::super::AwsError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A client error (status 400), as most of AWS's are.
pub fn fail(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(code, message)
}

/// The codes a service uses for a missing and for a malformed field.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// A required field isn't there.
    pub missing: &'static str,
    /// A field is there but can't be read.
    pub invalid: &'static str,
}

/// ELBv2's codes.
pub const ELB: Codes = Codes {
    missing: "ValidationError",
    invalid: "ValidationError",
};

/// CloudWatch's codes.
pub const CLOUDWATCH: Codes = Codes {
    missing: "MissingParameter",
    invalid: "InvalidParameterValue",
};

impl Codes {
    fn absent(self, field: &str) -> AwsError {
        let message = match self.missing {
            "ValidationError" => format!("The request must contain the parameter {field}"),
            _ => format!("The parameter {field} is required."),
        };
        fail(self.missing, message)
    }

    fn malformed(self, field: &str) -> AwsError {
        fail(self.invalid, format!("The parameter {field} is not valid."))
    }

    /// A required text.
    ///
    /// # Errors
    /// The service's code for a missing field; also for an empty one.
    pub fn required<'a>(self, input: &'a Value, field: &str) -> Result<&'a str, AwsError> {
        text(input, field)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.absent(field))
    }

    /// An optional whole number.
    ///
    /// # Errors
    /// The service's code for a malformed field.
    pub fn integer(self, input: &Value, field: &str) -> Result<Option<i64>, AwsError> {
        let read = match &input[field] {
            Value::Null => return Ok(None),
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.map(Some).ok_or_else(|| self.malformed(field))
    }

    /// An optional number.
    ///
    /// # Errors
    /// The service's code for a malformed field.
    pub fn number(self, input: &Value, field: &str) -> Result<Option<f64>, AwsError> {
        match &input[field] {
            Value::Null => Ok(None),
            value => as_number(value)
                .map(Some)
                .ok_or_else(|| self.malformed(field)),
        }
    }

    /// An optional truth value.
    ///
    /// # Errors
    /// The service's code for a malformed field.
    pub fn flag(self, input: &Value, field: &str) -> Result<Option<bool>, AwsError> {
        match &input[field] {
            Value::Null => Ok(None),
            Value::Bool(flag) => Ok(Some(*flag)),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(self.malformed(field)),
        }
    }

    /// A required point in time: `{"$time": …}`, epoch seconds, or ISO 8601 text.
    ///
    /// # Errors
    /// The service's code for a missing or malformed field.
    pub fn time(self, input: &Value, field: &str) -> Result<Timestamp, AwsError> {
        match &input[field] {
            Value::Null => Err(self.absent(field)),
            value => as_time(value).ok_or_else(|| self.malformed(field)),
        }
    }
}

/// An optional text.
pub fn text<'a>(input: &'a Value, field: &str) -> Option<&'a str> {
    input[field].as_str()
}

/// A list's items; an absent or empty field has none.
pub fn list<'a>(input: &'a Value, field: &str) -> &'a [Value] {
    input[field].as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub fn texts(input: &Value, field: &str) -> Vec<String> {
    list(input, field)
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// Whether the field is there at all.
pub fn has(input: &Value, field: &str) -> bool {
    !input[field].is_null()
}

/// A number, typed or as text. CloudWatch's JSON also writes `"NaN"`; those are no numbers here.
pub fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A point in time, in any of the codecs' forms.
pub fn as_time(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = value.get("$time").or(Some(value)).and_then(Value::as_f64) {
        return Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok();
    }
    let text = value.as_str()?;
    text.parse()
        .or_else(|_| format!("{text}Z").parse())
        .ok()
        .or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// The handlers' form of a timestamp: `{"$time": epoch seconds}`.
pub fn time_value(time: Timestamp) -> Value {
    json!({ "$time": time.as_millisecond() as f64 / 1000.0 })
}

/// One page of a listing: the items from `marker` on, and the next marker if more follow.
/// Markers are positions, opaque to clients.
///
/// # Errors
/// The `invalid` code given, when the marker isn't one of ours.
pub fn page<T>(
    items: Vec<T>,
    marker: Option<&str>,
    size: usize,
    invalid: &str,
) -> Result<(Vec<T>, Option<String>), AwsError> {
    let start: usize = match marker.filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => marker
            .strip_prefix("page-")
            .and_then(|position| position.parse().ok())
            .ok_or_else(|| fail(invalid, "The marker is not valid"))?,
    };
    let total = items.len();
    let end = start.saturating_add(size.max(1)).min(total);
    let taken = items.into_iter().skip(start).take(size.max(1)).collect();
    Ok((taken, (end < total).then(|| format!("page-{end}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_and_textual_fields_read_alike() {
        for input in [
            json!({"n": 5, "f": 2.5, "b": true, "t": {"$time": 60.0}}),
            json!({"n": "5", "f": "2.5", "b": "true", "t": "1970-01-01T00:01:00Z"}),
        ] {
            assert_eq!(ELB.integer(&input, "n").unwrap(), Some(5));
            assert_eq!(ELB.number(&input, "f").unwrap(), Some(2.5));
            assert_eq!(ELB.flag(&input, "b").unwrap(), Some(true));
            assert_eq!(ELB.time(&input, "t").unwrap().as_second(), 60);
            assert_eq!(ELB.integer(&input, "none").unwrap(), None);
        }
    }

    #[test]
    fn unreadable_fields_are_refused_with_the_services_code() {
        let input = json!({"n": "five", "b": "perhaps"});
        assert_eq!(
            ELB.integer(&input, "n").unwrap_err().code,
            "ValidationError"
        );
        assert_eq!(
            CLOUDWATCH.flag(&input, "b").unwrap_err().code,
            "InvalidParameterValue"
        );
        assert_eq!(
            CLOUDWATCH.required(&input, "x").unwrap_err().code,
            "MissingParameter"
        );
    }

    #[test]
    fn pages_join_to_the_whole() {
        let mut marker: Option<String> = None;
        let mut seen = Vec::new();
        loop {
            let (items, next) = page((0..7).collect(), marker.as_deref(), 3, "X").unwrap();
            seen.extend(items);
            match next {
                Some(next) => marker = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, (0..7).collect::<Vec<_>>());
        assert_eq!(
            page(vec![1], Some("junk"), 3, "Bad").unwrap_err().code,
            "Bad"
        );
    }
}
