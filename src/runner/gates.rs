//! Asking gates: each in a task of its own, whose answer comes as an ask.

mod command;
mod image;
mod lambda;
mod web;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::Clock;
use crate::aws::Cloud;
use crate::deployment::gate::{Gate, Point};
use crate::deployment::ids::TaskDefinitionArn;
use crate::deployment::observation::Ask;
use crate::deployment::plan::Plan;
use crate::deployment::state::Deployment;
use crate::gate::{Check, GateAnswer, HookDetails};
use crate::strategy::Weight;

/// The gate that is being asked; dropped, it isn't any more, and a command that runs is ended.
#[derive(Debug, Default)]
pub(super) struct Asking(Option<JoinHandle<()>>);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// What a gate may know of the deployment.
struct Context {
    cloud: Cloud,
    clock: Clock,
    plan: Plan,
    point: Point,
    weight: Weight,
    /// What the gate wanted to be told again.
    details: HookDetails,
    task_definition: Option<TaskDefinitionArn>,
    /// When its time is over.
    until: Timestamp,
}

impl Asking {
    /// Asks a gate of a deployment's plan; the answer goes to `answers`.
    pub(super) fn of(
        (gate, point, asked): (usize, Point, u32),
        deployment: &Deployment,
        cloud: &Cloud,
        clock: Clock,
        answers: UnboundedSender<Ask>,
    ) -> Asking {
        let context = Context {
            cloud: cloud.another(),
            clock,
            plan: deployment.plan.clone(),
            point,
            weight: deployment.set,
            details: (deployment.gates.trial())
                .map_or_else(HookDetails::new, |it| it.details.clone()),
            task_definition: deployment.task_definition.clone(),
            until: (deployment.gates.trial()).map_or(Timestamp::MAX, |it| it.until),
        };
        Asking(Some(tokio::spawn(async move {
            let answer = match context.plan.gates.get(gate) {
                Some(of) => context.ask(of).await,
                None => GateAnswer::Failed {
                    why: "the plan has no such gate".to_owned(),
                },
            };
            let _ = answers.send(Ask::Gate {
                gate,
                asked,
                answer,
            });
        })))
    }
}

impl Context {
    async fn ask(&self, gate: &Gate) -> GateAnswer {
        match &gate.check {
            Check::Http(check) => self.ask_web(check).await,
            Check::Command(check) => self.run(gate, check).await,
            Check::Lambda(check) => self.invoke(gate, check).await,
            Check::Image(check) => self.look_at_images(check).await,
            // A person and the clock are not asked.
            Check::Approval(_) | Check::Window(_) => GateAnswer::Failed {
                why: "it can't be asked".to_owned(),
            },
        }
    }
}
