//! `image`: what ECR says of the images of the version.

use std::collections::BTreeMap;

use crate::gate::{Asks, Check, ImageCheck, Severity, Unscanned};
use crate::strategy::{InputError, Node, Reader, Value};

pub(in crate::config) const IMAGE_KEYS: [&str; 7] = [
    "critical",
    "high",
    "medium",
    "low",
    "informational",
    "undefined",
    "unscanned",
];

const FORM: &str = "default, exists, or { critical, high, medium, low, informational, undefined, \
                    unscanned }";

/// `default`, `exists`, or limits.
pub(super) fn image(reader: Reader<'_>, node: &Node) -> Result<Asks, InputError> {
    let mut check = ImageCheck {
        at_most: [(Severity::Critical, 0)].into(),
        unscanned: Unscanned::Wait,
    };
    match &node.value {
        Value::Text(text) if text == "default" => {}
        Value::Text(text) if text == "exists" => check.at_most = BTreeMap::new(),
        Value::Map(_) => {
            let fields = reader.fields(node, FORM, &IMAGE_KEYS)?;
            for severity in Severity::ALL {
                if let Some(node) = fields.optional(severity.as_str()) {
                    check.at_most.insert(severity, limit(reader, node)?);
                }
            }
            if let Some(node) = fields.optional("unscanned") {
                check.unscanned = unscanned(reader, node)?;
            }
        }
        _ => return Err(reader.mismatch(node, FORM)),
    }
    Ok(Asks::Check(Check::Image(check)))
}

fn limit(reader: Reader<'_>, node: &Node) -> Result<u32, InputError> {
    let (Value::Number(text) | Value::Text(text)) = &node.value else {
        return Err(reader.mismatch(node, "how many findings pass"));
    };
    text.parse()
        .map_err(|_| reader.error(node.at, format!("{text:?} is not a number of findings")))
}

fn unscanned(reader: Reader<'_>, node: &Node) -> Result<Unscanned, InputError> {
    match &node.value {
        Value::Text(text) if text == "wait" => Ok(Unscanned::Wait),
        Value::Text(text) if text == "fail" => Ok(Unscanned::Fail),
        Value::Text(text) if text == "pass" => Ok(Unscanned::Pass),
        _ => Err(reader.mismatch(node, "wait, fail or pass")),
    }
}
