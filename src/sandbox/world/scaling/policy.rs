//! Scaling policies: how many tasks they want.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::ecs::json::{count, list, text};
use super::service_of;

/// In the name of the alarm that a target-tracking policy scales out by.
const HIGH: &str = "AlarmHigh";
/// In the name of the one that it scales in by.
const LOW: &str = "AlarmLow";
/// It scales in below this part of its target.
const LOW_AT: f64 = 0.9;
/// AWS's default between two activities of a target-tracking policy.
const COOLDOWN: u32 = 300;

/// What an alarm in `ALARM` shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// Its name.
    pub(super) alarm: &'a str,
    /// Its metric's newest value.
    pub(super) value: f64,
    /// What it is compared with.
    pub(super) threshold: f64,
    /// The service's desired count.
    pub(super) desired: u32,
}

/// A policy that is played.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Policy {
    /// Keeps a metric at a target.
    Tracking {
        target: f64,
        scales_in: bool,
        out_cooldown: u32,
        in_cooldown: u32,
    },
    /// Changes by steps, by how far the alarm's threshold is breached.
    Step {
        adjust: Adjust,
        steps: Vec<Step>,
        at_least: u32,
        cooldown: u32,
    },
}

/// What a step's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adjust {
    By,
    ByPercent,
    To,
}

/// A stretch above or below the threshold, and its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    from: f64,
    to: f64,
    number: i64,
}

impl Policy {
    /// Reads what PutScalingPolicy was sent.
    pub(super) fn read(policy: &Value) -> Result<Policy, String> {
        match text(policy, "PolicyType") {
            Some("TargetTrackingScaling") => {
                let of = &policy["TargetTrackingScalingPolicyConfiguration"];
                let target = of["TargetValue"].as_f64();
                Ok(Policy::Tracking {
                    target: target.ok_or("TargetValue is missing")?,
                    scales_in: of["DisableScaleIn"] != true,
                    out_cooldown: count(of, "ScaleOutCooldown").unwrap_or(COOLDOWN),
                    in_cooldown: count(of, "ScaleInCooldown").unwrap_or(COOLDOWN),
                })
            }
            None | Some("StepScaling") => {
                let of = &policy["StepScalingPolicyConfiguration"];
                let adjust = match text(of, "AdjustmentType") {
                    Some("ChangeInCapacity") => Adjust::By,
                    Some("PercentChangeInCapacity") => Adjust::ByPercent,
                    Some("ExactCapacity") => Adjust::To,
                    _ => return Err("AdjustmentType is missing or unknown".to_owned()),
                };
                let step = |step: &Value| Step {
                    from: step["MetricIntervalLowerBound"]
                        .as_f64()
                        .unwrap_or(f64::NEG_INFINITY),
                    to: step["MetricIntervalUpperBound"]
                        .as_f64()
                        .unwrap_or(f64::INFINITY),
                    number: step["ScalingAdjustment"].as_i64().unwrap_or(0),
                };
                Ok(Policy::Step {
                    adjust,
                    steps: list(of, "StepAdjustments").iter().map(step).collect(),
                    at_least: count(of, "MinAdjustmentMagnitude").unwrap_or(1),
                    cooldown: count(of, "Cooldown").unwrap_or(0),
                })
            }
            Some(other) => Err(format!("policies of the type {other} are kept, not played")),
        }
    }

    /// The desired count that it asks for, where that is another one.
    pub(super) fn wants(&self, sight: &Sight<'_>) -> Option<u32> {
        let now = sight.desired;
        let wanted = match self {
            Policy::Tracking {
                target, scales_in, ..
            } => {
                let fitting = (f64::from(now) * sight.value / target).ceil() as u32;
                match sight.alarm.contains(HIGH) {
                    true => fitting.max(now + 1),
                    false if *scales_in => fitting.min(now),
                    false => now,
                }
            }
            Policy::Step {
                adjust,
                steps,
                at_least,
                ..
            } => {
                let beyond = sight.value - sight.threshold;
                // The lower bound belongs to a step above the threshold, the upper one to one
                // below it.
                let holds = |step: &&Step| match beyond >= 0.0 {
                    true => step.from <= beyond && beyond < step.to,
                    false => step.from < beyond && beyond <= step.to,
                };
                let number = steps.iter().find(holds)?.number;
                stepped(*adjust, now, number, *at_least)
            }
        };
        (wanted != now).then_some(wanted)
    }

    /// Whether it still waits for its last activity to show, `inward` for fewer tasks.
    pub(super) fn rests(&self, since: Timestamp, now: Timestamp, inward: bool) -> bool {
        let cooldown = match self {
            Policy::Tracking { in_cooldown, .. } if inward => *in_cooldown,
            Policy::Tracking { out_cooldown, .. } => *out_cooldown,
            Policy::Step { cooldown, .. } => *cooldown,
        };
        now.duration_since(since) < SignedDuration::from_secs(cooldown.into())
    }
}

fn stepped(adjust: Adjust, now: u32, number: i64, at_least: u32) -> u32 {
    let by = match adjust {
        Adjust::To => return u32::try_from(number).unwrap_or(0),
        Adjust::By => number,
        Adjust::ByPercent => {
            let exact = f64::from(now) * number as f64 / 100.0;
            // "Values between 0 and 1 are rounded to 1", larger ones towards zero.
            let rounded = match exact.abs() < 1.0 {
                true => exact.signum(),
                false => exact.trunc(),
            } as i64;
            let least = i64::from(at_least);
            match number >= 0 {
                true => rounded.max(least),
                false => rounded.min(-least),
            }
        }
    };
    u32::try_from(i64::from(now) + by).unwrap_or(0)
}

/// The alarms that a target-tracking policy makes, as PutMetricAlarm takes them; none for other
/// policies.
///
/// # Errors
/// What is missing or isn't played, in words.
pub fn alarms_of(policy: &Value, resource: &str, id: &str) -> Result<Vec<Value>, String> {
    let read = Policy::read(policy);
    let Ok(Policy::Tracking {
        target, scales_in, ..
    }) = read
    else {
        return match text(policy, "PolicyType") {
            Some("PredictiveScaling") => Ok(Vec::new()),
            _ => read.map(|_| Vec::new()),
        };
    };
    let metric = metric(
        &policy["TargetTrackingScalingPolicyConfiguration"],
        resource,
    )?;
    let alarm = |which: &str, comparison: &str, threshold: f64, periods: u32| {
        let mut alarm = json!({
            "AlarmName": format!("TargetTracking-{resource}-{which}-{id}"),
            "AlarmDescription": format!(
                "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {}.",
                text(policy, "PolicyARN").unwrap_or_default()
            ),
            "AlarmActions": [policy["PolicyARN"]],
            "ComparisonOperator": comparison,
            "Threshold": threshold,
            "EvaluationPeriods": periods,
        });
        if let (Some(alarm), Some(metric)) = (alarm.as_object_mut(), metric.as_object()) {
            alarm.extend(metric.clone());
        }
        alarm
    };
    let high = alarm(HIGH, "GreaterThanThreshold", target, 3);
    let low = alarm(LOW, "LessThanThreshold", target * LOW_AT, 15);
    Ok(std::iter::once(high)
        .chain(scales_in.then_some(low))
        .collect())
}

/// The metric of a target-tracking policy, or its metrics, as PutMetricAlarm names them.
fn metric(of: &Value, resource: &str) -> Result<Value, String> {
    let named = |namespace: &str, name: &str, statistic: &str, dimensions: Value| {
        json!({ "Namespace": namespace, "MetricName": name, "Statistic": statistic,
            "Dimensions": dimensions, "Period": 60 })
    };
    let dimension = |name: &str, value: &str| json!({ "Name": name, "Value": value });
    if let Some(custom) = of.get("CustomizedMetricSpecification") {
        if custom.get("Metrics").is_some_and(|it| !it.is_null()) {
            return math(custom);
        }
        let field = |name| text(custom, name).ok_or(format!("{name} is missing"));
        let dimensions = custom.get("Dimensions").cloned().unwrap_or(json!([]));
        return Ok(named(
            field("Namespace")?,
            field("MetricName")?,
            field("Statistic")?,
            dimensions,
        ));
    }
    let predefined = &of["PredefinedMetricSpecification"];
    let (cluster, service) = service_of(resource).ok_or("the resource id is no service's")?;
    let of_service = |name| {
        let dimensions = [
            dimension("ClusterName", cluster),
            dimension("ServiceName", service),
        ];
        named("AWS/ECS", name, "Average", json!(dimensions))
    };
    match text(predefined, "PredefinedMetricType") {
        Some("ECSServiceAverageCPUUtilization") => Ok(of_service("CPUUtilization")),
        Some("ECSServiceAverageMemoryUtilization") => Ok(of_service("MemoryUtilization")),
        Some("ALBRequestCountPerTarget") => {
            let label = text(predefined, "ResourceLabel").ok_or("ResourceLabel is missing")?;
            let at = label.find("/targetgroup/").ok_or_else(|| {
                format!(
                    "ResourceLabel {label} is no app/LOAD-BALANCER/ID/targetgroup/TARGET-GROUP/ID"
                )
            })?;
            let dimensions = [
                dimension("LoadBalancer", &label[..at]),
                dimension("TargetGroup", &label[at + 1..]),
            ];
            let dimensions = json!(dimensions);
            Ok(named(
                "AWS/ApplicationELB",
                "RequestCountPerTarget",
                "Sum",
                dimensions,
            ))
        }
        Some(other) => Err(format!("the predefined metric {other} isn't one of ECS")),
        None => Err("a metric specification is missing".to_owned()),
    }
}

/// Several metrics and what is made of them: exactly one of them is what is compared.
fn math(custom: &Value) -> Result<Value, String> {
    let single = ["Namespace", "MetricName", "Statistic", "Dimensions", "Unit"];
    if let Some(field) = single.iter().find(|field| !custom[**field].is_null()) {
        return Err(format!("Metrics and {field} exclude each other"));
    }
    let queries = list(custom, "Metrics").iter().map(query);
    Ok(json!({ "Metrics": queries.collect::<Vec<_>>() }))
}

/// Application Auto Scaling takes no period: its alarms look at minutes.
fn query(given: &Value) -> Value {
    let mut query = given.clone();
    if let Some(Value::Object(stat)) = query.get_mut("MetricStat") {
        stat.insert("Period".to_owned(), json!(60));
    }
    query
}
