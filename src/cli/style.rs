//! Colours for what a line's parts mean. Without colour the text is the same.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::report::line::{StyledLine, Tone};

/// The colours of a meaning: only those of the sixteen that a terminal's theme sets, so that
/// they can be read on dark and light.
fn style(tone: Tone) -> Style {
    let color = |color: AnsiColor| color.on_default();
    match tone {
        Tone::Plain => Style::new(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
        Tone::Good | Tone::Green => color(AnsiColor::Green),
        Tone::Busy => color(AnsiColor::Cyan),
        Tone::Warn => color(AnsiColor::Yellow),
        Tone::Bad => color(AnsiColor::Red).bold(),
        Tone::Blue => color(AnsiColor::Blue),
    }
}

/// Whether colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// They are.
    On,
    /// They aren't.
    Off,
}

/// `line` as bytes for a terminal.
pub fn paint(line: &StyledLine, colors: Colors) -> String {
    if colors == Colors::Off {
        return line.to_string();
    }
    let mut text = String::new();
    for span in line.spans() {
        let style = style(span.tone);
        // Writing to a String can't fail.
        let _ = write!(text, "{style}{}{style:#}", span.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_add_nothing_but_colours() {
        let line = StyledLine::of(Tone::Good, "✔").plain(" healthy");
        assert_eq!(paint(&line, Colors::Off), "✔ healthy");
        let painted = paint(&line, Colors::On);
        assert_ne!(painted, "✔ healthy");
        assert_eq!(
            anstream::adapter::strip_str(&painted).to_string(),
            "✔ healthy"
        );
    }
}
