//! AWS JSON 1.0 and 1.1.

use super::AwsError;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// Reads a body. An empty one is an empty object.
///
/// # Errors
/// `SerializationException` for what is no JSON object.
pub fn decode(body: &[u8]) -> Result<Value, AwsError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(AwsError::new(
            "SerializationException",
            "The request body is not a JSON object.",
        )),
    }
}

/// Writes an answer: timestamps become numbers of seconds, and what is null is left out.
pub fn encode(value: &Value) -> Vec<u8> {
    serde_json::to_vec(&Tidy(value)).expect("its keys are text")
}

/// Writes an error.
pub fn encode_error(error: &AwsError) -> Vec<u8> {
    let mut fields = error.details.clone();
    fields.insert("__type".to_owned(), json!(error.code));
    fields.insert("message".to_owned(), json!(error.message));
    Value::from(fields).to_string().into_bytes()
}

/// An answer as its text is to be.
struct Tidy<'a>(&'a Value);

impl Serialize for Tidy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => match fields.get("$time").filter(|_| fields.len() == 1) {
                Some(seconds) => seconds.serialize(serializer),
                None => {
                    let told = fields.iter().filter(|(_, value)| !value.is_null());
                    serializer.collect_map(told.map(|(name, value)| (name, Tidy(value))))
                }
            },
            Value::Array(items) => serializer.collect_seq(items.iter().map(Tidy)),
            value => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_become_numbers_and_nulls_are_left_out() {
        let value = json!({"a": [{"at": {"$time": 1.5}}], "b": {"$time": 2.0, "x": 1}, "c": null});
        let written: Value = serde_json::from_slice(&encode(&value)).unwrap();
        assert_eq!(
            written,
            json!({"a": [{"at": 1.5}], "b": {"$time": 2.0, "x": 1}})
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        assert_eq!(decode(b"").unwrap(), json!({}));
        assert_eq!(decode(b"[1]").unwrap_err().code, "SerializationException");
        assert_eq!(decode(b"{").unwrap_err().code, "SerializationException");
    }
}
