//! A service's deployments, one line each.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Tone};
use super::view::View;
use super::waits::Waits;
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
    /// The same for people, who are told where there is nothing to shift.
    #[serde(skip)]
    pub pace: String,
    /// How it ended; null where it has not.
    pub outcome: Option<Outcome>,
    /// When green had everything for good; null where it has not.
    pub promoted_at: Option<Timestamp>,
    /// When it last had something to say.
    pub last_at: Timestamp,
    /// What it waits for that a person can answer.
    #[serde(skip)]
    pub waits: Vec<Waits>,
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
            pace: words::pace(plan).to_owned(),
            outcome: view.outcome.clone(),
            promoted_at: view.promoted_at,
            last_at: view.last_at.unwrap_or(started_at),
            waits: Waits::all(view),
        })
    }

    /// How it went, in words.
    pub(super) fn told(&self) -> (Tone, String) {
        match &self.outcome {
            None if self.waits.is_empty() => (Tone::Busy, "not ended".to_owned()),
            None => (Tone::Warn, format!("not ended: {}", self.waiting())),
            Some(Outcome::Promoted) => (Tone::Good, "promoted".to_owned()),
            Some(Outcome::Reverted { trip }) => {
                (Tone::Bad, format!("reverted: {}", trip.in_a_list()))
            }
            Some(Outcome::Stuck { why }) => (Tone::Bad, format!("stuck: {why}")),
            Some(Outcome::Kept { signal }) => (Tone::Warn, format!("left as it was: {signal}")),
        }
    }
}

impl Entry {
    /// What it waits for, in a line.
    pub(super) fn waiting(&self) -> String {
        let waits: Vec<String> = self.waits.iter().map(ToString::to_string).collect();
        waits.join("; ")
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
    // What comes after is the wait until blue is retired.
    let end = entry.promoted_at.unwrap_or(entry.last_at);
    let took: Duration = words::between(entry.started_at, end);
    let (tone, told) = entry.told();
    StyledLine::new()
        .plain(format!(
            "{}  {:<20.0}  {kind} {} to slot {}, {}, {}: ",
            entry.id,
            entry.started_at,
            entry.version,
            entry.slot,
            entry.pace,
            words::length(took)
        ))
        .with(tone, told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stories;

    #[test]
    fn an_alarm_is_told_by_its_name() {
        let entry = Entry::of(&View::of(&stories::alarmed())).expect("it has a beginning");
        let told = line(&entry).to_string();
        assert!(
            told.ends_with("reverted: alarm shop-b-5xx went off"),
            "{told}"
        );
    }

    #[test]
    fn a_promoted_deployment_took_as_long_as_its_ending_says() {
        let records = stories::good();
        let mut view = View::of(&records);
        let promoted_at = view.promoted_at.expect("it was");
        let last = view.last_at.as_mut().expect("it has records");
        *last = words::later(*last, Duration::from_secs(600));
        let entry = Entry::of(&view).expect("it has a beginning");
        let took = words::length(words::between(entry.started_at, promoted_at));
        let told = line(&entry).to_string();
        assert!(told.ends_with(&format!(", {took}: promoted")), "{told}");
    }
}
