//! IAM's judgement, as far as `bg`'s own policies go: a request is refused unless some statement
//! allows its action on its resource under its conditions.

use serde_json::Value;

/// Of the needs that the region has noted, those that none of the policies allows.
pub(crate) fn refused<'a>(policies: &[Value], needs: &'a [Value]) -> Vec<&'a Value> {
    let statements: Vec<&Value> = policies
        .iter()
        .flat_map(|policy| policy["Statement"].as_array().expect("statements"))
        .collect();
    let refused = |need: &&Value| !statements.iter().any(|it| allows(it, need));
    needs.iter().filter(refused).collect()
}

/// One or several texts.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn allows(statement: &Value, need: &Value) -> bool {
    let any = |field: &str, wanted: &Value| {
        let wanted = wanted.as_str().expect("a text");
        let patterns = texts(&statement[field]);
        patterns.iter().any(|pattern| is_like(wanted, pattern))
    };
    any("Action", &need["action"])
        && any("Resource", &need["resource"])
        && conditions_hold(&statement["Condition"], &need["context"])
}

fn conditions_hold(conditions: &Value, context: &Value) -> bool {
    let operators = conditions.as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        let mut keys = keys.as_object().expect("keys").iter();
        keys.all(|(key, patterns)| {
            let (values, patterns) = (texts(&context[key]), texts(patterns));
            let fits = |value: &&str| patterns.iter().any(|pattern| is_like(value, pattern));
            match operator.as_str() {
                "StringEquals" | "ArnEquals" => values.iter().any(fits),
                "ForAllValues:StringLike" | "ForAllValues:StringEquals" => values.iter().all(fits),
                other => panic!("{other} is not judged here"),
            }
        })
    })
}

/// Whether a text is what a pattern with asterisks means.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(tail) = text.strip_prefix(head) else {
        return false;
    };
    let starts = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
    starts.into_iter().any(|at| is_like(&tail[at..], rest))
}
