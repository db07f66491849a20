//! Draws a view over and over in the same place: only lines that changed are written, all in one
//! write, so that nothing flickers. The cursor comes back however the process ends.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crossterm::cursor::{Hide, MoveToNextLine, MoveToPreviousLine, Show};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};

use super::style::{Colors, paint};
use crate::report::line::StyledLine;
use crate::report::live::Size;

/// What is to be said while a view is drawn: it would tear that apart. None while no view is.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<Vec<String>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a line until the view that is drawn has room for it above; false where none is.
pub fn keep(line: &str) -> bool {
    let mut held = held();
    held.as_mut()
        .map(|lines| lines.push(line.to_owned()))
        .is_some()
}

/// A place on the terminal, right below what was printed before, that is redrawn.
#[derive(Debug)]
pub struct Live<W: Write> {
    out: W,
    colors: Colors,
    shown: Vec<Row>,
    size: Option<Size>,
    /// Whether what is said meanwhile is shown above it.
    keeps: bool,
}

/// A line that stands on the screen.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    text: String,
    width: usize,
}

impl<W: Write> Live<W> {
    /// Draws on `out` from its present line on, which has to be empty.
    pub fn new(out: W, colors: Colors) -> Self {
        Live {
            out,
            colors,
            shown: Vec::new(),
            size: None,
            keeps: false,
        }
    }

    /// Has what is said meanwhile ([`keep`]) shown above the view, and not in the midst of it.
    #[must_use]
    pub fn keeping(mut self) -> Self {
        *held() = Some(Vec::new());
        self.keeps = true;
        self
    }

    /// What was said since the last time.
    fn said(&self) -> Vec<String> {
        match self.keeps {
            true => held().as_mut().map(std::mem::take).unwrap_or_default(),
            false => Vec::new(),
        }
    }

    /// The room that a view has on a terminal of this size: the last column stays free, because
    /// terminals differ in what follows it, and the last row is the cursor's.
    pub fn room(terminal: Size) -> Size {
        Size {
            columns: terminal.columns.saturating_sub(1),
            rows: terminal.rows.saturating_sub(1),
        }
    }

    /// Shows `lines`, made for [`Live::room`] of `terminal`, in the place of those before.
    pub fn draw(&mut self, lines: &[StyledLine], terminal: Size) -> io::Result<()> {
        let rows: Vec<Row> = lines
            .iter()
            .map(|line| Row {
                text: paint(line, self.colors),
                width: line.width(),
            })
            .collect();
        let said = self.said();
        if said.is_empty() && rows == self.shown && self.size == Some(terminal) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate, Hide)?;
        if !said.is_empty() {
            self.forget(&mut bytes, terminal)?;
            for line in &said {
                queue!(bytes, Print(line), Print("\r\n"))?;
            }
        }
        if self.size.is_some_and(|size| size != terminal) {
            self.forget(&mut bytes, terminal)?;
        }
        move_up(&mut bytes, self.shown.len())?;
        for (at, row) in rows.iter().enumerate() {
            if self.shown.get(at) == Some(row) {
                queue!(bytes, MoveToNextLine(1))?;
            } else {
                queue!(
                    bytes,
                    Print(&row.text),
                    Clear(ClearType::UntilNewLine),
                    Print("\r\n")
                )?;
            }
        }
        queue!(
            bytes,
            Clear(ClearType::FromCursorDown),
            EndSynchronizedUpdate
        )?;
        self.out.write_all(&bytes)?;
        self.out.flush()?;
        self.shown = rows;
        self.size = Some(terminal);
        Ok(())
    }

    /// Wipes what stands there: after a resize nobody knows which line is where. In a narrower
    /// window terminals break lines in two, so the place has grown.
    fn forget(&mut self, bytes: &mut Vec<u8>, terminal: Size) -> io::Result<()> {
        let columns = usize::from(terminal.columns).max(1);
        let height: usize = self
            .shown
            .iter()
            .map(|row| row.width.div_ceil(columns).max(1))
            .sum();
        move_up(
            bytes,
            height.min(usize::from(terminal.rows).saturating_sub(1)),
        )?;
        queue!(bytes, Clear(ClearType::FromCursorDown))?;
        self.shown.clear();
        Ok(())
    }

    /// Takes the view away, so that what is printed next stands in its place.
    pub fn erase(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        move_up(&mut bytes, self.shown.len())?;
        queue!(bytes, Clear(ClearType::FromCursorDown), Show)?;
        self.shown.clear();
        for line in self.said() {
            queue!(bytes, Print(line), Print("\r\n"))?;
        }
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Live<W> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        for line in self.said() {
            let _ = queue!(self.out, Print(line), Print("\r\n"));
        }
        if self.keeps {
            *held() = None;
        }
        let _ = queue!(self.out, EndSynchronizedUpdate, Show);
        let _ = self.out.flush();
    }
}

fn move_up(bytes: &mut Vec<u8>, rows: usize) -> io::Result<()> {
    match u16::try_from(rows).unwrap_or(u16::MAX) {
        0 => queue!(bytes, Print("\r")),
        rows => queue!(bytes, MoveToPreviousLine(rows)),
    }
}

/// Makes a panic anywhere show the cursor before it says what happened.
pub fn show_cursor_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = queue!(io::stderr(), EndSynchronizedUpdate, Show);
            before(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::line::{StyledLine, Tone};

    /// A terminal that understands what is used here, and nothing else.
    #[derive(Default)]
    struct Screen {
        rows: Vec<Vec<char>>,
        at: (usize, usize),
        hidden: bool,
        printed: usize,
    }

    impl Screen {
        fn feed(&mut self, bytes: &[u8]) {
            let mut text = std::str::from_utf8(bytes).unwrap().chars();
            while let Some(next) = text.next() {
                match next {
                    '\r' => self.at.1 = 0,
                    '\n' => self.at.0 += 1,
                    '\u{1b}' => {
                        assert_eq!(text.next(), Some('['));
                        let mut sequence = String::new();
                        while !sequence.ends_with(|c: char| c.is_ascii_alphabetic()) {
                            sequence.push(text.next().unwrap());
                        }
                        self.obey(&sequence);
                    }
                    other => self.put(other),
                }
            }
        }

        fn put(&mut self, character: char) {
            let (row, column) = self.at;
            self.rows.resize(self.rows.len().max(row + 1), Vec::new());
            let line = &mut self.rows[row];
            line.resize(line.len().max(column + 1), ' ');
            line[column] = character;
            self.at.1 += 1;
            self.printed += 1;
        }

        fn obey(&mut self, sequence: &str) {
            let (row, column) = self.at;
            let number = || sequence[..sequence.len() - 1].parse::<usize>().unwrap();
            match sequence {
                "?25l" => self.hidden = true,
                "?25h" => self.hidden = false,
                "?2026h" | "?2026l" => {}
                "J" => {
                    self.rows.truncate(row + 1);
                    self.rows
                        .get_mut(row)
                        .into_iter()
                        .for_each(|line| line.truncate(column));
                }
                "K" => self
                    .rows
                    .get_mut(row)
                    .into_iter()
                    .for_each(|line| line.truncate(column)),
                _ if sequence.ends_with('F') => self.at = (row.checked_sub(number()).unwrap(), 0),
                _ if sequence.ends_with('E') => self.at = (row + number(), 0),
                _ if sequence.ends_with('m') => {}
                other => panic!("what is {other:?}?"),
            }
        }

        fn text(&self) -> Vec<String> {
            let mut rows: Vec<String> = self.rows.iter().map(|row| row.iter().collect()).collect();
            while rows.last().is_some_and(String::is_empty) {
                rows.pop();
            }
            rows
        }
    }

    const SIZE: Size = Size {
        columns: 80,
        rows: 24,
    };

    fn lines(texts: &[String]) -> Vec<StyledLine> {
        texts
            .iter()
            .map(|text| StyledLine::of(Tone::Good, text))
            .collect()
    }

    proptest! {
        #[test]
        fn the_screen_always_shows_the_last_view(
            views in proptest::collection::vec(proptest::collection::vec("[a-c]{1,6}", 0..6), 1..8)
        ) {
            let (mut screen, mut live) = (Screen::default(), Live::new(Vec::new(), Colors::On));
            screen.feed(b"before\r\n");
            for view in &views {
                live.draw(&lines(view), SIZE).unwrap();
                screen.feed(&std::mem::take(&mut live.out));
                let shown = screen.text();
                prop_assert_eq!(&shown[0], "before");
                prop_assert_eq!(&shown[1..], &view[..]);
            }
            live.erase().unwrap();
            screen.feed(&std::mem::take(&mut live.out));
            prop_assert_eq!(screen.text(), ["before"]);
        }
    }

    #[test]
    fn only_what_changed_is_written() {
        let (mut screen, mut live) = (Screen::default(), Live::new(Vec::new(), Colors::On));
        let view = ["same".to_owned(), "old".into(), "same again".into()];
        live.draw(&lines(&view), SIZE).unwrap();
        screen.feed(&std::mem::take(&mut live.out));
        let before = screen.printed;
        let view = ["same".to_owned(), "new".into(), "same again".into()];
        live.draw(&lines(&view), SIZE).unwrap();
        screen.feed(&std::mem::take(&mut live.out));
        assert_eq!(screen.printed - before, "new".len());
        live.draw(&lines(&view), SIZE).unwrap();
        assert!(live.out.is_empty(), "the same view is not written again");
    }

    #[test]
    fn a_narrower_window_is_wiped_and_drawn_anew() {
        let (mut screen, mut live) = (Screen::default(), Live::new(Vec::new(), Colors::Off));
        live.draw(&lines(&["a".repeat(70)]), SIZE).unwrap();
        screen.feed(&std::mem::take(&mut live.out));
        // The terminal breaks the line in two and the cursor moves down with it.
        screen.rows = vec![
            "a".repeat(40).chars().collect(),
            "a".repeat(30).chars().collect(),
        ];
        screen.at = (2, 0);
        live.draw(
            &lines(&["b".into()]),
            Size {
                columns: 40,
                rows: 24,
            },
        )
        .unwrap();
        screen.feed(&std::mem::take(&mut live.out));
        assert_eq!(screen.text(), ["b"]);
    }

    #[test]
    fn what_is_said_meanwhile_stands_above_the_view() {
        assert!(!keep("nobody draws"));
        let (mut screen, mut live) = (
            Screen::default(),
            Live::new(Vec::new(), Colors::Off).keeping(),
        );
        let view = ["one".to_owned(), "two".into()];
        live.draw(&lines(&view), SIZE).unwrap();
        assert!(keep("Warning: nobody answers"));
        live.draw(&lines(&view), SIZE).unwrap();
        screen.feed(&std::mem::take(&mut live.out));
        assert_eq!(screen.text(), ["Warning: nobody answers", "one", "two"]);
        assert!(keep("Note: the end"));
        live.erase().unwrap();
        screen.feed(&std::mem::take(&mut live.out));
        assert_eq!(screen.text(), ["Warning: nobody answers", "Note: the end"]);
        drop(live);
        assert!(!keep("nobody draws any more"));
    }

    #[test]
    fn the_cursor_comes_back() {
        struct Shared<'a>(&'a mut Vec<u8>);
        impl Write for Shared<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut screen, mut bytes) = (Screen::default(), Vec::new());
        let mut live = Live::new(Shared(&mut bytes), Colors::On);
        live.draw(&lines(&["view".into()]), SIZE).unwrap();
        drop(live);
        screen.feed(&bytes);
        assert!(!screen.hidden);
        assert!(String::from_utf8(bytes).unwrap().contains("\u{1b}[?25l"));
    }
}
