//! Rows of the page's tables: findings, steps.

use serde::Serialize;

use super::super::track::Track;
use super::super::words;
use crate::deployment::diagnosis::Finding;
use crate::deployment::plan::{Plan, StepPlan};

/// A finding, with the name of its cause where it has one.
#[derive(Debug, Serialize)]
pub(super) struct FindingRow {
    what: String,
    evidence: Vec<String>,
    cause: String,
    fix: String,
    known_as: Option<String>,
}

impl FindingRow {
    pub(super) fn of(finding: &Finding) -> FindingRow {
        FindingRow {
            what: finding.what.clone(),
            evidence: finding.evidence.clone(),
            cause: finding.cause.clone(),
            fix: finding.fix.clone(),
            known_as: finding.known_as().map(str::to_owned),
        }
    }
}

/// A step, and how far it went.
#[derive(Debug, Serialize)]
pub(super) struct StepRow {
    weight: String,
    bake: String,
    reached: String,
}

/// Each step, and when it was reached.
pub(super) fn steps(plan: &Plan, track: &Track) -> Vec<StepRow> {
    let step = |step: &StepPlan| {
        let reached = track.bakes.iter().find(|it| it.what == step.weight);
        StepRow {
            weight: match plan.is_bare() {
                true => "it works beside blue".to_owned(),
                false => step.weight.to_string(),
            },
            bake: match step.bake.is_zero() {
                true => "none".to_owned(),
                false => words::length(step.bake),
            },
            reached: reached.map_or_else(String::new, |it| {
                let (at, baked) = (words::clock(it.from), words::between(it.from, it.until));
                match step.bake.is_zero() || baked.as_secs() == 0 {
                    true => at,
                    false => format!("{at}, baked for {}", words::length(baked)),
                }
            }),
        }
    };
    plan.steps.iter().map(step).collect()
}
