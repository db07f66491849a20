//! Hooks of other tools, and the gates that they become.

use std::time::Duration;

use serde_json::{Map as Fields, Value};

use super::tree::Map;
use crate::adopt::texts::{one_line, quoted};
use crate::gate::{FunctionName, Stage};
use crate::strategy::{InputError, Node, format_duration};

/// What a function made for CodeDeploy can't do as it is.
const OTHER_CONTRACT: &str = "a function for CodeDeploy gets DeploymentId and \
                              LifecycleEventHookExecutionId and reports through \
                              PutLifecycleEventHookExecutionStatus; a gate calls it as ECS's own \
                              lifecycle hooks do, and reads hookStatus (SUCCEEDED, FAILED, \
                              IN_PROGRESS) from what it returns";

/// A hook of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// What it is called there: `POST_SCALE_UP`, `BeforeAllowTraffic`.
    pub stage: String,
    /// The place of its gate.
    pub at: &'static str,
    /// What it asks.
    pub asks: Asks,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// What a hook asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// A function that was made for ECS's own hooks.
    Function {
        /// Its name or ARN.
        function: FunctionName,
        /// The stage that it is told.
        stage: Stage,
        /// `hookDetails`.
        details: Fields<String, Value>,
    },
    /// One that was made for CodeDeploy's.
    OfCodeDeploy {
        /// Its name or ARN.
        function: String,
        /// The stage that it could be told.
        stage: Stage,
    },
    /// A person.
    Approval,
}

impl Hook {
    /// In words.
    pub(super) fn told(&self) -> String {
        match &self.asks {
            Asks::Function { function, .. } => {
                format!("gate {}: calls {function} {}", self.stage, self.at)
            }
            Asks::OfCodeDeploy { function, .. } => format!("hook {} ({function})", self.stage),
            Asks::Approval => format!("gate {}: waits for `bg approve` {}", self.stage, self.at),
        }
    }

    /// Whether its gate works as it is.
    pub(super) fn is_taken(&self) -> bool {
        !matches!(self.asks, Asks::OfCodeDeploy { .. })
    }
}

/// What is said of the hooks whose gates don't work as they are, once for all of them.
pub(super) fn untaken(hooks: &[Hook]) -> Option<String> {
    let hooks = hooks.iter().filter(|hook| !hook.is_taken());
    let told: Vec<String> = hooks.map(Hook::told).collect();
    let gates = match told.len() {
        0 => return None,
        1 => "its gate comes",
        _ => "their gates come",
    };
    let told = told.join(", ");
    Some(format!("{told}: {gates} commented out: {OTHER_CONTRACT}"))
}

/// The same above their gates.
fn to_be_changed(hooks: &[Hook]) -> Option<String> {
    let hooks = hooks.iter().filter(|hook| !hook.is_taken());
    let stages: Vec<String> = hooks.map(|hook| one_line(&hook.stage)).collect();
    let functions = match &stages[..] {
        [] => return None,
        [one] => format!("{one}'s function has"),
        several => format!("The functions of {} have", several.join(", ")),
    };
    Some(format!(
        "  # {functions} to be changed first: {OTHER_CONTRACT}."
    ))
}

/// The place of a gate, by ECS's stage.
fn place(stage: Stage) -> &'static str {
    match stage {
        Stage::PostScaleUp
        | Stage::TestTrafficShift
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift => "before-traffic",
        Stage::ProductionTrafficShift | Stage::PostProductionTrafficShift => "before-promotion",
    }
}

/// `lifecycleHooks` of a service's `deploymentConfiguration`: the hooks, and what isn't taken.
pub(super) fn of_service(
    configuration: &Map<'_, '_>,
    origin: &str,
) -> Result<(Vec<Hook>, Vec<String>), InputError> {
    let (mut hooks, mut left) = (Vec::new(), Vec::new());
    for hook in configuration.maps("lifecycleHooks")? {
        let target = hook.text("hookTargetArn")?;
        let is_pause = hook.text("targetType")?.as_deref() == Some("PAUSE");
        let time = hook.map("timeoutConfiguration")?;
        let minutes = time.as_ref().map(|it| it.number("timeoutInMinutes"));
        let timeout = minutes.transpose()?.flatten();
        let action = time.as_ref().map(|it| it.text("action")).transpose()?;
        let details = match hook.node("hookDetails").map(Node::to_json) {
            Some(Value::Object(details)) => details,
            // CloudFormation has it as a text.
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
            _ => Fields::new(),
        };
        let function = target.as_deref().map(FunctionName::parse);
        for stage in hook.texts("lifecycleStages")? {
            let mut leave = |why: &str| left.push(format!("{origin}: hook {stage}: {why}"));
            let Some(known) = Stage::named(&stage) else {
                leave(
                    "no gate is asked before green has started; what it does has to be done before \
                     `bg deploy`",
                );
                continue;
            };
            let asks = match &function {
                _ if is_pause => Asks::Approval,
                Some(Ok(function)) => Asks::Function {
                    function: function.clone(),
                    stage: known,
                    details: details.clone(),
                },
                Some(Err(why)) => {
                    leave(why);
                    continue;
                }
                None => {
                    leave("it has no hookTargetArn");
                    continue;
                }
            };
            if action.iter().flatten().any(|it| it == "CONTINUE") {
                leave("timeoutConfiguration CONTINUE: a gate without an answer says no");
            }
            if matches!(
                known,
                Stage::PreProductionTrafficShift | Stage::ProductionTrafficShift
            ) {
                leave(
                    "ECS calls it at every step: add the weights to the gate's `at`, such as \
                     [before-traffic, 10%]; on a revert no gate is asked",
                );
            }
            hooks.push(Hook {
                at: place(known),
                stage,
                asks,
                timeout: timeout.map(|minutes| Duration::from_secs(minutes * 60)),
            });
        }
    }
    Ok((hooks, left))
}

/// A function of an AppSpec file; the reason where it has no gate.
pub(super) fn of_codedeploy(event: &str, function: &str) -> Result<Hook, String> {
    let (at, stage) = match event {
        "AfterInstall" => ("before-traffic", Stage::PostScaleUp),
        "AfterAllowTestTraffic" => ("before-traffic", Stage::PostTestTrafficShift),
        "BeforeAllowTraffic" => ("before-traffic", Stage::PreProductionTrafficShift),
        "AfterAllowTraffic" => ("before-promotion", Stage::PostProductionTrafficShift),
        _ => {
            return Err(format!(
                "hook {event} ({function}): no gate is asked before green has started; what it \
                 does has to be done before `bg deploy`"
            ));
        }
    };
    Ok(Hook {
        stage: event.to_owned(),
        at,
        asks: Asks::OfCodeDeploy {
            function: function.to_owned(),
            stage,
        },
        timeout: None,
    })
}

/// `gates` of `bg.yaml`; nothing where there are no hooks.
pub(in crate::adopt) fn gates(hooks: &[Hook]) -> Vec<String> {
    if hooks.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["# What has to say yes before it moves on.".to_owned()];
    let is_any_taken = hooks.iter().any(Hook::is_taken);
    lines.push(if is_any_taken { "gates:" } else { "# gates:" }.to_owned());
    lines.extend(to_be_changed(hooks));
    let mut names: Vec<String> = Vec::new();
    for hook in hooks {
        let name = free_name(&hook.stage, &names);
        let within = hook.timeout.map(|it| format_duration(it).replace(' ', ""));
        let within = within.map_or_else(String::new, |it| format!(", timeout: {it}"));
        let (asks, mark) = match &hook.asks {
            Asks::Approval => ("approval: anyone".to_owned(), ""),
            Asks::Function {
                function,
                stage,
                details,
            } => (lambda(function.as_str(), *stage, details), ""),
            Asks::OfCodeDeploy { function, stage } => {
                (lambda(function, *stage, &Fields::new()), "# ")
            }
        };
        let at = hook.at;
        lines.push(format!(
            "  {mark}- {{ name: {name}, at: {at}, {asks}{within} }}"
        ));
        names.push(name);
    }
    lines
}

fn lambda(function: &str, stage: Stage, details: &Fields<String, Value>) -> String {
    let function = variables_kept(&quoted(&one_line(function)));
    let details = match details.is_empty() {
        true => String::new(),
        false => {
            let details = Value::Object(details.clone()).to_string();
            format!(", details: {}", variables_kept(&details))
        }
    };
    format!("lambda: {{ function: {function}, stage: {stage}{details} }}")
}

/// As `bg.yaml` has it: `${` begins a variable there.
fn variables_kept(text: &str) -> String {
    text.replace("${", "$${")
}

/// `post-scale-up`, `before-allow-traffic`; with a number where it is taken.
fn free_name(stage: &str, taken: &[String]) -> String {
    let mut name = String::new();
    for c in stage.chars() {
        let is_new_word = c.is_ascii_uppercase() && !stage.contains('_') && !name.is_empty();
        match c {
            '_' => name.push('-'),
            c if is_new_word => name.extend(['-', c.to_ascii_lowercase()]),
            c => name.push(c.to_ascii_lowercase()),
        }
    }
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names
        .find(|it| !taken.contains(it))
        .unwrap_or_else(|| name.clone())
}
