//! Texts inside other texts.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::facts::Group;

/// A JSON string, which YAML reads as one, too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What stands in a comment can't end it.
pub(super) fn one_line(text: &str) -> String {
    let fit = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(fit).collect()
}

/// What a group that is there already still needs, as comments.
pub(super) fn to_align(
    text: &mut String,
    like: &Group,
    group: &Group,
    attributes: &BTreeMap<String, String>,
) {
    let _ = writeln!(text, "\n# Target group {} is there already.", group.name);
    for (key, value) in attributes {
        let _ = writeln!(text, "# Give it {key} = {value}, as {} has it.", like.name);
    }
}
