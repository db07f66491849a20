//! Functions that were made for the lifecycle hooks of ECS's own deployments: what they are told,
//! and what their answer is worth.
//!
//! The contract is AWS's: "Lambda hooks for Amazon ECS service deployments" in the developer guide.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::http::quoted;
use super::{FunctionName, GateAnswer};

/// What a function is told beside the deployment, and wants to be told again: `hookDetails`.
pub type HookDetails = Map<String, Value>;

/// Until a function that says IN_PROGRESS is asked again, where it doesn't say when.
pub const USUAL_DELAY: Duration = Duration::from_secs(30);
/// A function that asks for less is asked no more often than this.
const SHORTEST_DELAY: Duration = Duration::from_secs(1);
/// The journal keeps what a function wants to be told again: a row of a table holds 400 KB.
const MOST_DETAILS: usize = 64 * 1024;
/// As much of its log is told, from the end.
const LOG_LINES: usize = 5;

/// A function, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LambdaCheck {
    /// Which.
    pub function: FunctionName,
    /// What it is told of where the deployment stands; left out, what fits the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// `hookDetails` of every call.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: HookDetails,
}

/// A stage of ECS's own blue/green deployments at which there are hooks (`lifecycleStage`). Two of
/// ECS's are none here: RECONCILE_SERVICE and PRE_SCALE_UP come before green has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// Green's tasks run; it has neither test traffic nor production traffic.
    PostScaleUp,
    /// Test traffic moves to green.
    TestTrafficShift,
    /// Green has the test traffic.
    PostTestTrafficShift,
    /// Before each raise of green's weight.
    PreProductionTrafficShift,
    /// Green's weight is raised.
    ProductionTrafficShift,
    /// Green has all production traffic.
    PostProductionTrafficShift,
}

impl Stage {
    /// All of them, in the order of a deployment.
    pub const ALL: [Stage; 6] = [
        Stage::PostScaleUp,
        Stage::TestTrafficShift,
        Stage::PostTestTrafficShift,
        Stage::PreProductionTrafficShift,
        Stage::ProductionTrafficShift,
        Stage::PostProductionTrafficShift,
    ];

    /// As ECS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::PostScaleUp => "POST_SCALE_UP",
            Stage::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Stage::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Stage::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Stage::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Stage::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
        }
    }

    /// The one that ECS writes like this.
    pub fn named(name: &str) -> Option<Stage> {
        Stage::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a deployment stands, as a function is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The same in each call of one gate at one place of one deployment.
    pub id: String,
    /// The stage.
    pub stage: Stage,
    /// ARN of green's newest service deployment.
    pub deployment: String,
    /// ARN of green's service.
    pub service: String,
    /// ARN of the service revision that green runs.
    pub green: String,
    /// ARN of the one that blue runs; `None` where ECS doesn't list it any more.
    pub blue: Option<String>,
    /// Green's share of production traffic, in tenths of a percent.
    pub per_mille: u16,
}

impl Execution {
    /// Each revision's share of production or test traffic, where the stage tells it.
    fn weights(&self, green: u16) -> Value {
        let percent = |per_mille: u16| match per_mille % 10 {
            0 => json!(per_mille / 10),
            _ => json!(f64::from(per_mille) / 10.0),
        };
        let mut weights = Map::new();
        weights.insert(self.green.clone(), percent(green));
        if let Some(blue) = &self.blue {
            weights.insert(blue.clone(), percent(1000 - green));
        }
        Value::Object(weights)
    }
}

impl LambdaCheck {
    /// What the function is called with; `said` is what it wanted to be told again.
    pub fn event(&self, execution: &Execution, said: &HookDetails) -> Value {
        let none = || json!({});
        let (test, production) = match execution.stage {
            Stage::TestTrafficShift => (execution.weights(1000), none()),
            Stage::PreProductionTrafficShift | Stage::ProductionTrafficShift => {
                (none(), execution.weights(execution.per_mille))
            }
            Stage::PostScaleUp
            | Stage::PostTestTrafficShift
            | Stage::PostProductionTrafficShift => (none(), none()),
        };
        let mut event = json!({
            "executionDetails": {
                "testTrafficWeights": test,
                "productionTrafficWeights": production,
                "serviceArn": execution.service,
                "targetServiceRevisionArn": execution.green,
            },
            "executionId": execution.id,
            "lifecycleStage": execution.stage.as_str(),
            "resourceArn": execution.deployment,
        });
        let mut details = self.details.clone();
        details.extend(said.clone());
        if !details.is_empty() {
            event["hookDetails"] = Value::Object(details);
        }
        event
    }
}

/// What a function's answer is worth; `said` is what it wanted to be told again before.
pub fn judge(answer: &[u8], said: &HookDetails) -> GateAnswer {
    let failed = |why: String| GateAnswer::Failed { why };
    let text = String::from_utf8_lossy(answer);
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(answer) else {
        let words = "answered no JSON object with hookStatus";
        return failed(format!("{words}{}", quoted(&text)));
    };
    let status = match fields.remove("hookStatus") {
        Some(Value::String(status)) => status,
        Some(other) => return failed(format!("answered hookStatus as {other}, which is no text")),
        None => return failed(format!("answered without hookStatus{}", quoted(&text))),
    };
    match status.as_str() {
        "SUCCEEDED" => GateAnswer::Passed {
            what: with_rest("answered SUCCEEDED", &fields),
        },
        "FAILED" => failed(with_rest("answered FAILED", &fields)),
        "IN_PROGRESS" => in_progress(&mut fields, said),
        other => failed(format!(
            "answered hookStatus {other:?}, which is none of SUCCEEDED, FAILED, IN_PROGRESS"
        )),
    }
}

fn in_progress(fields: &mut Map<String, Value>, said: &HookDetails) -> GateAnswer {
    let mut why = "answered IN_PROGRESS".to_owned();
    let after = match fields.remove("callBackDelay") {
        None | Some(Value::Null) => USUAL_DELAY,
        Some(delay) => seconds(&delay).unwrap_or_else(|| {
            why.push_str(&format!(
                ", with callBackDelay {delay}, which is no number of seconds"
            ));
            USUAL_DELAY
        }),
    };
    let mut details = said.clone();
    match fields.remove("hookDetails") {
        None | Some(Value::Null) => {}
        Some(Value::Object(more)) => details.extend(more),
        Some(_) => why.push_str(", with hookDetails that are no object"),
    }
    let length = Value::Object(details.clone()).to_string().len();
    if length > MOST_DETAILS {
        let why = format!("answered {length} bytes of hookDetails, and {MOST_DETAILS} can be kept");
        return GateAnswer::Failed { why };
    }
    GateAnswer::Again {
        why: with_rest(&why, fields),
        after: after.max(SHORTEST_DELAY),
        details,
    }
}

fn seconds(delay: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(delay.as_f64()?).ok()
}

/// Words, and whatever else the function says: ECS reads none of it, and people like to know.
fn with_rest(words: &str, fields: &Map<String, Value>) -> String {
    match fields.len() {
        0 => words.to_owned(),
        _ => format!(
            "{words}{}",
            quoted(&Value::Object(fields.clone()).to_string())
        ),
    }
}

/// Why a function that failed did, from what Lambda says of it and the end of its log.
pub fn function_error(kind: &str, answer: &[u8], log: &str) -> String {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let of = |key: &str| answer.get(key).and_then(Value::as_str);
    let mut why = match (of("errorType"), of("errorMessage")) {
        (Some(kind), Some(message)) => format!("failed: {kind}: {message}"),
        (None, Some(message)) => format!("failed: {message}"),
        (Some(kind), None) => format!("failed: {kind}"),
        (None, None) => format!("failed: {kind}"),
    };
    let lines = log.lines().map(str::trim_end);
    let lines: Vec<&str> = lines
        .filter(|it| !it.is_empty() && !is_lambdas(it))
        .collect();
    if !lines.is_empty() {
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        why.push_str(&format!("\nits log ends: {}", last.join("\n")));
    }
    why
}

/// Whether a line of a log is Lambda's own.
fn is_lambdas(line: &str) -> bool {
    [
        "START RequestId: ",
        "END RequestId: ",
        "REPORT RequestId: ",
        "INIT_START ",
    ]
    .iter()
    .any(|mark| line.starts_with(mark))
}

impl fmt::Display for LambdaCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calls {}", self.function)?;
        match self.stage {
            Some(stage) => write!(f, " as at {stage}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "lambda_tests.rs"]
mod tests;
