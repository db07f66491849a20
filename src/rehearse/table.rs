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

/// The columns that go first where there is no room.
const FIRST_TO_GO: [usize; 4] = [6, 3, 5, 4];

/// In columns, as many of them as fit where the width is known.
pub fn text(rows: &[Row], means: &[Mean], width: Option<usize>) -> Vec<String> {
    let mut cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
    for at in (1..rows.len()).rev() {
        if rows[at].fault == rows[at - 1].fault {
            cells[at][0].clear();
        }
    }
    let whole = vec![HEAD.map(str::to_owned)];
    let mut shown: Vec<usize> = (0..HEAD.len()).collect();
    let mut lines = columns(&whole, &cells, &shown);
    let fits = |lines: &[String]| {
        let widest = lines.iter().map(|it| it.chars().count()).max().unwrap_or(0);
        width.is_none_or(|width| widest <= width)
    };
    let mut gone = Vec::new();
    if !fits(&lines) {
        lines = columns(&folded(), &cells, &shown);
    }
    for at in FIRST_TO_GO {
        if fits(&lines) {
            break;
        }
        gone.push(HEAD[at]);
        shown.retain(|it| *it != at);
        lines = columns(&folded(), &cells, &shown);
    }
    if !gone.is_empty() {
        let gone = gone.join(", ");
        lines.push(format!("(no room for: {gone})"));
    }
    lines.extend(means.iter().map(in_words));
    lines
}

/// The columns' names on two lines, the last word on the second.
fn folded() -> Vec<[String; 8]> {
    let split = HEAD.map(|name| name.rsplit_once(' ').unwrap_or(("", name)));
    vec![
        split.map(|(first, _)| first.to_owned()),
        split.map(|(_, last)| last.to_owned()),
    ]
}

/// Those columns of a head and of rows.
fn columns(head: &[[String; 8]], rows: &[[String; 8]], shown: &[usize]) -> Vec<String> {
    let all = || head.iter().chain(rows);
    let width = |at: usize| all().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<(usize, usize)> = shown.iter().map(|at| (*at, width(*at))).collect();
    let line = |row: &[String; 8]| {
        let padded = widths.iter().map(|(at, width)| match *at < WORDS {
            true => format!("{:<width$}", row[*at]),
            false => format!("{:>width$}", row[*at]),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fault: &str, strategy: &str) -> Row {
        Row {
            fault: fault.to_owned(),
            strategy: strategy.to_owned(),
            bad: false,
            runs: 20,
            reverted: 0,
            promoted: 20,
            noticed: Some(3 * 3600 + 60),
            back: Some(3 * 3600 + 120),
            took: Some(45 * 60),
            to_green: 1_234_567.0,
            failed: 12_345.0,
            by_errors: false,
        }
    }

    #[test]
    fn a_narrow_terminal_loses_columns_and_no_line_is_wider() {
        let rows = ["canary", "progressive"].map(|it| row("errors 0.1 % → 0.5 %", it));
        let widest = |lines: &[String]| lines.iter().map(|it| it.chars().count()).max();
        let whole = text(&rows, &[], None);
        assert_eq!(widest(&whole), Some(119), "{whole:#?}");
        assert!(whole[2].starts_with("   "), "{whole:#?}");
        let folded = text(&rows, &[], Some(110));
        assert!(widest(&folded) <= Some(110), "{folded:#?}");
        assert!(folded[0].contains("traffic") && folded[1].contains("back  "));
        assert_eq!(folded.len(), 4);
        let narrow = text(&rows, &[], Some(79));
        assert!(widest(&narrow) <= Some(79), "{narrow:#?}");
        let gone = "(no room for: requests to green, noticed, promoted after)";
        assert_eq!(narrow.last().map(String::as_str), Some(gone));
        assert!(narrow[2].ends_with(" 12345"), "{narrow:#?}");
    }
}
