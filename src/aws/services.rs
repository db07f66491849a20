//! ECS services as one look sees them, with the tasks that failed.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{count, last_part, list, tag, text};
use super::error::AwsError;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::ids::{
    ClusterName, DeploymentId, EcsServiceName, SlotName, Slots, TaskDefinitionArn,
};
use crate::deployment::observation::{
    Rollout, Seen, ServiceSeen, ServiceStatus, StoppedContainer, StoppedTask,
};
use crate::deployment::plan::{Plan, TaskHealth};
use crate::judge::targets::TargetCounts;

/// As many as DescribeTasks takes.
const PAGE_OF_TASKS: u32 = 100;
/// How many stopped tasks say enough.
const STOPPED_SHOWN: usize = 5;

impl Cloud {
    /// Both slots' services, green's with its failed tasks where there is reason to look.
    pub(super) async fn see_services(&self, plan: &Plan) -> Slots<Seen<Option<ServiceSeen>>> {
        let names = [&plan.slots.a.service, &plan.slots.b.service];
        let read = match self.services(&plan.cluster, &names).await {
            Ok(services) => services,
            Err(error) => {
                return Slots::from_fn(|_| Seen::Unreadable(error.to_string()));
            }
        };
        let mut services = read.into_iter();
        let found = Slots::from_fn(|_| services.next().flatten());
        let mut seen = Slots::from_fn(|slot| Seen::Value(found[slot].as_ref().map(service_seen)));
        if let Some(health) = &plan.tasks {
            for slot in SlotName::BOTH {
                let name = &plan.slots[slot].service;
                let read = self.with_tasks(&plan.cluster, name, health[slot], &mut seen[slot]);
                read.await;
            }
        }
        let green = plan.green_slot();
        if let Seen::Value(Some(service)) = &mut seen[green]
            && service.deployment.as_ref() == Some(&plan.id)
            && (tasks_fail(service) || found[green].as_ref().is_some_and(tasks_were_replaced))
        {
            let name = &plan.slots[green].service;
            // What failed is only words beside the count: without them the look still stands.
            let stopped = self
                .stopped_tasks(&plan.cluster, name, &found[green])
                .await
                .unwrap_or_default();
            // ECS stops counting once a task has run: a crash later shows in the tasks alone.
            let failed = stopped
                .iter()
                .filter(|task| task.code != "UserInitiated")
                .count();
            service.failed = service.failed.max(failed.try_into().unwrap_or(u32::MAX));
            service.stopped = stopped.into_iter().take(STOPPED_SHOWN).collect();
        }
        seen
    }

    /// Adds the health of a service's tasks, where it has no target group that tells it. Without
    /// that nothing can be said of the service.
    async fn with_tasks(
        &self,
        cluster: &ClusterName,
        name: &EcsServiceName,
        health: TaskHealth,
        seen: &mut Seen<Option<ServiceSeen>>,
    ) {
        let Seen::Value(Some(service)) = seen else {
            return;
        };
        match self.task_counts(cluster, name, service, health).await {
            Ok(counts) => service.tasks = Some(counts),
            Err(error) => *seen = Seen::Unreadable(error.to_string()),
        }
    }

    async fn task_counts(
        &self,
        cluster: &ClusterName,
        name: &EcsServiceName,
        service: &ServiceSeen,
        health: TaskHealth,
    ) -> Result<TargetCounts, AwsError> {
        let ask = json!({
            "cluster": cluster.as_str(),
            "serviceName": name.as_str(),
            "desiredStatus": "RUNNING",
            "maxResults": PAGE_OF_TASKS,
        });
        let list_page = |body| self.list_tasks(body);
        let pages = service.desired.div_ceil(PAGE_OF_TASKS) as usize + 1;
        let arns = self.listed(ask, "taskArns", pages, list_page).await?;
        let mut counts = TargetCounts::default();
        for arns in arns.chunks(PAGE_OF_TASKS as usize) {
            let body = json!({ "cluster": cluster.as_str(), "tasks": arns });
            let described = self.describe_tasks(body).await?;
            count_tasks(list(&described, "tasks"), service, health, &mut counts);
        }
        Ok(counts)
    }

    /// The newest failed tasks that the service's primary deployment started.
    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        name: &EcsServiceName,
        service: &Option<Value>,
    ) -> Result<Vec<StoppedTask>, AwsError> {
        let listed = self
            .list_tasks(json!({
                "cluster": cluster.as_str(),
                "serviceName": name.as_str(),
                "desiredStatus": "STOPPED",
                "maxResults": 100,
            }))
            .await?;
        let arns = list(&listed, "taskArns");
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({ "cluster": cluster.as_str(), "tasks": arns });
        let described = self.describe_tasks(body).await?;
        let primary = service.as_ref().and_then(primary);
        let started_by = primary.map_or("", |deployment| text(deployment, "id"));
        Ok(newest_failed(list(&described, "tasks"), started_by))
    }
}

/// A task that runs is healthy unless its containers have checks, which then decide. Those of an
/// earlier definition, which ECS still replaces, count for nothing.
fn count_tasks(
    tasks: &[Value],
    service: &ServiceSeen,
    health: TaskHealth,
    counts: &mut TargetCounts,
) {
    let definition = service.task_definition.as_str();
    let own = tasks
        .iter()
        .filter(|task| text(task, "taskDefinitionArn") == definition);
    for task in own {
        let counter = match (text(task, "lastStatus"), text(task, "healthStatus")) {
            ("RUNNING", "UNHEALTHY") => &mut counts.unhealthy,
            ("RUNNING", "HEALTHY") => &mut counts.healthy,
            ("RUNNING", _) if health == TaskHealth::Running => &mut counts.healthy,
            ("RUNNING" | "PROVISIONING" | "PENDING" | "ACTIVATING", _) => &mut counts.initial,
            _ => &mut counts.draining,
        };
        *counter += 1;
    }
}

/// Whether it is worth asking which tasks stopped and why.
fn tasks_fail(service: &ServiceSeen) -> bool {
    service.failed > 0 || service.running < service.desired
}

/// Whether more tasks were started for the primary deployment than are wanted, by the service's
/// events: all of them may run by now, and some ended while nobody looked.
fn tasks_were_replaced(service: &Value) -> bool {
    let primary = primary(service).unwrap_or(service);
    let created = primary.get("createdAt").and_then(timestamp);
    let of_primary = |event: &&Value| event.get("createdAt").and_then(timestamp) >= created;
    let started = list(service, "events")
        .iter()
        .filter(of_primary)
        .map(|event| text(event, "message"))
        .filter(|message| message.contains(") has started "))
        .map(|message| message.matches("(task ").count());
    started.sum::<usize>() > count(service, "desiredCount") as usize
}

/// What DescribeServices says of one service.
pub(super) fn service_seen(service: &Value) -> ServiceSeen {
    let deployments = list(service, "deployments");
    let primary = primary(service).unwrap_or(service);
    let definition = task_definition(service);
    let others = deployments.iter().filter(|it| {
        text(it, "status") != "PRIMARY" && text(it, "taskDefinition") != definition.as_str()
    });
    let earlier = others.map(|it| count(it, "runningCount") + count(it, "pendingCount"));
    let counted = |key: &str| match primary.get(key) {
        Some(_) => count(primary, key),
        None => count(service, key),
    };
    ServiceSeen {
        status: match text(service, "status") {
            "DRAINING" => ServiceStatus::Draining,
            _ => ServiceStatus::Active,
        },
        task_definition: definition.clone(),
        desired: count(service, "desiredCount"),
        running: counted("runningCount"),
        pending: counted("pendingCount"),
        failed: count(primary, "failedTasks"),
        deployments: deployments.len().try_into().unwrap_or(u32::MAX),
        earlier: earlier.sum(),
        rollout: match text(primary, "rolloutState") {
            "COMPLETED" => Rollout::Completed,
            "FAILED" => Rollout::Failed,
            _ => Rollout::InProgress,
        },
        rollout_reason: text(primary, "rolloutStateReason").to_owned(),
        deployment: tag(list(service, "tags"), DEPLOYMENT_TAG).map(DeploymentId::new),
        tasks: None,
        stopped: Vec::new(),
    }
}

pub(super) fn primary(service: &Value) -> Option<&Value> {
    list(service, "deployments")
        .iter()
        .find(|deployment| text(deployment, "status") == "PRIMARY")
}

/// What the service's primary deployment runs.
pub(super) fn task_definition(service: &Value) -> TaskDefinitionArn {
    let of = |value| Some(text(value, "taskDefinition")).filter(|arn| !arn.is_empty());
    let arn = primary(service).and_then(of).or_else(|| of(service));
    TaskDefinitionArn::new(arn.unwrap_or_default())
}

/// Failed tasks first, newest first; tasks that ECS stopped only to scale in are no failures.
fn newest_failed(tasks: &[Value], started_by: &str) -> Vec<StoppedTask> {
    let mut stopped: Vec<(bool, StoppedTask)> = tasks
        .iter()
        .filter(|task| text(task, "startedBy") == started_by)
        .map(|task| (was_asked_to_stop(task), stopped_task(task)))
        .filter(|(asked, task)| !asked || task.code == "UserInitiated")
        .collect();
    stopped.sort_by(|(one_asked, one), (other_asked, other)| {
        one_asked
            .cmp(other_asked)
            .then_with(|| one.newest_first(other))
    });
    stopped.into_iter().map(|(_, task)| task).collect()
}

/// ECS's scheduler stops tasks to scale in or to replace them, and for failed health checks: only
/// the words tell which.
fn was_asked_to_stop(task: &Value) -> bool {
    match text(task, "stopCode") {
        // Nor is it the version's fault when AWS takes the machine away.
        "UserInitiated" | "SpotInterruption" | "TerminationNotice" => true,
        "ServiceSchedulerInitiated" => !text(task, "stoppedReason").contains("failed"),
        _ => false,
    }
}

fn stopped_task(task: &Value) -> StoppedTask {
    let container = |container: &Value| {
        let exit_code = container.get("exitCode").and_then(Value::as_i64);
        let exit_code = exit_code.and_then(|code| i32::try_from(code).ok());
        let reason = Some(text(container, "reason").to_owned()).filter(|text| !text.is_empty());
        (exit_code.is_some() || reason.is_some()).then(|| StoppedContainer {
            name: text(container, "name").to_owned(),
            exit_code,
            reason,
        })
    };
    StoppedTask {
        task: last_part(text(task, "taskArn")).to_owned(),
        at: task.get("stoppedAt").and_then(timestamp),
        code: text(task, "stopCode").to_owned(),
        reason: text(task, "stoppedReason").to_owned(),
        containers: list(task, "containers")
            .iter()
            .filter_map(container)
            .collect(),
    }
}

/// JSON 1.1 writes epoch seconds with a fraction.
pub(super) fn timestamp(value: &Value) -> Option<Timestamp> {
    let millis = value.as_f64()? * 1000.0;
    Timestamp::from_millisecond(millis as i64).ok()
}

#[cfg(test)]
#[path = "services_tests.rs"]
mod tests;
