//! A job's summary in Markdown: how it ended and why, green's share over time, the gates, and all
//! that happened.

use super::chart::chart;
use super::github::headline;
use super::joined;
use super::markdown::{block, inline};
use crate::deployment::event::{Event, Record};
use crate::deployment::gate::{GateAnswer, Point};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{Kind, Plan};
use crate::report::ending::ending;
use crate::report::line::StyledLine;
use crate::report::say::{Said, say};
use crate::report::view::{Role, View};
use crate::report::words;

/// So many of the things that happened are listed: of a long deployment the first ones and the
/// last.
const LISTED: usize = 200;

/// How much a summary tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Everything.
    Plenty,
    /// How it ended, why, and the chart.
    Little,
}

/// The summary of one deployment's records.
pub fn summary(records: &[Record], room: Room) -> String {
    let view = View::of(records);
    let mut parts = vec![heading(&view)];
    parts.extend(view.plan.as_ref().map(|plan| facts(&view, plan)));
    parts.extend(chart(records).map(|chart| block("mermaid", chart.trim_end())));
    let told = ending(&view);
    if !told.is_empty() {
        parts.push(block("text", &joined(&told)));
    }
    if room == Room::Plenty {
        parts.extend(gates(records));
        parts.push(story(records));
    }
    parts.join("\n")
}

/// What a verb has to say that drove no deployment, or couldn't.
pub fn note(mark: Mark, title: &str, lines: &[StyledLine]) -> String {
    let (mark, title) = (mark.sign(), inline(title));
    let heading = format!("### {mark} {title}\n");
    match lines.is_empty() {
        true => heading,
        false => format!("{heading}\n{}", block("text", &joined(lines))),
    }
}

/// How it went, at a glance; words always stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As asked.
    Good,
    /// It failed.
    Bad,
    /// Somebody should look.
    Open,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Mark::Good => "✅",
            Mark::Bad => "❌",
            Mark::Open => "⚠️",
        }
    }
}

fn heading(view: &View) -> String {
    let what = view.plan.as_ref().map(|plan| {
        let (version, service) = (inline(&words::version(plan)), inline(plan.service.as_str()));
        match plan.kind {
            Kind::Rollback => format!(": {service} back to {version}"),
            Kind::Deploy | Kind::Hotfix { .. } => format!(": {version} to {service}"),
        }
    });
    let (mark, word) = match &view.outcome {
        Some(outcome @ Outcome::Promoted) => (Mark::Good, headline(outcome)),
        Some(outcome @ (Outcome::Reverted { .. } | Outcome::Stuck { .. })) => {
            (Mark::Bad, headline(outcome))
        }
        Some(outcome @ Outcome::Kept { .. }) => (Mark::Open, headline(outcome)),
        None => (Mark::Open, "Not ended"),
    };
    format!("### {} {word}{}\n", mark.sign(), what.unwrap_or_default())
}

fn facts(view: &View, plan: &Plan) -> String {
    let took = view.started_at.zip(view.promoted_at.or(view.reverted_at));
    let definition = view.task_definition.as_ref();
    let rows = [
        ("serves everything", serves(view)),
        (
            "after",
            took.map(|(from, to)| words::length(words::between(from, to))),
        ),
        (
            "task definition",
            definition.map(|it| it.short().to_owned()),
        ),
        ("strategy", Some(words::pace(plan).to_owned())),
        (
            "where",
            Some(format!(
                "cluster {}, {} {}",
                plan.cluster, plan.account, plan.region
            )),
        ),
        ("deployment", Some(plan.id.to_string())),
    ];
    let row =
        |(name, value): (&str, Option<String>)| Some(format!("| {name} | {} |\n", inline(&value?)));
    let rows: String = rows.into_iter().filter_map(row).collect();
    format!("| | |\n| --- | --- |\n{rows}")
}

/// The side that serves everything, where one does.
fn serves(view: &View) -> Option<String> {
    match view.outcome.as_ref()? {
        Outcome::Promoted => Some(view.side(Role::Green)),
        Outcome::Reverted { .. } => Some(view.side(Role::Blue)),
        Outcome::Stuck { .. } | Outcome::Kept { .. } => None,
    }
}

fn gates(records: &[Record]) -> Option<String> {
    let plan = records.iter().find_map(|record| match &record.event {
        Event::Started { plan } => Some(plan),
        _ => None,
    })?;
    let row = |record: &Record| {
        let Event::GateAnswered {
            gate,
            point,
            answer,
        } = &record.event
        else {
            return None;
        };
        let name = &plan.gates.get(*gate)?.name;
        gate_row(name, *point, answer, plan)
    };
    let rows: String = records.iter().filter_map(row).collect();
    let head = "| gate | where | says | |\n| --- | --- | --- | --- |\n";
    (!rows.is_empty()).then(|| format!("{head}{rows}"))
}

fn gate_row(name: &str, point: Point, answer: &GateAnswer, plan: &Plan) -> Option<String> {
    let (says, why) = match answer {
        GateAnswer::Passed { what } => ("✅ yes", what),
        GateAnswer::Failed { why } => ("❌ no", why),
        GateAnswer::Again { .. } => return None,
    };
    let (name, point, why) = (inline(name), inline(&point.told(plan)), inline(why));
    Some(format!("| {name} | {point} | {says} | {why} |\n"))
}

fn story(records: &[Record]) -> String {
    let mut view = View::new();
    let mut rows = Vec::new();
    for record in records {
        if let Some(said) = say(&view, record).filter(Said::is_news) {
            let (at, label, text) = (words::clock(record.at), said.label, inline(&said.text));
            rows.push(format!("| {at} | {label} | {text} |\n"));
        }
        view.apply(record);
    }
    if rows.len() > LISTED {
        let left_out = rows.len() - LISTED;
        let gap = format!("| | | … {left_out} more; `bg show` tells the whole story |\n");
        rows.splice(LISTED / 2..LISTED / 2 + left_out, [gap]);
    }
    let rows = rows.concat();
    format!(
        "<details><summary>What happened, in UTC</summary>\n\n| | | |\n| --- | --- | --- |\n\
         {rows}\n</details>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stories;

    #[test]
    fn a_good_and_a_bad_deployment() {
        insta::assert_snapshot!("summary_good", summary(&stories::good(), Room::Plenty));
        insta::assert_snapshot!(
            "summary_reverted",
            summary(&stories::alarmed(), Room::Plenty)
        );
    }

    #[test]
    fn with_little_room_it_tells_the_end() {
        let told = summary(&stories::alarmed(), Room::Little);
        assert!(
            told.contains("why           alarm shop-b-5xx went off"),
            "{told}"
        );
        assert!(!told.contains("<details>"), "{told}");
    }

    #[test]
    fn a_long_story_is_cut_in_its_middle() {
        let mut records = stories::good();
        let again = records[2..9].to_vec();
        for _ in 0..200 {
            records.splice(9..9, again.clone());
        }
        let told = summary(&records, Room::Plenty);
        assert!(told.contains("`bg show` tells the whole story"), "{told}");
        assert!(
            told.lines().count() < LISTED + 60,
            "{}",
            told.lines().count()
        );
    }
}
