//! Calls as Go's templates write them, which ecspresso's files have: a function and its
//! arguments side by side, texts between backticks.

/// A template in which each `{{ name `text` "text" }}` is written `{{ name("text", "text") }}`,
/// for these names. Every line keeps its number.
pub(super) fn written_as_jinja(file: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(file.len());
    let mut rest = file;
    while let Some(at) = rest.find("{{") {
        let (before, inside) = rest.split_at(at + 2);
        out += before;
        let trimmed = inside.trim_start_matches(['-', ' ', '\t']);
        out += &inside[..inside.len() - trimmed.len()];
        rest = match call(trimmed, names) {
            Some((written, rest)) => {
                out += &written;
                rest
            }
            None => trimmed,
        };
    }
    out + rest
}

/// A call at the beginning of an expression, rewritten, and what follows it.
fn call<'t>(text: &'t str, names: &[&str]) -> Option<(String, &'t str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, mut rest) = text.split_at(end);
    if !names.contains(&name) {
        return None;
    }
    let mut arguments = Vec::new();
    while let Some((argument, after)) = literal(rest.trim_start_matches([' ', '\t'])) {
        arguments.push(serde_json::Value::from(argument).to_string());
        rest = after;
    }
    let written = format!("{name}({})", arguments.join(", "));
    (!arguments.is_empty()).then_some((written, rest))
}

/// The first function that a template calls as Go's do and that is none of these names: one that a
/// plugin of ecspresso brings.
pub(super) fn foreign<'t>(file: &'t str, names: &[&str]) -> Option<&'t str> {
    let called = |inside: &'t str| {
        let text = inside.trim_start_matches(['-', ' ', '\t']);
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
        let (name, rest) = text.split_at(end);
        literal(rest.trim_start_matches([' ', '\t']))?;
        (!name.is_empty() && !names.contains(&name)).then_some(name)
    };
    file.split("{{").skip(1).find_map(called)
}

/// A text between backticks or plain quotes, on one line.
fn literal(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '`' | '"'))?;
    let (inside, rest) = text[1..].split_once(quote)?;
    let plain = !inside.contains(['\n', '\\']);
    plain.then_some((inside, rest))
}
