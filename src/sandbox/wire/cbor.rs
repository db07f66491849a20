//! The rpc-v2-cbor protocol, which current SDKs speak with CloudWatch.
//!
//! The operation stands in the path, so a body is only the input. Answers carry the header
//! `smithy-protocol: rpc-v2-cbor` and the content type `application/cbor`.

use super::AwsError;
use super::query::input::fail;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

/// CBOR's tag for epoch-based date and time.
const TIME_TAG: u64 = 1;

/// Reads an input; an empty body is an empty input.
///
/// # Errors
/// `SerializationException` if it isn't CBOR, or not a map.
pub fn decode(body: &[u8]) -> Result<Value, AwsError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let broken = || fail("SerializationException", "The body is not a CBOR map");
    match ciborium::from_reader::<Cbor, _>(body) {
        Ok(value @ Cbor::Map(_)) => Ok(from_cbor(value)),
        _ => Err(broken()),
    }
}

/// Writes an answer.
pub fn encode(output: &Value) -> Vec<u8> {
    write(&to_cbor(output))
}

/// Writes an error: `{"__type": "com.amazonaws.cloudwatch#CODE", "message": …}`.
pub fn encode_error(error: &AwsError) -> Vec<u8> {
    let field = |name: &str, text: String| (Cbor::Text(name.to_owned()), Cbor::Text(text));
    write(&Cbor::Map(vec![
        field("__type", format!("com.amazonaws.cloudwatch#{}", error.code)),
        field("message", error.message.clone()),
    ]))
}

fn write(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("writing into memory doesn't fail");
    bytes
}

fn from_cbor(value: Cbor) -> Value {
    match value {
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Integer(number) => i64::try_from(number).map_or(Value::Null, Value::from),
        Cbor::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bytes(bytes) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        Cbor::Array(items) => items.into_iter().map(from_cbor).collect(),
        Cbor::Map(fields) => Value::Object(fields.into_iter().filter_map(field).collect()),
        Cbor::Tag(TIME_TAG, content) => match from_cbor(*content).as_f64() {
            Some(seconds) => serde_json::json!({ "$time": seconds }),
            None => Value::Null,
        },
        Cbor::Tag(_, content) => from_cbor(*content),
        _ => Value::Null,
    }
}

/// A null is the same as an absent field.
fn field((key, value): (Cbor, Cbor)) -> Option<(String, Value)> {
    match (key, from_cbor(value)) {
        (Cbor::Text(_), Value::Null) => None,
        (Cbor::Text(key), value) => Some((key, value)),
        _ => None,
    }
}

fn to_cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cbor::Integer(whole.into()),
            (None, float) => Cbor::Float(float.unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Object(fields) => match fields.get("$time").and_then(Value::as_f64) {
            Some(seconds) => Cbor::Tag(TIME_TAG, Box::new(Cbor::Float(seconds))),
            None => Cbor::Map(
                fields
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (Cbor::Text(key.clone()), to_cbor(value)))
                    .collect(),
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn timestamps_are_tag_1_and_doubles_stay_doubles() {
        let value = json!({"At": {"$time": 1_700_000_000.0}, "Threshold": 5.0, "Period": 60});
        let back: Cbor = ciborium::from_reader(encode(&value).as_slice()).unwrap();
        let fields = back.into_map().unwrap();
        assert_eq!(
            fields[0].1,
            Cbor::Tag(1, Box::new(Cbor::Float(1_700_000_000.0)))
        );
        assert!(fields.contains(&(Cbor::Text("Threshold".into()), Cbor::Float(5.0))));
        assert!(fields.contains(&(Cbor::Text("Period".into()), Cbor::Integer(60.into()))));
    }

    #[test]
    fn whole_and_fractional_times_are_read() {
        for content in [Cbor::Integer(60.into()), Cbor::Float(60.0)] {
            let input = Cbor::Map(vec![(
                Cbor::Text("StartTime".into()),
                Cbor::Tag(1, Box::new(content)),
            )]);
            assert_eq!(
                decode(&write(&input)).unwrap(),
                json!({"StartTime": {"$time": 60.0}})
            );
        }
    }

    #[test]
    fn what_is_not_a_map_is_refused() {
        assert_eq!(decode(b"").unwrap(), json!({}));
        assert_eq!(decode(b"{}").unwrap_err().code, "SerializationException");
        assert_eq!(decode(&[0x01]).unwrap_err().code, "SerializationException");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            (-1e12..1e12).prop_map(|float: f64| json!(float)),
            ".*".prop_map(Value::String),
            (0..4_000_000_000_i64).prop_map(|t| json!({"$time": t as f64})),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[A-Z][a-z]{0,6}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_value()) {
            let value = json!({"Field": value});
            prop_assert_eq!(decode(&encode(&value)).unwrap(), value);
        }
    }
}
