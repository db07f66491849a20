//! A definition's normal form: the same for two definitions that run the same tasks, whatever
//! order things are listed in and whatever defaults AWS has filled in.

use serde_json::{Map, Value, json};

use super::containers::{list, text};
use super::describe::from_describe;
use super::resources::{task_cpu, task_memory};

/// Lists whose order means nothing: the field, the key that tells its items apart, and the only
/// other field of an item where it has just one.
const KEYED: [(&str, &str, Option<&str>); 14] = [
    ("containerDefinitions", "name", None),
    ("dependsOn", "containerName", Some("condition")),
    ("environment", "name", Some("value")),
    ("extraHosts", "hostname", Some("ipAddress")),
    ("mountPoints", "containerPath", None),
    ("portMappings", "containerPort", None),
    ("properties", "name", Some("value")),
    ("resourceRequirements", "type", Some("value")),
    ("secretOptions", "name", Some("valueFrom")),
    ("secrets", "name", Some("valueFrom")),
    ("systemControls", "namespace", Some("value")),
    ("tags", "key", Some("value")),
    ("ulimits", "name", None),
    ("volumes", "name", None),
];

/// What AWS fills into a container's health check.
const HEALTH_CHECK_DEFAULTS: [(&str, u64); 4] = [
    ("interval", 30),
    ("timeout", 5),
    ("retries", 3),
    ("startPeriod", 0),
];

/// The normal form: lists of [`KEYED`] as maps, defaults and empty things left out.
pub(super) fn normal(definition: &Value) -> Value {
    let mut definition = from_describe(definition);
    drop_defaults(&mut definition);
    pruned(&definition)
}

fn drop_defaults(definition: &mut Value) {
    let network_mode = text(definition, "networkMode").to_owned();
    drop_equal(definition, "networkMode", &json!("bridge"));
    for (key, amount) in [
        ("cpu", task_cpu(definition)),
        ("memory", task_memory(definition)),
    ] {
        if let Some(amount) = amount {
            definition[key] = json!(amount.to_string());
        }
    }
    sort_texts(definition, "requiresCompatibilities");
    for container in items(definition, "containerDefinitions") {
        drop_container_defaults(container, &network_mode);
    }
    for volume in items(definition, "volumes") {
        if let Some(efs) = volume.get_mut("efsVolumeConfiguration") {
            drop_equal(efs, "rootDirectory", &json!("/"));
            drop_equal(efs, "transitEncryption", &json!("DISABLED"));
            if let Some(authorization) = efs.get_mut("authorizationConfig") {
                drop_equal(authorization, "iam", &json!("DISABLED"));
            }
        }
    }
}

fn drop_container_defaults(container: &mut Value, network_mode: &str) {
    drop_equal(container, "cpu", &json!(0));
    drop_equal(container, "essential", &json!(true));
    drop_equal(container, "versionConsistency", &json!("enabled"));
    if let Some(check) = container.get_mut("healthCheck") {
        for (key, default) in HEALTH_CHECK_DEFAULTS {
            drop_equal(check, key, &json!(default));
        }
    }
    for mapping in items(container, "portMappings") {
        drop_equal(mapping, "protocol", &json!("tcp"));
        let implied = match network_mode {
            "awsvpc" | "host" => mapping.get("containerPort").cloned(),
            _ => Some(json!(0)),
        };
        if let Some(implied) = implied {
            drop_equal(mapping, "hostPort", &implied);
        }
    }
}

fn items<'v>(value: &'v mut Value, key: &str) -> impl Iterator<Item = &'v mut Value> {
    let list = value.get_mut(key).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn drop_equal(value: &mut Value, key: &str, default: &Value) {
    if let Some(fields) = value.as_object_mut()
        && fields.get(key) == Some(default)
    {
        fields.remove(key);
    }
}

fn sort_texts(value: &mut Value, key: &str) {
    if let Some(Value::Array(list)) = value.get_mut(key) {
        list.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
}

/// Without null, empty lists, empty objects and `false`, which all mean what leaving out means;
/// only `essential: false` says something.
fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (key, value) in fields {
                let value = keyed(key, value).unwrap_or_else(|| pruned(value));
                let says_nothing = value == json!(false) && key != "essential";
                if !says_nothing && !is_empty(&value) {
                    kept.insert(key.clone(), value);
                }
            }
            Value::Object(kept)
        }
        Value::Array(items) => items.iter().map(pruned).collect(),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A list of [`KEYED`] as a map; `None` for every other field.
fn keyed(field: &str, value: &Value) -> Option<Value> {
    let (_, key, only) = KEYED.iter().find(|(name, _, _)| *name == field)?;
    let items = value.as_array()?;
    if !items.iter().all(|item| item.get(key).is_some()) {
        return None;
    }
    // Sorted, so that two of the same name keep their numbers in whatever order they come.
    let mut items: Vec<Value> = items.iter().map(pruned).collect();
    items.sort_by_cached_key(Value::to_string);
    let mut map = Map::new();
    for mut item in items {
        let name = item.as_object_mut().and_then(|fields| fields.remove(*key));
        let name = unused_name(&map, &name.unwrap_or_default());
        map.insert(name, single_value(item, *only));
    }
    Some(Value::Object(map))
}

/// `{"value": "x"}` is just `"x"` where an item has no other fields.
fn single_value(item: Value, only: Option<&str>) -> Value {
    let Some(fields) = item.as_object() else {
        return item;
    };
    match only.and_then(|only| fields.get(only)) {
        Some(value) if fields.len() == 1 => value.clone(),
        _ => item,
    }
}

/// The item's name; the second of the same name is `NAME#2`, so that none gets lost.
fn unused_name(map: &Map<String, Value>, name: &Value) -> String {
    let plain = name
        .as_str()
        .map_or_else(|| name.to_string(), str::to_owned);
    let mut candidate = plain.clone();
    let mut count = 1;
    while map.contains_key(&candidate) {
        count += 1;
        candidate = format!("{plain}#{count}");
    }
    candidate
}

/// Whether a list of the definition has two items of the same name.
pub(super) fn duplicates<'v>(value: &'v Value, field: &str, key: &str) -> Vec<&'v str> {
    let names: Vec<&str> = list(value, field)
        .iter()
        .map(|item| text(item, key))
        .collect();
    let repeated = names
        .iter()
        .enumerate()
        .filter(|(i, name)| names[..*i].contains(name));
    repeated.map(|(_, name)| *name).collect()
}
