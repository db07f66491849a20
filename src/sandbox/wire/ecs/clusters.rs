//! Clusters.

use super::lookup::{arn, cluster_name, missing, short, texts, wants_tags};
use crate::sandbox::{
    wire::{
        AwsError,
        page::{Paging, page},
    },
    world::{
        World,
        ecs::{
            Cluster,
            json::{list as list_field, text},
            services::ServiceStatus,
            tasks::TaskStatus,
        },
    },
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const PROVIDERS: &str = "capacityProviders";
const DEFAULT_STRATEGY: &str = "defaultCapacityProviderStrategy";

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    associated(input)?;
    let name = text(input, "clusterName").unwrap_or("default").to_owned();
    let arn = arn(world, &format!("cluster/{name}"));
    let mut settings: Map<String, Value> = input.as_object().cloned().unwrap_or_default();
    settings.retain(|field, _| field != "clusterName" && field != "tags");
    let cluster = world.ecs.clusters.entry(name.clone()).or_insert(Cluster {
        name,
        arn,
        settings,
        tags: list_field(input, "tags").to_vec(),
        services: BTreeMap::new(),
        tasks: BTreeMap::new(),
    });
    Ok(json!({ "cluster": view(cluster, Tags::Shown) }))
}

/// PutClusterCapacityProviders: both lists take the place of those that there are.
pub(super) fn put_providers(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    for field in [PROVIDERS, DEFAULT_STRATEGY] {
        if !input.get(field).is_some_and(Value::is_array) {
            let message = format!("{field} must be given, if as an empty list.");
            return Err(AwsError::invalid_parameter(message));
        }
    }
    associated(input)?;
    let name = super::lookup::cluster(world, input)?.name.clone();
    let cluster = world.ecs.clusters.get_mut(&name);
    let cluster =
        cluster.ok_or_else(|| AwsError::new("ClusterNotFoundException", "Cluster not found."))?;
    for field in [PROVIDERS, DEFAULT_STRATEGY] {
        cluster
            .settings
            .insert(field.to_owned(), input[field].clone());
    }
    Ok(json!({ "cluster": view(cluster, Tags::Shown) }))
}

/// A default strategy names providers that the cluster has.
fn associated(input: &Value) -> Result<(), AwsError> {
    let providers = texts(input, PROVIDERS);
    let named = list_field(input, DEFAULT_STRATEGY).iter();
    let mut named = named.map(|one| text(one, "capacityProvider").unwrap_or_default());
    match named.all(|name| providers.contains(&name)) {
        true => Ok(()),
        false => Err(AwsError::invalid_parameter(
            "The specified capacity provider strategy cannot contain a capacity provider that is not \
             associated with the cluster. Associate the capacity provider with the cluster and try \
             again.",
        )),
    }
}

/// The strategy of what names neither a launch type nor a strategy; empty where there is none.
pub(super) fn default_strategy(cluster: &Cluster, input: &Value) -> Vec<Value> {
    let is_named = text(input, "launchType").is_some()
        || !list_field(input, "capacityProviderStrategy").is_empty();
    match cluster.settings.get(DEFAULT_STRATEGY) {
        Some(Value::Array(strategy)) if !is_named => strategy.clone(),
        _ => Vec::new(),
    }
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let mut names = texts(input, "clusters");
    if names.is_empty() {
        names.push("default");
    }
    if names.len() > 100 {
        return Err(AwsError::invalid_parameter(
            "Clusters can not be more than 100.",
        ));
    }
    let tags = if wants_tags(input) {
        Tags::Shown
    } else {
        Tags::Hidden
    };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match world.ecs.clusters.get(short(name)) {
            Some(cluster) => found.push(view(cluster, tags)),
            None => failures.push(missing(&arn(world, &format!("cluster/{}", short(name))))),
        }
    }
    Ok(json!({ "clusters": found, "failures": failures }))
}

pub(super) fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let arns = world.ecs.clusters.values().map(|one| &one.arn).collect();
    let paging = Paging {
        default: 100,
        limit: 100,
    };
    let (shown, next) = page(arns, input, paging)?;
    Ok(json!({ "clusterArns": shown, "nextToken": next }))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = cluster_name(input).to_owned();
    let refuse = |code, message: &str| Err(AwsError::new(code, message));
    let Some(cluster) = world.ecs.clusters.get(&name) else {
        return refuse("ClusterNotFoundException", "Cluster not found.");
    };
    if active_services(cluster) > 0 {
        return refuse(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        );
    }
    if cluster
        .tasks
        .values()
        .any(|task| task.status != TaskStatus::Stopped)
    {
        return refuse(
            "ClusterContainsTasksException",
            "The Cluster cannot be deleted while Tasks are active.",
        );
    }
    let mut shown = view(cluster, Tags::Hidden);
    shown["status"] = json!("INACTIVE");
    world.ecs.clusters.remove(&name);
    Ok(json!({ "cluster": shown }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    Shown,
    Hidden,
}

fn active_services(cluster: &Cluster) -> usize {
    cluster
        .services
        .values()
        .filter(|service| service.status == ServiceStatus::Active)
        .count()
}

fn view(cluster: &Cluster, tags: Tags) -> Value {
    let counted = |wanted: fn(TaskStatus) -> bool| {
        cluster
            .tasks
            .values()
            .filter(|task| task.is_wanted() && wanted(task.status))
            .count()
    };
    let mut fields = Map::from_iter([
        ("settings".to_owned(), json!([])),
        (PROVIDERS.to_owned(), json!([])),
        (DEFAULT_STRATEGY.to_owned(), json!([])),
        ("statistics".to_owned(), json!([])),
        ("registeredContainerInstancesCount".to_owned(), json!(0)),
    ]);
    fields.extend(cluster.settings.clone());
    let own = json!({
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": "ACTIVE",
        "runningTasksCount": counted(|status| status == TaskStatus::Running),
        "pendingTasksCount": counted(|status| status < TaskStatus::Running),
        "activeServicesCount": active_services(cluster),
        "tags": if tags == Tags::Shown { cluster.tags.clone() } else { Vec::new() },
    });
    fields.extend(own.as_object().cloned().unwrap_or_default());
    fields.into()
}
