//! Items: attributes by name.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

/// An item, or a key.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The partition key.
pub(super) const PK: &str = "pk";
/// The sort key.
pub(super) const SK: &str = "sk";
/// When DynamoDB may delete an item, in seconds since 1970.
pub(super) const EXPIRES_AT: &str = "expires_at";

/// A lock and a request outlast their use by so long: longer than any clock is wrong, any process
/// is suspended or any deployment waits for somebody to go on with it.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(super) fn value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// Seconds since 1970, to the nanosecond.
pub(super) fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(format!("{}.{:09}", at.as_second(), at.subsec_nanosecond()))
}

/// When something that is of use until `until` may be deleted.
pub(super) fn expiry(until: Timestamp) -> AttributeValue {
    let at = until.saturating_add(KEPT_FOR).unwrap_or(Timestamp::MAX);
    number(at.as_second())
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The key of an item, to begin one with.
pub(super) fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([(PK.to_owned(), value(pk)), (SK.to_owned(), value(sk))])
}
