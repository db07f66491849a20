//! What both sides' containers log: side by side where there is room, else in one stream.

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Symbols, Tone, pieces, width};
use super::words;
use crate::deployment::ids::{EcsServiceName, SlotName, Slots};
use crate::deployment::task_definition::has_secret;

/// Of a task's id, so many digits tell tasks apart.
const ID: usize = 8;
/// `green`.
const LONGEST_ROLE: usize = 5;
/// From so many columns on there is room for two sides.
const TWO_SIDES: usize = 100;
/// In fewer columns nothing is gained by breaking lines here.
const ONE_SIDE: usize = 60;
/// So much of a container's name is shown.
const LONGEST_NAME: usize = 24;
/// So many columns a message gets, however narrow the terminal is.
const LEAST_ROOM: usize = 20;
/// Of the lines of a message below its first.
const INDENT: usize = 2;
/// Stands between two sides.
const BETWEEN: &str = " | ";
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

/// How lines stand for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One after the other, each whole: for files and other programs.
    Stream,
    /// One after the other, within so many columns.
    Narrow(usize),
    /// Slot a's on the left and slot b's on the right, within so many columns.
    SideBySide(usize),
}

impl Layout {
    /// What so many columns have room for; `None` where nobody minds how long a line is.
    pub fn of(columns: Option<usize>, both_sides: bool) -> Layout {
        match columns {
            Some(columns) if both_sides && columns >= TWO_SIDES => Layout::SideBySide(columns),
            Some(columns) if columns >= ONE_SIDE => Layout::Narrow(columns),
            _ => Layout::Stream,
        }
    }
}

/// What is shown of the logs, and what stands above the next lines already.
#[derive(Debug)]
pub struct Page {
    layout: Layout,
    /// When it was begun: times of that day need no date.
    begun: Timestamp,
    headed: Option<StyledLine>,
}

impl Page {
    /// An empty one, begun at `now`.
    pub fn new(layout: Layout, now: Timestamp) -> Page {
        Page {
            layout,
            begun: now,
            headed: None,
        }
    }

    /// The lines that show `rows`, which are in the order of time. `roles` are the slots' just now,
    /// and `containers` is the length of the longest container's name.
    pub fn lines(
        &mut self,
        rows: &[LogRow],
        roles: &Slots<Option<&'static str>>,
        containers: usize,
    ) -> Vec<StyledLine> {
        match self.layout {
            Layout::Stream | Layout::Narrow(_) => {
                let whole = |row| self.whole(row, containers);
                rows.iter().flat_map(whole).collect()
            }
            Layout::SideBySide(columns) => {
                let second = |row: &LogRow| row.at.as_second();
                let seconds = rows.chunk_by(|one, next| second(one) == second(next));
                seconds
                    .flat_map(|rows| self.beside(rows, roles, columns))
                    .collect()
            }
        }
    }

    /// A line for each of a row's lines, all with the same head.
    fn whole(&self, row: &LogRow, containers: usize) -> Vec<StyledLine> {
        let (role, tone) = (row.role.unwrap_or("?"), tone(row.role));
        let containers = match self.layout {
            Layout::Narrow(_) => containers.min(LONGEST_NAME),
            Layout::Stream | Layout::SideBySide(_) => containers,
        };
        let name = StyledLine::of(Tone::Dim, &row.container).fit(containers, Symbols::Unicode);
        let head = StyledLine::of(Tone::Dim, words::moment(row.at, self.begun))
            .plain(" ")
            .with(tone, format!("{role:LONGEST_ROLE$} {}", row.slot))
            .with(
                Tone::Dim,
                format!(" {} {:containers$}", task(row), name.to_string()),
            )
            .plain("  ");
        let room = match self.layout {
            Layout::Narrow(columns) => columns.saturating_sub(head.width()).max(LEAST_ROOM),
            Layout::Stream | Layout::SideBySide(_) => usize::MAX,
        };
        let under = StyledLine::new().plain(" ".repeat(head.width()));
        let mut lines = Vec::new();
        for line in message(row) {
            let pieces = pieces(&line, room).into_iter().enumerate();
            let before = |n| if n == 0 { &head } else { &under };
            lines.extend(pieces.map(|(n, piece)| before(n).clone().plain(piece)));
        }
        lines
    }

    /// What both sides wrote in one second, under the heading where another one stands.
    fn beside(
        &mut self,
        rows: &[LogRow],
        roles: &Slots<Option<&'static str>>,
        columns: usize,
    ) -> Vec<StyledLine> {
        let at = words::moment(rows[0].at, self.begun);
        let mut time = StyledLine::of(Tone::Dim, &at).plain("  ");
        let room = (columns - time.width() - width(BETWEEN)) / 2;
        let side = |slot| {
            let rows = rows.iter().filter(move |row| row.slot == slot);
            rows.flat_map(move |row| cell(row, room))
        };
        let (mut left, mut right) = (side(SlotName::A), side(SlotName::B));
        let heading = heading(roles, time.width(), room);
        let mut lines = Vec::new();
        if self.headed.as_ref() != Some(&heading) {
            lines.push(heading.clone());
            self.headed = Some(heading);
        }
        let below = StyledLine::new().plain(" ".repeat(time.width()));
        loop {
            let (one, other) = (left.next(), right.next());
            if one.is_none() && other.is_none() {
                return lines;
            }
            lines.push(joined(time, one, other, room));
            time = below.clone();
        }
    }
}

fn heading(roles: &Slots<Option<&'static str>>, indent: usize, room: usize) -> StyledLine {
    let name = |slot| {
        let role = roles[slot];
        let name = format!("{} {slot}", role.unwrap_or("slot"));
        Some(StyledLine::of(tone(role), name))
    };
    let indent = StyledLine::new().plain(" ".repeat(indent));
    joined(indent, name(SlotName::A), name(SlotName::B), room)
}

fn joined(
    line: StyledLine,
    left: Option<StyledLine>,
    right: Option<StyledLine>,
    room: usize,
) -> StyledLine {
    let left = left.unwrap_or_default();
    let gap = " ".repeat(room.saturating_sub(left.width()));
    let line = line.followed_by(left).plain(gap).with(Tone::Dim, BETWEEN);
    line.followed_by(right.unwrap_or_default())
}

/// A row in one of two columns.
fn cell(row: &LogRow, room: usize) -> Vec<StyledLine> {
    let head = StyledLine::of(tone(row.role), task(row));
    let head = head.with(Tone::Dim, format!(" {}", row.container));
    let head = head.fit(room / 2, Symbols::Unicode).plain("  ");
    let under = StyledLine::new().plain(" ".repeat(INDENT));
    let mut lines = Vec::new();
    for (n, line) in message(row).into_iter().enumerate() {
        let before = if n == 0 { &head } else { &under };
        let beside = room.saturating_sub(before.width());
        let first = pieces(&line, beside)[0];
        lines.push(before.clone().plain(first));
        let rest = &line[first.len()..];
        let rest = pieces(rest, room - INDENT).into_iter();
        lines.extend(
            rest.filter(|it| !it.is_empty())
                .map(|it| under.clone().plain(it)),
        );
    }
    lines
}

fn tone(role: Option<&str>) -> Tone {
    match role {
        Some("live" | "blue") => Tone::Blue,
        Some(_) => Tone::Green,
        None => Tone::Plain,
    }
}

fn task(row: &LogRow) -> String {
    row.task.chars().take(ID).collect()
}

/// Its lines as they are shown; one where it is empty.
fn message(row: &LogRow) -> Vec<String> {
    let message = row.message.trim_end();
    // Control characters have to be spaces before anything is measured.
    let shown = |line: &str| StyledLine::new().plain(line).to_string();
    match message.is_empty() {
        true => vec![String::new()],
        false => message.lines().map(shown).collect(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

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

    const ROLES: Slots<Option<&str>> = Slots {
        a: Some("blue"),
        b: Some("green"),
    };

    fn lines(layout: Layout, rows: &[LogRow]) -> Vec<StyledLine> {
        let now = Timestamp::constant(1_767_603_700, 0);
        Page::new(layout, now).lines(rows, &ROLES, 5)
    }

    fn told(layout: Layout, rows: &[LogRow]) -> Vec<String> {
        let lines = lines(layout, rows);
        lines.iter().map(ToString::to_string).collect()
    }

    fn of_blue(seconds: i64, message: &str) -> LogRow {
        let row = row("blue", message);
        LogRow {
            at: row.at + SignedDuration::from_secs(seconds),
            slot: SlotName::A,
            ..row
        }
    }

    #[test]
    fn each_line_says_whose_it_is() {
        let stream = |row| told(Layout::Stream, &[row]);
        assert_eq!(
            stream(row("green", "listening on port 8080\n")),
            ["09:00:00 green b 0a1b2c3d app    listening on port 8080"]
        );
        assert_eq!(
            stream(row("live", "panic: no cart\n  at main.rs:3")),
            [
                "09:00:00 live  b 0a1b2c3d app    panic: no cart",
                "09:00:00 live  b 0a1b2c3d app      at main.rs:3"
            ]
        );
        assert_eq!(
            stream(row("live", "")),
            ["09:00:00 live  b 0a1b2c3d app    "]
        );
        assert_eq!(
            stream(of_blue(-86_400, "as usual")),
            ["2026-01-04 09:00:00 blue  a 0a1b2c3d app    as usual"]
        );
    }

    #[test]
    fn where_there_is_little_room_words_stay_whole() {
        let long = row("green", "GET /cart 500: no column \"discount\"");
        assert_eq!(
            told(Layout::of(Some(60), true), &[long]),
            [
                "09:00:00 green b 0a1b2c3d app    GET /cart 500: no column ",
                "                                 \"discount\""
            ]
        );
    }

    #[test]
    fn where_there_is_room_the_sides_stand_beside_each_other() {
        let rows = [
            of_blue(0, "GET /cart 200"),
            row(
                "green",
                "panic: no column \"discount\" in the cart\n  at main.rs:3",
            ),
            of_blue(1, "GET / 200"),
        ];
        assert_eq!(
            told(Layout::of(Some(100), true), &rows),
            [
                "          blue a                                      | green b",
                "09:00:00  0a1b2c3d app  GET /cart 200                 | 0a1b2c3d app  panic: no column \"discount\" ",
                "                                                      |   in the cart",
                "                                                      |     at main.rs:3",
                "09:00:01  0a1b2c3d app  GET / 200                     | ",
            ]
        );
        assert_eq!(Layout::of(Some(99), true), Layout::Narrow(99));
        assert_eq!(Layout::of(Some(200), false), Layout::Narrow(200));
        assert_eq!(Layout::of(None, true), Layout::Stream);
    }

    #[test]
    fn the_heading_comes_again_where_a_slot_is_another_side() {
        let mut page = Page::new(Layout::SideBySide(100), row("blue", "").at);
        let rows = [of_blue(0, "as usual")];
        let mut told = |roles| page.lines(&rows, &roles, 3).len();
        assert_eq!((told(ROLES), told(ROLES)), (2, 1));
        let idle = Slots {
            a: Some("idle"),
            b: Some("live"),
        };
        assert_eq!(told(idle), 2);
    }

    #[test]
    fn the_sides_differ_in_colour_too() {
        let tone = |role| lines(Layout::Stream, &[row(role, "x")])[0].spans()[2].tone;
        assert_eq!((tone("blue"), tone("live")), (Tone::Blue, Tone::Blue));
        assert_eq!((tone("green"), tone("idle")), (Tone::Green, Tone::Green));
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_the_terminal_is_wide(
            message in "(\\PC|\\t|\r|\u{1b}){0,200}", container in "[a-z]{1,60}", columns in 60usize..160
        ) {
            let row = LogRow { container, ..row("green", &message) };
            for line in lines(Layout::of(Some(columns), true), &[row]) {
                prop_assert!(line.width() <= columns, "{} of {columns}: {line}", line.width());
            }
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let secret = row("green", "connecting to postgres://shop:hunter2@db/shop");
        assert_eq!(secret.masked().message, MASKED);
        assert_eq!(row("green", "as usual").masked().message, "as usual");
    }
}
