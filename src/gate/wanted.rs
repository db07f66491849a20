//! A gate as the config asks for it.

use std::time::Duration;

use super::{Calendar, Check, CommandCheck, FunctionName, HttpCheck, ImageCheck};
use crate::strategy::Weight;

/// A check that must pass before a deployment moves on (`gates`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateWanted {
    /// What people call it; no two are called the same.
    pub name: String,
    /// Where it is asked (`at`); at least one place, all different.
    pub at: Vec<Place>,
    /// How long it may take in all at one place (`timeout`).
    pub within: Duration,
    /// What is asked.
    pub asks: Asks,
}

impl GateWanted {
    /// The Lambda function that it calls, if that is what it does.
    pub fn function(&self) -> Option<&FunctionName> {
        match &self.asks {
            Asks::Check(Check::Lambda(check)) => Some(&check.function),
            _ => None,
        }
    }

    /// The request that it makes, if that is what it does.
    pub fn http(&self) -> Option<&HttpCheck> {
        match &self.asks {
            Asks::Check(Check::Http(check)) => Some(check),
            _ => None,
        }
    }

    /// The command that it runs, if that is what it does.
    pub fn command(&self) -> Option<&CommandCheck> {
        match &self.asks {
            Asks::Check(Check::Command(check)) => Some(check),
            _ => None,
        }
    }

    /// What it asks of images, if that is what it does.
    pub fn image(&self) -> Option<&ImageCheck> {
        match &self.asks {
            Asks::Check(Check::Image(check)) => Some(check),
            _ => None,
        }
    }
}

/// Where a gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Green is healthy, and nobody has been sent to it.
    BeforeTraffic,
    /// Before green gets more than this share.
    Weight(Weight),
    /// Once the last bake is over.
    BeforePromotion,
    /// When the outcome is fixed.
    AfterPromotion,
}

/// What a gate asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Something that answers.
    Check(Check),
    /// The clock.
    Window(Calendar),
}
