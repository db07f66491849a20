//! ECS's JSON as evidence.

use std::time::Duration;

use serde_json::Value;

use crate::aws::ecs::{count, last_part, list, text};
use crate::aws::services::timestamp;
use crate::deployment::ids::{TargetGroupArn, TaskDefinitionArn};
use crate::diagnose::{
    Agent, Deployment, Network, Registration, Service, ServiceEvent, Task, TaskContainer,
};

fn is_set(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let texts = list(value, key).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn owned(value: &Value, key: &str) -> String {
    text(value, key).to_owned()
}

/// A service as DescribeServices prints it.
pub(super) fn service(service: &Value) -> Service {
    let configuration = service
        .get("deploymentConfiguration")
        .unwrap_or(&Value::Null);
    let percent = |key: &str, default| match configuration.get(key) {
        Some(_) => count(configuration, key),
        None => default,
    };
    let providers = list(service, "capacityProviderStrategy").iter();
    let constraints = list(service, "placementConstraints").iter();
    Service {
        name: owned(service, "serviceName"),
        status: owned(service, "status"),
        desired: count(service, "desiredCount"),
        running: count(service, "runningCount"),
        pending: count(service, "pendingCount"),
        created_at: service.get("createdAt").and_then(timestamp),
        launch_type: owned(service, "launchType"),
        capacity_providers: providers.map(|it| owned(it, "capacityProvider")).collect(),
        grace: Duration::from_secs(count(service, "healthCheckGracePeriodSeconds").into()),
        min_percent: percent("minimumHealthyPercent", 100),
        max_percent: percent("maximumPercent", 200),
        deployments: list(service, "deployments")
            .iter()
            .map(deployment)
            .collect(),
        events: list(service, "events").iter().filter_map(event).collect(),
        registrations: list(service, "loadBalancers")
            .iter()
            .filter_map(registration)
            .collect(),
        registries: list(service, "serviceRegistries")
            .iter()
            .map(|it| owned(it, "registryArn"))
            .collect(),
        network: network(service),
        execute_command: is_set(service, "enableExecuteCommand"),
        constraints: constraints
            .map(|it| format!("{} {}", text(it, "type"), text(it, "expression")))
            .map(|it| it.trim().to_owned())
            .collect(),
    }
}

fn deployment(deployment: &Value) -> Deployment {
    Deployment {
        id: owned(deployment, "id"),
        status: owned(deployment, "status"),
        definition: owned(deployment, "taskDefinition"),
        failed: count(deployment, "failedTasks"),
        rollout: owned(deployment, "rolloutState"),
        reason: owned(deployment, "rolloutStateReason"),
        created_at: deployment.get("createdAt").and_then(timestamp),
    }
}

fn event(event: &Value) -> Option<ServiceEvent> {
    Some(ServiceEvent {
        at: timestamp(event.get("createdAt")?)?,
        text: owned(event, "message"),
    })
}

fn registration(entry: &Value) -> Option<Registration> {
    let group = Some(text(entry, "targetGroupArn")).filter(|it| !it.is_empty())?;
    Some(Registration {
        group: TargetGroupArn::new(group),
        container: owned(entry, "containerName"),
        port: count(entry, "containerPort").try_into().ok()?,
    })
}

fn network(service: &Value) -> Option<Network> {
    let network = service
        .get("networkConfiguration")?
        .get("awsvpcConfiguration")?;
    Some(Network {
        subnets: texts(network, "subnets"),
        security_groups: texts(network, "securityGroups"),
        public_ip: text(network, "assignPublicIp") == "ENABLED",
    })
}

/// Tasks as DescribeTasks prints them, the newest first.
pub(super) fn tasks(described: &[Value]) -> Vec<Task> {
    let mut tasks: Vec<Task> = described.iter().map(task).collect();
    // Stopped ones by their end, all others by their beginning.
    let key = |task: &Task| (task.ended_at().or(task.created_at), task.id.clone());
    tasks.sort_by_key(|task| std::cmp::Reverse(key(task)));
    tasks
}

/// The service that a task is of.
pub(super) fn service_of(task: &Value) -> Option<&str> {
    text(task, "group").strip_prefix("service:")
}

fn task(task: &Value) -> Task {
    let at = |key: &str| task.get(key).and_then(timestamp);
    let definition = Some(text(task, "taskDefinitionArn")).filter(|arn| !arn.is_empty());
    Task {
        id: last_part(text(task, "taskArn")).to_owned(),
        definition: definition.map(TaskDefinitionArn::new),
        service: service_of(task).map(str::to_owned),
        started_by: owned(task, "startedBy"),
        last_status: owned(task, "lastStatus"),
        wanted: text(task, "desiredStatus") == "RUNNING",
        health: owned(task, "healthStatus"),
        stop_code: owned(task, "stopCode"),
        stopped_reason: owned(task, "stoppedReason"),
        created_at: at("createdAt"),
        started_at: at("startedAt"),
        stopping_at: at("stoppingAt"),
        execution_stopped_at: at("executionStoppedAt"),
        stopped_at: at("stoppedAt"),
        zone: owned(task, "availabilityZone"),
        address: address(task),
        launch_type: owned(task, "launchType"),
        platform_version: owned(task, "platformVersion"),
        execute_command: is_set(task, "enableExecuteCommand"),
        containers: list(task, "containers").iter().map(container).collect(),
    }
}

fn address(task: &Value) -> Option<String> {
    let details = list(task, "attachments")
        .iter()
        .flat_map(|it| list(it, "details"));
    let mut own = details.filter(|it| text(it, "name") == "privateIPv4Address");
    own.next().map(|it| owned(it, "value"))
}

fn container(container: &Value) -> TaskContainer {
    let code = container.get("exitCode").and_then(Value::as_i64);
    let agents = list(container, "managedAgents").iter();
    let bindings = list(container, "networkBindings").iter();
    TaskContainer {
        name: owned(container, "name"),
        exit_code: code.and_then(|code| code.try_into().ok()),
        reason: owned(container, "reason"),
        health: owned(container, "healthStatus"),
        ports: bindings
            .filter_map(|it| count(it, "hostPort").try_into().ok())
            .collect(),
        agents: agents
            .map(|it| Agent {
                name: owned(it, "name"),
                status: owned(it, "lastStatus"),
                reason: owned(it, "reason"),
            })
            .collect(),
    }
}
