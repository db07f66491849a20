//! What the config's alarms stand for in a rehearsal, and the alarm of the practice beside it.

use std::time::Duration;

use serde_json::{Value, json};

use super::scenario::Scenario;
use crate::deployment::ids::SlotName;
use crate::deployment::preflight::{AlarmWanted, Request, Side};
use crate::sandbox::wire::{AwsError, cloudwatch};
use crate::sandbox::world::World;
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
            inputs.push(alarm_on(&alarm, &balancer, group.dimension(), scenario));
        }
    }
    for input in inputs {
        cloudwatch::handle(world, "PutMetricAlarm", &input)?;
    }
    Ok(())
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
