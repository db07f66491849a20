//! A JSON Schema as tables for people: one for each mapping. The kinds of single values have a table
//! that is written by hand.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Tables of every mapping of `schema`.
pub(crate) fn told(schema: &Value) -> String {
    let mut text = String::new();
    mapping(&mut text, "bg.yaml", schema, schema);
    let definitions = schema["$defs"].as_object().expect("definitions");
    for (name, definition) in definitions {
        if is_mapping(definition) {
            mapping(&mut text, name, definition, schema);
        }
    }
    text
}

/// The kinds of single values that `schema` names.
pub(crate) fn kinds(schema: &Value) -> Vec<String> {
    let definitions = schema["$defs"].as_object().expect("definitions").iter();
    let single = definitions.filter(|(_, it)| !is_mapping(it));
    single.map(|(name, _)| name.clone()).collect()
}

fn is_mapping(schema: &Value) -> bool {
    schema["properties"].is_object()
}

/// A heading, what it is, a row for each key; then the mappings that stand in it without a name.
fn mapping(text: &mut String, path: &str, schema: &Value, root: &Value) {
    writeln!(text, "## {path}\n").expect("it is text");
    if let Some(told) = schema["description"].as_str() {
        writeln!(text, "{told}\n").expect("it is text");
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().expect("properties");
    text.push_str("| key | takes | default | is |\n| --- | --- | --- | --- |\n");
    for (key, value) in properties {
        let needed = required.iter().any(|it| it == key);
        writeln!(text, "{}", row(path, key, value, needed, root)).expect("it is text");
    }
    text.push('\n');
    for (key, value) in properties.iter().filter(|(_, it)| is_mapping(it)) {
        mapping(text, &below(path, key), value, root);
    }
}

fn below(path: &str, key: &str) -> String {
    match path {
        "bg.yaml" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

fn row(path: &str, key: &str, value: &Value, needed: bool, root: &Value) -> String {
    let default = match &value["default"] {
        Value::Null if needed => "needed".to_owned(),
        Value::Null => String::new(),
        default => code(default),
    };
    let told = value["description"].as_str().unwrap_or_default();
    let takes = takes(value, root, &below(path, key));
    format!("| `{key}` | {takes} | {default} | {} |", cell(told))
}

/// What may stand there; `path` is where a mapping without a name has its own heading.
fn takes(value: &Value, root: &Value, path: &str) -> String {
    let several = |items: &Value| -> Vec<String> {
        let items = items.as_array().into_iter().flatten();
        items.map(|it| takes(it, root, path)).collect()
    };
    if let Some(name) = value["$ref"].as_str() {
        return named(name.trim_start_matches("#/$defs/"), root);
    }
    if let Some(word) = value.get("const") {
        return code(word);
    }
    if let Some(words) = value["enum"].as_array() {
        return words.iter().map(code).collect::<Vec<_>>().join(", ");
    }
    for choice in ["oneOf", "anyOf"] {
        if value[choice].is_array() && !is_mapping(value) {
            return several(&value[choice]).join("; or ");
        }
    }
    if is_mapping(value) && path.is_empty() {
        let keys = value["properties"].as_object().into_iter().flatten();
        let keys: Vec<_> = keys.map(|(key, _)| format!("`{key}`")).collect();
        return format!("a mapping of {}", keys.join(", "));
    }
    if is_mapping(value) {
        let word = &value["then"]["const"];
        let word = word.as_str().map(|it| format!("; or `{it}`"));
        return format!("[mapping](#{}){}", anchor(path), word.unwrap_or_default());
    }
    match (&value["items"], &value["type"]) {
        (Value::Object(items), _) => {
            let item = takes(&Value::Object(items.clone()), root, path);
            match item.contains("; or ") {
                true => format!("list of ({item})"),
                false => format!("list of {item}"),
            }
        }
        (_, Value::String(kind)) if kind == "object" => of_any_key(value, root),
        (_, Value::String(kind)) => kind.replace("string", "text"),
        (_, Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            kinds
                .collect::<Vec<_>>()
                .join(" or ")
                .replace("string", "text")
        }
        _ => "any".to_owned(),
    }
}

fn of_any_key(value: &Value, root: &Value) -> String {
    match &value["additionalProperties"] {
        Value::Object(values) => {
            let values: Map<_, _> = values.clone();
            let values = takes(&Value::Object(values), root, "");
            format!("names, each with {values}")
        }
        _ => "mapping".to_owned(),
    }
}

fn named(name: &str, root: &Value) -> String {
    match is_mapping(&root["$defs"][name]) {
        true => format!("[{name}](#{})", anchor(name)),
        false => format!("[{name}](#how-values-are-written)"),
    }
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(['.', '`'], "")
}

fn code(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    format!("`{}`", text.replace('|', "\\|"))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
