//! What is different between two looks, and whether that was expected.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::expected::Expected;
use crate::look::Look;

/// The names that the slots' things have.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Slot a's service, and slot b's in its place.
    pub(crate) services: [(String, String); 1],
    /// The same of their groups.
    pub(crate) groups: Vec<(String, String)>,
}

impl Names {
    fn pairs(&self) -> impl Iterator<Item = &(String, String)> {
        self.services.iter().chain(&self.groups)
    }

    pub(crate) fn is_of(&self, slot: &str, name: &str) -> bool {
        self.pairs().any(|(a, b)| match slot {
            "{a}" => a == name,
            _ => b == name,
        })
    }

    /// A text with slot a's names in the place of slot b's.
    fn as_of_a(&self, text: &str) -> String {
        let ends = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
        let mut text = text.to_owned();
        for (a, b) in self.pairs() {
            let mut from = 0;
            while let Some(at) = text[from..].find(b.as_str()).map(|at| at + from) {
                let after = text[at + b.len()..].chars().next();
                let before = text[..at].chars().next_back();
                if ends(before) && ends(after) {
                    text.replace_range(at..at + b.len(), a);
                    from = at + a.len();
                } else {
                    from = at + b.len();
                }
            }
        }
        text
    }
}

/// A field that is different.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or("nothing".to_owned(), Value::to_string)
        };
        write!(
            f,
            "{}: {} before, {} after",
            self.path,
            words(&self.before),
            words(&self.after)
        )
    }
}

/// Every field that is not the same in both.
pub(crate) fn changes(before: &Look, after: &Look) -> Vec<Change> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path));
    let changed = changed.map(|path| Change {
        path: path.clone(),
        before: before.get(path).cloned(),
        after: after.get(path).cloned(),
    });
    changed.collect()
}

/// The changes that none of `expected` allows.
pub(crate) fn unexpected(
    before: &Look,
    after: &Look,
    expected: &[&[Expected]],
    names: &Names,
) -> Vec<Change> {
    let mut found = changes(before, after);
    let expected: Vec<&Expected> = expected.iter().copied().flatten().collect();
    found.retain(|change| !expected.iter().any(|it| it.allows(change, names)));
    found
}

/// What slot b's thing has otherwise than slot a's, each under its own path; names and identifiers
/// are those of slot a.
pub(crate) fn twins(
    look: &Look,
    (a, b): (&str, &str),
    expected: &[&[Expected]],
    names: &Names,
) -> Vec<Change> {
    let below = |path: &str| -> Look {
        let prefix = format!("{path}/");
        let fields = look.iter().filter_map(|(path, value)| {
            let rest = path.strip_prefix(&prefix)?;
            Some((rest.to_owned(), value.clone()))
        });
        fields.collect()
    };
    let theirs: Look = below(b)
        .into_iter()
        .map(|(path, value)| (names.as_of_a(&path), renamed(value, names)))
        .collect();
    let ours: Look = below(a)
        .into_iter()
        .map(|(path, value)| (path, renamed(value, names)))
        .collect();
    let mut found = changes(&ours, &theirs);
    let kind = a.split('/').next().unwrap_or_default();
    for change in &mut found {
        change.path = format!("{kind}/{}", change.path);
    }
    found.retain(|change| {
        !expected
            .iter()
            .copied()
            .flatten()
            .any(|it| it.allows(change, names))
    });
    for change in &mut found {
        change.path = format!("{b} beside {a}: {}", change.path);
    }
    found
}

/// Slot a's names, and no hexadecimal identifiers behind them.
fn renamed(value: Value, names: &Names) -> Value {
    let Value::String(text) = value else {
        return value;
    };
    let text = names.as_of_a(&text);
    let is_id = |part: &str| part.len() >= 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let words = text.split_inclusive([':', '/']).map(|word| {
        let part = word.trim_end_matches([':', '/']);
        match is_id(part) {
            true => word.replace(part, "ID"),
            false => word.to_owned(),
        }
    });
    Value::String(words.collect())
}

impl Expected {
    fn allows(&self, change: &Change, names: &Names) -> bool {
        let mut path = change.path.split('/');
        for part in self.path.split('/') {
            match (part, path.next()) {
                ("**", _) => return self.fits(change),
                ("*", Some(_)) => {}
                ("{a}" | "{b}", Some(own)) if names.is_of(part, own) => {}
                (wanted, Some(own)) if begins_or_is(wanted, own) => {}
                _ => return false,
            }
        }
        path.next().is_none() && self.fits(change)
    }

    fn fits(&self, change: &Change) -> bool {
        let is = |wanted: &str, value: &Option<Value>| match (wanted, value) {
            ("*", _) => true,
            ("nothing", value) => value.is_none(),
            (wanted, Some(Value::String(text))) => text == wanted,
            (wanted, Some(value)) => in_figures(value) == wanted,
            (_, None) => false,
        };
        is(self.before, &change.before) && is(self.after, &change.after)
    }
}

/// `bg:*` stands for all that begins so.
fn begins_or_is(wanted: &str, own: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(begin) => own.starts_with(begin),
        None => wanted == own,
    }
}

/// What of `asked` is not shown.
pub(crate) fn lost(asked: &Look, shown: &Look) -> Vec<Change> {
    let same = |one: &Value, other: &Value| in_figures(one) == in_figures(other);
    let asked = asked.iter().filter(|(path, value)| {
        let shown = shown.get(*path);
        !shown.is_some_and(|shown| same(value, shown))
    });
    let lost = asked.map(|(path, value)| Change {
        path: path.clone(),
        before: Some(value.clone()),
        after: shown.get(path).cloned(),
    });
    lost.collect()
}

/// Answers of the Query protocol have figures and flags as texts.
fn in_figures(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        plain => plain.to_string(),
    };
    let figure: Option<f64> = text.parse().ok();
    figure.map_or(text, |figure| figure.to_string())
}

/// The weight of every group in every forward action, by the action's path.
pub(crate) fn weights(look: &Look) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (path, value) in look {
        let Some((action, group)) = path.split_once("/ForwardConfig/TargetGroups/") else {
            continue;
        };
        let weight = value
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        found
            .entry(action.to_owned())
            .or_default()
            .insert(group.to_owned(), weight);
    }
    found
}

/// The weight of every weighted record.
pub(crate) fn record_weights(look: &Look) -> Vec<(&str, &str)> {
    let weighted = look.iter().filter_map(|(path, value)| {
        let record = path.strip_prefix("record/")?.strip_suffix("/Weight")?;
        Some((record, value.as_str()?))
    });
    weighted.collect()
}
