//! What each record changes of a view.

use jiff::Timestamp;

use super::phase::phase_after;
use super::{AtGate, Holding, Judged, Note, Phase, Trouble, View, Wanted};
use crate::deployment::event::{Event, Record};
use crate::deployment::gate::GateAnswer;
use crate::deployment::handover::{Drive, Handover};
use crate::deployment::metrics::Served;
use crate::deployment::plan::Plan;
use crate::report::read_to::ReadTo;
use crate::report::say::{Said, say};
use crate::strategy::Weight;

/// How many things that happened are remembered for the screen.
const REMEMBERED: usize = 50;

impl Judged {
    fn add(&mut self, served: &Served) {
        self.minutes += 1;
        self.served.add(served);
    }
}

impl View {
    /// Takes one more record in.
    pub fn apply(&mut self, record: &Record) {
        self.remember(record);
        self.last_at = Some(record.at);
        self.id = Some(record.deployment.clone());
        if let Some(phase) = phase_after(&record.event) {
            if phase == Phase::Ended {
                self.left = Some(self.phase);
            }
            self.phase = phase;
            self.phase_since = Some(record.at);
        }
        let by_side = self.plan.as_ref().is_none_or(Plan::counts_requests);
        self.read_to = ReadTo::after(self.read_to, &record.event, by_side);
        self.fold(record.at, &record.event);
    }

    fn remember(&mut self, record: &Record) {
        if let Some(said) = say(self, record).filter(Said::is_news) {
            self.notes.push_back(Note {
                at: record.at,
                said,
            });
            if self.notes.len() > REMEMBERED {
                self.notes.pop_front();
            }
        }
    }

    fn fold(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Started { plan } => {
                self.plan = Some((**plan).clone());
                self.started_at = Some(at);
                self.set = Some(Weight::ZERO);
            }
            Event::TaskDefinitionReady { task_definition } => {
                self.task_definition = Some(task_definition.clone());
            }
            Event::GreenProvisioned => self.provisioned_at = Some(at),
            Event::Shifting { step, weight } => self.weight_set(*step, *weight),
            Event::Baking {
                step,
                weight,
                until,
            } => {
                self.weight_set(*step, *weight);
                self.bake_until = Some(*until);
            }
            Event::Holding { reasons, until } => {
                let since = self.hold.as_ref().map_or(at, |hold| hold.since);
                self.hold = Some(Holding {
                    reasons: reasons.clone(),
                    since,
                    until: *until,
                });
            }
            Event::HoldOver => self.hold = None,
            Event::WaitingForRequests {
                requests,
                wanted,
                until,
                ..
            } => {
                self.green_requests = *requests;
                self.wanted = Some(Wanted {
                    wanted: *wanted,
                    until: *until,
                });
            }
            Event::Promoted { retire_at } => {
                self.promoted_at = Some(at);
                self.retire_at = *retire_at;
                self.hold = None;
            }
            Event::Reverting { trip } => {
                self.trip = Some(trip.clone());
                self.tripped_at = Some(at);
                self.set = Some(Weight::ZERO);
                self.hold = None;
                self.gate = None;
            }
            Event::TrafficReverted => self.reverted_at = Some(at),
            Event::Diagnosed { diagnosis } => self.diagnosis = Some(diagnosis.clone()),
            Event::GreenPutAway => self.put_away_at = Some(at),
            Event::ActFailed {
                act,
                class,
                message,
            } => {
                let message = message.clone();
                self.trouble = Some(Trouble {
                    at,
                    act: *act,
                    class: *class,
                    message,
                });
            }
            Event::MinuteJudged { served, step, .. } => {
                if self.step == Some(*step) {
                    self.green_requests += served.green.requests;
                }
                self.judged.get_or_insert_default().add(served);
            }
            Event::ValuesRead { values } => {
                for value in values {
                    let newest = self.values.entry(value.metric).or_insert(*value);
                    if newest.at <= value.at {
                        *newest = *value;
                    }
                }
            }
            Event::GateOpened { gate, point, until } => {
                self.hold = None;
                self.gate = Some(AtGate {
                    gate: *gate,
                    point: *point,
                    until: *until,
                    since: at,
                    said: None,
                });
            }
            Event::GateAnswered { answer, .. } => match answer {
                GateAnswer::Again { why, .. } => {
                    if let Some(gate) = &mut self.gate {
                        gate.said = Some(why.clone());
                    }
                }
                GateAnswer::Passed { .. } | GateAnswer::Failed { .. } => self.gate = None,
            },
            Event::Looked(look) => {
                self.look = Some(look.clone());
                if look.green.stopped.is_some() {
                    self.failed_task.clone_from(&look.green.stopped);
                }
                self.look_at = Some(at);
            }
            Event::Ended { outcome } => {
                self.outcome = Some(outcome.clone());
                self.driven = Drive::Through;
            }
            Event::Paused { by } => {
                self.paused = Some(by.clone());
                self.paused_at = Some(at);
            }
            Event::GoingOn { full, .. } => {
                self.paused = None;
                self.paused_at = None;
                self.go_on(*full, at);
            }
            Event::Resumed {
                unwatched_since,
                drive,
                ..
            } => self.resume(&Handover {
                from: self.driven,
                to: *drive,
                since: *unwatched_since,
                at,
            }),
            Event::DeadmanArmed { until } => self.deadman = Some(*until),
            Event::DeadmanDisarmed => self.deadman = None,
            Event::ProvisioningGreen => {
                let scaling = self.plan.as_ref().and_then(|plan| plan.scaling.as_ref());
                self.scale_in_held = scaling.is_some_and(|it| !it.suspended.scale_in);
            }
            Event::SettingsRestored => self.scale_in_held = false,
            Event::GateAsked { .. }
            | Event::MinuteSkipped { .. }
            | Event::MinuteRevised { .. }
            | Event::Compared(_)
            | Event::EnoughEvidence { .. }
            | Event::RegisteringTaskDefinition
            | Event::ArmingDeadman { .. }
            | Event::DisarmingDeadman
            | Event::GreenHealthy
            | Event::GreenUnhealthy { .. }
            | Event::GreenReady
            | Event::SizingGreen { .. }
            | Event::PointingTestRoutes { .. }
            | Event::Hurrying { .. }
            | Event::RetireWaiting { .. }
            | Event::Retiring
            | Event::Retired { .. }
            | Event::RetireCancelled { .. }
            | Event::PuttingGreenAway => {}
        }
    }

    fn go_on(&mut self, full: bool, at: Timestamp) {
        let last = self.step.is_some_and(|step| step + 1 >= self.steps());
        if self.phase == Phase::Baking && !(full && last) {
            self.wanted = None;
            self.bake_until = self.bake_until.map(|until| until.min(at));
        }
    }

    /// What ended in the middle goes on; a bake gets back the time in which nobody watched.
    fn resume(&mut self, handover: &Handover) {
        if let Some(phase) = self.left.take() {
            self.phase = phase;
            self.outcome = None;
        }
        if !handover.is_next_round() {
            self.hold = None;
        }
        self.driven = handover.to;
        if let (Phase::Baking, Some(until), Some(plan)) = (self.phase, self.bake_until, &self.plan)
        {
            let unwatched = handover.unwatched(&plan.limits);
            self.bake_until = until.checked_add(unwatched).ok();
        }
    }

    fn weight_set(&mut self, step: usize, weight: Weight) {
        if self.step != Some(step) {
            self.wanted = None;
            self.green_requests = 0;
        }
        self.step = Some(step);
        self.set = Some(weight);
        self.peak = self.peak.max(Some(weight));
    }
}
