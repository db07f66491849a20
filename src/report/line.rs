//! A line of output whose parts have a meaning; which colours that gives is the terminal's affair.
//! Without colour the text is the same.

use std::fmt;

use unicode_width::UnicodeWidthChar;

/// What a part of a line means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// Labels, times and other things that stand back.
    Dim,
    /// Headlines.
    Strong,
    /// As it should be.
    Good,
    /// Under way.
    Busy,
    /// Deserves a look.
    Warn,
    /// Wrong.
    Bad,
    /// The blue side.
    Blue,
    /// The green side.
    Green,
}

/// The characters that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbols {
    /// `✔ ▶ · █ …`
    Unicode,
    /// `+ > - # ...`
    Ascii,
}

impl Symbols {
    /// Stands where text was cut off.
    pub fn ellipsis(self) -> &'static str {
        match self {
            Symbols::Unicode => "…",
            Symbols::Ascii => "...",
        }
    }
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its meaning.
    pub tone: Tone,
    /// Its text, without control characters.
    pub text: String,
}

/// One line, without a line end. It can't hold control characters, whatever AWS says in its
/// reasons, so it can neither break a screen nor forge a line of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StyledLine(Vec<Span>);

impl StyledLine {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one part.
    pub fn of(tone: Tone, text: impl AsRef<str>) -> Self {
        Self::new().with(tone, text)
    }

    /// The line with one more part.
    #[must_use]
    pub fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        let text: String = text.as_ref().chars().map(printable).collect();
        if !text.is_empty() {
            self.0.push(Span { tone, text });
        }
        self
    }

    /// The line with one more ordinary part.
    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.with(Tone::Plain, text)
    }

    /// The line with another one after it.
    #[must_use]
    pub fn followed_by(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The line with spaces up to `column`, and one at least.
    #[must_use]
    pub fn to_column(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width()).max(1);
        self.plain(" ".repeat(missing))
    }

    /// Its parts.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// How many columns it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|span| width(&span.text)).sum()
    }

    /// The line in at most `columns` columns, cut with an ellipsis where it is longer.
    #[must_use]
    pub fn fit(self, columns: usize, symbols: Symbols) -> Self {
        if self.width() <= columns {
            return self;
        }
        let ellipsis = symbols.ellipsis();
        let mut room = columns.saturating_sub(width(ellipsis));
        let mut cut = Self::new();
        let mut last = Tone::Plain;
        for span in self.0 {
            last = span.tone;
            let kept: String = take_columns(&span.text, room).to_owned();
            room -= width(&kept);
            let whole = kept.len() == span.text.len();
            cut = cut.with(span.tone, kept);
            if !whole {
                break;
            }
        }
        let mark = take_columns(ellipsis, columns).to_owned();
        cut.with(last, mark)
    }
}

/// Where a line's text begins, after its label: within so many columns.
const LABELS: usize = 24;

impl StyledLine {
    /// The line in lines of at most `columns` columns, broken between words; what follows stands
    /// below the beginning of its text. A command stays whole, so that it can be copied, and so
    /// does a longer word.
    pub fn fold(self, columns: usize) -> Vec<Self> {
        let text = self.to_string();
        if self.width() <= columns || text.contains(" --") {
            return vec![self];
        }
        let indent = indent_of(&text).min(columns / 2);
        let spans = self.0.iter();
        let all: Vec<(char, Tone)> = spans
            .flat_map(|span| span.text.chars().map(|it| (it, span.tone)))
            .collect();
        let mut lines = Vec::new();
        let mut line: Vec<(char, Tone)> = all.iter().take(indent).copied().collect();
        let mut words = 0;
        for word in all[indent.min(all.len())..].split(|(it, _)| *it == ' ') {
            let used = columns_of_all(&line) + usize::from(words > 0) + columns_of_all(word);
            if words > 0 && used > columns {
                lines.push(Self::of_characters(&line));
                line = vec![(' ', Tone::Plain); indent];
                words = 0;
            }
            if words > 0 {
                line.push((' ', Tone::Plain));
            }
            line.extend(word);
            words += 1;
        }
        lines.push(Self::of_characters(&line));
        lines
    }

    fn of_characters(characters: &[(char, Tone)]) -> Self {
        let spans = characters.chunk_by(|one, next| one.1 == next.1);
        spans.fold(Self::new(), |line, span| {
            let text: String = span.iter().map(|(it, _)| *it).collect();
            line.with(span[0].1, text)
        })
    }
}

/// The characters before a line's text: its indent, or its label and the gap after that.
fn indent_of(text: &str) -> usize {
    let mut gap = 0;
    let mut indent = 0;
    for (at, character) in text.chars().enumerate().take(LABELS + 1) {
        match character {
            ' ' => gap += 1,
            _ => {
                if gap >= 2 || gap == at {
                    indent = at;
                }
                gap = 0;
            }
        }
    }
    indent
}

fn columns_of_all(characters: &[(char, Tone)]) -> usize {
    characters.iter().map(|(it, _)| columns_of(*it)).sum()
}

impl fmt::Display for StyledLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|span| f.write_str(&span.text))
    }
}

/// How many columns `text` takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The end of `text` in at most `columns` columns, after an ellipsis where it is longer: for names
/// that differ at their end.
pub fn tail(text: &str, columns: usize, symbols: Symbols) -> String {
    let excess = width(text).saturating_sub(columns);
    if excess == 0 {
        return text.to_owned();
    }
    let mark = take_columns(symbols.ellipsis(), columns);
    let mut rest = text.chars();
    let mut dropped = 0;
    while dropped < excess + width(mark) {
        match rest.next() {
            Some(character) => dropped += columns_of(character),
            None => break,
        }
    }
    format!("{mark}{}", rest.as_str())
}

/// `text` broken between words into lines of at most `columns` columns; a longer word has a line
/// of its own.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `text` in pieces of at most `columns` columns, broken after a space where there is one: for what
/// other programs print, whose spaces mean something.
pub fn pieces(text: &str, columns: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while width(rest) > columns {
        // A character is never cut, however little room there is.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let whole = take_columns(rest, columns).len().max(first);
        let space = rest[..whole].rfind(' ').map(|at| at + 1);
        let is_text = |at: &usize| !rest[..*at].trim().is_empty();
        let (piece, left) = rest.split_at(space.filter(is_text).unwrap_or(whole));
        pieces.push(piece);
        rest = left;
    }
    if pieces.is_empty() || !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

fn columns_of(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// Control characters and the marks that turn the direction of text around become spaces.
fn printable(character: char) -> char {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns {
        ' '
    } else {
        character
    }
}

fn take_columns(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, character)| {
        used += columns_of(character);
        (used > columns).then_some(at)
    });
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_line_ends_in_an_ellipsis() {
        let line = || StyledLine::of(Tone::Good, "green").plain(" is healthy");
        assert_eq!(line().fit(9, Symbols::Unicode).to_string(), "green is…");
        assert_eq!(line().fit(9, Symbols::Ascii).to_string(), "green ...");
        assert_eq!(
            line().fit(16, Symbols::Ascii).to_string(),
            "green is healthy"
        );
    }

    #[test]
    fn a_long_line_is_folded_between_words_below_its_text() {
        let line = StyledLine::new()
            .with(Tone::Dim, "  why       ")
            .plain("green has 1 of 2 healthy");
        let folded = line.clone().fold(26);
        let told: Vec<_> = folded.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["  why       green has 1 of", "            2 healthy"]
        );
        assert_eq!(folded[0].spans()[0].tone, Tone::Dim);
        assert_eq!(line.clone().fold(80), [line]);
        let command = StyledLine::of(
            Tone::Plain,
            "  read on   aws logs tail /ecs/shop --since 1h",
        );
        assert_eq!(command.clone().fold(20), [command]);
        let told = StyledLine::of(Tone::Plain, "Note: words without a label").fold(20);
        assert_eq!(told[1].to_string(), "a label");
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(tail("a-long-family:17", 10, Symbols::Unicode), "…family:17");
        assert_eq!(tail("shop:17", 10, Symbols::Unicode), "shop:17");
    }

    #[test]
    fn what_programs_print_keeps_its_spaces_in_pieces() {
        assert_eq!(pieces("  at main.rs:3", 80), ["  at main.rs:3"]);
        assert_eq!(pieces("GET /cart 500", 10), ["GET /cart ", "500"]);
        assert_eq!(pieces("    abcdef", 6), ["    ab", "cdef"]);
        assert_eq!(pieces("日本", 1), ["日", "本"]);
        assert_eq!(pieces("", 5), [""]);
    }

    #[test]
    fn control_characters_of_other_people_never_get_through() {
        let line = StyledLine::of(Tone::Plain, "a\u{1b}[2Jb\nc\u{202e}d");
        assert_eq!(line.to_string(), "a [2Jb c d");
    }

    proptest! {
        #[test]
        fn pieces_fit_and_nothing_is_lost(text in "[a-z ]{0,60}", columns in 1usize..20) {
            let pieces = pieces(&text, columns);
            prop_assert!(pieces.iter().all(|piece| width(piece) <= columns));
            prop_assert_eq!(pieces.concat(), text);
        }

        #[test]
        fn a_fitted_line_never_exceeds_its_columns(
            parts in proptest::collection::vec("\\PC{0,20}", 0..5), columns in 0usize..40
        ) {
            for symbols in [Symbols::Unicode, Symbols::Ascii] {
                let line = parts.iter().fold(StyledLine::new(), StyledLine::plain);
                let end = tail(&line.to_string(), columns, symbols);
                prop_assert!(width(&end) <= columns);
                let words = |text: &str| text.split_whitespace().collect::<String>();
                let folded = line.clone().fold(columns);
                let folded: String = folded.iter().map(ToString::to_string).collect();
                prop_assert_eq!(words(&folded), words(&line.to_string()));
                prop_assert!(line.fit(columns, symbols).width() <= columns);
            }
        }
    }
}
