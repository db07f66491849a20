//! What differs between two definitions, for people to read before a deployment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mask::{has_secret, has_secret_argument, is_secret_name};
use super::normal::normal;

/// Stands for a value that looks like a secret.
const HIDDEN: &str = "(hidden)";

/// Maps from names that people chose to values: the name tells whether the value is a secret.
const FREE_NAMES: [&str; 7] = [
    "environment",
    "options",
    "dockerLabels",
    "tags",
    "properties",
    "driverOpts",
    "labels",
];

/// Maps from names to what is no secret, whatever the name: where a secret is kept, what a
/// container waits for, a host's address.
const NEVER_SECRET: [&str; 4] = ["secrets", "secretOptions", "dependsOn", "extraHosts"];

/// One difference. Values that look like secrets are `(hidden)` on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Where: `containers.app.environment.LOG_LEVEL`.
    pub path: String,
    /// The old value; `None` where the field is new.
    pub before: Option<String>,
    /// The new value; `None` where the field is gone.
    pub after: Option<String>,
}

/// Whether two definitions run the same tasks: the order of environment, secrets, tags and the
/// like, `bg:` tags and defaults that AWS fills in make no difference. Takes register form and
/// what describe answers.
pub fn same(a: &Value, b: &Value) -> bool {
    normal(a) == normal(b)
}

/// What differs, sorted by path. Containers are matched by name; what makes no difference to
/// [`same`] isn't listed, and everything else is.
pub fn diff(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    let (old, new) = (normal(old), normal(new));
    compare(&Path::default(), Some(&old), Some(&new), &mut changes);
    changes
}

/// The way to a value: the fields' names.
#[derive(Clone, Default)]
struct Path(Vec<String>);

impl Path {
    fn child(&self, key: &str) -> Path {
        let mut names = self.0.clone();
        names.push(key.to_owned());
        Path(names)
    }

    fn text(&self) -> String {
        let shown = self.0.iter().map(|name| match name.as_str() {
            "containerDefinitions" => "containers",
            name => name,
        });
        shown.collect::<Vec<_>>().join(".")
    }

    /// Whether a name on the way says that the value is a secret.
    fn is_secret(&self) -> bool {
        let chosen =
            |pair: &[String]| FREE_NAMES.contains(&pair[0].as_str()) && is_secret_name(&pair[1]);
        self.0.windows(2).any(chosen) || self.0.last().is_some_and(|name| is_secret_name(name))
    }

    fn is_never_secret(&self) -> bool {
        let parent = self.0.iter().rev().nth(1).map_or("", String::as_str);
        NEVER_SECRET.contains(&parent)
    }
}

fn compare(path: &Path, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let empty = Map::new();
    let (old_fields, new_fields) = (fields(old, &empty), fields(new, &empty));
    if let (Some(old_fields), Some(new_fields)) = (old_fields, new_fields)
        && !(old_fields.is_empty() && new_fields.is_empty())
    {
        let mut keys: Vec<&String> = old_fields.keys().chain(new_fields.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            compare(
                &path.child(key),
                old_fields.get(key),
                new_fields.get(key),
                changes,
            );
        }
        return;
    }
    let hidden = [old, new]
        .into_iter()
        .flatten()
        .any(|value| hides(path, value));
    let show = |value: &Value| {
        if hidden {
            HIDDEN.to_owned()
        } else {
            plain(value)
        }
    };
    changes.push(Change {
        path: path.text(),
        before: old.map(show),
        after: new.map(show),
    });
}

/// The fields of an object; those of nothing are none, so that a container that comes or goes is
/// listed field by field.
fn fields<'v>(
    value: Option<&'v Value>,
    empty: &'v Map<String, Value>,
) -> Option<&'v Map<String, Value>> {
    match value {
        None => Some(empty),
        Some(value) => value.as_object(),
    }
}

fn hides(path: &Path, value: &Value) -> bool {
    !path.is_never_secret() && (path.is_secret() || contains_secret(value))
}

fn contains_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => has_secret(text),
        Value::Array(items) => {
            has_secret_argument(items.iter().filter_map(Value::as_str))
                || items.iter().any(contains_secret)
        }
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            (value.is_string() && is_secret_name(name)) || contains_secret(value)
        }),
        _ => false,
    }
}

/// Texts as they are but for control characters, everything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => {
            let show = |c: char| match c {
                c if c.is_control() => c.escape_default().to_string(),
                c => c.to_string(),
            };
            text.chars().map(show).collect()
        }
        other => other.to_string(),
    }
}
