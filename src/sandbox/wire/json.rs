//! AWS JSON 1.0 and 1.1.

use super::AwsError;
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
    let mut value = value.clone();
    tidy(&mut value);
    value.to_string().into_bytes()
}

/// Writes an error.
pub fn encode_error(error: &AwsError) -> Vec<u8> {
    let mut fields = error.details.clone();
    fields.insert("__type".to_owned(), json!(error.code));
    fields.insert("message".to_owned(), json!(error.message));
    Value::from(fields).to_string().into_bytes()
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(seconds) = fields.get("$time").filter(|_| fields.len() == 1) {
                *value = seconds.clone();
                return;
            }
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
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
