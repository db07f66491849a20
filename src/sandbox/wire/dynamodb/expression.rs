//! What conditions say of an item.

use super::number::Number;
use super::parse::{Comparison, Condition, Operand};
use super::{AwsError, invalid};
use crate::sandbox::world::dynamodb::Item;
use serde_json::{Value, json};
use std::cmp::Ordering;

/// Whether `condition` holds of `item`; one that isn't there has no attributes.
pub(super) fn holds(condition: &Condition, item: &Item) -> Result<bool, AwsError> {
    Ok(match condition {
        Condition::Exists(name) => item.contains_key(name),
        Condition::NotExists(name) => !item.contains_key(name),
        Condition::BeginsWith(whole, start) => {
            let (whole, start) = (value_of(whole, item)?, value_of(start, item)?);
            let text = |value: Option<Value>| Some(value?.get("S")?.as_str()?.to_owned());
            match (text(whole), text(start)) {
                (Some(whole), Some(start)) => whole.starts_with(&start),
                _ => false,
            }
        }
        Condition::Compare(left, comparison, right) => {
            compares(&value_of(left, item)?, *comparison, &value_of(right, item)?)?
        }
        Condition::Between(value, from, to) => {
            let value = value_of(value, item)?;
            compares(&value, Comparison::GreaterOrEqual, &value_of(from, item)?)?
                && compares(&value, Comparison::LessOrEqual, &value_of(to, item)?)?
        }
        Condition::Not(inner) => !holds(inner, item)?,
        Condition::And(left, right) => holds(left, item)? && holds(right, item)?,
        Condition::Or(left, right) => holds(left, item)? || holds(right, item)?,
    })
}

/// What an operand stands for; nothing where the attribute isn't there.
pub(super) fn value_of(operand: &Operand, item: &Item) -> Result<Option<Value>, AwsError> {
    let number = |operand: &Operand| -> Result<Number, AwsError> {
        let value = value_of(operand, item)?.ok_or_else(|| {
            invalid(
                "The provided expression refers to an attribute that does not exist in the item",
            )
        })?;
        number_of(&value)
    };
    Ok(match operand {
        Operand::Attribute(name) => item.get(name).cloned(),
        Operand::Value(value) => Some(value.clone()),
        Operand::IfNotExists(name, otherwise) => match item.get(name) {
            Some(value) => Some(value.clone()),
            None => value_of(otherwise, item)?,
        },
        Operand::Plus(left, right) => Some(written(number(left)?.plus(number(right)?))),
        Operand::Minus(left, right) => Some(written(number(left)?.minus(number(right)?))),
    })
}

/// The number in `{"N": "1.5"}`.
pub(super) fn number_of(value: &Value) -> Result<Number, AwsError> {
    let text = value.get("N").and_then(Value::as_str);
    let text = text
        .ok_or_else(|| invalid("An operand in the update expression has an incorrect data type"))?;
    Number::parse(text)
}

pub(super) fn written(number: Number) -> Value {
    json!({ "N": number.to_string() })
}

/// A comparison with something that isn't there, or is of another type, doesn't hold.
fn compares(
    left: &Option<Value>,
    comparison: Comparison,
    right: &Option<Value>,
) -> Result<bool, AwsError> {
    let order = match (left, right) {
        (Some(left), Some(right)) => order(left, right)?,
        _ => None,
    };
    Ok(match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    })
}

/// How two values compare; values of different types don't.
pub(super) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, AwsError> {
    let text = |value: &Value| Some(value.get("S")?.as_str()?.to_owned());
    if let (Some(left), Some(right)) = (text(left), text(right)) {
        return Ok(Some(left.cmp(&right)));
    }
    if left.get("N").is_some() && right.get("N").is_some() {
        return Ok(Some(number_of(left)?.cmp(&number_of(right)?)));
    }
    Ok((left == right).then_some(Ordering::Equal))
}
