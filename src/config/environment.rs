//! `${NAME}` in the config's texts.

use crate::strategy::{InputError, Node, Position, Reader, Value};

/// Looks an environment variable up by its name.
pub(super) type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// What the names of the variables begin with that a gate's command has.
const OF_GATES: &str = "BG_GATE_";

/// The same tree with each `${NAME}` replaced. `$${NAME}` stands for `${NAME}` itself. An
/// undefined variable is an error; an empty one is not.
pub(super) fn fill(reader: Reader<'_>, node: Node, lookup: Lookup<'_>) -> Result<Node, InputError> {
    let at = node.at;
    let value = match node.value {
        Value::Text(text) => Value::Text(fill_text(reader, at, &text, lookup)?),
        Value::List(items) => {
            let filled = items.into_iter().map(|item| fill(reader, item, lookup));
            Value::List(filled.collect::<Result<_, _>>()?)
        }
        Value::Map(mut entries) => {
            for entry in &mut entries {
                let empty = Node {
                    at,
                    value: Value::Null,
                };
                let node = std::mem::replace(&mut entry.node, empty);
                entry.node = fill(reader, node, lookup)?;
            }
            Value::Map(entries)
        }
        other => other,
    };
    Ok(Node { at, value })
}

fn fill_text(
    reader: Reader<'_>,
    at: Position,
    text: &str,
    lookup: Lookup<'_>,
) -> Result<String, InputError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        let Some(end) = after.find('}') else {
            let place = place_of(reader, at, "${");
            return Err(reader.error(place, "\"${\" has no closing \"}\""));
        };
        let name = &after[..end];
        if let Some(before) = before.strip_suffix('$') {
            filled += before;
            filled += &format!("${{{name}}}");
        } else {
            filled += before;
            filled += &value(reader, at, name, lookup)?;
        }
        rest = &after[end + 1..];
    }
    Ok(filled + rest)
}

fn value(
    reader: Reader<'_>,
    at: Position,
    name: &str,
    lookup: Lookup<'_>,
) -> Result<String, InputError> {
    let place = || place_of(reader, at, &format!("${{{name}}}"));
    if !is_variable_name(name) {
        let what = format!("{name:?} can't be an environment variable's name");
        let hint = "the form is ${NAME}; write $${ for a ${ that is meant as such";
        return Err(reader.error(place(), what).with_hint(hint));
    }
    lookup(name).ok_or_else(|| {
        let what = format!("the environment variable {name:?} is not set");
        reader.error(place(), what).with_hint(unset(name))
    })
}

/// What may have been meant.
fn unset(name: &str) -> String {
    match name.starts_with(OF_GATES) {
        true => format!(
            "bg fills ${{NAME}} in when it reads this file, before any gate runs; for a command's \
             own shell write ${name} or $${{{name}}}"
        ),
        false => format!("set it, or write $${{{name}}} for a ${{{name}}} that is meant as such"),
    }
}

fn is_variable_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Where `part` stands in the line of a value that begins at `at`; the value's own place if it
/// stands in another line.
fn place_of(reader: Reader<'_>, at: Position, part: &str) -> Position {
    let line = reader.text.lines().nth(at.line - 1).unwrap_or("");
    let start: usize = line.chars().take(at.column - 1).map(char::len_utf8).sum();
    match line[start..].find(part) {
        Some(offset) => Position {
            line: at.line,
            column: at.column + line[start..start + offset].chars().count(),
        },
        None => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, InputError> {
        let reader = Reader { text, origin: "x" };
        let lookup = |name: &str| match name {
            "STAGE" => Some("prod".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${STAGE}: [x".to_owned()),
            _ => None,
        };
        let node = fill(reader, reader.parse()?, &lookup)?;
        let fields = reader.fields(&node, "a mapping", &["a"])?;
        match &fields.required("a")?.value {
            Value::Text(text) => Ok(text.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn takes_variables_inside_texts() {
        assert_eq!(
            filled("a: shop-${STAGE}-${STAGE}${EMPTY}\n").unwrap(),
            "shop-prod-prod"
        );
        assert_eq!(
            filled("a: 'x$${STAGE} $x {slot}' # ${NOT_SET}\n").unwrap(),
            "x${STAGE} $x {slot}"
        );
    }

    #[test]
    fn what_a_variable_holds_is_text_whatever_it_looks_like() {
        assert_eq!(filled("a: ${NESTED}\n").unwrap(), "${STAGE}: [x");
    }

    #[test]
    fn an_undefined_variable_is_shown_where_it_stands() {
        let error = |text| filled(text).unwrap_err().headline();
        assert_eq!(
            error("a: 'ü ${STAGE} ${STAGEE}'\n"),
            "x:1:16: the environment variable \"STAGEE\" is not set"
        );
        let hint = |text| filled(text).unwrap_err().to_string();
        let plain = hint("a: ${STAGEE}\n");
        assert!(
            plain.contains("set it, or write $${STAGEE} for a ${STAGEE}"),
            "{plain}"
        );
        let gate = hint("a: test ${BG_GATE_WEIGHT} = 0%\n");
        let words = "for a command's own shell write $BG_GATE_WEIGHT or $${BG_GATE_WEIGHT}";
        assert!(gate.contains(words), "{gate}");
        assert!(error("a: ${a-b}\n").starts_with("x:1:4: \"a-b\" can't be"));
        assert!(error("a: x${STAGE\n").starts_with("x:1:5: \"${\" has no closing"));
    }
}
