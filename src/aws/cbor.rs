//! CloudWatch's bodies, which are CBOR, as the JSON that the rest of this program works with:
//! what the SDK doesn't know of an alarm must not be lost on the way through it.

use ciborium::Value as Cbor;
use serde_json::{Number, Value};

/// The fields of an answer. Times become numbers.
pub(super) fn read(body: &[u8]) -> Result<Value, String> {
    let body: Cbor = ciborium::from_reader(body).map_err(|error| error.to_string())?;
    Ok(from_cbor(body))
}

/// A request's body.
pub(super) fn write(body: &Value) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&to_cbor(body), &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn from_cbor(value: Cbor) -> Value {
    match value {
        Cbor::Bool(flag) => flag.into(),
        Cbor::Integer(number) => i64::try_from(number).map_or(Value::Null, Value::from),
        Cbor::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Cbor::Text(text) => text.into(),
        Cbor::Array(items) => items.into_iter().map(from_cbor).collect(),
        Cbor::Map(fields) => {
            let fields = fields.into_iter().filter_map(|(key, value)| {
                let key = key.into_text().ok()?;
                Some((key, from_cbor(value))).filter(|(_, value)| !value.is_null())
            });
            Value::Object(fields.collect())
        }
        Cbor::Tag(_, content) => from_cbor(*content),
        _ => Value::Null,
    }
}

fn to_cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Object(fields) => {
            let fields = fields.iter();
            Cbor::Map(
                fields
                    .map(|(key, value)| (key.as_str().into(), to_cbor(value)))
                    .collect(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_read_is_written_again() {
        let alarm = json!({ "Threshold": 5.0, "Period": 60, "ActionsEnabled": true,
            "Dimensions": [{ "Name": "ServiceName", "Value": "shop" }], "NewField": { "A": [] } });
        let body = write(&alarm).expect("it has a form");
        assert_eq!(read(&body), Ok(alarm));
        assert!(read(b"\xff").is_err());
    }
}
