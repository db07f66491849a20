//! How far a deployment has come through its gates: part of its state.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{GateAnswer, Point};
use crate::gate::HookDetails;

/// The gates that were asked, and the one that is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passing {
    /// Those that have answered, by their position and where.
    answered: BTreeSet<(usize, Point)>,
    trial: Option<Trial>,
    refused: Option<Refused>,
}

/// A gate that said no where that reverts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its position among the plan's.
    pub gate: usize,
    /// Where.
    pub point: Point,
    /// Why.
    pub why: String,
}

/// A gate that is being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Its position among the plan's.
    pub gate: usize,
    /// Where.
    pub point: Point,
    /// When it has to have passed.
    pub until: Timestamp,
    /// How often it was asked.
    pub asked: u32,
    /// Whether its answer is out.
    pub under_way: bool,
    /// When it is to be asked again.
    pub again_at: Option<Timestamp>,
    /// What it said last.
    pub said: Option<String>,
    /// What it wants to be told when it is asked again.
    pub details: HookDetails,
}

impl Passing {
    /// Whether a gate has answered at a point. Where it said no, nothing is asked after it, unless
    /// it was after promotion.
    pub fn has_answered(&self, gate: usize, point: Point) -> bool {
        self.answered.contains(&(gate, point))
    }

    /// The no that reverts. A process may die between its record and the revert's.
    pub fn refused(&self) -> Option<&Refused> {
        self.refused.as_ref()
    }

    /// The gate that is being asked at a point.
    pub fn trial_at(&self, point: Point) -> Option<&Trial> {
        self.trial().filter(|trial| trial.point == point)
    }

    /// The gate that is being asked.
    pub fn trial(&self) -> Option<&Trial> {
        self.trial.as_ref()
    }

    /// A gate is to say yes by `until`.
    pub fn open(&mut self, gate: usize, point: Point, until: Timestamp) {
        self.trial = Some(Trial {
            gate,
            point,
            until,
            asked: 0,
            under_way: false,
            again_at: None,
            said: None,
            details: HookDetails::new(),
        });
    }

    /// It is being asked.
    pub fn ask(&mut self) {
        if let Some(trial) = &mut self.trial {
            trial.asked += 1;
            trial.under_way = true;
            trial.again_at = None;
        }
    }

    /// What it said at `at`.
    pub fn take(&mut self, answer: &GateAnswer, at: Timestamp) {
        let Some(trial) = &mut self.trial else {
            return;
        };
        trial.under_way = false;
        match answer {
            GateAnswer::Passed { .. } | GateAnswer::Failed { .. } => {
                if let GateAnswer::Failed { why } = answer
                    && trial.point != Point::AfterPromotion
                {
                    self.refused = Some(Refused {
                        gate: trial.gate,
                        point: trial.point,
                        why: why.clone(),
                    });
                }
                self.answered.insert((trial.gate, trial.point));
                self.trial = None;
            }
            GateAnswer::Again {
                why,
                after,
                details,
            } => {
                trial.details.clone_from(details);
                trial.said = Some(why.clone());
                let after = SignedDuration::try_from(*after).unwrap_or(SignedDuration::MAX);
                trial.again_at = Some(at.checked_add(after).unwrap_or(Timestamp::MAX));
            }
        }
    }

    /// The process that asked is gone, and its answer with it.
    pub fn forget_answer(&mut self) {
        if let Some(trial) = &mut self.trial {
            trial.under_way = false;
        }
    }
}
