//! What both sides' containers log, in one stream.

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Tone};
use super::words;
use crate::deployment::ids::{EcsServiceName, SlotName};
use crate::deployment::task_definition::has_secret;

/// Of a task's id, so many digits tell tasks apart.
const ID: usize = 8;
/// `green`.
const LONGEST_ROLE: usize = 5;
/// Stands for a line that is not shown.
pub const MASKED: &str = "(a line that looks as if it held a secret; --unmasked shows it)";

/// A line of `bg logs --output json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogRow {
    /// When it was written.
    pub at: Timestamp,
    /// `blue` and `green` while a deployment is under way, else `live` and `idle`, or `other`
    /// where both have traffic; null where the routes don't say.
    pub role: Option<&'static str>,
    /// `a` or `b`.
    pub slot: SlotName,
    /// Its ECS service.
    pub service: EcsServiceName,
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// What it wrote.
    pub message: String,
}

impl LogRow {
    /// The same, without what looks like a secret.
    #[must_use]
    pub fn masked(mut self) -> Self {
        if has_secret(&self.message) {
            MASKED.clone_into(&mut self.message);
        }
        self
    }
}

/// For people: a line for each of its lines. `containers` is the length of the longest name.
pub fn text(row: &LogRow, containers: usize) -> Vec<StyledLine> {
    let tone = match row.role {
        Some("live" | "blue") => Tone::Blue,
        Some(_) => Tone::Green,
        None => Tone::Plain,
    };
    let role = row.role.unwrap_or("?");
    let task: String = row.task.chars().take(ID).collect();
    let head = StyledLine::of(Tone::Dim, words::clock(row.at))
        .plain(" ")
        .with(tone, format!("{role:LONGEST_ROLE$} {}", row.slot))
        .with(Tone::Dim, format!(" {task} {:containers$}", row.container))
        .plain("  ");
    let message = row.message.trim_end();
    let mut lines: Vec<&str> = message.lines().collect();
    if lines.is_empty() {
        lines.push("");
    }
    lines.iter().map(|line| head.clone().plain(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(role: &'static str, message: &str) -> LogRow {
        LogRow {
            at: Timestamp::constant(1_767_603_600, 0),
            role: Some(role),
            slot: SlotName::B,
            service: EcsServiceName::new("shop-b"),
            task: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
            container: "app".into(),
            message: message.into(),
        }
    }

    fn told(row: &LogRow) -> Vec<String> {
        text(row, 5).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_line_says_whose_it_is() {
        assert_eq!(
            told(&row("green", "listening on port 8080\n")),
            ["09:00:00 green b 0a1b2c3d app    listening on port 8080"]
        );
        assert_eq!(
            told(&row("live", "panic: no cart\n  at main.rs:3")),
            [
                "09:00:00 live  b 0a1b2c3d app    panic: no cart",
                "09:00:00 live  b 0a1b2c3d app      at main.rs:3"
            ]
        );
        assert_eq!(
            told(&row("live", "")),
            ["09:00:00 live  b 0a1b2c3d app    "]
        );
    }

    #[test]
    fn the_sides_differ_in_colour_too() {
        let tone = |role| text(&row(role, "x"), 0)[0].spans()[2].tone;
        assert_eq!((tone("blue"), tone("live")), (Tone::Blue, Tone::Blue));
        assert_eq!((tone("green"), tone("idle")), (Tone::Green, Tone::Green));
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let secret = row("green", "connecting to postgres://shop:hunter2@db/shop");
        assert_eq!(secret.masked().message, MASKED);
        assert_eq!(row("green", "as usual").masked().message, "as usual");
    }
}
