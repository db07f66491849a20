//! What RegisterTaskDefinition refuses, and the defaults that it fills in.

use super::fargate::{check_size, cpu_units, memory_mib};
use crate::sandbox::{
    wire::AwsError,
    world::ecs::{
        definitions::port_mappings,
        json::{count, list, text},
    },
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const MOST_CONTAINERS: usize = 10;
const MOST_BYTES: usize = 65_536;

/// Checks a registration.
pub(super) fn check(input: &Value) -> Result<(), AwsError> {
    check_family(text(input, "family").unwrap_or_default())?;
    let size = input.to_string().len();
    if size > MOST_BYTES {
        return Err(AwsError::client(format!(
            "Actual length: '{size}'. Max allowed length is '{MOST_BYTES}' bytes."
        )));
    }
    let containers = list(input, "containerDefinitions");
    check_containers(containers)?;
    let awsvpc = text(input, "networkMode") == Some("awsvpc");
    for container in containers {
        check_container(container, awsvpc, text(input, "memory").is_some())?;
    }
    let fargate = list(input, "requiresCompatibilities")
        .iter()
        .any(|one| one == "FARGATE");
    if fargate {
        check_fargate(input, awsvpc)?;
    }
    Ok(())
}

fn check_family(family: &str) -> Result<(), AwsError> {
    let fine = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    if family.is_empty() {
        return Err(AwsError::client("Family should not be null or empty."));
    }
    if family.len() > 255 || !family.chars().all(fine) {
        return Err(AwsError::client("Family contains invalid characters."));
    }
    Ok(())
}

fn check_containers(containers: &[Value]) -> Result<(), AwsError> {
    if containers.is_empty() {
        return Err(AwsError::client("Container list cannot be empty."));
    }
    if containers.len() > MOST_CONTAINERS {
        return Err(AwsError::client(format!(
            "Too many containers: {} of at most {MOST_CONTAINERS}.",
            containers.len()
        )));
    }
    let essential = |container: &&Value| container.get("essential") != Some(&Value::Bool(false));
    if !containers.iter().any(|container| essential(&container)) {
        return Err(AwsError::client(
            "At least one container in the task definition must be essential.",
        ));
    }
    let names: BTreeSet<_> = containers.iter().map(|one| text(one, "name")).collect();
    if names.len() < containers.len() {
        return Err(AwsError::client("Container.name contains duplicates."));
    }
    Ok(())
}

fn check_container(container: &Value, awsvpc: bool, task_memory: bool) -> Result<(), AwsError> {
    let name = text(container, "name").unwrap_or_default();
    if name.is_empty() {
        return Err(AwsError::client(
            "Container.name should not be null or empty.",
        ));
    }
    if text(container, "image").is_none_or(str::is_empty) {
        return Err(AwsError::client(
            "Container.image should not be null or empty.",
        ));
    }
    let reserved = count(container, "memory").or_else(|| count(container, "memoryReservation"));
    if !task_memory && reserved.is_none() {
        return Err(AwsError::client(format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or \
             'memoryReservation' must be specified."
        )));
    }
    let differs = port_mappings(container).any(|port| {
        port.host
            .is_some_and(|host| host != 0 && host != port.container)
    });
    if awsvpc && differs {
        return Err(AwsError::client(
            "When networkMode=awsvpc, the host ports and container ports in port mappings must \
             match.",
        ));
    }
    Ok(())
}

fn check_fargate(input: &Value, awsvpc: bool) -> Result<(), AwsError> {
    if !awsvpc {
        return Err(AwsError::client(
            "Fargate only supports network mode \u{2018}awsvpc\u{2019}.",
        ));
    }
    let size = |name: &str, parse: fn(&str) -> Option<u32>| {
        let given = text(input, name).ok_or_else(|| {
            AwsError::client(format!(
                "Fargate requires that '{name}' be defined at the task level."
            ))
        })?;
        parse(given).ok_or_else(|| AwsError::client(format!("Invalid '{name}' setting for task.")))
    };
    check_size(size("cpu", cpu_units)?, size("memory", memory_mib)?)
}

/// The registration as AWS shows it: with its defaults.
pub(super) fn with_defaults(input: &Value) -> Map<String, Value> {
    let mut body = input.as_object().cloned().unwrap_or_default();
    body.remove("tags");
    for field in ["volumes", "placementConstraints"] {
        body.entry(field).or_insert_with(|| json!([]));
    }
    normalise(&mut body, "cpu", cpu_units);
    normalise(&mut body, "memory", memory_mib);
    let awsvpc = body.get("networkMode") == Some(&json!("awsvpc"));
    if let Some(Value::Array(containers)) = body.get_mut("containerDefinitions") {
        containers
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|container| fill_container(container, awsvpc));
    }
    let compatibilities = if awsvpc && fits_fargate(&body) {
        json!(["EC2", "FARGATE"])
    } else {
        json!(["EC2"])
    };
    body.insert("compatibilities".to_owned(), compatibilities);
    let attributes = [
        "com.amazonaws.ecs.capability.docker-remote-api.1.18",
        "ecs.capability.task-eni",
    ];
    let shown = &attributes[..if awsvpc { 2 } else { 1 }];
    let attributes: Vec<Value> = shown.iter().map(|name| json!({ "name": name })).collect();
    body.insert("requiresAttributes".to_owned(), attributes.into());
    body
}

/// Writes a size as a plain number, as AWS does with `1 vCPU` and `2 GB`.
fn normalise(body: &mut Map<String, Value>, field: &str, parse: fn(&str) -> Option<u32>) {
    if let Some(size) = body.get(field).and_then(Value::as_str).and_then(parse) {
        body.insert(field.to_owned(), json!(size.to_string()));
    }
}

fn fits_fargate(body: &Map<String, Value>) -> bool {
    let size = |name: &str| body.get(name)?.as_str()?.parse().ok();
    let (Some(cpu), Some(memory)) = (size("cpu"), size("memory")) else {
        return false;
    };
    check_size(cpu, memory).is_ok()
}

fn fill_container(container: &mut Map<String, Value>, awsvpc: bool) {
    container.entry("cpu").or_insert_with(|| json!(0));
    container.entry("essential").or_insert_with(|| json!(true));
    for field in [
        "portMappings",
        "environment",
        "mountPoints",
        "volumesFrom",
        "systemControls",
    ] {
        container.entry(field).or_insert_with(|| json!([]));
    }
    let ports = container
        .get_mut("portMappings")
        .and_then(Value::as_array_mut);
    for mapping in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        mapping.entry("protocol").or_insert_with(|| json!("tcp"));
        let inside = mapping.get("containerPort").cloned();
        let host = mapping.entry("hostPort").or_insert_with(|| json!(0));
        if let (true, Some(inside)) = (awsvpc, inside) {
            *host = inside;
        }
    }
}
