//! What an existing service has otherwise than its source.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::{default_of, normalised};

/// A setting in which a slot's service differs from the service whose settings it is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The setting, as DescribeServices calls it: `deploymentConfiguration.minimumHealthyPercent`.
    pub field: String,
    /// What the source has, for people; `None` where it isn't set.
    pub source: Option<String>,
    /// What the existing service has.
    pub existing: Option<String>,
    /// Whether deploying makes them alike.
    pub mended: Mended,
}

/// Whether UpdateService can change a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// It can, and the deployment does.
    ByUpdate,
    /// It can't.
    Never {
        /// What to do instead.
        way_out: &'static str,
    },
}

/// The way out of every setting that is fixed when a service is created.
const CREATE_ANEW: &str = "delete the idle slot's service, and it is created again like its \
     source; or keep its settings with --service-from";

/// The settings in which `existing` differs from `source` (both as DescribeServices prints them),
/// in the order of their names. What each slot has for itself (name, target groups, task
/// definition, counts, tags) is no difference, and neither is a default that only one of them
/// spells out.
pub fn differences(source: &Value, existing: &Value) -> Vec<Difference> {
    let (ours, theirs) = (normalised(source), normalised(existing));
    let fields: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let has_providers = ours.contains_key("capacityProviderStrategy");
    let found = fields.into_iter().flat_map(|field| {
        let mended = mended(field, has_providers);
        let (source, existing) = (ours.get(field), theirs.get(field));
        let unlike = match mended {
            Mended::ByUpdate => unlike(field.clone(), source, existing),
            Mended::Never { .. } if source == existing => Vec::new(),
            Mended::Never { .. } => vec![(field.clone(), source, existing)],
        };
        let unlike = unlike.into_iter();
        unlike.map(move |(field, source, existing)| {
            let words = |it: Option<&Value>| match it {
                Some(value) => Some(in_words(&field, value)),
                None => default_word(&field),
            };
            Difference {
                source: words(source),
                existing: words(existing),
                field,
                mended,
            }
        })
    });
    found.collect()
}

/// A field's path, and what the source and the existing service have there.
type Unlike<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// Where two values differ: the innermost fields that do.
fn unlike<'a>(
    path: String,
    source: Option<&'a Value>,
    existing: Option<&'a Value>,
) -> Vec<Unlike<'a>> {
    match (source, existing) {
        (source, existing) if source == existing => Vec::new(),
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let below = names.into_iter().flat_map(|name| {
                unlike(format!("{path}.{name}"), ours.get(name), theirs.get(name))
            });
            below.collect()
        }
        _ => vec![(path, source, existing)],
    }
}

/// A service can go from a launch type to capacity providers, but not to a launch type of one's
/// choice.
fn mended(field: &str, source_has_providers: bool) -> Mended {
    let never = Mended::Never {
        way_out: CREATE_ANEW,
    };
    match field {
        "launchType" | "capacityProviderStrategy" if source_has_providers => Mended::ByUpdate,
        "launchType"
        | "capacityProviderStrategy"
        | "deploymentController"
        | "schedulingStrategy" => never,
        _ => Mended::ByUpdate,
    }
}

/// What a setting is where it is left out, if that is a word or a number: an empty list is nothing.
fn default_word(field: &str) -> Option<String> {
    let default = default_of(field)?;
    let plain = default.is_string() || default.is_boolean() || default.is_number();
    plain.then(|| in_words(field, &default))
}

fn in_words(path: &str, value: &Value) -> String {
    if path.split('.').any(|name| name == OPTIONS) {
        return HIDDEN.to_owned();
    }
    match value {
        Value::String(text) => text.clone(),
        value => masked(value.clone()).to_string(),
    }
}

/// Log drivers take tokens as options: their values are nobody's business.
const OPTIONS: &str = "options";
const HIDDEN: &str = "***";

fn masked(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(masked).collect()),
        Value::Object(fields) => {
            let shown = fields.into_iter().map(|(name, value)| match value {
                Value::Object(options) if name == OPTIONS => {
                    let hidden = options.into_iter().map(|(key, _)| (key, json!(HIDDEN)));
                    (name, Value::Object(hidden.collect()))
                }
                value => (name, masked(value)),
            });
            Value::Object(shown.collect())
        }
        plain => plain,
    }
}
