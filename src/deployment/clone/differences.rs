//! What an existing service has otherwise than its source.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::normalised;

/// A setting in which a slot's service differs from the service whose settings it is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The setting, as DescribeServices calls it.
    pub field: String,
    /// What the source has, for people; `nothing` where it isn't set.
    pub source: String,
    /// What the existing service has.
    pub existing: String,
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
    let differing = fields
        .into_iter()
        .filter(|field| ours.get(*field) != theirs.get(*field));
    let found = differing.map(|field| Difference {
        field: field.clone(),
        source: in_words(ours.get(field)),
        existing: in_words(theirs.get(field)),
        mended: mended(field, ours.contains_key("capacityProviderStrategy")),
    });
    found.collect()
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

fn in_words(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => masked(value.clone()).to_string(),
    }
}

/// Log drivers take tokens as options: their values are nobody's business.
fn masked(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(masked).collect()),
        Value::Object(fields) => {
            let shown = fields.into_iter().map(|(name, value)| match value {
                Value::Object(options) if name == "options" => {
                    let hidden = options.into_iter().map(|(key, _)| (key, json!("***")));
                    (name, Value::Object(hidden.collect()))
                }
                value => (name, masked(value)),
            });
            Value::Object(shown.collect())
        }
        plain => plain,
    }
}
