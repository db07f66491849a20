//! Listener rules.

use super::super::AwsError;
use super::super::query::input::{ELB, fail, list, text, texts};
use super::{actions, check_arn, listeners, load_balancers, new_id, other_fields, paged, tags};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{Conditions, Kind, Listener, LoadBalancer, Rule};
use serde_json::{Value, json};

/// Input fields that aren't simply kept and given back.
const HANDLED: [&str; 6] = [
    "RuleArn",
    "ListenerArn",
    "Priority",
    "Conditions",
    "Actions",
    "Tags",
];

/// "The range is 1 to 50000."
const PRIORITIES: std::ops::RangeInclusive<i64> = 1..=50_000;

pub(super) fn create(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let listener = listeners::find(world, ELB.required(input, "ListenerArn")?)?;
    let lb = load_balancers::find(world, &listener.load_balancer)?;
    if lb.kind == Kind::Network {
        let message = "Rules are not supported for listeners of network load balancers";
        return Err(fail("InvalidConfigurationRequest", message));
    }
    let priority = priority_of(input)?;
    check_free(world, &listener.arn, priority, None)?;
    let conditions = conditions(input)?;
    let actions = actions::read(world, lb, input, "Actions", None)?;
    let (prefix, listener) = (listener.rule_prefix(), listener.arn.clone());
    let arn = format!("{prefix}/{}", new_id(world));
    let rule = Rule {
        arn: arn.clone(),
        listener,
        priority,
        conditions,
        actions,
        other: other_fields(input, &HANDLED),
    };
    let output = json!({ "Rules": [view(&rule)] });
    world.elb.rules.insert(arn.clone(), rule);
    world.elb.relink(world.now);
    tags::store(world, &arn, input);
    Ok(output)
}

fn priority_of(input: &Value) -> Result<u32, AwsError> {
    match ELB.integer(input, "Priority")? {
        Some(priority) if PRIORITIES.contains(&priority) => Ok(priority as u32),
        Some(priority) => {
            let message = format!("Priority '{priority}' must be between 1 and 50000");
            Err(fail("ValidationError", message))
        }
        None => Err(fail("ValidationError", "A priority must be specified")),
    }
}

fn check_free(
    world: &World,
    listener: &str,
    priority: u32,
    but: Option<&str>,
) -> Result<(), AwsError> {
    let rules = world.elb.rules_of(listener);
    let mut others = rules.iter().filter(|rule| Some(rule.arn.as_str()) != but);
    if others.any(|rule| rule.priority == priority) {
        let message = format!("Priority '{priority}' is currently in use");
        return Err(fail("PriorityInUse", message));
    }
    Ok(())
}

/// Checks conditions. For hosts and paths AWS gives back both the old and the new form.
fn conditions(input: &Value) -> Result<Conditions, AwsError> {
    let given = list(input, "Conditions");
    if given.is_empty() {
        return Err(fail("ValidationError", "A condition must be specified"));
    }
    let mut raw = Vec::with_capacity(given.len());
    for condition in given {
        let mut condition = condition.clone();
        let config = match ELB.required(&condition, "Field")? {
            "host-header" => Some("HostHeaderConfig"),
            "path-pattern" => Some("PathPatternConfig"),
            "http-header" | "http-request-method" | "query-string" | "source-ip" => None,
            other => {
                let message = format!(
                    "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
                );
                return Err(fail("ValidationError", message));
            }
        };
        if let Some(config) = config {
            let values = match texts(&condition[config], "Values") {
                values if values.is_empty() => texts(&condition, "Values"),
                values => values,
            };
            let patterns = !texts(&condition[config], "RegexValues").is_empty();
            if values.is_empty() && !patterns {
                return Err(fail(
                    "ValidationError",
                    "A condition value must be specified",
                ));
            }
            if !patterns {
                condition["Values"] = json!(values);
                condition[config] = json!({ "Values": values });
            }
        }
        raw.push(condition);
    }
    Ok(Conditions::new(raw))
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let arns = texts(input, "RuleArns");
    let views: Vec<Value> = match text(input, "ListenerArn") {
        Some(listener) => {
            let listener = listeners::find(world, listener)?;
            let rules = world.elb.rules_of(&listener.arn);
            let rules = rules.into_iter().map(view);
            rules.chain([default_view(listener)]).collect()
        }
        None if arns.is_empty() => {
            let message = "You must specify either listener ARNs or rule ARNs";
            return Err(fail("ValidationError", message));
        }
        None => {
            let found = arns.iter().map(|arn| described(world, arn));
            found.collect::<Result<_, _>>()?
        }
    };
    paged(input, "Rules", views)
}

fn described(world: &World, arn: &str) -> Result<Value, AwsError> {
    match default_rule_of(world, arn) {
        Some(listener) => Ok(default_view(listener)),
        None => find(world, arn).map(view),
    }
}

fn default_rule_of<'a>(world: &'a World, arn: &str) -> Option<&'a Listener> {
    let mut listeners = world.elb.listeners.values();
    listeners.find(|listener| listener.default_rule_arn() == arn)
}

pub(super) fn modify(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = ELB.required(input, "RuleArn")?;
    refuse_default(world, arn, "modified")?;
    let mut rule = find(world, arn)?.clone();
    if !list(input, "Conditions").is_empty() {
        rule.conditions = conditions(input)?;
    }
    if !list(input, "Actions").is_empty() {
        let lb = load_balancer_of(world, &rule)?;
        rule.actions = actions::read(world, lb, input, "Actions", Some(&rule.actions))?;
    }
    rule.other.extend(other_fields(input, &HANDLED));
    let output = json!({ "Rules": [view(&rule)] });
    world.elb.rules.insert(rule.arn.clone(), rule);
    world.elb.relink(world.now);
    Ok(output)
}

fn load_balancer_of<'a>(world: &'a World, rule: &Rule) -> Result<&'a LoadBalancer, AwsError> {
    let listener = listeners::find(world, &rule.listener)?;
    load_balancers::find(world, &listener.load_balancer)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = ELB.required(input, "RuleArn")?;
    refuse_default(world, arn, "deleted")?;
    let arn = find(world, arn)?.arn.clone();
    world.elb.rules.remove(&arn);
    world.elb.tags.remove(&arn);
    world.elb.relink(world.now);
    Ok(json!({}))
}

fn refuse_default(world: &World, arn: &str, verb: &str) -> Result<(), AwsError> {
    if default_rule_of(world, arn).is_none() {
        return Ok(());
    }
    let message = format!("Default rule '{arn}' cannot be {verb}");
    Err(fail("OperationNotPermitted", message))
}

pub(super) fn set_priorities(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let mut wanted = Vec::new();
    for pair in list(input, "RulePriorities") {
        let arn = ELB.required(pair, "RuleArn")?;
        refuse_default(world, arn, "modified")?;
        wanted.push((find(world, arn)?.clone(), priority_of(pair)?));
    }
    for (index, (rule, priority)) in wanted.iter().enumerate() {
        let moves = |other: &Rule| wanted.iter().any(|(moved, _)| moved.arn == other.arn);
        let stays = world.elb.rules_of(&rule.listener).into_iter();
        let taken = stays
            .filter(|other| !moves(other))
            .any(|other| other.priority == *priority);
        let twice = wanted[..index]
            .iter()
            .any(|(other, same)| other.listener == rule.listener && same == priority);
        if taken || twice {
            let message = format!("Priority '{priority}' is currently in use");
            return Err(fail("PriorityInUse", message));
        }
    }
    let mut views = Vec::new();
    for (mut rule, priority) in wanted {
        rule.priority = priority;
        views.push(view(&rule));
        world.elb.rules.insert(rule.arn.clone(), rule);
    }
    Ok(json!({ "Rules": views }))
}

fn find<'a>(world: &'a World, arn: &str) -> Result<&'a Rule, AwsError> {
    check_arn(arn, "rule")?;
    let not_found = || fail("RuleNotFound", "One or more rules not found");
    world.elb.rules.get(arn).ok_or_else(not_found)
}

fn view(rule: &Rule) -> Value {
    let mut view = Value::Object(rule.other.clone());
    view["RuleArn"] = json!(rule.arn);
    view["Priority"] = json!(rule.priority.to_string());
    view["Conditions"] = Value::Array(rule.conditions.raw().to_vec());
    view["Actions"] = Value::Array(rule.actions.raw().to_vec());
    view["IsDefault"] = json!(false);
    view
}

fn default_view(listener: &Listener) -> Value {
    json!({
        "RuleArn": listener.default_rule_arn(),
        "Priority": "default",
        "Conditions": [],
        "Actions": listener.actions.raw(),
        "IsDefault": true,
    })
}
