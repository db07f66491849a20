//! EventBridge Scheduler: one-shot schedules that call this region's own load balancing and DNS.

use super::query::QueryService;
use super::query::input::{page, text};
use super::{AwsError, Operation, Protocol, Service, time};
use crate::sandbox::world::World;
use crate::sandbox::world::scheduler::Schedule;
use jiff::{SignedDuration, Timestamp, civil::DateTime};
use serde_json::{Value, json};

/// What a universal target's ARN begins with.
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";
/// Schedules on one page.
const PAGE: usize = 100;
/// AWS's defaults: 185 tries more, for a day.
const RETRIES: u64 = 185;
const AGE: u64 = 86_400;
/// Between two tries of one call.
const RETRY_AFTER: i64 = 10;

/// What REST requests mean: the operation, and the schedule's name with the query and the body in
/// one input.
///
/// # Errors
/// For a body that is no JSON object, or a path that means nothing here.
pub(super) fn recognise(
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<(String, Value), AwsError> {
    let name = path.strip_prefix("/schedules/").unwrap_or_default();
    let operation = match (method, name.is_empty()) {
        ("GET", true) => "ListSchedules",
        ("GET", false) => "GetSchedule",
        ("POST", false) => "CreateSchedule",
        ("PUT", false) => "UpdateSchedule",
        ("DELETE", false) => "DeleteSchedule",
        _ => return Err(AwsError::unknown_operation(path)),
    };
    let mut input = super::json::decode(body)?;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        input[key.as_ref()] = json!(value);
    }
    if !name.is_empty() {
        input["Name"] = json!(name);
    }
    Ok((operation.to_owned(), input))
}

/// Answers one operation.
///
/// # Errors
/// AWS's codes and messages.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    let name = text(input, "Name").unwrap_or_default();
    let known = world.scheduler.schedules.contains_key(name);
    let missing = || {
        let message = format!("Schedule {name} does not exist.");
        AwsError::new("ResourceNotFoundException", message).with_status(404)
    };
    match operation {
        "CreateSchedule" if known => {
            let message = format!("Schedule {name} already exists.");
            Err(AwsError::new("ConflictException", message).with_status(409))
        }
        "CreateSchedule" => put(world, name, input),
        "ListSchedules" => list(world, input),
        _ if !known => Err(missing()),
        "UpdateSchedule" => put(world, name, input),
        "GetSchedule" => Ok(describe(world, name)),
        "DeleteSchedule" => {
            world.scheduler.schedules.remove(name);
            Ok(json!({}))
        }
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationException", message)
}

/// Creates or replaces: UpdateSchedule keeps nothing that it isn't sent.
fn put(world: &mut World, name: &str, input: &Value) -> Result<Value, AwsError> {
    check_name(name)?;
    let at = check(input, world.now)?;
    let created = world.scheduler.schedules.get(name).map(|it| it.created);
    let schedule = Schedule {
        input: input.clone(),
        created: created.unwrap_or(world.now),
        changed: world.now,
        at,
        failures: 0,
        over: false,
    };
    world.scheduler.schedules.insert(name.to_owned(), schedule);
    Ok(json!({ "ScheduleArn": arn(world, name) }))
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        true => Ok(()),
        false => Err(invalid(format!(
            "Value '{name}' at 'name' failed to satisfy constraint: Member must have length less \
             than or equal to 64 and satisfy regular expression pattern: [0-9a-zA-Z-_.]+"
        ))),
    }
}

/// Its time, if it is a one-shot that the region can run.
fn check(input: &Value, now: Timestamp) -> Result<Timestamp, AwsError> {
    let expression = text(input, "ScheduleExpression").unwrap_or_default();
    let wrong = || invalid(format!("Invalid Schedule Expression {expression}."));
    let zone = text(input, "ScheduleExpressionTimezone").unwrap_or("UTC");
    let civil = expression
        .strip_prefix("at(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|text| text.parse::<DateTime>().ok())
        .ok_or_else(wrong)?;
    if zone != "UTC" {
        return Err(invalid("The sandbox region knows no time zone but UTC."));
    }
    let at = civil.in_tz("UTC").map_err(|_| wrong())?.timestamp();
    if at <= now {
        return Err(invalid(format!(
            "Invalid Schedule Expression {expression}: it is in the past."
        )));
    }
    let window = &input["FlexibleTimeWindow"]["Mode"];
    if window != "OFF" && window != "FLEXIBLE" {
        return Err(invalid("FlexibleTimeWindow.Mode must be OFF or FLEXIBLE."));
    }
    let target = &input["Target"];
    if !target["RoleArn"].as_str().is_some_and(is_role) {
        return Err(invalid("Provided RoleArn is not valid."));
    }
    if !target["Arn"].as_str().is_some_and(is_known_target) {
        return Err(invalid("Provided Arn is not in correct format."));
    }
    let call = text(target, "Input").unwrap_or_default();
    match serde_json::from_str(call) {
        Ok(Value::Object(_)) => Ok(at),
        Ok(_) | Err(_) => Err(invalid("Provided Input is not a JSON object.")),
    }
}

fn is_role(arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::") && arn.contains(":role/")
}

fn is_known_target(arn: &str) -> bool {
    operation_of(arn).is_some()
}

/// The operation of this region that a target calls, and its service.
fn operation_of(arn: &str) -> Option<(Service, &'static str)> {
    match arn.strip_prefix(UNIVERSAL)? {
        "elasticloadbalancingv2:modifyListener" => Some((Service::Elbv2, "ModifyListener")),
        "elasticloadbalancingv2:modifyRule" => Some((Service::Elbv2, "ModifyRule")),
        "route53:changeResourceRecordSets" => Some((Service::Route53, "ChangeResourceRecordSets")),
        _ => None,
    }
}

fn arn(world: &World, name: &str) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule/default/{name}",
        world.region, world.account
    )
}

fn describe(world: &World, name: &str) -> Value {
    let Some(schedule) = world.scheduler.schedules.get(name) else {
        return Value::Null;
    };
    let mut view = schedule.input.clone();
    let defaults = [("State", "ENABLED"), ("ActionAfterCompletion", "NONE")];
    for (field, default) in defaults {
        if view[field].is_null() {
            view[field] = json!(default);
        }
    }
    view["Arn"] = json!(arn(world, name));
    view["GroupName"] = json!("default");
    view["CreationDate"] = time(schedule.created);
    view["LastModificationDate"] = time(schedule.changed);
    if let Some(view) = view.as_object_mut() {
        view.remove("ClientToken");
    }
    view
}

fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let prefix = text(input, "NamePrefix").unwrap_or_default();
    let size = text(input, "MaxResults").and_then(|text| text.parse().ok());
    let schedules = &world.scheduler.schedules;
    let names: Vec<&String> = schedules
        .keys()
        .filter(|name| name.starts_with(prefix))
        .collect();
    let token = text(input, "NextToken");
    let (names, next) = page(names, token, size.unwrap_or(PAGE), "ValidationException")?;
    let summary = |name: &String| {
        let full = describe(world, name);
        json!({
            "Arn": full["Arn"], "Name": name, "GroupName": "default", "State": full["State"],
            "CreationDate": full["CreationDate"],
            "LastModificationDate": full["LastModificationDate"],
            "Target": { "Arn": full["Target"]["Arn"] },
        })
    };
    let names: Vec<Value> = names.into_iter().map(summary).collect();
    Ok(json!({ "Schedules": names, "NextToken": next }))
}

/// Makes the calls that are due in the world's present second.
pub(in crate::sandbox) fn fire(world: &mut World) {
    if world.scheduler.schedules.is_empty() {
        return;
    }
    let now = world.now;
    let due: Vec<String> = world
        .scheduler
        .schedules
        .iter()
        .filter(|(name, schedule)| !schedule.over && next_try(name, schedule) <= now)
        .map(|(name, _)| name.clone())
        .collect();
    for name in due {
        let Some(mut schedule) = world.scheduler.schedules.remove(&name) else {
            continue;
        };
        schedule.over = !schedule.is_enabled() || call(world, &name, &mut schedule);
        if !(schedule.over && schedule.is_deleted_after()) {
            world.scheduler.schedules.insert(name, schedule);
        }
    }
}

fn next_try(name: &str, schedule: &Schedule) -> Timestamp {
    let pause = SignedDuration::from_secs(RETRY_AFTER * i64::from(schedule.failures));
    schedule.fires_at(name) + pause
}

/// Makes a schedule's call; true when that was the last one.
fn call(world: &mut World, name: &str, schedule: &mut Schedule) -> bool {
    let target = &schedule.input["Target"];
    let Some(operation) = text(target, "Arn").and_then(operation_of) else {
        return true;
    };
    let input = text(target, "Input").unwrap_or_default();
    let input = serde_json::from_str(input).unwrap_or(Value::Null);
    world.scheduler.calls += 1;
    if succeeds(world, operation, input) {
        return true;
    }
    schedule.failures += 1;
    let age = world.now.duration_since(schedule.fires_at(name)).as_secs();
    u64::from(schedule.failures) > schedule.policy("MaximumRetryAttempts", RETRIES)
        || u64::try_from(age).unwrap_or(0) >= schedule.policy("MaximumEventAgeInSeconds", AGE)
}

/// Makes a call, unless a fault keeps it from its effect or its answer from coming back.
fn succeeds(world: &mut World, (service, operation): (Service, &str), input: Value) -> bool {
    let operation = Operation {
        service,
        protocol: match service {
            Service::Route53 => Protocol::RestXml,
            _ => Protocol::Query(QueryService::Elbv2),
        },
        name: operation.to_owned(),
        input,
    };
    let World {
        scheduler,
        rng,
        now,
        ..
    } = world;
    match scheduler.faults.strike(&operation, *now, rng) {
        None => operation.perform(world).is_ok(),
        Some(kind) => {
            if kind.takes_effect() {
                let _ = operation.perform(world);
            }
            false
        }
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
