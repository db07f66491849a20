//! Route 53's health checks. Nothing is checked: each is always well.

use serde_json::{Value, json};

use super::super::query::input::text;
use super::super::{AwsError, time};
use crate::sandbox::world::World;
use crate::sandbox::world::ids::uuid;

/// Health checks on a page.
const PAGE: usize = 100;
/// What checks that look at an address need one of.
const ENDPOINTS: [&str; 2] = ["IPAddress", "FullyQualifiedDomainName"];
/// The types that look at an address, with their usual ports.
const TYPES: [(&str, Option<u32>); 5] = [
    ("HTTP", Some(80)),
    ("HTTP_STR_MATCH", Some(80)),
    ("HTTPS", Some(443)),
    ("HTTPS_STR_MATCH", Some(443)),
    ("TCP", None),
];
/// And those that look at something else: what each has to name.
const OTHERS: [(&str, &str); 3] = [
    ("CALCULATED", "ChildHealthChecks"),
    ("CLOUDWATCH_METRIC", "AlarmIdentifier"),
    ("RECOVERY_CONTROL", "RoutingControlArn"),
];

/// Answers one operation on health checks.
///
/// # Errors
/// AWS's codes and messages.
pub(super) fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    let id = text(input, "HealthCheckId").unwrap_or_default();
    match operation {
        "CreateHealthCheck" => create(world, input),
        "ListHealthChecks" => Ok(list(world, input)),
        _ if !world.route53.health_checks.contains_key(id) => {
            let message = format!("A health check with id {id} does not exist.");
            Err(AwsError::new("NoSuchHealthCheck", message).with_status(404))
        }
        "GetHealthCheck" => Ok(json!({ "HealthCheck": world.route53.health_checks[id] })),
        "GetHealthCheckStatus" => Ok(json!({ "HealthCheckObservations": [{
            "Region": "eu-west-1", "IPAddress": "192.0.2.1", "StatusReport": {
                "Status": "Success: HTTP Status Code 200, OK", "CheckedTime": time(world.now),
            },
        }] })),
        "UpdateHealthCheck" => update(world, id, input),
        "DeleteHealthCheck" => {
            world.route53.health_checks.remove(id);
            let tags = ("healthcheck".to_owned(), id.to_owned());
            world.route53.tags.remove(&tags);
            Ok(json!({}))
        }
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let reference = text(input, "CallerReference").unwrap_or_default();
    let config = config(&input["HealthCheckConfig"])?;
    let mut known = world.route53.health_checks.values();
    if let Some(known) = known.find(|it| it["CallerReference"] == reference) {
        return match known["HealthCheckConfig"] == config {
            true => Ok(json!({ "HealthCheck": known })),
            false => {
                let message = format!(
                    "A health check with caller reference {reference} and other settings exists."
                );
                Err(AwsError::new("HealthCheckAlreadyExists", message).with_status(409))
            }
        };
    }
    let id = uuid(&mut world.rng);
    let made = json!({
        "Id": id, "CallerReference": reference, "HealthCheckConfig": config,
        "HealthCheckVersion": 1,
    });
    world.route53.health_checks.insert(id, made.clone());
    Ok(json!({ "HealthCheck": made }))
}

/// What is named changes; the type and how often it looks can't.
fn update(world: &mut World, id: &str, input: &Value) -> Result<Value, AwsError> {
    let mut changed = world.route53.health_checks[id].clone();
    let version = changed["HealthCheckVersion"].as_u64().unwrap_or(1);
    let asked = text(input, "HealthCheckVersion").and_then(|it| it.parse().ok());
    if asked.is_some_and(|asked: u64| asked != version) {
        let message = format!("The health check is of version {version}.");
        return Err(AwsError::new("HealthCheckVersionMismatch", message).with_status(409));
    }
    let fixed = ["HealthCheckId", "HealthCheckVersion", "ResetElements"];
    let fields = input.as_object().into_iter().flatten();
    for (key, value) in fields.filter(|(key, _)| !fixed.contains(&key.as_str())) {
        changed["HealthCheckConfig"][key] = value.clone();
    }
    let reset = input["ResetElements"].as_array().into_iter().flatten();
    for key in reset.filter_map(Value::as_str) {
        if let Some(config) = changed["HealthCheckConfig"].as_object_mut() {
            config.remove(key);
        }
    }
    changed["HealthCheckVersion"] = json!(version + 1);
    world
        .route53
        .health_checks
        .insert(id.to_owned(), changed.clone());
    Ok(json!({ "HealthCheck": changed }))
}

/// The settings with AWS's own figures for what is left out.
fn config(asked: &Value) -> Result<Value, AwsError> {
    let wrong = |what: String| Err(AwsError::new("InvalidInput", what));
    let kind = text(asked, "Type").unwrap_or_default();
    let mut config = asked.as_object().cloned().unwrap_or_default();
    let mut usual = |key: &str, value: Value| {
        config.entry(key).or_insert(value);
    };
    if let Some((_, port)) = TYPES.iter().find(|(name, _)| *name == kind) {
        if ENDPOINTS.iter().all(|key| text(asked, key).is_none()) {
            return wrong(
                "Invalid parameter: either IPAddress or FullyQualifiedDomainName is required"
                    .to_owned(),
            );
        }
        if let Some(port) = port {
            usual("Port", json!(port));
        }
        usual("RequestInterval", json!(30));
        usual("FailureThreshold", json!(3));
        usual("MeasureLatency", json!(false));
        usual("EnableSNI", json!(kind.starts_with("HTTPS")));
    } else if let Some((_, needed)) = OTHERS.iter().find(|(name, _)| *name == kind) {
        if asked[*needed].is_null() {
            return wrong(format!(
                "Invalid parameter: {needed} is required for type {kind}"
            ));
        }
    } else {
        return wrong(format!(
            "Invalid parameter: Type {kind:?} is none of a health check's"
        ));
    }
    usual("Inverted", json!(false));
    usual("Disabled", json!(false));
    Ok(Value::Object(config))
}

fn list(world: &World, input: &Value) -> Value {
    let size = text(input, "maxitems").and_then(|it| it.parse().ok());
    let size: usize = size.unwrap_or(PAGE).min(PAGE);
    let from = text(input, "marker").unwrap_or_default();
    let checks = &world.route53.health_checks;
    let mut checks = checks.range(from.to_owned()..).map(|(_, check)| check);
    let page: Vec<&Value> = checks.by_ref().take(size).collect();
    let next = checks.next();
    json!({
        "HealthChecks": page, "Marker": from, "IsTruncated": next.is_some(),
        "NextMarker": next.map(|it| it["Id"].clone()), "MaxItems": size.to_string(),
    })
}
