//! Application Auto Scaling over ECS services' desired counts.

use super::{
    AwsError,
    page::{Paging, page},
    time,
};
use crate::sandbox::world::{
    World,
    ecs::json::{count, list, text},
    ecs::services::ServiceStatus,
    ids,
    scaling::{self, Schedule},
};
use serde_json::{Map, Value, json};

const DIMENSION: &str = "ecs:service:DesiredCount";
const SUSPENSIONS: [&str; 3] = [
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
];

/// Answers one operation.
///
/// # Errors
/// As AWS does for this operation.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "RegisterScalableTarget" => register_target(world, input),
        "DescribeScalableTargets" => describe_targets(world, input),
        "DeregisterScalableTarget" => deregister_target(world, input),
        "PutScalingPolicy" => put_policy(world, input),
        "DescribeScalingPolicies" => describe_policies(world, input),
        "DeleteScalingPolicy" => delete_policy(world, input),
        "PutScheduledAction" => put_schedule(world, input),
        "DescribeScheduledActions" => describe_schedules(world, input),
        "DeleteScheduledAction" => delete_schedule(world, input),
        "DescribeScalingActivities" => describe_activities(world, input),
        "ListTagsForResource" => list_tags(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationException", message)
}

fn not_registered(resource: &str) -> AwsError {
    AwsError::new(
        "ObjectNotFoundException",
        format!(
            "No scalable target registered for service namespace: ecs, resource ID: {resource}, \
             scalable dimension: {DIMENSION}"
        ),
    )
}

/// The resource id of a request, after a look at namespace and dimension.
fn resource(input: &Value) -> Result<&str, AwsError> {
    if text(input, "ServiceNamespace") != Some("ecs") {
        return Err(invalid("Only the service namespace ecs is played here."));
    }
    if text(input, "ScalableDimension").is_some_and(|dimension| dimension != DIMENSION) {
        return Err(invalid(format!(
            "Unsupported scalable dimension; use {DIMENSION}"
        )));
    }
    text(input, "ResourceId").ok_or_else(|| invalid("ResourceId is missing"))
}

fn register_target(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let resource = resource(input)?;
    let (cluster, name) = resource
        .strip_prefix("service/")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| {
            invalid("Unsupported service namespace, resource type or scalable dimension")
        })?;
    let missing = || invalid(format!("ECS service doesn't exist: {resource}"));
    if world
        .ecs
        .service(cluster, name)
        .is_none_or(|service| service.status != ServiceStatus::Active)
    {
        return Err(missing());
    }
    let known = world.scaling.targets.get(resource);
    let capacity = |field: &str| {
        count(input, field)
            .or_else(|| count(known?, field))
            .ok_or_else(|| invalid(format!("{field} cannot be null for a new scalable target")))
    };
    let (min, max) = (capacity("MinCapacity")?, capacity("MaxCapacity")?);
    if min > max {
        return Err(invalid(
            "Maximum capacity cannot be less than minimum capacity",
        ));
    }
    let target = target_view(world, resource, (min, max), input, known);
    let arn = target["ScalableTargetARN"].clone();
    if known.is_none()
        && let (Some(tags), Some(arn)) = (input.get("Tags"), arn.as_str())
    {
        world.scaling.tags.insert(arn.to_owned(), tags.clone());
    }
    world.scaling.targets.insert(resource.to_owned(), target);
    // Any call does, also one that only suspends.
    scaling::clamp(world, resource);
    Ok(json!({ "ScalableTargetARN": arn }))
}

fn list_tags(world: &World, input: &Value) -> Result<Value, AwsError> {
    let arn = text(input, "ResourceARN").ok_or_else(|| invalid("ResourceARN is missing"))?;
    let mut targets = world.scaling.targets.values();
    if !targets.any(|target| text(target, "ScalableTargetARN") == Some(arn)) {
        let message = format!("No scalable target found for resource ARN: {arn}");
        return Err(AwsError::new("ResourceNotFoundException", message));
    }
    let tags = world.scaling.tags.get(arn).cloned();
    Ok(json!({ "Tags": tags.unwrap_or_else(|| json!({})) }))
}

fn describe_activities(world: &World, input: &Value) -> Result<Value, AwsError> {
    let with_others = input.get("IncludeNotScaledActivities") == Some(&Value::Bool(true));
    let all = &world.scaling.activities;
    let wanted = text(input, "ResourceId");
    let found = all
        .iter()
        .filter(|(resource, _)| wanted.is_none_or(|wanted| wanted == *resource))
        .flat_map(|(_, activities)| activities)
        .filter(|activity| with_others || activity.get("NotScaledReasons").is_none())
        .cloned()
        .collect();
    paged("ScalingActivities", found, input, 50)
}

/// A scalable target as it is shown: what a request says, over what is known already.
fn target_view(
    world: &World,
    resource: &str,
    (min, max): (u32, u32),
    input: &Value,
    known: Option<&Value>,
) -> Value {
    let id = ids::hex(
        &mut fastrand::Rng::with_seed(ids::fingerprint(resource)),
        27,
    );
    let created = known.and_then(|target| target.get("CreationTime").cloned());
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": DIMENSION,
        "MinCapacity": min,
        "MaxCapacity": max,
        "RoleARN": format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_ECSService",
            world.account
        ),
        "CreationTime": created.unwrap_or_else(|| time(world.now)),
        "SuspendedState": suspended(input, known),
        "ScalableTargetARN": format!(
            "arn:aws:application-autoscaling:{}:{}:scalable-target/0{id}",
            world.region, world.account
        ),
    })
}

fn suspended(input: &Value, known: Option<&Value>) -> Value {
    let state = |from: Option<&Value>, name: &str| from?.get("SuspendedState")?.get(name).cloned();
    SUSPENSIONS
        .iter()
        .map(|&name| {
            let value = state(Some(input), name).or_else(|| state(known, name));
            (name.to_owned(), value.unwrap_or(Value::Bool(false)))
        })
        .collect::<Map<_, _>>()
        .into()
}

fn describe_targets(world: &World, input: &Value) -> Result<Value, AwsError> {
    let wanted = list(input, "ResourceIds");
    let found = world
        .scaling
        .targets
        .iter()
        .filter(|(resource, _)| wanted.is_empty() || wanted.iter().any(|one| one == *resource))
        .map(|(_, target)| target.clone())
        .collect();
    paged("ScalableTargets", found, input, 50)
}

fn paged(name: &str, found: Vec<Value>, input: &Value, size: usize) -> Result<Value, AwsError> {
    let paging = Paging {
        default: size,
        limit: size,
    };
    let (shown, next) = page(found, input, paging)?;
    let mut answer = Map::from_iter([(name.to_owned(), Value::from(shown))]);
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), Value::from(next));
    }
    Ok(answer.into())
}

fn deregister_target(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let resource = resource(input)?;
    if !world.scaling.targets.contains_key(resource) {
        return Err(not_registered(resource));
    }
    scaling::forget(world, resource);
    Ok(json!({}))
}

/// The resource and the name under `field`, of a resource that is registered.
fn registered_name(
    world: &World,
    input: &Value,
    field: &str,
) -> Result<(String, String), AwsError> {
    let resource = resource(input)?;
    if !world.scaling.targets.contains_key(resource) {
        return Err(not_registered(resource));
    }
    let name = text(input, field).ok_or_else(|| invalid(format!("{field} is missing")))?;
    Ok((resource.to_owned(), name.to_owned()))
}

/// What is kept of a request: everything, with ARN and creation time.
fn kept(input: &Value, known: Option<&Value>, arn_field: &str, arn: &str, now: Value) -> Value {
    let mut fields = known
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    fields.extend(input.as_object().cloned().unwrap_or_default());
    fields.insert(arn_field.to_owned(), Value::from(arn));
    fields.entry("CreationTime").or_insert(now);
    fields.into()
}

fn put_policy(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let key = registered_name(world, input, "PolicyName")?;
    let arn = format!(
        "arn:aws:autoscaling:{}:{}:scalingPolicy:{:016x}:resource/ecs/{}:policyName/{}",
        world.region,
        world.account,
        ids::fingerprint(&key.0),
        key.0,
        key.1
    );
    let known = world.scaling.policies.get(&key);
    let mut policy = kept(input, known, "PolicyARN", &arn, time(world.now));
    if policy.get("PolicyType").is_none() {
        policy["PolicyType"] = json!("StepScaling");
    }
    let id = ids::uuid(&mut fastrand::Rng::with_seed(ids::fingerprint(&arn)));
    let wanted = scaling::alarms_of(&policy, &key.0, &id).map_err(invalid)?;
    let mut alarms = Vec::new();
    for alarm in wanted {
        super::cloudwatch::handle(world, "PutMetricAlarm", &alarm)
            .map_err(|error| invalid(error.message))?;
        let name = text(&alarm, "AlarmName").unwrap_or_default();
        let made = world.cloudwatch.alarms().get(name);
        alarms.extend(made.map(|it| json!({ "AlarmName": it.name, "AlarmARN": it.arn })));
    }
    policy["Alarms"] = json!(alarms);
    let names = scaling::own_alarms(&policy);
    if let Some(before) = world.scaling.policies.insert(key, policy) {
        let gone = scaling::own_alarms(&before).into_iter();
        for alarm in gone.filter(|alarm| !names.contains(alarm)) {
            world.cloudwatch.delete_alarm(&alarm);
        }
    }
    Ok(json!({ "PolicyARN": arn, "Alarms": alarms }))
}

fn describe_policies(world: &World, input: &Value) -> Result<Value, AwsError> {
    let names = list(input, "PolicyNames");
    let resource = text(input, "ResourceId");
    let found = world
        .scaling
        .policies
        .iter()
        .filter(|((of, _), _)| resource.is_none_or(|resource| resource == of))
        .filter(|((_, name), _)| names.is_empty() || names.iter().any(|one| one == name))
        .map(|(_, policy)| policy.clone())
        .collect();
    paged("ScalingPolicies", found, input, 10)
}

fn delete_policy(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let key = registered_name(world, input, "PolicyName")?;
    match world.scaling.policies.remove(&key) {
        Some(policy) => {
            for alarm in scaling::own_alarms(&policy) {
                world.cloudwatch.delete_alarm(&alarm);
            }
            Ok(json!({}))
        }
        None => Err(AwsError::new(
            "ObjectNotFoundException",
            format!("No scaling policy found for policy name: {}", key.1),
        )),
    }
}

fn put_schedule(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let key = registered_name(world, input, "ScheduledActionName")?;
    let arn = format!(
        "arn:aws:autoscaling:{}:{}:scheduledAction:{:016x}:resource/ecs/{}:scheduledActionName/{}",
        world.region,
        world.account,
        ids::fingerprint(&key.0),
        key.0,
        key.1
    );
    let known = world.scaling.schedules.get(&key);
    let schedule = kept(input, known, "ScheduledActionARN", &arn, time(world.now));
    Schedule::read(&schedule).map_err(invalid)?;
    let now = world.now;
    world.scaling.schedule(key, schedule, now);
    Ok(json!({}))
}

fn describe_schedules(world: &World, input: &Value) -> Result<Value, AwsError> {
    let names = list(input, "ScheduledActionNames");
    let resource = text(input, "ResourceId");
    let found = world
        .scaling
        .schedules
        .iter()
        .filter(|((of, _), _)| resource.is_none_or(|resource| resource == of))
        .filter(|((_, name), _)| names.is_empty() || names.iter().any(|one| one == name))
        .map(|(_, schedule)| schedule.clone())
        .collect();
    paged("ScheduledActions", found, input, 50)
}

fn delete_schedule(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let key = registered_name(world, input, "ScheduledActionName")?;
    match world.scaling.schedules.remove(&key) {
        Some(_) => Ok(json!({})),
        None => Err(AwsError::new(
            "ObjectNotFoundException",
            format!("No scheduled action found for name: {}", key.1),
        )),
    }
}
