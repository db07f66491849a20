//! A service's deployments, one line each.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Tone};
use super::view::View;
use super::words;
use crate::deployment::ids::{DeploymentId, SlotName};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Kind;

/// One deployment of `bg history --output json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Which.
    pub id: DeploymentId,
    /// When it began.
    pub started_at: Timestamp,
    /// Deployment, hotfix or rollback.
    pub kind: Kind,
    /// What was deployed, in words.
    pub version: String,
    /// Where it went.
    pub slot: SlotName,
    /// The strategy's name.
    pub strategy: String,
    /// How it ended; null where it has not.
    pub outcome: Option<Outcome>,
    /// When it last had something to say.
    pub last_at: Timestamp,
}

impl Entry {
    /// From a journal's view; `None` where that has no beginning.
    pub fn of(view: &View) -> Option<Entry> {
        let plan = view.plan.as_ref()?;
        let started_at = view.started_at?;
        Some(Entry {
            id: plan.id.clone(),
            started_at,
            kind: plan.kind.clone(),
            version: words::version(plan),
            slot: plan.green_slot(),
            strategy: plan.strategy.clone(),
            outcome: view.outcome.clone(),
            last_at: view.last_at.unwrap_or(started_at),
        })
    }

    fn told(&self) -> (Tone, String) {
        match &self.outcome {
            None => (Tone::Busy, "not ended".to_owned()),
            Some(Outcome::Promoted) => (Tone::Good, "promoted".to_owned()),
            Some(Outcome::Reverted { trip }) => (Tone::Bad, format!("reverted: {trip}")),
            Some(Outcome::Stuck { why }) => (Tone::Bad, format!("stuck: {why}")),
            Some(Outcome::Kept { signal }) => (Tone::Warn, format!("left as it was: {signal}")),
        }
    }
}

/// For people, the newest first.
pub fn text(entries: &[Entry]) -> Vec<StyledLine> {
    if entries.is_empty() {
        return vec![StyledLine::of(Tone::Dim, "no deployments yet")];
    }
    entries.iter().map(line).collect()
}

fn line(entry: &Entry) -> StyledLine {
    let kind = match &entry.kind {
        Kind::Deploy => "deploy",
        Kind::Hotfix { .. } => "hotfix",
        Kind::Rollback => "rollback",
    };
    let took: Duration = words::between(entry.started_at, entry.last_at);
    let (tone, told) = entry.told();
    StyledLine::new()
        .plain(format!(
            "{}  {:<20.0}  {kind} {} to slot {}, {}, {}: ",
            entry.id,
            entry.started_at,
            entry.version,
            entry.slot,
            entry.strategy,
            words::length(took)
        ))
        .with(tone, told)
}
