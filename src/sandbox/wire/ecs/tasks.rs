//! Tasks.

use super::clusters;
use super::lookup::{cluster, cluster_name, missing, short, texts, wants_tags};
use crate::sandbox::{
    wire::{
        AwsError,
        page::{Paging, page},
        time,
    },
    world::{
        World,
        ecs::{
            Cluster, RunTask,
            definitions::DefinitionStatus,
            json::{count, list, text},
            tasks::{Owner, Task, TaskContainer, TaskStatus},
        },
    },
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(super) fn list_all(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = cluster(world, input)?;
    let service = text(input, "serviceName").map(short);
    if service.is_some_and(|name| !cluster.services.contains_key(name)) {
        return Err(AwsError::new(
            "ServiceNotFoundException",
            "Service not found.",
        ));
    }
    let running = text(input, "desiredStatus") != Some("STOPPED");
    let matches = |task: &&Task| {
        task.is_wanted() == running
            && service.is_none_or(|name| task.service() == Some(name))
            && text(input, "family").is_none_or(|family| family == task.definition.family)
            && text(input, "startedBy").is_none_or(|by| started_by(task) == Some(by))
            && text(input, "launchType")
                .is_none_or(|launch| task.launch.get("launchType") == Some(&json!(launch)))
    };
    let arns = cluster
        .tasks
        .values()
        .filter(matches)
        .map(|task| task.arn.as_str())
        .collect();
    let paging = Paging {
        default: 100,
        limit: 100,
    };
    let (shown, next) = page(arns, input, paging)?;
    Ok(json!({ "taskArns": shown, "nextToken": next }))
}

fn started_by(task: &Task) -> Option<&str> {
    match &task.owner {
        Owner::Service { deployment, .. } => Some(deployment),
        Owner::Nobody { started_by } => started_by.as_deref(),
    }
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = cluster(world, input)?;
    let wanted = texts(input, "tasks");
    if wanted.is_empty() {
        return Err(AwsError::invalid_parameter("Tasks cannot be empty."));
    }
    if wanted.len() > 100 {
        return Err(AwsError::invalid_parameter(
            "Tasks cannot have more than 100 elements.",
        ));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        match cluster.tasks.get(short(reference)) {
            Some(task) => {
                let mut shown = view(cluster, task, world.now);
                if wants_tags(input) {
                    shown["tags"] = task.tags.clone().into();
                }
                found.push(shown);
            }
            None => failures.push(missing(&format!(
                "{}/{}",
                cluster.arn.replacen(":cluster/", ":task/", 1),
                short(reference)
            ))),
        }
    }
    Ok(json!({ "tasks": found, "failures": failures }))
}

pub(super) fn stop(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = cluster(world, input)?.name.clone();
    let id = text(input, "task").map_or("", short).to_owned();
    if !world.ecs.clusters[&name].tasks.contains_key(&id) {
        return Err(AwsError::invalid_parameter(
            "The referenced task was not found.",
        ));
    }
    let reason = text(input, "reason").unwrap_or("Task stopped by user");
    world.stop_task(&name, &id, reason.to_owned());
    let cluster = &world.ecs.clusters[&name];
    Ok(json!({ "task": view(cluster, &cluster.tasks[&id], world.now) }))
}

pub(super) fn run(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let by_default = clusters::default_strategy(cluster(world, input)?, input);
    let name = cluster_name(input).to_owned();
    let definition = text(input, "taskDefinition")
        .and_then(|reference| world.ecs.definitions.find(reference))
        .filter(|definition| definition.status == DefinitionStatus::Active)
        .cloned()
        .ok_or_else(|| AwsError::client("TaskDefinition not found."))?;
    let mut settings: Map<String, Value> = input.as_object().cloned().unwrap_or_default();
    if by_default.is_empty() {
        settings.entry("launchType").or_insert_with(|| json!("EC2"));
    } else {
        settings.insert("capacityProviderStrategy".to_owned(), by_default.into());
    }
    let started: Vec<String> = (0..count(input, "count").unwrap_or(1).min(10))
        .filter_map(|_| {
            world.run_task(RunTask {
                cluster: &name,
                definition: &definition,
                started_by: text(input, "startedBy").map(str::to_owned),
                settings: &settings,
                tags: list(input, "tags").to_vec(),
            })
        })
        .collect();
    let cluster = &world.ecs.clusters[&name];
    let shown: Vec<Value> = started
        .iter()
        .map(|id| view(cluster, &cluster.tasks[id], world.now))
        .collect();
    Ok(json!({ "tasks": shown, "failures": [] }))
}

fn view(cluster: &Cluster, task: &Task, now: Timestamp) -> Value {
    let group = match task.service() {
        Some(service) => format!("service:{service}"),
        None => format!("family:{}", task.definition.family),
    };
    let size = |name: &str| task.definition.body.get(name).cloned();
    let containers: Vec<Value> = (0..task.containers.len())
        .map(|at| container_view(task, at, now))
        .collect();
    let shown = json!({
        "taskArn": task.arn,
        "clusterArn": cluster.arn,
        "taskDefinitionArn": task.definition.arn,
        "group": group,
        "startedBy": started_by(task),
        "lastStatus": task.status.as_str(),
        "desiredStatus": if task.is_wanted() { "RUNNING" } else { "STOPPED" },
        "healthStatus": task.health(now).as_str(),
        "availabilityZone": task.zone,
        "connectivity": "CONNECTED",
        "containers": containers,
        "attachments": attachments(task),
        "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
        "cpu": size("cpu"),
        "memory": size("memory"),
        "overrides": { "containerOverrides": [], "inferenceAcceleratorOverrides": [] },
        "tags": [],
        "version": task.version,
        "enableExecuteCommand": task.exec_agent.is_some(),
    });
    let mut fields = shown.as_object().cloned().unwrap_or_default();
    fields.retain(|_, value| !value.is_null());
    fields.extend(task.launch.clone());
    let moments = [
        ("createdAt", Some(task.created_at)),
        ("pullStartedAt", task.pull_started_at),
        ("pullStoppedAt", task.pull_stopped_at),
        ("startedAt", task.started_at),
        ("stoppingAt", task.stop.as_ref().map(|stop| stop.at)),
        ("executionStoppedAt", task.execution_stopped_at),
        ("stoppedAt", task.stopped_at),
    ];
    for (name, moment) in moments {
        if let Some(moment) = moment {
            fields.insert(name.to_owned(), time(moment));
        }
    }
    if let Some(stop) = &task.stop {
        fields.insert("stopCode".to_owned(), json!(stop.code.as_str()));
        fields.insert("stoppedReason".to_owned(), json!(stop.reason));
    }
    fields.into()
}

fn container_status(task: &Task, container: &TaskContainer) -> &'static str {
    match task.status {
        _ if container.exit_code.is_some() => "STOPPED",
        TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => "PENDING",
        TaskStatus::Running | TaskStatus::Deactivating | TaskStatus::Stopping => "RUNNING",
        TaskStatus::Deprovisioning | TaskStatus::Stopped => "STOPPED",
    }
}

fn container_view(task: &Task, at: usize, now: Timestamp) -> Value {
    let container = &task.containers[at];
    let address = task.interface.as_ref().map(|interface| {
        json!([{
            "attachmentId": interface.attachment,
            "privateIpv4Address": task.address,
        }])
    });
    let bindings: Vec<Value> = container
        .ports
        .iter()
        .filter(|_| task.interface.is_none() && task.started_at.is_some())
        .map(|(inside, outside)| {
            json!({
                "bindIP": "0.0.0.0", "containerPort": inside, "hostPort": outside,
                "protocol": "tcp",
            })
        })
        .collect();
    let size = task
        .definition
        .container(&container.name)
        .and_then(|definition| definition.get("cpu")?.as_u64());
    let mut shown = json!({
        "containerArn": format!(
            "{}/{}", task.arn.replacen(":task/", ":container/", 1), container.id
        ),
        "taskArn": task.arn,
        "name": container.name,
        "image": container.image,
        "lastStatus": container_status(task, container),
        "healthStatus": task.container_health(at, now).as_str(),
        "networkInterfaces": address.unwrap_or_else(|| json!([])),
        "networkBindings": bindings,
        "cpu": size.unwrap_or(0).to_string(),
    });
    if task.started_at.is_some() {
        shown["imageDigest"] = json!(container.digest);
        shown["runtimeId"] = json!(format!("{}-{}", task.id, &container.id[..8]));
    }
    if let (Some(runs), true) = (task.exec_agent, task.started_at.is_some()) {
        shown["managedAgents"] = json!([{
            "name": "ExecuteCommandAgent",
            "lastStatus": if runs { "RUNNING" } else { "STOPPED" },
            "reason": if runs { Value::Null } else { json!("Execute Command Agent stopped") },
        }]);
    }
    if let Some(code) = container.exit_code {
        shown["exitCode"] = json!(code);
    }
    if let Some(reason) = &container.reason {
        shown["reason"] = json!(reason);
    }
    shown
}

fn attachments(task: &Task) -> Value {
    let Some(interface) = &task.interface else {
        return json!([]);
    };
    let status = match task.status {
        TaskStatus::Provisioning => "PRECREATED",
        TaskStatus::Stopped => "DELETED",
        _ => "ATTACHED",
    };
    let octets = task.address.replace('.', "-");
    json!([{
        "id": interface.attachment,
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": [
            { "name": "subnetId", "value": interface.subnet },
            { "name": "networkInterfaceId", "value": interface.id },
            { "name": "macAddress", "value": interface.mac },
            { "name": "privateDnsName", "value": format!("ip-{octets}.internal") },
            { "name": "privateIPv4Address", "value": task.address },
        ],
    }])
}
