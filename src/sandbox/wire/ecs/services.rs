//! Services: create, update, delete, describe, list.

use super::{
    check_service, clusters,
    lookup::{arn, cluster, cluster_name, missing, service, short, texts, wants_tags},
    service_view, tags,
};
use crate::sandbox::{
    wire::{
        AwsError,
        page::{Paging, page},
    },
    world::{
        World,
        ecs::{
            DEPLOYMENT_FIELDS,
            definitions::Definition,
            events::Events,
            json::{count, is_set, list, text},
            services::{Service, ServiceStatus},
        },
        ids, scaling,
    },
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Fields of a request that are not kept as they are.
const NOT_KEPT: [&str; 9] = [
    "cluster",
    "service",
    "serviceName",
    "desiredCount",
    "taskDefinition",
    "clientToken",
    "forceNewDeployment",
    "tags",
    "role",
];

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let cluster = cluster(world, input)?;
    let cluster_name = cluster.name.clone();
    let name = text(input, "serviceName").unwrap_or_default().to_owned();
    let created_by = text(input, "clientToken").map(|token| (token.to_owned(), fingerprint(input)));
    if let Some(known) = cluster.services.get(&name) {
        match known.status {
            ServiceStatus::Active if created_by.is_some() && known.created_by == created_by => {
                return Ok(json!({ "service": service_view::view(world, cluster, known) }));
            }
            ServiceStatus::Active => {
                return Err(AwsError::invalid_parameter(
                    "Creation of service was not idempotent.",
                ));
            }
            ServiceStatus::Draining => {
                return Err(AwsError::invalid_parameter(
                    "Unable to Start a service that is still Draining.",
                ));
            }
            ServiceStatus::Inactive => {}
        }
    }
    let by_default = clusters::default_strategy(cluster, input);
    tags::check(list(input, "tags"))?;
    let definition = check_service::creation(world, input)?;
    let service = Service {
        arn: arn(world, &format!("service/{cluster_name}/{name}")),
        name: name.clone(),
        status: ServiceStatus::Active,
        desired: count(input, "desiredCount").unwrap_or(1),
        settings: settings_of(input, by_default, definition.as_deref()),
        tags: list(input, "tags").to_vec(),
        created_at: world.now,
        deployments: Vec::new(),
        retired: Vec::new(),
        events: Events::default(),
        created_by,
        backoff: Default::default(),
        steady_since: None,
    };
    if let Some(cluster) = world.ecs.clusters.get_mut(&cluster_name) {
        cluster.services.insert(name.clone(), service);
    }
    if let Some(definition) = &definition {
        world.begin_deployment(&cluster_name, &name, definition);
    }
    answer(world, &cluster_name, &name)
}

fn answer(world: &World, cluster: &str, name: &str) -> Result<Value, AwsError> {
    let named = json!({ "cluster": cluster, "service": name });
    let service = service(world, &named)?;
    let mut shown = service_view::view(world, &world.ecs.clusters[cluster], service);
    shown["tags"] = service.tags.clone().into();
    Ok(json!({ "service": shown }))
}

/// What makes two creating requests the same, apart from their token.
fn fingerprint(input: &Value) -> u64 {
    let mut fields = input.as_object().cloned().unwrap_or_default();
    fields.remove("clientToken");
    ids::fingerprint(&Value::Object(fields).to_string())
}

/// The fields that a new service keeps, with AWS's defaults and the cluster's strategy.
fn settings_of(
    input: &Value,
    by_default: Vec<Value>,
    definition: Option<&Definition>,
) -> Map<String, Value> {
    let mut settings = input.as_object().cloned().unwrap_or_default();
    settings.retain(|field, value| !NOT_KEPT.contains(&field.as_str()) && !value.is_null());
    if let Some(definition) = definition {
        settings.insert("taskDefinition".to_owned(), json!(definition.arn));
    }
    if !by_default.is_empty() {
        settings.insert("capacityProviderStrategy".to_owned(), by_default.into());
    }
    let provided = settings
        .get("capacityProviderStrategy")
        .and_then(Value::as_array)
        .is_some_and(|all| !all.is_empty());
    if !provided {
        settings.entry("launchType").or_insert(json!("EC2"));
    }
    let fargate = settings.get("launchType") == Some(&json!("FARGATE")) || provided;
    if fargate {
        settings.entry("platformVersion").or_insert(json!("LATEST"));
        settings.entry("platformFamily").or_insert(json!("Linux"));
    }
    for (field, default) in [
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({ "type": "ECS" })),
        ("availabilityZoneRebalancing", json!("ENABLED")),
        ("enableECSManagedTags", json!(false)),
        ("enableExecuteCommand", json!(false)),
        ("propagateTags", json!("NONE")),
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("healthCheckGracePeriodSeconds", json!(0)),
        ("deploymentConfiguration", json!({})),
    ] {
        settings.entry(field).or_insert(default);
    }
    fill_configuration(&mut settings);
    settings
}

/// Fills the defaults of the nested deployment and network configurations.
fn fill_configuration(settings: &mut Map<String, Value>) {
    if let Some(Value::Object(configuration)) = settings.get_mut("deploymentConfiguration") {
        for (field, default) in [
            (
                "deploymentCircuitBreaker",
                json!({ "enable": false, "rollback": false }),
            ),
            ("maximumPercent", json!(200)),
            ("minimumHealthyPercent", json!(100)),
            ("strategy", json!("ROLLING")),
            ("bakeTimeInMinutes", json!(0)),
        ] {
            configuration.entry(field).or_insert(default);
        }
    }
    let network = settings
        .get_mut("networkConfiguration")
        .and_then(|network| network.get_mut("awsvpcConfiguration"));
    if let Some(Value::Object(network)) = network {
        network.entry("securityGroups").or_insert(json!([]));
        network.entry("assignPublicIp").or_insert(json!("DISABLED"));
    }
}

pub(super) fn update(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let known = service(world, input)?;
    let name = known.name.clone();
    let definition = check_service::change(world, input, known)?;
    let mut settings = known.settings.clone();
    apply(&mut settings, input);
    let redefined = definition
        .as_ref()
        .filter(|definition| known.settings.get("taskDefinition") != Some(&json!(definition.arn)));
    let reconfigured = DEPLOYMENT_FIELDS
        .iter()
        .any(|field| !same(known.settings.get(*field), settings.get(*field)));
    let begins = redefined.is_some() || reconfigured || is_set(input, "forceNewDeployment");
    let running = known
        .primary()
        .map(|primary| Arc::clone(&primary.definition));
    let cluster_name = cluster_name(input).to_owned();
    let Some(service) = world.ecs.service_mut(&cluster_name, &name) else {
        return Err(AwsError::new(
            "ServiceNotFoundException",
            "Service not found.",
        ));
    };
    if let Some(definition) = &definition {
        settings.insert("taskDefinition".to_owned(), json!(definition.arn));
    }
    service.settings = settings;
    if let Some(desired) = count(input, "desiredCount") {
        service.desired = desired;
    }
    if let (true, Some(definition)) = (begins, definition.or(running)) {
        world.begin_deployment(&cluster_name, &name, &definition);
    }
    answer(world, &cluster_name, &name)
}

/// Writes an update's fields over the kept ones. The deployment configuration is merged.
fn apply(settings: &mut Map<String, Value>, input: &Value) {
    for (field, value) in input.as_object().into_iter().flatten() {
        if NOT_KEPT.contains(&field.as_str()) || value.is_null() {
            continue;
        }
        match (settings.get_mut(field), value) {
            (Some(Value::Object(old)), Value::Object(new))
                if field == "deploymentConfiguration" =>
            {
                old.extend(new.clone());
            }
            _ => {
                settings.insert(field.clone(), value.clone());
            }
        }
    }
    if !list(input, "capacityProviderStrategy").is_empty() {
        settings.remove("launchType");
    }
    fill_configuration(settings);
}

/// Whether a field is unchanged; an empty list is as good as none.
fn same(old: Option<&Value>, new: Option<&Value>) -> bool {
    let given = |value: Option<&Value>| {
        value
            .filter(|value| !value.is_null() && **value != json!([]))
            .cloned()
    };
    given(old) == given(new)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let known = service(world, input)?;
    if known.status == ServiceStatus::Active && known.desired > 0 && !is_set(input, "force") {
        return Err(AwsError::invalid_parameter(
            "The service cannot be stopped while it is scaled above 0.",
        ));
    }
    if known.status == ServiceStatus::Inactive {
        return Err(AwsError::new(
            "ServiceNotFoundException",
            "Service not found.",
        ));
    }
    let name = known.name.clone();
    let cluster_name = cluster_name(input).to_owned();
    let resource = format!("service/{cluster_name}/{name}");
    if let Some(service) = world.ecs.service_mut(&cluster_name, &name) {
        service.desired = 0;
        service.status = ServiceStatus::Draining;
    }
    scaling::forget(world, &resource);
    answer(world, &cluster_name, &name)
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = cluster(world, input)?;
    let wanted = texts(input, "services");
    if wanted.is_empty() {
        return Err(AwsError::invalid_parameter("Services cannot be empty."));
    }
    if wanted.len() > 10 {
        return Err(AwsError::invalid_parameter(
            "Services cannot have more than 10 elements.",
        ));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let name = short(reference);
        let Some(service) = cluster.services.get(name) else {
            let resource = format!("service/{}/{name}", cluster.name);
            failures.push(missing(&arn(world, &resource)));
            continue;
        };
        let mut shown = service_view::view(world, cluster, service);
        if wants_tags(input) {
            shown["tags"] = service.tags.clone().into();
        }
        found.push(shown);
    }
    Ok(json!({ "services": found, "failures": failures }))
}

pub(super) fn list_all(world: &World, input: &Value) -> Result<Value, AwsError> {
    let wanted = |field: &str, service: &Service| {
        text(input, field).is_none_or(|value| service.settings.get(field) == Some(&json!(value)))
    };
    let arns = cluster(world, input)?
        .services
        .values()
        .filter(|service| service.status != ServiceStatus::Inactive)
        .filter(|service| wanted("launchType", service) && wanted("schedulingStrategy", service))
        .map(|service| service.arn.as_str())
        .collect();
    let paging = Paging {
        default: 10,
        limit: 100,
    };
    let (shown, next) = page(arns, input, paging)?;
    Ok(json!({ "serviceArns": shown, "nextToken": next }))
}
