//! The bodies of CreateService and UpdateService.

use serde_json::{Map, Value, json};

use super::fields::{self, has_items, text};
use crate::deployment::ids::{ClusterName, DeploymentId, EcsServiceName, TaskDefinitionArn};
use crate::deployment::plan::TargetPlan;

/// The tag that names a deployment, on its task definition and on green's service.
pub const DEPLOYMENT_TAG: &str = "bg:deployment";

/// What a service is to be, beside the settings that it takes from its source.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Where.
    pub cluster: &'a ClusterName,
    /// Its name.
    pub service: &'a EcsServiceName,
    /// Its load-balancer entries.
    pub targets: &'a [TargetPlan],
    /// What it is to run.
    pub task_definition: &'a TaskDefinitionArn,
    /// How many tasks.
    pub desired: u32,
    /// Tagged `bg:deployment` with this, and created with this as its client token.
    pub deployment: &'a DeploymentId,
}

/// The body of CreateService for a clone of `source` (a service as DescribeServices prints it,
/// with its tags), ECS's own rollbacks off. It is repeatable: its client token is the
/// deployment's id.
///
/// What only a service revision shows (`monitoring`) is carried over if the caller has put it into
/// `source`.
pub fn create_request(source: &Value, target: &Target<'_>) -> Value {
    let mut body = fields::shared(source);
    // ECS's own default when it creates a service is another than what no setting means.
    let rebalancing = body.entry("availabilityZoneRebalancing");
    rebalancing.or_insert_with(|| json!("DISABLED"));
    if text(source, "/propagateTags") == Some("NONE") {
        body.remove("propagateTags");
    }
    if let Some(configuration) = body.get_mut("deploymentConfiguration") {
        switch_rollbacks_off(configuration);
    }
    set_own(&mut body, target);
    body.extend(object(json!({
        "serviceName": target.service,
        "clientToken": target.deployment,
        "tags": tags(source, target.deployment),
    })));
    Value::Object(body)
}

/// The body of UpdateService that gives a service the settings of `source` (as DescribeServices
/// prints it) wherever UpdateService can, ECS's own rollbacks off.
///
/// What `source` doesn't have is taken away from the service too. Where `source` is the service
/// itself its settings stay, and only what this deployment is about is set. UpdateService takes
/// no tags: set `bg:deployment` apart.
pub fn update_request(source: &Value, target: &Target<'_>) -> Value {
    let mut body = match text(source, "/serviceName") == Some(target.service.as_str()) {
        // ECS takes a definition that asks for volumes only beside these.
        true => fields::shared(source)
            .into_iter()
            .filter(|(name, value)| name == VOLUMES && has_items(Some(value)))
            .collect(),
        false => settings_to_update(source),
    };
    let mut configuration = settings(source);
    switch_rollbacks_off(&mut configuration);
    body.insert("deploymentConfiguration".to_owned(), configuration);
    set_own(&mut body, target);
    body.insert("service".to_owned(), json!(target.service));
    Value::Object(body)
}

/// The `deploymentConfiguration` of `service` outside of deployments: what a slot gets back when
/// a deployment is over. Circuit breaker and alarms are always in it, because UpdateService leaves
/// alone what isn't.
pub fn settings(service: &Value) -> Value {
    let mut configuration = service
        .get("deploymentConfiguration")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for (name, off) in [
        (
            "deploymentCircuitBreaker",
            json!({ "enable": false, "rollback": false }),
        ),
        (
            "alarms",
            json!({ "alarmNames": [], "enable": false, "rollback": false }),
        ),
    ] {
        let setting = configuration.entry(name).or_insert(Value::Null);
        if setting.is_null() {
            *setting = off;
        }
    }
    Value::Object(configuration)
}

fn settings_to_update(source: &Value) -> Map<String, Value> {
    let mut body = fields::shared(source);
    for name in fields::CREATE_ONLY {
        body.remove(*name);
    }
    for name in [
        "healthCheckGracePeriodSeconds",
        "propagateTags",
        "serviceConnectConfiguration",
        VOLUMES,
        "vpcLatticeConfigurations",
    ] {
        let setting = body.entry(name).or_insert(Value::Null);
        if setting.is_null() {
            *setting = fields::default_of(name).unwrap_or_default();
        }
    }
    if has_items(body.get("capacityProviderStrategy")) {
        // ECS refuses a changed strategy otherwise: "you must force a new deployment".
        body.insert("forceNewDeployment".to_owned(), json!(true));
    }
    body
}

/// What the slot has for itself.
fn set_own(body: &mut Map<String, Value>, target: &Target<'_>) {
    let balancers = target.targets.iter().map(|target| {
        json!({
            "targetGroupArn": target.group,
            "containerName": target.container,
            "containerPort": target.port,
        })
    });
    body.extend(object(json!({
        "cluster": target.cluster,
        "taskDefinition": target.task_definition,
        "desiredCount": target.desired,
        "loadBalancers": balancers.collect::<Vec<_>>(),
    })));
    if target.targets.is_empty() {
        body.remove("loadBalancers");
        // ECS refuses it for a service without a load balancer.
        body.remove("healthCheckGracePeriodSeconds");
    }
}

/// ECS must not put a slot's earlier revision back by itself in the middle of a shift. The
/// circuit breaker stays on: that it gave up is worth knowing.
fn switch_rollbacks_off(configuration: &mut Value) {
    if let Some(breaker) = object_at(configuration, "deploymentCircuitBreaker") {
        breaker.insert("rollback".to_owned(), json!(false));
    }
    if let Some(alarms) = object_at(configuration, "alarms") {
        alarms.insert("rollback".to_owned(), json!(false));
        alarms.insert("enable".to_owned(), json!(false));
    }
}

/// Leaves the task definition out of an UpdateService for a service that is set to it already: it may
/// have become INACTIVE since, and then only a service that has it may keep it. Its volumes go with it,
/// because ECS takes these only beside a definition; where they change, both stay.
pub fn keep_definition(body: &mut Value, existing: &Value) {
    let Some(body) = body.as_object_mut() else {
        return;
    };
    let (set, now) = (body.get("taskDefinition"), existing.get("taskDefinition"));
    let volumes = fields::shared(existing).remove(VOLUMES);
    let volumes = volumes.or_else(|| fields::default_of(VOLUMES));
    let same = body
        .get(VOLUMES)
        .is_none_or(|it| Some(it) == volumes.as_ref());
    if set == now && same {
        body.remove("taskDefinition");
        body.remove(VOLUMES);
    }
}

/// What a service sets of the volumes that a definition leaves to it.
const VOLUMES: &str = "volumeConfigurations";

/// How many tags a service may have: "Amazon ECS service quotas" in its guide. Those of AWS don't count.
pub const MOST_TAGS: usize = 50;

/// How many of this program's own a service may have for a moment: `bg:deployment`, `bg:last-served`,
/// `bg:live`, `bg:retire-at` (one of these two goes when the other has come) and `bg:scale-in-held`.
pub const OWN_TAGS: usize = 5;

/// The source's tags, and this deployment's.
fn tags(source: &Value, deployment: &DeploymentId) -> Vec<Value> {
    let own = json!({ "key": DEPLOYMENT_TAG, "value": deployment });
    given_tags(source).cloned().chain([own]).collect()
}

/// The tags that a service which exists gets from its source: those under keys that it lacks, as far as
/// there is room for them beside this program's own. What it has of its own stays, value and all: a tag
/// may be there to tell two services apart.
#[must_use]
pub fn missing_tags(source: &Value, existing: &Value) -> Vec<Value> {
    let has = |key: Option<&Value>| listed_tags(existing).any(|tag| tag.get("key") == key);
    let lacked = given_tags(source).filter(|tag| !has(tag.get("key")));
    let room = MOST_TAGS.saturating_sub(OWN_TAGS + given_tags(existing).count());
    lacked.take(room).cloned().collect()
}

/// A service's tags, without those that AWS or this program gave it.
pub fn given_tags(service: &Value) -> impl Iterator<Item = &Value> {
    let reserved = |tag: &&Value| {
        text(tag, "/key").is_none_or(|key| key.starts_with("bg:") || key.starts_with("aws:"))
    };
    listed_tags(service).filter(move |tag| !reserved(tag))
}

fn listed_tags(service: &Value) -> impl Iterator<Item = &Value> {
    let tags = service.get("tags").and_then(Value::as_array);
    tags.into_iter().flatten()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn object_at<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    value.get_mut(name)?.as_object_mut()
}
