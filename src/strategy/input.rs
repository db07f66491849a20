//! What is wrong in a text that a person wrote, where, and what to write instead.

use std::fmt;

/// Lines longer than this are not shown below an error.
const LONGEST_SHOWN_LINE: usize = 160;

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A text that was refused: what is wrong, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    origin: String,
    at: Option<Position>,
    what: String,
    hint: Option<String>,
    line: Option<String>,
}

impl InputError {
    /// An error about all of `origin`, a file name or a flag's value.
    pub fn new(origin: impl Into<String>, what: impl Into<String>) -> InputError {
        InputError {
            origin: origin.into(),
            at: None,
            what: what.into(),
            hint: None,
            line: None,
        }
    }

    /// The same error, at a place in `text`.
    #[must_use]
    pub fn at(mut self, position: Position, text: &str) -> InputError {
        let line = text.lines().nth(position.line.saturating_sub(1));
        self.line = line
            .filter(|line| line.chars().count() <= LONGEST_SHOWN_LINE)
            .map(printable);
        self.at = Some(position);
        self
    }

    /// The same error without the line in question, which may hold what nobody should see.
    #[must_use]
    pub fn without_line(mut self) -> InputError {
        self.line = None;
        self
    }

    /// The same error, with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> InputError {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong, without the place.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The file name or flag that holds the text.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where it is wrong, if one place can be named.
    pub fn position(&self) -> Option<Position> {
        self.at
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The place and what is wrong, on one line: `bg.yaml:7:3: unknown key "target_grp"`.
    pub fn headline(&self) -> String {
        match self.at {
            Some(Position { line, column }) => {
                format!("{}:{line}:{column}: {}", self.origin, self.what)
            }
            None => format!("{}: {}", self.origin, self.what),
        }
    }

    /// The line in question with a caret below it.
    pub fn snippet(&self) -> Option<String> {
        let (at, line) = (self.at?, self.line.as_ref()?);
        let number = at.line.to_string();
        let margin = " ".repeat(number.len());
        let before = " ".repeat(at.column.saturating_sub(1));
        Some(format!(
            "{margin} |\n{number} | {line}\n{margin} | {before}^"
        ))
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Some(snippet) = self.snippet() {
            write!(f, "\n{snippet}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InputError {}

/// The known name nearest to what was written, if one is near enough to be meant.
pub(crate) fn nearest<'n>(
    written: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let written = written.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&written, &name.to_lowercase());
    let allowed = 1 + written.chars().count() / 4;
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Tabs become one space so that the caret stands right; other control characters can't reach a
/// terminal.
fn printable(line: &str) -> String {
    let show = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    line.chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_place_the_line_and_the_way_out() {
        let text = "service: shop\nslots:\n  a: { target_grp: x }\n";
        let error = InputError::new("bg.yaml", "unknown key \"target_grp\"")
            .at(Position { line: 3, column: 8 }, text)
            .with_hint("known keys: service");
        assert_eq!(
            error.to_string(),
            "bg.yaml:3:8: unknown key \"target_grp\"\n  |\n3 |   a: { target_grp: x }\n  |        ^\nHint: known keys: service"
        );
    }

    #[test]
    fn no_control_character_of_the_input_reaches_the_terminal() {
        let error =
            InputError::new("x", "bad").at(Position { line: 1, column: 1 }, "\u{1b}[31mred");
        assert!(!error.to_string().contains('\u{1b}'));
    }

    #[test]
    fn suggests_only_what_may_have_been_meant() {
        let known = ["service", "cluster", "strategy"];
        assert_eq!(nearest("sevrice", known), Some("service"));
        assert_eq!(nearest("Strategies", known), Some("strategy"));
        assert_eq!(nearest("replicas", known), None);
    }
}
