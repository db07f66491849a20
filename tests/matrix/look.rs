//! Everything that AWS shows of an account, as one flat list of fields.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::found;
use crate::support::{Scene, until};
use crate::team::text;
use crate::wire::{borrowed, parsed, query};

/// Fields by their paths, `service/shop/launchType`; a `/` within a name is a `|` there.
pub(crate) type Look = BTreeMap<String, Value>;

/// What of a service tells how it is doing: deployments are looked at apart.
const PASSING_OF_SERVICES: [&str; 8] = [
    "createdAt",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deployments",
    "events",
    "pendingCount",
    "status",
    "taskSets",
];
/// What of a deployment isn't its alone.
const OF_DEPLOYMENTS: [&str; 10] = [
    "capacityProviderStrategy",
    "launchType",
    "networkConfiguration",
    "platformFamily",
    "platformVersion",
    "rolloutState",
    "serviceConnectConfiguration",
    "status",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];
/// What of a task isn't its alone.
const OF_TASKS: [&str; 7] = [
    "capacityProviderName",
    "enableExecuteCommand",
    "ephemeralStorage",
    "launchType",
    "platformFamily",
    "platformVersion",
    "tags",
];
/// What of the others changes by itself.
const PASSING: [&str; 15] = [
    "CreateDate",
    "AlarmConfigurationUpdatedTimestamp",
    "CreatedTime",
    "CreationTime",
    "EvaluationState",
    "StateReason",
    "StateReasonData",
    "StateTransitionedTimestamp",
    "StateUpdatedTimestamp",
    "StateValue",
    "ScheduledActionARN",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "createdBy",
];

/// The whole account, once nothing moves in it any more by itself.
pub(crate) fn look(scene: &Scene) -> Look {
    let (described, groups) = until("everything to be settled", || settled(scene));
    let mut look = Look::new();
    services(scene, &described, &mut look);
    definitions(scene, &mut look);
    for (group, targets) in groups {
        target_group(scene, &group, targets, &mut look);
    }
    balancers(scene, &mut look);
    scaling(scene, &mut look);
    let both = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
    let alarms = asked(scene, "DescribeAlarms", &both);
    for list in ["MetricAlarms", "CompositeAlarms"] {
        for alarm in items(&alarms[list]) {
            note(&mut look, &["alarm", text(alarm, "AlarmName")], alarm);
        }
    }
    found::registries(scene, &mut look);
    found::records(scene, &mut look);
    look
}

/// The services, and the target groups with their numbers of targets; none where a task or target
/// is on its way in or out.
fn settled(scene: &Scene) -> Option<(Value, Vec<(Value, usize)>)> {
    let listed = scene.ecs("ListServices", &json!({ "cluster": "demo" }));
    let input =
        json!({ "cluster": "demo", "services": listed["serviceArns"], "include": ["TAGS"] });
    let described = scene.ecs("DescribeServices", &input);
    let moves = |service: &Value| {
        service["runningCount"] != service["desiredCount"]
            || service["pendingCount"] != 0
            || items(&service["deployments"]).len() > 1
    };
    if items(&described["services"]).iter().any(moves) {
        return None;
    }
    let shown = asked(scene, "elb DescribeTargetGroups", &json!({}));
    let mut groups = Vec::new();
    for group in items(&shown["TargetGroups"]) {
        let input = json!({ "TargetGroupArn": group["TargetGroupArn"] });
        let health = asked(scene, "elb DescribeTargetHealth", &input);
        let targets = items(&health["TargetHealthDescriptions"]);
        if targets
            .iter()
            .any(|it| it["TargetHealth"]["State"] != "healthy")
        {
            return None;
        }
        groups.push((group.clone(), targets.len()));
    }
    Some((described, groups))
}

fn services(scene: &Scene, described: &Value, look: &mut Look) {
    for service in items(&described["services"]) {
        let name = text(service, "serviceName");
        let mut own = service.clone();
        remove(&mut own, |field| PASSING_OF_SERVICES.contains(&field));
        note(look, &["service", name], &own);
        for deployment in items(&service["deployments"]) {
            let mut own = deployment.clone();
            remove(&mut own, |field| !OF_DEPLOYMENTS.contains(&field));
            note(look, &["service", name, "deployment"], &own);
        }
        for revision in items(&service["currentServiceRevisions"]) {
            let arns = json!({ "serviceRevisionArns": [revision["arn"]] });
            let shown = scene.ecs("DescribeServiceRevisions", &arns);
            for field in ["monitoring", "gatewayConnectors"] {
                note(
                    look,
                    &["service", name, "revision", field],
                    &shown["serviceRevisions"][0][field],
                );
            }
        }
        task(scene, name, look);
    }
}

/// Notes one of its tasks, for all of them.
fn task(scene: &Scene, service: &str, look: &mut Look) {
    let listed = scene.ecs(
        "ListTasks",
        &json!({ "cluster": "demo", "serviceName": service }),
    );
    let Some(first) = listed["taskArns"].get(0) else {
        return;
    };
    let input = json!({ "cluster": "demo", "tasks": [first], "include": ["TAGS"] });
    let described = scene.ecs("DescribeTasks", &input);
    let mut task = described["tasks"][0].clone();
    remove(&mut task, |field| !OF_TASKS.contains(&field));
    note(look, &["task", service], &task);
}

fn definitions(scene: &Scene, look: &mut Look) {
    for status in ["ACTIVE", "INACTIVE"] {
        let listed = scene.ecs("ListTaskDefinitions", &json!({ "status": status }));
        for arn in items(&listed["taskDefinitionArns"]) {
            let input = json!({ "taskDefinition": arn, "include": ["TAGS"] });
            let shown = scene.ecs("DescribeTaskDefinition", &input);
            let name = arn.as_str().and_then(|arn| arn.rsplit('/').next());
            let name = name.unwrap_or_default();
            note(look, &["definition", name], &shown["taskDefinition"]);
            note(look, &["definition", name, "tags"], &shown["tags"]);
        }
    }
}

fn target_group(scene: &Scene, group: &Value, targets: usize, look: &mut Look) {
    let (name, arn) = (
        text(group, "TargetGroupName"),
        text(group, "TargetGroupArn"),
    );
    let input = json!({ "TargetGroupArn": arn });
    note(look, &["group", name], group);
    note(look, &["group", name, "targets"], &json!(targets));
    attributes(
        scene,
        "DescribeTargetGroupAttributes",
        &input,
        &["group", name],
        look,
    );
    tags(scene, arn, &["group", name], look);
}

/// Notes load balancers, their listeners and rules.
fn balancers(scene: &Scene, look: &mut Look) {
    let balancers = asked(scene, "elb DescribeLoadBalancers", &json!({}));
    for balancer in items(&balancers["LoadBalancers"]) {
        let (name, arn) = (
            text(balancer, "LoadBalancerName"),
            text(balancer, "LoadBalancerArn"),
        );
        let input = json!({ "LoadBalancerArn": arn });
        note(look, &["balancer", name], balancer);
        attributes(
            scene,
            "DescribeLoadBalancerAttributes",
            &input,
            &["balancer", name],
            look,
        );
        tags(scene, arn, &["balancer", name], look);
        let listeners = asked(scene, "elb DescribeListeners", &input);
        for listener in items(&listeners["Listeners"]) {
            let arn = text(listener, "ListenerArn");
            let input = json!({ "ListenerArn": arn });
            let name = format!("{name}:{}", text(listener, "Port"));
            note(look, &["listener", &name], listener);
            attributes(
                scene,
                "DescribeListenerAttributes",
                &input,
                &["listener", &name],
                look,
            );
            tags(scene, arn, &["listener", &name], look);
            let rules = asked(scene, "elb DescribeRules", &input);
            for rule in items(&rules["Rules"])
                .iter()
                .filter(|it| it["IsDefault"] != "true")
            {
                let name = format!("{name}:{}", text(rule, "Priority"));
                note(look, &["rule", &name], rule);
                tags(scene, text(rule, "RuleArn"), &["rule", &name], look);
            }
        }
    }
}

fn attributes(scene: &Scene, operation: &str, input: &Value, path: &[&str], look: &mut Look) {
    let shown = asked(scene, &format!("elb {operation}"), input);
    note(
        look,
        &[path, &["attributes"]].concat(),
        &shown["Attributes"],
    );
}

fn tags(scene: &Scene, arn: &str, path: &[&str], look: &mut Look) {
    let shown = asked(scene, "elb DescribeTags", &json!({ "ResourceArns": [arn] }));
    note(
        look,
        &[path, &["tags"]].concat(),
        &shown["TagDescriptions"][0]["Tags"],
    );
}

fn scaling(scene: &Scene, look: &mut Look) {
    let lists = [
        (
            "DescribeScalableTargets",
            "ScalableTargets",
            "scaling",
            "ScalableDimension",
        ),
        (
            "DescribeScalingPolicies",
            "ScalingPolicies",
            "policy",
            "PolicyName",
        ),
        (
            "DescribeScheduledActions",
            "ScheduledActions",
            "schedule",
            "ScheduledActionName",
        ),
    ];
    for (operation, list, kind, name) in lists {
        let shown = scene.scaling(operation, &json!({ "ServiceNamespace": "ecs" }));
        for one in items(&shown[list]) {
            let service = text(one, "ResourceId")
                .rsplit('/')
                .next()
                .unwrap_or_default();
            let mut own = one.clone();
            // Their names are other ones for each target, and they are among the alarms.
            remove(&mut own, |field| field == "Alarms" && kind == "policy");
            note(look, &[kind, service, text(one, name)], &own);
            if let (true, Some(arn)) = (kind == "scaling", one["ScalableTargetARN"].as_str()) {
                let tags = scene.scaling("ListTagsForResource", &json!({ "ResourceARN": arn }));
                note(look, &[kind, service, "tags"], &tags["Tags"]);
            }
        }
    }
}

/// What CloudWatch, or with `elb` before it ELBv2, answers.
fn asked(scene: &Scene, operation: &str, input: &Value) -> Value {
    let parameters = query(input);
    let parameters = borrowed(&parameters);
    parsed(&match operation.strip_prefix("elb ") {
        Some(operation) => scene.elb(operation, &parameters),
        None => scene.cloudwatch(operation, &parameters),
    })
}

pub(crate) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn remove(value: &mut Value, unwanted: impl Fn(&str) -> bool) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|field, _| !unwanted(field));
    }
}

/// Notes every field of `value` under a path. Empty ones are as good as none.
pub(crate) fn note(look: &mut Look, path: &[&str], value: &Value) {
    let path: Vec<String> = path.iter().map(|part| part.replace('/', "|")).collect();
    flatten(look, &path.join("/"), value);
}

fn flatten(look: &mut Look, path: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields
                .iter()
                .filter(|(name, _)| !PASSING.contains(&name.as_str()))
            {
                flatten(look, &format!("{path}/{}", name.replace('/', "|")), value);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let (name, value) = named(at, item);
                flatten(look, &format!("{path}/{}", name.replace('/', "|")), value);
            }
        }
        plain => {
            look.insert(path.to_owned(), plain.clone());
        }
    }
}

/// An item of a list by its own name, if it has one: order is nothing then.
fn named(at: usize, item: &Value) -> (String, &Value) {
    for (name, value) in [
        ("key", "value"),
        ("Key", "Value"),
        ("TargetGroupArn", "Weight"),
    ] {
        if let (Some(name), Some(value)) = (item[name].as_str(), item.get(value)) {
            let group = name
                .contains(":targetgroup/")
                .then(|| name.split('/').nth(1));
            return (group.flatten().unwrap_or(name).to_owned(), value);
        }
    }
    (
        item["name"]
            .as_str()
            .map_or_else(|| at.to_string(), str::to_owned),
        item,
    )
}
