//! The rows of the page's tables: minutes, judgements, gates, events.

use jiff::Timestamp;
use serde::Serialize;

use super::super::line::Tone;
use super::super::say::Rank;
use super::super::track::{Told, Track};
use super::super::words;
use super::page::name;
use crate::deployment::event::{Event, Record};
use crate::deployment::gate::GateAnswer;
use crate::deployment::metrics::{Judgement, Minute, SideMinute, Verdict};
use crate::deployment::plan::Plan;

/// Figures as text; empty is unknown.
#[derive(Debug, Serialize)]
pub(super) struct MinuteRow {
    at: String,
    blue: SideRow,
    green: SideRow,
}

#[derive(Debug, Serialize)]
struct SideRow {
    requests: String,
    failed: String,
    p50: String,
    p95: String,
}

/// What the judge said of a minute.
#[derive(Debug, Serialize)]
pub(super) struct JudgementRow {
    at: String,
    tone: &'static str,
    text: String,
    reasons: Vec<String>,
}

/// A gate that answered.
#[derive(Debug, Serialize)]
pub(super) struct GateRow {
    name: String,
    point: String,
    tone: &'static str,
    answer: String,
    at: String,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct EventRow {
    at: String,
    offset: String,
    tone: &'static str,
    label: &'static str,
    text: String,
    detail: bool,
}

/// What CloudWatch counted in a minute, on both sides.
pub(super) fn minute_row((at, minute): (&Timestamp, &Minute)) -> MinuteRow {
    MinuteRow {
        at: at.strftime("%H:%M").to_string(),
        blue: side_row(&minute.blue),
        green: side_row(&minute.green),
    }
}

fn side_row(side: &SideMinute) -> SideRow {
    let whole = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.0}"));
    SideRow {
        requests: whole(side.requests),
        failed: whole(side.failed),
        p50: whole(side.p50),
        p95: whole(side.p95),
    }
}

/// What a record says of the judge; `None` where it says nothing of that.
pub(super) fn judgement_row(record: &Record) -> Option<JudgementRow> {
    let at = words::clock(record.at);
    let (tone, text, reasons) = match &record.event {
        Event::Compared(judgement) => compared(judgement),
        Event::EnoughEvidence { step, minutes } => (
            Tone::Good,
            format!(
                "step {}: {} show that green is not worse: the bake ends early",
                step + 1,
                words::plural(*minutes as usize, "minute")
            ),
            Vec::new(),
        ),
        _ => return None,
    };
    Some(JudgementRow {
        at,
        tone: name(tone),
        text,
        reasons,
    })
}

fn compared(judgement: &Judgement) -> (Tone, String, Vec<String>) {
    let (tone, verdict) = match judgement.verdict {
        Verdict::Pass => (Tone::Good, "passes"),
        Verdict::Marginal => (Tone::Warn, "is marginal"),
        Verdict::Fail => (Tone::Bad, "fails"),
        Verdict::TooFew => (Tone::Dim, "has too few values yet"),
    };
    let hundredths = |score: u32| f64::from(score) / 100.0;
    let score = judgement.score.map_or_else(String::new, |score| {
        let (pass, marginal) = (hundredths(judgement.pass), hundredths(judgement.marginal));
        format!(
            ": score {} of 100 (it passes from {pass} on, and fails under {marginal})",
            hundredths(score)
        )
    });
    let text = format!("step {}: green {verdict}{score}", judgement.step + 1);
    (tone, text, judgement.reasons.clone())
}

/// Each answer of a gate, in order.
pub(super) fn gates(plan: &Plan, records: &[Record]) -> Vec<GateRow> {
    let answered = records.iter().filter_map(|record| match &record.event {
        Event::GateAnswered {
            gate,
            point,
            answer,
        } => Some((record.at, *gate, *point, answer)),
        _ => None,
    });
    answered
        .map(|(at, gate, point, answer)| {
            let (tone, answer) = match answer {
                GateAnswer::Passed { what } => (Tone::Good, format!("passed: {what}")),
                GateAnswer::Failed { why } => (Tone::Bad, format!("failed: {why}")),
                GateAnswer::Again { why, after, .. } => (
                    Tone::Warn,
                    format!("asked again after {}: {why}", words::length(*after)),
                ),
            };
            GateRow {
                name: plan
                    .gates
                    .get(gate)
                    .map_or_else(String::new, |it| it.name.clone()),
                point: point.told(plan),
                tone: name(tone),
                answer,
                at: words::clock(at),
            }
        })
        .collect()
}

/// Each thing that is told, in order.
pub(super) fn events(track: &Track) -> Vec<EventRow> {
    let begun = track.from.unwrap_or_default();
    let row = |told: &Told| EventRow {
        at: words::clock(told.at),
        offset: words::offset(words::between(begun, told.at)),
        tone: name(told.said.tone),
        label: told.said.label,
        text: told.said.text.clone(),
        detail: told.said.rank == Rank::Detail,
    };
    track.told.iter().map(row).collect()
}
