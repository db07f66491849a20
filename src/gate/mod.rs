//! What a gate can ask, and what an answer is worth: pure, like the arithmetic of guards.
//!
//! A deployment's plan says where its gates are asked ([`crate::deployment::gate`]); whoever runs
//! it asks them.

mod calendar;
mod check;
mod function;
mod http;
mod image;
mod lambda;
mod wanted;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use calendar::{Calendar, Freeze, Opening, WindowCheck, opens};
pub use check::{Address, ApprovalCheck, Check, CommandCheck, HeaderValue, HttpCheck, StatusRange};
pub use function::FunctionName;
pub use http::json_path;
pub use image::{ImageCheck, ImageIs, ImageSeen, Scan, Severity, Unscanned};
pub use lambda::{
    Execution, HookDetails, LambdaCheck, Stage, USUAL_DELAY, function_error, judge as judge_lambda,
};
pub use wanted::{Asks, GateWanted, Place};

/// What came of asking once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum GateAnswer {
    /// It says yes.
    Passed {
        /// What it said, or who did.
        what: String,
    },
    /// It says no.
    Failed {
        /// Why.
        why: String,
    },
    /// It says neither, and wants to be asked again.
    Again {
        /// Why.
        why: String,
        /// After so long.
        #[serde(with = "crate::strategy::seconds")]
        after: Duration,
        /// What it wants to be told then.
        #[serde(default, skip_serializing_if = "HookDetails::is_empty")]
        details: HookDetails,
    },
}

impl GateAnswer {
    /// The same, said by `whom`.
    #[must_use]
    pub fn told_of(mut self, whom: &str) -> GateAnswer {
        let (GateAnswer::Passed { what: words }
        | GateAnswer::Failed { why: words }
        | GateAnswer::Again { why: words, .. }) = &mut self;
        *words = format!("{whom} {words}");
        self
    }
}
