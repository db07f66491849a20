//! GitHub's expressions, as far as `action.yml` uses them.

/// What an expression may name.
pub(crate) trait Names {
    /// Such as `inputs.image`; empty where there is none.
    fn value(&self, path: &str) -> String;
}

/// `text` with each `${{ … }}` in it replaced.
pub(crate) fn filled(text: &str, names: &dyn Names) -> String {
    let Some((before, rest)) = text.split_once("${{") else {
        return text.to_owned();
    };
    let (expression, after) = rest.split_once("}}").expect("it is closed");
    let value = evaluated(expression, names);
    format!("{before}{value}{}", filled(after, names))
}

/// A condition, with or without its braces; a step's own `success()` aside.
pub(crate) fn holds(condition: &str, names: &dyn Names) -> bool {
    let inner = condition.trim().strip_prefix("${{");
    let inner = inner.and_then(|it| it.strip_suffix("}}"));
    is_true(&evaluated(inner.unwrap_or(condition), names))
}

/// Any text but none; `false` is what a comparison gives.
fn is_true(value: &str) -> bool {
    !matches!(value, "" | "false")
}

fn evaluated(expression: &str, names: &dyn Names) -> String {
    if let Some((left, right)) = expression.split_once("||") {
        let left = evaluated(left, names);
        return if is_true(&left) {
            left
        } else {
            evaluated(right, names)
        };
    }
    if let Some((left, right)) = expression.split_once("&&") {
        let left = evaluated(left, names);
        return if is_true(&left) {
            evaluated(right, names)
        } else {
            left
        };
    }
    if let Some((left, right)) = expression.split_once("==") {
        return (evaluated(left, names) == evaluated(right, names)).to_string();
    }
    match expression.trim() {
        "always()" => "true".to_owned(),
        text if text.starts_with('\'') => text.trim_matches('\'').to_owned(),
        path => {
            let fine = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
            assert!(path.chars().all(fine), "{path:?} is not understood here");
            names.value(path)
        }
    }
}

#[test]
fn expressions_are_as_github_has_them() {
    struct One;
    impl Names for One {
        fn value(&self, path: &str) -> String {
            if path == "a.b-c" { "x" } else { "" }.to_owned()
        }
    }
    assert_eq!(filled("<${{ a.b-c }}> ${{ a.d || 'y' }}", &One), "<x> y");
    assert!(holds("${{ always() && a.b-c == 'x' && a.d == '' }}", &One));
    assert!(!holds("always() && a.d", &One));
}
