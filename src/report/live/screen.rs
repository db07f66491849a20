//! Puts the sections of the live view together.

use jiff::Timestamp;

use super::fit::{Cut, Section, fit};
use super::{header, sections};
use crate::report::line::{StyledLine, Symbols};
use crate::report::view::View;

/// The room on a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// How many of the things that happened are shown.
const EVENTS: usize = 5;

/// What to show of `view` at `now`: at most `size.rows` lines of at most `size.columns` columns.
/// Made for 80 × 24 and more; in less room the least important lines go, and long ones are cut.
pub fn screen(view: &View, now: Timestamp, size: Size, symbols: Symbols) -> Vec<StyledLine> {
    let frame = Frame {
        view,
        now,
        columns: usize::from(size.columns),
        marks: Marks::of(symbols),
    };
    let parts = vec![
        Section::whole(header::header(&frame)),
        Section::whole(header::progress(&frame)),
        Section::whole(sections::waiting(&frame)),
        Section::shrinking(sections::traffic(&frame), 3, Cut::Last),
        Section::whole(sections::sides(&frame)),
        Section::shrinking(sections::guards(&frame), 3, Cut::Last),
        Section::shrinking(sections::events(&frame, EVENTS), 2, Cut::First),
    ];
    fit(parts, size, symbols)
}

/// What every section needs to know.
pub(super) struct Frame<'a> {
    pub(super) view: &'a View,
    pub(super) now: Timestamp,
    pub(super) columns: usize,
    pub(super) marks: Marks,
}

/// The symbols; each stands beside a word that says the same.
pub(super) struct Marks {
    pub(super) set: Symbols,
    pub(super) done: &'static str,
    pub(super) now: &'static str,
    pub(super) later: &'static str,
    pub(super) bad: &'static str,
    pub(super) warn: &'static str,
    pub(super) full: &'static str,
    pub(super) empty: &'static str,
    pub(super) dot: &'static str,
}

impl Marks {
    fn of(set: Symbols) -> Self {
        match set {
            Symbols::Unicode => Marks {
                set,
                done: "✔",
                now: "▶",
                later: "·",
                bad: "✘",
                warn: "!",
                full: "█",
                empty: "░",
                dot: "·",
            },
            Symbols::Ascii => Marks {
                set,
                done: "+",
                now: ">",
                later: ".",
                bad: "x",
                warn: "!",
                full: "#",
                empty: "-",
                dot: "-",
            },
        }
    }
}
