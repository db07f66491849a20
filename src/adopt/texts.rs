//! Texts inside other texts.

/// A JSON string, which YAML reads as one, too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What stands in a comment can't end it.
pub(super) fn one_line(text: &str) -> String {
    let fit = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(fit).collect()
}
