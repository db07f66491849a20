//! What each record begins and ends.

use jiff::Timestamp;

use super::tree::{Level, Tree};
use super::{Attribute, Happened, Trace, Value, Went, text};
use crate::deployment::event::{Event, Look, Record};
use crate::deployment::gate::{GateAnswer, Point};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{Kind, Plan};
use crate::deployment::traceparent::Sampled;
use crate::judge::alarms::AlarmState;
use crate::report::ci::facts::word;
use crate::report::say::{Said, say};
use crate::report::view::View;
use crate::report::words;
use crate::strategy::Weight;

/// The trace of these records; `None` where they have no beginning.
pub(super) fn trace(records: &[Record]) -> Option<Trace> {
    let begin = records.iter().find_map(|record| match &record.event {
        Event::Started { plan } => Some((record, &**plan)),
        _ => None,
    });
    let (first, plan) = begin?;
    let mut fold = Fold {
        plan,
        tree: Tree::new(plan),
        before: View::new(),
    };
    fold.tree.open(Level::Whole, name(plan), first, about(plan));
    for record in records {
        fold.take(record);
        fold.before.apply(record);
    }
    Some(fold.finish(records.last().map_or(first.at, |last| last.at)))
}

fn name(plan: &Plan) -> String {
    match plan.kind {
        Kind::Deploy => format!("deploy {}", plan.service),
        Kind::Hotfix { .. } => format!("hotfix {}", plan.service),
        Kind::Rollback => format!("rollback {}", plan.service),
    }
}

fn about(plan: &Plan) -> Vec<Attribute> {
    vec![
        ("bg.deployment.id", text(plan.id.as_str())),
        ("bg.service", text(plan.service.as_str())),
        ("bg.cluster", text(plan.cluster.as_str())),
        ("bg.version", text(words::version(plan))),
        ("bg.strategy", text(&plan.strategy)),
        ("bg.green", text(plan.green_slot().to_string())),
        ("cloud.provider", text("aws")),
        ("cloud.account.id", text(&plan.account)),
        ("cloud.region", text(&plan.region)),
    ]
}

fn percent(weight: Weight) -> Value {
    Value::Figure(f64::from(weight.per_mille()) / 10.0)
}

struct Fold<'a> {
    plan: &'a Plan,
    tree: Tree,
    /// What the records so far say.
    before: View,
}

impl Fold<'_> {
    fn take(&mut self, record: &Record) {
        match &record.event {
            Event::Started { .. } => self.phase("prepare", record),
            Event::RegisteringTaskDefinition => self.part("register task definition", record),
            Event::TaskDefinitionReady { task_definition } => {
                self.tree.close(Level::Part, record.at);
                self.tell("bg.task_definition", text(task_definition.short()));
            }
            Event::ProvisioningGreen => {
                self.phase("start green", record);
                self.part("provision", record);
            }
            Event::GreenProvisioned => self.part("become healthy", record),
            Event::GreenHealthy => self.part("stay healthy", record),
            Event::GreenUnhealthy { .. } => {
                self.part("become healthy", record);
                self.event(record);
            }
            Event::GreenReady | Event::TrafficReverted | Event::GreenPutAway => {
                self.tree.close(Level::Phase, record.at);
            }
            Event::Shifting { step, weight } => self.shift(*step, *weight, record),
            Event::Baking { .. } => self.part("bake", record),
            Event::GateOpened { gate, point, .. } => self.gate(*gate, *point, record),
            Event::GateAnswered { answer, .. } => self.answered(answer, record),
            Event::Promoted { .. } => self.phase("promote", record),
            Event::Reverting { trip } => {
                self.went(Level::Phase, Went::Badly(trip.to_string()));
                self.phase("revert", record);
            }
            Event::PuttingGreenAway => self.phase("put green away", record),
            Event::Resumed { .. } => self.resumed(record),
            Event::Ended { outcome } => self.ended(outcome, record.at),
            Event::Retiring => self.phase("retire", record),
            Event::Retired { .. } => self.tree.close(Level::Whole, record.at),
            Event::Looked(look) => self.looked(look, record.at),
            _ => self.event(record),
        }
    }

    fn phase(&mut self, name: &str, record: &Record) {
        self.tree.open(Level::Phase, name, record, Vec::new());
    }

    fn part(&mut self, name: &str, record: &Record) {
        self.tree.open(Level::Part, name, record, Vec::new());
    }

    fn tell(&mut self, name: &'static str, value: Value) {
        if let Some(whole) = self.tree.at(Level::Whole) {
            whole.attributes.retain(|(known, _)| *known != name);
            whole.attributes.push((name, value));
        }
    }

    fn went(&mut self, level: Level, how: Went) {
        if let Some(span) = self.tree.at(level) {
            span.went = how;
        }
    }

    fn shift(&mut self, step: usize, weight: Weight, record: &Record) {
        let number = u32::try_from(step + 1).unwrap_or(u32::MAX);
        let attributes = vec![
            ("bg.step", Value::Count(number)),
            ("bg.weight", percent(weight)),
        ];
        let name = format!("step {weight}");
        self.tree.open(Level::Phase, name, record, attributes);
        self.part("shift", record);
    }

    fn gate(&mut self, gate: usize, point: Point, record: &Record) {
        let gate = self.plan.gates.get(gate);
        let gate = gate.map_or("?", |gate| gate.name.as_str());
        let attributes = vec![
            ("bg.gate", text(gate)),
            ("bg.gate.where", text(point.told(self.plan))),
        ];
        let name = format!("gate {gate}");
        self.tree.open(Level::Part, name, record, attributes);
    }

    fn answered(&mut self, answer: &GateAnswer, record: &Record) {
        let went = match answer {
            GateAnswer::Passed { .. } => Went::Well,
            GateAnswer::Failed { why } => Went::Badly(why.clone()),
            GateAnswer::Again { .. } => return self.event(record),
        };
        self.event(record);
        self.went(Level::Part, went);
        self.tree.close(Level::Part, record.at);
    }

    /// What ended in the middle may go on: its spans stay open.
    fn ended(&mut self, outcome: &Outcome, at: Timestamp) {
        self.tell("bg.outcome", text(word(outcome)));
        match outcome {
            Outcome::Promoted => {
                self.went(Level::Whole, Went::Well);
                self.tree.close(Level::Whole, at);
            }
            Outcome::Reverted { trip } => {
                self.went(Level::Whole, Went::Badly(trip.to_string()));
                self.tree.close(Level::Whole, at);
            }
            Outcome::Stuck { why } => {
                self.went(Level::Whole, Went::Badly(why.to_string()));
                if let Some(span) = self.tree.innermost() {
                    span.went = Went::Badly(why.to_string());
                }
            }
            Outcome::Kept { .. } => self.went(Level::Whole, Went::Unsaid),
        }
    }

    /// What was left or stuck goes on.
    fn resumed(&mut self, record: &Record) {
        if let Some(whole) = self.tree.at(Level::Whole) {
            whole.attributes.retain(|(name, _)| *name != "bg.outcome");
            whole.went = Went::Unsaid;
        }
        self.event(record);
    }

    fn looked(&mut self, look: &Look, at: Timestamp) {
        let last = self.before.look.as_ref();
        for (alarm, state) in &look.alarms {
            let known = last.and_then(|last| last.alarms.get(alarm));
            let usual = known.is_none() && *state == Some(AlarmState::Ok);
            if known != Some(state) && !usual {
                let attributes = vec![
                    ("bg.alarm.name", text(alarm.to_string())),
                    ("bg.alarm.state", text(words::alarm(*state))),
                ];
                self.tree.happened(Happened {
                    at,
                    name: "alarm",
                    attributes,
                });
            }
        }
    }

    /// What is no span, in words, where it is news.
    fn event(&mut self, record: &Record) {
        let said = say(&self.before, record).filter(Said::is_news);
        if let Some(said) = said {
            self.tree.happened(Happened {
                at: record.at,
                name: said.label,
                attributes: vec![("bg.text", text(said.text))],
            });
        }
    }

    /// What is still open lasts until the newest record.
    fn finish(mut self, last: Timestamp) -> Trace {
        self.tree.close(Level::Whole, last);
        let mut trace = Trace {
            id: self.tree.trace(),
            caller: None,
            sampled: Sampled::Yes,
            spans: self.tree.spans,
        };
        if let Some(parent) = self.plan.traceparent {
            (trace.id, trace.sampled) = (parent.trace, parent.sampled);
            trace.caller = Some(parent.span);
            if let Some(whole) = trace.spans.first_mut() {
                whole.parent = Some(parent.span);
            }
        }
        trace
    }
}
