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

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
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
        ("capacityProviders".to_owned(), json!([])),
        ("defaultCapacityProviderStrategy".to_owned(), json!([])),
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
