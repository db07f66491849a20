//! Makes sections fit a screen: what matters least goes first.

use super::screen::Size;
use crate::report::line::{StyledLine, Symbols, Tone};

/// Where a section that is too long loses lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The first ones go: those are the oldest.
    First,
    /// The last ones go, and a line says how many.
    Last,
}

/// Lines that belong together.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// The lines.
    pub(super) lines: Vec<StyledLine>,
    /// How many must stay while others can still give way.
    pub(super) least: usize,
    /// Where it loses lines.
    pub(super) cut: Cut,
}

impl Section {
    /// Lines that all stay.
    pub(super) fn whole(lines: Vec<StyledLine>) -> Self {
        Section {
            least: lines.len(),
            lines,
            cut: Cut::Last,
        }
    }

    /// Lines of which `least` stay at least.
    pub(super) fn shrinking(lines: Vec<StyledLine>, least: usize, cut: Cut) -> Self {
        Section { lines, least, cut }
    }

    /// Gives up to `wanted` lines away, down to `least`.
    fn give(&mut self, wanted: usize, least: usize) -> usize {
        let len = self.lines.len();
        let given = wanted.min(len.saturating_sub(least));
        if given == 0 {
            return 0;
        }
        match self.cut {
            Cut::First => drop(self.lines.drain(..given)),
            Cut::Last => {
                // One more goes for the line that says how many are hidden.
                let keep = (len - given).saturating_sub(1);
                self.lines.truncate(keep);
                let hidden = format!("  and {} more", len - keep);
                self.lines.push(StyledLine::of(Tone::Dim, hidden));
            }
        }
        len - self.lines.len()
    }
}

/// The sections from top to bottom, an empty line between them where there is room.
pub(super) fn fit(mut sections: Vec<Section>, size: Size, symbols: Symbols) -> Vec<StyledLine> {
    sections.retain(|section| !section.lines.is_empty());
    let rows = usize::from(size.rows);
    let total = |sections: &[Section]| sections.iter().map(|s| s.lines.len()).sum::<usize>();
    let gaps = sections.len().saturating_sub(1);
    let over = |sections: &[Section], gaps: usize| (total(sections) + gaps).saturating_sub(rows);
    // The lowest sections matter least; gaps go before the last of what must stay.
    for section in sections.iter_mut().rev() {
        section.least = section.least.max(usize::from(section.cut == Cut::Last));
    }
    for at in (0..sections.len()).rev() {
        let wanted = over(&sections, gaps);
        let least = sections[at].least;
        sections[at].give(wanted, least);
    }
    let gaps = gaps - over(&sections, gaps).min(gaps);
    for at in (0..sections.len()).rev() {
        let wanted = over(&sections, gaps);
        if sections[at].cut == Cut::First {
            sections[at].give(wanted, 0);
        }
    }
    let mut lines = Vec::new();
    for (at, section) in sections.into_iter().enumerate() {
        if at > 0 && at <= gaps {
            lines.push(StyledLine::new());
        }
        lines.extend(section.lines);
    }
    lines.truncate(rows);
    lines
        .into_iter()
        .map(|line| line.fit(usize::from(size.columns), symbols))
        .collect()
}
