//! A deployment in the forms that CI systems take: GitHub's workflow commands, outputs and job
//! summaries, JUnit reports, and variables for a shell.

pub mod chart;
pub mod facts;
pub mod github;
pub mod junit;
pub mod markdown;
pub mod summary;

use super::line::StyledLine;
use crate::deployment::event::Record;

/// The deployments that `records` tell of, in order, each with its own.
pub fn deployments(records: &[Record]) -> Vec<&[Record]> {
    records
        .chunk_by(|one, next| one.deployment == next.deployment)
        .collect()
}

/// `lines` as one text.
pub fn joined(lines: &[StyledLine]) -> String {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
