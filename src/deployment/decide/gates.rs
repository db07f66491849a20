//! Gates: asked one after the other where a deployment would move on.

use std::time::Duration;

use super::{Draft, after};
use crate::deployment::action::Action;
use crate::deployment::event::Event;
use crate::deployment::gate::{self, Gate, GateFailed, Point, Refused, Trial};
use crate::deployment::observation::Ask;
use crate::deployment::trip::Trip;
use crate::gate::{Check, GateAnswer, opens};
use crate::strategy::format_duration;

/// A command is ended when its time is over by who runs it, who then has its last lines; they are
/// waited for so long.
const LAST_WORDS: Duration = Duration::from_secs(30);

impl Draft<'_> {
    /// Asks the gates of a point; true once all of them have said yes. While they haven't, the
    /// deployment stays where it is.
    pub(super) fn gates_pass(&mut self, point: Point) -> bool {
        let deployment = self.deployment;
        let passing = &deployment.gates;
        let mut gates = gate::at(&deployment.plan, point);
        let Some((at, gate)) = gates.find(|(at, _)| !passing.has_answered(*at, point)) else {
            return true;
        };
        let before = self.events.len();
        match passing.trial_at(point) {
            Some(trial) if trial.gate == at => self.ask_gate(gate, trial),
            _ => {
                let until = after(self.now, gate.within);
                self.record(Event::GateOpened {
                    gate: at,
                    point,
                    until,
                });
                self.wake_at = self.now;
            }
        }
        if self.events.len() == before && point != Point::AfterPromotion {
            self.stay();
        }
        false
    }

    fn ask_gate(&mut self, gate: &Gate, trial: &Trial) {
        if let Check::Window(window) = &gate.check {
            match opens(&window.openings, self.now) {
                Ok(()) => {
                    let what = format!("it is {}", window.told);
                    return self.answer_gate(trial, GateAnswer::Passed { what });
                }
                Err(opens_at) => self.look_by(opens_at.unwrap_or(trial.until)),
            }
        }
        let until = match gate.check {
            Check::Command(_) if trial.under_way => after(trial.until, LAST_WORDS),
            _ => trial.until,
        };
        self.look_by(until);
        if self.now >= until {
            let within = format_duration(gate.within);
            let why = match (&trial.said, &gate.check) {
                (_, Check::Approval(_)) => format!("nobody approved within {within}"),
                (_, Check::Window(window)) => {
                    format!("{} did not come within {within}", window.told)
                }
                (Some(said), _) => format!("it did not pass within {within}: {said}"),
                (None, _) => format!("it did not answer within {within}"),
            };
            return self.answer_gate(trial, GateAnswer::Failed { why });
        }
        if trial.under_way || !gate.check.looks_at_green() {
            return;
        }
        match trial.again_at {
            Some(again_at) if self.now < again_at => self.look_by(again_at),
            _ => {
                self.record(Event::GateAsked {
                    gate: trial.gate,
                    point: trial.point,
                });
                self.act(Action::AskGate {
                    gate: trial.gate,
                    point: trial.point,
                    asked: trial.asked + 1,
                });
            }
        }
    }

    /// Takes a gate's answer, or a person's; true where it was one that is waited for.
    pub(super) fn heed_gate(&mut self, ask: &Ask) -> bool {
        let deployment = self.deployment;
        let Some(trial) = deployment.gates.trial() else {
            return false;
        };
        let gate = &deployment.plan.gates[trial.gate];
        let answer = match ask {
            Ask::Gate {
                gate,
                asked,
                answer,
            } => {
                let awaited = *gate == trial.gate && *asked == trial.asked && trial.under_way;
                awaited.then(|| answer.clone())
            }
            Ask::Approve { by } => may_decide(gate, by).then(|| GateAnswer::Passed {
                what: format!("approved by {by}"),
            }),
            Ask::Reject { by, why } => may_decide(gate, by).then(|| GateAnswer::Failed {
                why: match why {
                    Some(why) => format!("{by} rejected it: {why}"),
                    None => format!("{by} rejected it"),
                },
            }),
            _ => None,
        };
        let Some(answer) = answer else {
            return false;
        };
        self.answer_gate(trial, answer);
        true
    }

    fn answer_gate(&mut self, trial: &Trial, answer: GateAnswer) {
        let refused = match &answer {
            GateAnswer::Failed { why } if trial.point != Point::AfterPromotion => Some(Refused {
                gate: trial.gate,
                point: trial.point,
                why: why.clone(),
            }),
            _ => None,
        };
        self.record(Event::GateAnswered {
            gate: trial.gate,
            point: trial.point,
            answer,
        });
        self.wake_at = self.now;
        if let Some(refused) = &refused {
            self.revert_for(refused);
        }
    }

    /// Reverts for a gate's no.
    pub(super) fn revert_for(&mut self, refused: &Refused) {
        let gate = &self.deployment.plan.gates[refused.gate];
        self.begin_revert(Trip::GateFailed(Box::new(GateFailed {
            gate: gate.name.clone(),
            point: refused.point,
            looked_at_green: gate.check.looks_at_green(),
            why: refused.why.clone(),
        })));
    }
}

/// Whether somebody's word is what a gate waits for.
fn may_decide(gate: &Gate, by: &str) -> bool {
    matches!(&gate.check, Check::Approval(check) if check.may(by))
}
