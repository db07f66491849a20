//! How DescribeServices shows a service.

use super::lookup::arn;
use crate::sandbox::{
    wire::time,
    world::{
        World,
        ecs::{
            Cluster,
            services::{Deployment, Service, ServiceStatus, load_balancers},
            tasks::{Task, TaskStatus},
        },
    },
};
use serde_json::{Map, Value, json};

/// Fields that DescribeServices shows within the deployments only.
const WITHIN_DEPLOYMENTS: [&str; 3] = [
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];
/// Fields that only a service revision shows.
const WITHIN_REVISIONS: [&str; 2] = ["monitoring", "gatewayConnectors"];
/// Fields that a deployment of DescribeServices does not show.
const NOT_IN_DEPLOYMENTS: [&str; 4] = [
    "loadBalancers",
    "serviceRegistries",
    "monitoring",
    "gatewayConnectors",
];

/// How many tasks of a kind there are.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) running: usize,
    pub(super) pending: usize,
}

/// Counts running and pending tasks among those that `wanted` selects.
pub(super) fn counts(cluster: &Cluster, wanted: impl Fn(&Task) -> bool) -> Counts {
    let mut counts = Counts {
        running: 0,
        pending: 0,
    };
    for task in cluster.tasks.values() {
        if !task.is_wanted() || !wanted(task) {
            continue;
        }
        if task.status < TaskStatus::Running {
            counts.pending += 1;
        } else {
            counts.running += 1;
        }
    }
    counts
}

/// The ARN of a deployment's service revision.
pub(super) fn revision_arn(
    world: &World,
    cluster: &Cluster,
    service: &Service,
    one: &Deployment,
) -> String {
    arn(
        world,
        &format!(
            "service-revision/{}/{}/{}",
            cluster.name, service.name, one.revision
        ),
    )
}

/// The ARN of a deployment as a service deployment.
pub(super) fn deployment_arn(
    world: &World,
    cluster: &Cluster,
    service: &Service,
    one: &Deployment,
) -> String {
    arn(
        world,
        &format!(
            "service-deployment/{}/{}/{}",
            cluster.name, service.name, one.service_deployment
        ),
    )
}

/// A service as DescribeServices shows it, without its tags.
pub(super) fn view(world: &World, cluster: &Cluster, service: &Service) -> Value {
    let all = counts(cluster, |task| task.service() == Some(&service.name));
    let mut fields: Map<String, Value> = service.settings.clone();
    fields.retain(|name, _| {
        !WITHIN_DEPLOYMENTS.contains(&name.as_str()) && !WITHIN_REVISIONS.contains(&name.as_str())
    });
    if load_balancers(&service.settings).is_empty() {
        fields.remove("healthCheckGracePeriodSeconds");
    } else {
        fields.insert(
            "roleArn".to_owned(),
            json!(format!(
                "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                world.account
            )),
        );
    }
    let deployments: Vec<Value> = shown_deployments(service)
        .enumerate()
        .map(|(at, one)| deployment(cluster, service, one, at))
        .collect();
    let own = json!({
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": cluster.arn,
        "status": service.status.as_str(),
        "desiredCount": service.desired,
        "runningCount": all.running,
        "pendingCount": all.pending,
        "createdAt": time(service.created_at),
        "createdBy": format!("arn:aws:iam::{}:user/sandbox", world.account),
        "deployments": deployments,
        "events": events(service),
    });
    fields.extend(own.as_object().cloned().unwrap_or_default());
    if let Some(primary) = service.primary() {
        fields.insert(
            "currentServiceDeployment".to_owned(),
            json!(deployment_arn(world, cluster, service, primary)),
        );
    }
    fields.insert(
        "currentServiceRevisions".to_owned(),
        current_revisions(world, cluster, service),
    );
    fields.into()
}

fn shown_deployments(service: &Service) -> impl Iterator<Item = &Deployment> {
    let shown = if service.status == ServiceStatus::Inactive {
        0
    } else {
        service.deployments.len()
    };
    service.deployments.iter().take(shown)
}

fn current_revisions(world: &World, cluster: &Cluster, service: &Service) -> Value {
    shown_deployments(service)
        .map(|one| {
            let own = counts(cluster, |task| task.deployment() == Some(&one.id));
            json!({
                "arn": revision_arn(world, cluster, service, one),
                "requestedTaskCount": own.running + own.pending,
                "runningTaskCount": own.running,
                "pendingTaskCount": own.pending,
            })
        })
        .collect::<Vec<_>>()
        .into()
}

fn deployment(cluster: &Cluster, service: &Service, one: &Deployment, at: usize) -> Value {
    let own = counts(cluster, |task| task.deployment() == Some(&one.id));
    let primary = at == 0;
    let desired = if primary {
        service.desired as usize
    } else {
        own.running + own.pending
    };
    let mut fields = one.settings.clone();
    fields.retain(|name, _| !NOT_IN_DEPLOYMENTS.contains(&name.as_str()));
    let shown = json!({
        "id": one.id,
        "status": if primary { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": one.definition.arn,
        "desiredCount": desired,
        "runningCount": own.running,
        "pendingCount": own.pending,
        "failedTasks": one.failed_tasks,
        "createdAt": time(one.created_at),
        "updatedAt": time(one.updated_at),
        "rolloutState": one.rollout.as_str(),
        "rolloutStateReason": one.reason,
    });
    fields.extend(shown.as_object().cloned().unwrap_or_default());
    fields.into()
}

fn events(service: &Service) -> Vec<Value> {
    service
        .events
        .iter()
        .map(|event| {
            json!({
                "id": event.id,
                "createdAt": time(event.at),
                "message": event.message,
            })
        })
        .collect()
}
