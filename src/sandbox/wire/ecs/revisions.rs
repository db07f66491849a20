//! Service revisions and service deployments: the newer view of a service's deployments.

use super::{
    lookup::{cluster_name, missing, service, texts},
    service_view::{counts, deployment_arn, revision_arn},
};
use crate::sandbox::{
    wire::{
        AwsError,
        page::{Paging, page},
        time,
    },
    world::{
        World,
        ecs::{
            Cluster,
            json::{list, text},
            services::{Deployment, RolloutState, Service},
        },
    },
};
use serde_json::{Map, Value, json};

/// One deployment with where it belongs.
#[derive(Clone, Copy)]
struct Found<'a> {
    cluster: &'a Cluster,
    service: &'a Service,
    deployment: &'a Deployment,
}

/// A service's deployments, newest first.
fn all_of(service: &Service) -> impl Iterator<Item = &Deployment> {
    service
        .deployments
        .iter()
        .chain(service.retired.iter().rev())
}

/// Finds `KIND/CLUSTER/SERVICE/ID`.
fn find<'a>(
    world: &'a World,
    arn: &str,
    kind: &str,
    id: fn(&Deployment) -> &str,
) -> Option<Found<'a>> {
    let parts: Vec<&str> = arn.rsplit(':').next()?.split('/').collect();
    let [found_kind, cluster, name, wanted] = parts[..] else {
        return None;
    };
    let cluster = world.ecs.clusters.get(cluster)?;
    let service = cluster.services.get(name)?;
    let deployment = all_of(service).find(|one| found_kind == kind && id(one) == wanted)?;
    Some(Found {
        cluster,
        service,
        deployment,
    })
}

pub(super) fn describe_revisions(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in up_to_twenty(input, "serviceRevisionArns")? {
        match find(world, arn, "service-revision", |one| &one.revision) {
            Some(one) => found.push(revision(world, one)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}

pub(super) fn describe_deployments(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in up_to_twenty(input, "serviceDeploymentArns")? {
        match find(world, arn, "service-deployment", |one| {
            &one.service_deployment
        }) {
            Some(one) => found.push(deployment(world, one)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

fn up_to_twenty<'a>(input: &'a Value, field: &str) -> Result<Vec<&'a str>, AwsError> {
    let arns = texts(input, field);
    if (1..=20).contains(&arns.len()) {
        return Ok(arns);
    }
    Err(AwsError::invalid_parameter(format!(
        "{field} must have between 1 and 20 elements."
    )))
}

pub(super) fn list_deployments(world: &World, input: &Value) -> Result<Value, AwsError> {
    let service = service(world, input)?;
    let cluster = &world.ecs.clusters[cluster_name(input)];
    let wanted = texts(input, "status");
    let shown = all_of(service)
        .map(|deployment| Found {
            cluster,
            service,
            deployment,
        })
        .filter(|one| wanted.is_empty() || wanted.contains(&status(*one)))
        .map(|one| brief(world, one))
        .collect();
    let paging = Paging {
        default: 20,
        limit: 100,
    };
    let (shown, next) = page(shown, input, paging)?;
    Ok(json!({ "serviceDeployments": shown, "nextToken": next }))
}

fn status(found: Found<'_>) -> &'static str {
    match found.deployment.rollout {
        RolloutState::Completed => "SUCCESSFUL",
        RolloutState::InProgress if is_primary(found) => "IN_PROGRESS",
        RolloutState::InProgress => "STOPPED",
        RolloutState::Failed => match found.service.circuit_breaker() {
            Some(crate::sandbox::world::ecs::services::CircuitBreaker::RollBack) => {
                "ROLLBACK_SUCCESSFUL"
            }
            _ => "STOPPED",
        },
    }
}

fn is_primary(found: Found<'_>) -> bool {
    found
        .service
        .primary()
        .is_some_and(|primary| primary.id == found.deployment.id)
}

fn brief(world: &World, found: Found<'_>) -> Value {
    let Found {
        cluster,
        service,
        deployment,
    } = found;
    let mut fields = Map::from_iter([
        (
            "serviceDeploymentArn".to_owned(),
            json!(deployment_arn(world, cluster, service, deployment)),
        ),
        ("serviceArn".to_owned(), json!(service.arn)),
        ("clusterArn".to_owned(), json!(cluster.arn)),
        ("createdAt".to_owned(), time(deployment.created_at)),
        ("startedAt".to_owned(), time(deployment.created_at)),
        (
            "targetServiceRevisionArn".to_owned(),
            json!(revision_arn(world, cluster, service, deployment)),
        ),
        ("status".to_owned(), json!(status(found))),
        ("statusReason".to_owned(), json!(deployment.reason)),
    ]);
    if let Some(at) = deployment.finished_at {
        fields.insert("finishedAt".to_owned(), time(at));
    }
    fields.into()
}

fn deployment(world: &World, found: Found<'_>) -> Value {
    let own = counts(found.cluster, |task| {
        task.deployment() == Some(&found.deployment.id)
    });
    let mut shown = brief(world, found);
    let arn = shown["targetServiceRevisionArn"].take();
    let fields = json!({
        "updatedAt": time(found.deployment.updated_at),
        "sourceServiceRevisions": [],
        "targetServiceRevision": {
            "arn": arn,
            "requestedTaskCount": own.running + own.pending,
            "runningTaskCount": own.running,
            "pendingTaskCount": own.pending,
        },
        "deploymentConfiguration": found.service.settings.get("deploymentConfiguration"),
        "deploymentCircuitBreaker": {
            "status": "MONITORING",
            "failureCount": found.deployment.failed_tasks,
            "threshold": found.service.failure_threshold(),
        },
    });
    if let (Value::Object(shown), Value::Object(fields)) = (&mut shown, fields) {
        shown.remove("targetServiceRevisionArn");
        shown.extend(fields);
    }
    shown
}

fn revision(world: &World, found: Found<'_>) -> Value {
    let Found {
        cluster,
        service,
        deployment,
    } = found;
    let images: Vec<Value> = deployment
        .definition
        .containers()
        .iter()
        .filter_map(|container| {
            let image = text(container, "image")?;
            Some(json!({
                "containerName": text(container, "name"),
                "image": image,
                "imageDigest": deployment.digests.get(image),
            }))
        })
        .collect();
    let resolved: Vec<Value> = deployment
        .settings
        .get("loadBalancers")
        .map(|all| list(&json!({ "all": all }), "all").to_vec())
        .unwrap_or_default()
        .iter()
        .filter_map(|one| one.get("targetGroupArn").cloned())
        .map(|group| json!({ "targetGroupArn": group }))
        .collect();
    let mut fields = deployment.settings.clone();
    let own = json!({
        "serviceRevisionArn": revision_arn(world, cluster, service, deployment),
        "serviceArn": service.arn,
        "clusterArn": cluster.arn,
        "taskDefinition": deployment.definition.arn,
        "containerImages": images,
        "guardDutyEnabled": false,
        "createdAt": time(deployment.created_at),
        "resolvedConfiguration": { "loadBalancers": resolved },
    });
    fields.extend(own.as_object().cloned().unwrap_or_default());
    fields.into()
}
