//! What the config's alarms stand for in a rehearsal, and the alarm of the practice beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::scenario::Scenario;
use crate::deployment::ids::{AlarmName, SlotName};
use crate::deployment::preflight::{AlarmWanted, Request, Side};
use crate::sandbox::wire::{AwsError, cloudwatch};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{LoadBalancer, TargetGroup};
use crate::sandbox::world::traffic::publishes;
use crate::strategy::{Step, Strategy, Weight};

/// How long the practice goes on watching at 100 %.
const WATCHED: Duration = Duration::from_secs(900);
/// The alarm of [`practice`], by slot.
const PRACTICE: &str = "codedeploy-{slot}-5xx";

/// The practice that a rehearsal is compared with: CodeDeploy's canary, a tenth for five minutes
/// and then all, watched for another quarter of an hour, with an alarm on 1 % 5xx in two of three
/// minutes and no judge.
pub fn practice(request: &mut Request) {
    let step = |percent: u16, minutes: u64| {
        let bake = Duration::from_secs(60 * minutes);
        Weight::of_percent(percent).map(|weight| Step::new(weight, bake))
    };
    let steps = [step(10, 5), step(100, 0)].into_iter().flatten().collect();
    if let Ok(strategy) = Strategy::new("codedeploy", steps, WATCHED) {
        request.strategy = strategy;
    }
    request.guards.metrics = None;
    request.guards.alarms = vec![AlarmWanted {
        name: PRACTICE.to_owned(),
        side: Side::Green,
        insufficient_data: None,
    }];
}

/// What the config's alarms stand for here: one whose name speaks of latency rings when a tenth of
/// requests take more than five times as long as usual, any other one when 1 % fail.
pub(super) fn build(
    world: &mut World,
    request: &Request,
    scenario: &Scenario,
) -> Result<(), AwsError> {
    let balancers = || world.elb.load_balancers.values();
    let Some(balancer) = balancers().next().map(|it| it.dimension().to_owned()) else {
        return Ok(());
    };
    let names = request.guards.alarms.iter().map(|it| it.name.as_str());
    let mut inputs = Vec::new();
    for name in names.chain([PRACTICE]) {
        for slot in SlotName::BOTH {
            let of = if name.contains("{slot}") {
                slot
            } else {
                SlotName::A
            };
            let group = &request.slots[of].targets[0].group;
            let group = world.elb.groups.values().find(|it| it.name == *group);
            let Some(group) = group else { continue };
            let alarm = name.replace("{slot}", &slot.to_string());
            let own = scenario.alarms.as_ref().filter(|_| name != PRACTICE);
            inputs.push(match own.map(|own| own.get(&AlarmName::new(&alarm))) {
                None => alarm_on(&alarm, &balancer, group.dimension(), scenario),
                Some(Some(own)) if is_of_balancers(own) => fitted(own, world),
                Some(_) => quiet(&alarm, &balancer, group.dimension(), scenario),
            });
        }
    }
    for input in inputs {
        cloudwatch::handle(world, "PutMetricAlarm", &input)?;
    }
    Ok(())
}

/// The alarms of `names` that never ring in a rehearsal: composite ones, and those of metrics that
/// it has not.
pub fn not_rehearsed(alarms: &BTreeMap<AlarmName, Value>, names: &[AlarmName]) -> Vec<String> {
    let rings = |name: &&AlarmName| alarms.get(*name).is_some_and(is_of_balancers);
    let out = names.iter().filter(|name| !rings(name));
    out.map(ToString::to_string).collect()
}

/// Whether everything that it measures is there in a rehearsal.
fn is_of_balancers(alarm: &Value) -> bool {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let is_there = |it: &Value| {
        it.get("Namespace")?;
        Some(publishes(&text(it, "Namespace"), &text(it, "MetricName")))
    };
    let queries = alarm["Metrics"].as_array().into_iter().flatten();
    let measured = queries.filter_map(|it| is_there(it.pointer("/MetricStat/Metric")?));
    let mut measured = is_there(alarm).into_iter().chain(measured).peekable();
    measured.peek().is_some() && measured.all(|it| it)
}

/// The rehearsal's own group or load balancer of the same name: their ARNs end otherwise.
pub(super) fn own_dimension(world: &World, name: &str, value: &str) -> Option<String> {
    let named = |dimension: &str| dimension.split('/').rev().nth(1).map(str::to_owned);
    let wanted = named(value);
    let is_own = |it: &&str| named(it) == wanted;
    let found = match name {
        "TargetGroup" => {
            let groups = world.elb.groups.values();
            groups.map(TargetGroup::dimension).find(is_own)
        }
        "LoadBalancer" => {
            let balancers = world.elb.load_balancers.values();
            balancers.map(LoadBalancer::dimension).find(is_own)
        }
        _ => None,
    };
    found.map(str::to_owned)
}

/// The same on the groups and load balancers of the rehearsal.
fn fitted(alarm: &Value, world: &World) -> Value {
    let mut alarm = alarm.clone();
    let fit = |metric: &mut Value| {
        let dimensions = metric.get_mut("Dimensions").and_then(Value::as_array_mut);
        for dimension in dimensions.into_iter().flatten() {
            let name = dimension["Name"].as_str().unwrap_or_default();
            let value = dimension["Value"].as_str().unwrap_or_default();
            if let Some(own) = own_dimension(world, name, value) {
                dimension["Value"] = json!(own);
            }
        }
    };
    fit(&mut alarm);
    let queries = alarm.get_mut("Metrics").and_then(Value::as_array_mut);
    for query in queries.into_iter().flatten() {
        query.pointer_mut("/MetricStat/Metric").map(fit);
    }
    alarm
}

/// One that never rings: a rehearsal has not what it measures.
fn quiet(name: &str, balancer: &str, group: &str, scenario: &Scenario) -> Value {
    let mut alarm = alarm_on(name, balancer, group, scenario);
    alarm["Threshold"] = json!(f64::MAX);
    alarm
}

fn alarm_on(name: &str, balancer: &str, group: &str, scenario: &Scenario) -> Value {
    let metric = |metric: &str| {
        json!({
            "Namespace": "AWS/ApplicationELB", "MetricName": metric,
            "Dimensions": [
                { "Name": "LoadBalancer", "Value": balancer },
                { "Name": "TargetGroup", "Value": group },
            ],
        })
    };
    let mut input = json!({
        "AlarmName": name, "EvaluationPeriods": 3, "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    });
    if name.contains("latency") || name.contains("time") {
        let limit = scenario.latency.as_secs_f64() * 5.0;
        for (key, value) in metric("TargetResponseTime")
            .as_object()
            .into_iter()
            .flatten()
        {
            input[key] = value.clone();
        }
        input["Period"] = json!(60);
        input["ExtendedStatistic"] = json!("p90");
        input["Threshold"] = json!(limit);
        return input;
    }
    let sum = |id: &str, name: &str| {
        json!({ "Id": id, "ReturnData": false,
            "MetricStat": { "Metric": metric(name), "Period": 60, "Stat": "Sum" } })
    };
    input["Threshold"] = json!(1.0);
    input["Metrics"] = json!([
        { "Id": "share", "Expression": "100 * bad / all", "Label": "5xx in percent" },
        sum("bad", "HTTPCode_Target_5XX_Count"),
        sum("all", "RequestCount"),
    ]);
    input
}
