//! Rows as a table, for people: in columns, or in Markdown.

use std::time::Duration;

use super::summary::{Mean, Row};
use crate::strategy::format_duration;

const HEAD: [&str; 8] = [
    "fault",
    "strategy",
    "reverted",
    "noticed",
    "traffic back",
    "promoted after",
    "requests to green",
    "failed",
];
/// How many columns are words; the others are figures.
const WORDS: usize = 2;

/// In columns.
pub fn text(rows: &[Row], means: &[Mean]) -> Vec<String> {
    let cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
    let width = |at: usize| {
        let own = cells.iter().map(|row| row[at].chars().count());
        own.chain([HEAD[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let padded = row.iter().zip(&widths).enumerate();
        let padded = padded.map(|(at, (cell, width))| match at < WORDS {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&HEAD.map(str::to_owned))];
    let mut last = "";
    for (row, cells) in rows.iter().zip(&cells) {
        let mut cells = cells.clone();
        if row.fault == last {
            cells[0].clear();
        }
        last = &row.fault;
        lines.push(line(&cells));
    }
    lines.extend(means.iter().map(in_words));
    lines
}

/// In Markdown.
pub fn markdown(rows: &[Row], means: &[Mean]) -> Vec<String> {
    let rule: Vec<&str> = (0..HEAD.len())
        .map(|at| if at < WORDS { "---" } else { "---:" })
        .collect();
    let mut lines = vec![
        format!("| {} |", HEAD.join(" | ")),
        format!("| {} |", rule.join(" | ")),
    ];
    lines.extend(
        rows.iter()
            .map(|row| format!("| {} |", cells(row).join(" | "))),
    );
    if !means.is_empty() {
        lines.push(String::new());
        lines.extend(means.iter().map(|mean| format!("- {}", in_words(mean))));
    }
    lines
}

fn in_words(mean: &Mean) -> String {
    format!(
        "{}: {:.0} failed requests in the geometric mean over the versions that fail some, {:.2} of the last strategy's",
        mean.strategy, mean.failed, mean.of_last
    )
}

fn cells(row: &Row) -> [String; 8] {
    let length = |seconds: Option<i64>| seconds.map_or_else(|| "-".to_owned(), seconds_in_words);
    let by_mistake = if row.bad { "" } else { " by mistake" };
    [
        row.fault.clone(),
        row.strategy.clone(),
        format!("{} of {}{by_mistake}", row.reverted, row.runs),
        length(row.noticed),
        length(row.back),
        length(row.took),
        count(row.to_green),
        count(row.failed),
    ]
}

fn count(count: f64) -> String {
    match count {
        few if few > 0.0 && few < 9.95 => format!("{few:.1}"),
        many => format!("{many:.0}"),
    }
}

/// To the second; to the minute from an hour on.
fn seconds_in_words(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let whole = match seconds {
        0..3600 => seconds,
        _ => seconds - seconds % 60,
    };
    format_duration(Duration::from_secs(whole))
}
