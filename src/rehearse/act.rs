//! What was decided, done on the region's world by its own handlers, without a call.

use serde_json::{Value, json};

use super::look;
use crate::deployment::action::{Action, FailureClass, WeightWrite};
use crate::deployment::clone::{self, DEPLOYMENT_TAG, Target};
use crate::deployment::dns::{Record, integers};
use crate::deployment::event::Event;
use crate::deployment::ids::{EcsServiceName, SlotName, TargetGroupArn, TaskDefinitionArn};
use crate::deployment::plan::{GreenService, NewTaskDefinition, Plan, Route, RouteKind};
use crate::deployment::retire;
use crate::sandbox::wire::{AwsError, ecs, elbv2, route53};
use crate::sandbox::world::World;
use crate::sandbox::world::route53::{Key, turned};
use crate::strategy::Weight;

/// Does one action, and says what is to be recorded of it.
pub(super) fn perform(
    world: &mut World,
    plan: &Plan,
    action: &Action,
    body: Option<&Value>,
) -> Option<Event> {
    world.settle();
    let done = match action {
        Action::RegisterTaskDefinition => register(world, plan, body).map(Some),
        Action::AddGreenToRoutes => write(world, plan, add_green).map(|()| None),
        Action::ProvisionGreen { task_definition } => {
            provision(world, plan, task_definition).map(|()| Some(Event::GreenProvisioned))
        }
        Action::WriteWeights(WeightWrite::Raise { to, .. }) => {
            let to = *to;
            write(world, plan, |groups, pair| raise(groups, pair, to)).map(|()| None)
        }
        Action::WriteWeights(WeightWrite::AllBlue) => all_blue(world, plan).map(|()| None),
        Action::Scale { slot, desired } => {
            let service = &plan.slots[*slot].service;
            update(world, plan, service, "desiredCount", json!(desired)).map(|()| None)
        }
        Action::RestoreSettings { .. } => {
            restore(world, plan).map(|()| Some(Event::SettingsRestored))
        }
        Action::Tag { slot, tags } => {
            for (key, value) in tags {
                tag(world, plan, *slot, key, value.as_deref());
            }
            Ok(None)
        }
        Action::ArmDeadman { until } => Ok(Some(Event::DeadmanArmed { until: *until })),
        Action::DisarmDeadman => Ok(Some(Event::DeadmanDisarmed)),
        // Retiring comes after the end, and isn't rehearsed.
        // A rehearsed plan has neither gates nor test routes.
        Action::PointTestRoutes { .. }
        | Action::SleepScaling { .. }
        | Action::Unpin { .. }
        | Action::Delete { .. }
        | Action::AskGate { .. } => Ok(None),
    };
    world.ecs.wake();
    done.unwrap_or_else(|error| {
        Some(Event::ActFailed {
            act: action.name(),
            class: FailureClass::Invalid,
            message: error.message,
        })
    })
}

/// Everything to blue, as a revert or the dead-man switch does it.
pub(super) fn all_blue(world: &mut World, plan: &Plan) -> Result<(), AwsError> {
    write(world, plan, |groups, pair| {
        raise(groups, pair, Weight::ZERO);
        if pair.sticky {
            groups.retain(|it| arn(it) != pair.green.as_str());
        }
    })
}

fn register(world: &mut World, plan: &Plan, body: Option<&Value>) -> Result<Event, AwsError> {
    let task_definition = match (&plan.task_definition, body) {
        (NewTaskDefinition::Existing { arn }, _) => arn.clone(),
        (NewTaskDefinition::Register { .. }, None) => {
            return Err(AwsError::client("there is no body to register"));
        }
        (NewTaskDefinition::Register { .. }, Some(body)) => {
            let mut body = body.clone();
            let mut tags = body["tags"].as_array().cloned().unwrap_or_default();
            tags.retain(|tag| tag["key"] != DEPLOYMENT_TAG);
            tags.push(json!({ "key": DEPLOYMENT_TAG, "value": plan.id.as_str() }));
            body["tags"] = tags.into();
            let made = ecs::handle(world, "RegisterTaskDefinition", &body)?;
            let arn = made["taskDefinition"]["taskDefinitionArn"].as_str();
            TaskDefinitionArn::new(arn.unwrap_or_default())
        }
    };
    Ok(Event::TaskDefinitionReady { task_definition })
}

fn provision(
    world: &mut World,
    plan: &Plan,
    task_definition: &TaskDefinitionArn,
) -> Result<(), AwsError> {
    let green = plan.green_slot();
    let (GreenService::Create { source } | GreenService::Update { source }) = plan.green;
    let source = described(world, plan, &plan.slots[source].service)?;
    let target = Target {
        cluster: &plan.cluster,
        service: &plan.slots[green].service,
        targets: &plan.slots[green].targets,
        task_definition,
        desired: plan.green_tasks(Weight::ZERO),
        deployment: &plan.id,
    };
    let source = source.ok_or_else(|| AwsError::client("green's source doesn't exist"))?;
    if described(world, plan, target.service)?.is_none() {
        let body = clone::create_request(&source, &target);
        return ecs::handle(world, "CreateService", &body).map(|_| ());
    }
    tag(world, plan, green, retire::TAG, None);
    let body = clone::update_request(&source, &target);
    ecs::handle(world, "UpdateService", &body)?;
    tag(world, plan, green, DEPLOYMENT_TAG, Some(plan.id.as_str()));
    Ok(())
}

/// A service as DescribeServices prints it.
fn described(
    world: &mut World,
    plan: &Plan,
    service: &EcsServiceName,
) -> Result<Option<Value>, AwsError> {
    let input = json!({
        "cluster": plan.cluster, "services": [service], "include": ["TAGS"],
    });
    let mut shown = ecs::handle(world, "DescribeServices", &input)?;
    let found = shown["services"].get_mut(0).map(Value::take);
    Ok(found.filter(|it| it["status"] != "INACTIVE"))
}

fn restore(world: &mut World, plan: &Plan) -> Result<(), AwsError> {
    if !plan.settings.is_object() {
        return Ok(());
    }
    let service = &plan.slots[plan.green_slot()].service;
    let settings = plan.settings.clone();
    update(world, plan, service, "deploymentConfiguration", settings)
}

/// Sets one field of a service; nothing where there is no service.
fn update(
    world: &mut World,
    plan: &Plan,
    service: &EcsServiceName,
    field: &str,
    value: Value,
) -> Result<(), AwsError> {
    if described(world, plan, service)?.is_none() {
        return Ok(());
    }
    let mut input = json!({ "cluster": plan.cluster, "service": service });
    input[field] = value;
    ecs::handle(world, "UpdateService", &input).map(|_| ())
}

fn tag(world: &mut World, plan: &Plan, slot: SlotName, key: &str, value: Option<&str>) {
    let (cluster, name) = (plan.cluster.as_str(), plan.slots[slot].service.as_str());
    if let Some(service) = world.ecs.service_mut(cluster, name) {
        service.tags.retain(|tag| tag["key"] != key);
        let tag = |value| json!({ "key": key, "value": value });
        service.tags.extend(value.map(tag));
    }
}

/// What a write of one route works with.
struct Pair<'a> {
    blue: &'a TargetGroupArn,
    green: &'a TargetGroupArn,
    sticky: bool,
}

/// Changes the groups of every route's forward action; all other fields stay.
fn write(
    world: &mut World,
    plan: &Plan,
    change: impl Fn(&mut Vec<Value>, &Pair<'_>),
) -> Result<(), AwsError> {
    for route in &plan.routes {
        let pair = Pair {
            blue: &route.groups[plan.blue],
            green: &route.groups[plan.green_slot()],
            sticky: route.sticky.is_some(),
        };
        if let RouteKind::Record(record) = &route.kind {
            write_records(world, record, &pair, &change)?;
            continue;
        }
        let Some(mut actions) = actions(world, route) else {
            return Err(AwsError::client(format!("{} doesn't exist", route.arn)));
        };
        let forward = actions.iter_mut().find(|it| it["Type"] == "forward");
        if let Some(action) = forward {
            let mut groups = match &action["ForwardConfig"]["TargetGroups"] {
                Value::Array(groups) => groups.clone(),
                _ => vec![json!({ "TargetGroupArn": action["TargetGroupArn"], "Weight": 1 })],
            };
            change(&mut groups, &pair);
            action["ForwardConfig"]["TargetGroups"] = groups.into();
            if let Some(action) = action.as_object_mut() {
                action.remove("TargetGroupArn");
            }
        }
        match &route.kind {
            RouteKind::Record(_) => {}
            RouteKind::Listener => {
                let input = json!({ "ListenerArn": route.arn, "DefaultActions": actions });
                elbv2::handle(world, "ModifyListener", &input)?;
            }
            RouteKind::Rule => {
                let input = json!({ "RuleArn": route.arn, "Actions": actions });
                elbv2::handle(world, "ModifyRule", &input)?;
            }
        }
    }
    Ok(())
}

/// The same for a record pair, whose weights are smaller.
fn write_records(
    world: &mut World,
    record: &Record,
    pair: &Pair<'_>,
    change: &impl Fn(&mut Vec<Value>, &Pair<'_>),
) -> Result<(), AwsError> {
    let sets = records_of(world, record);
    let weights = look::weights(&sets, record);
    let group =
        |(arn, weight): (&TargetGroupArn, &u32)| json!({ "TargetGroupArn": arn, "Weight": weight });
    let mut groups: Vec<Value> = weights.iter().map(group).collect();
    change(&mut groups, pair);
    let of = |group: &TargetGroupArn| {
        let found = groups.iter().find(|it| arn(it) == group.as_str());
        found.and_then(|it| it["Weight"].as_u64()).unwrap_or(0)
    };
    let (blue, green) = (of(pair.blue), of(pair.green));
    let per_mille = (1000 * green / (blue + green).max(1)) as u16;
    let weights = Weight::of_per_mille(per_mille).and_then(integers);
    let (blue, green) = weights.ok_or_else(|| AwsError::client("no weights give that share"))?;
    let changes = sets.into_iter().filter_map(|mut set| {
        let id = set["SetIdentifier"].as_str().unwrap_or_default();
        let mut slots = SlotName::BOTH.into_iter();
        let slot = slots.find(|slot| record.ends[*slot].set.as_str() == id)?;
        let is_blue = record.ends[slot].group == *pair.blue;
        set["Weight"] = json!(if is_blue { blue } else { green });
        Some(json!({ "Action": "UPSERT", "ResourceRecordSet": set }))
    });
    let changes: Vec<Value> = changes.collect();
    let input = json!({ "HostedZoneId": record.zone, "ChangeBatch": { "Changes": changes } });
    route53::handle(world, "ChangeResourceRecordSets", &input).map(|_| ())
}

/// A pair's records as the API shows them.
pub(super) fn records_of(world: &World, record: &Record) -> Vec<Value> {
    let zone = world.route53.zones.get(record.zone.as_str());
    let name = turned(record.name.as_str());
    let own = |key: &Key| key.0 == name && key.1 == record.kind.as_str();
    let records = zone.into_iter().flat_map(|zone| &zone.records);
    let records = records.filter(|(key, _)| own(key));
    records.map(|(_, record)| record.clone()).collect()
}

fn actions(world: &World, route: &Route) -> Option<Vec<Value>> {
    let arn = route.arn.as_str();
    let actions = match &route.kind {
        RouteKind::Record(_) => None,
        RouteKind::Listener => world.elb.listeners.get(arn).map(|it| &it.actions),
        RouteKind::Rule => world.elb.rules.get(arn).map(|it| &it.actions),
    };
    actions.map(|it| it.raw().to_vec())
}

fn arn(group: &Value) -> &str {
    group["TargetGroupArn"].as_str().unwrap_or_default()
}

fn add_green(groups: &mut Vec<Value>, pair: &Pair<'_>) {
    if !groups.iter().any(|it| arn(it) == pair.green.as_str()) {
        groups.push(json!({ "TargetGroupArn": pair.green, "Weight": 0 }));
    }
}

/// Green gets `to`, blue the rest: whole percents of 100, tenths of 1000.
fn raise(groups: &mut Vec<Value>, pair: &Pair<'_>, to: Weight) {
    add_green(groups, pair);
    let (whole, unit) = match to.per_mille().is_multiple_of(10) {
        true => (100, 10),
        false => (1000, 1),
    };
    let green = to.per_mille() / unit;
    for group in groups {
        if arn(group) == pair.green.as_str() {
            group["Weight"] = json!(green);
        } else if arn(group) == pair.blue.as_str() {
            group["Weight"] = json!(whole - green);
        }
    }
}
