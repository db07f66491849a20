//! Shows a running deployment the way that was asked for: live, line by line, or as JSON.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::args::Global;
use super::ci::{command, in_actions};
use super::live::{Live, keep, show_cursor_on_panic};
use super::notices::Notices;
use super::story::Story;
use super::style::{Colors, paint};
use super::terminal::{Output, Surface, size};
use crate::deployment::event::Record;
use crate::report::ci::github::{group, harmless, harmless_json};
use crate::report::ending::ending;
use crate::report::json;
use crate::report::line::{StyledLine, Symbols};
use crate::report::live::screen;
use crate::report::text::{Detail, Lines};
use crate::report::view::View;

/// How often a live view should be given the time ([`Display::tick`]), so that its clocks move.
pub const TICK: std::time::Duration = std::time::Duration::from_millis(500);

/// Takes a deployment's records, in order, and shows them.
#[derive(Debug)]
pub struct Display {
    colors: Colors,
    shown: Shown,
    notices: Option<Notices>,
    story: Story,
    groups: Groups,
}

/// Whether the log's lines are folded away under headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    /// GitHub's runner reads commands from the log.
    Folded,
    /// Nobody does.
    Flat,
}

#[derive(Debug)]
enum Shown {
    Live {
        live: Live<io::Stderr>,
        view: Box<View>,
        symbols: Symbols,
    },
    Lines(Box<Lines>),
    Json(Box<View>),
}

impl Display {
    /// On this process's streams.
    pub fn new(global: &Global, surface: &Surface) -> Self {
        let shown = match Output::choose(global, surface) {
            Output::Live => {
                show_cursor_on_panic();
                let live = Live::new(io::stderr(), surface.stderr_colors(global)).keeping();
                Shown::Live {
                    live,
                    view: Box::default(),
                    symbols: surface.symbols(),
                }
            }
            Output::Lines => Shown::Lines(Box::new(Lines::new(detail(global)))),
            Output::Json => Shown::Json(Box::default()),
        };
        let groups = match in_actions() && !global.quiet && matches!(shown, Shown::Lines(_)) {
            true => Groups::Folded,
            false => Groups::Flat,
        };
        Display {
            colors: surface.stdout_colors(global),
            shown,
            notices: None,
            story: global.story.clone(),
            groups,
        }
    }

    /// The same, that tells people elsewhere too.
    pub(super) fn telling(self, notices: Notices) -> Self {
        Display {
            notices: Some(notices),
            ..self
        }
    }

    /// Who tells people elsewhere, to be waited for at the end.
    pub(super) fn take_notices(&mut self) -> Option<Notices> {
        self.notices.take()
    }

    /// Takes a record in that was shown when it was written, maybe by another process.
    pub fn know(&mut self, record: &Record) {
        if let Some(notices) = &mut self.notices {
            notices.know(record);
        }
        self.story.on(record);
        match &mut self.shown {
            Shown::Live { view, .. } | Shown::Json(view) => view.apply(record),
            Shown::Lines(lines) => {
                lines.on(record);
            }
        }
    }

    /// Shows one more record.
    ///
    /// # Errors
    /// When the stream is gone. A deployment doesn't end for that.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        if let Some(notices) = &mut self.notices {
            notices.record(record);
        }
        self.story.on(record);
        match &mut self.shown {
            Shown::Live { view, .. } => {
                view.apply(record);
                self.tick(record.at)
            }
            Shown::Lines(lines) => {
                if self.groups == Groups::Folded
                    && let Some(heading) = group(lines.view(), record)
                {
                    command(&heading, false);
                }
                write(&lines.on(record), self.colors)
            }
            Shown::Json(view) => {
                view.apply(record);
                let mut out = io::stdout().lock();
                writeln!(out, "{}", data(&json::line(record)))?;
                out.flush()
            }
        }
    }

    /// Lets the clocks of a live view move on. Does nothing elsewhere.
    ///
    /// # Errors
    /// When the stream is gone.
    pub fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let Shown::Live {
            live,
            view,
            symbols,
        } = &mut self.shown
        else {
            return Ok(());
        };
        let terminal = size();
        let room = Live::<io::Stderr>::room(terminal);
        live.draw(&screen(view, now, room, *symbols), terminal)
    }

    /// What the records so far say.
    pub fn view(&self) -> &View {
        match &self.shown {
            Shown::Live { view, .. } | Shown::Json(view) => view,
            Shown::Lines(lines) => lines.view(),
        }
    }

    /// Ends it: the last live view stays, and the ending goes to stdout below it.
    ///
    /// # Errors
    /// When the stream is gone.
    pub fn finish(self) -> io::Result<()> {
        let Shown::Live { live, view, .. } = self.shown else {
            return Ok(());
        };
        drop(live);
        let mut lines = vec![StyledLine::new()];
        lines.extend(ending(&view));
        write(&lines, self.colors)
    }
}

fn detail(global: &Global) -> Detail {
    match (global.quiet, global.verbose) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    }
}

fn write(lines: &[StyledLine], colors: Colors) -> io::Result<()> {
    let columns = Surface::of_process().stdout_columns();
    stream(&folded(lines, columns), colors)
}

/// A terminal breaks long lines in the midst of words. Elsewhere a line is a line.
fn folded(lines: &[StyledLine], columns: Option<usize>) -> Vec<StyledLine> {
    let lines = lines.iter().cloned();
    match columns {
        Some(columns) => lines.flat_map(|line| line.fold(columns)).collect(),
        None => lines.collect(),
    }
}

/// Writes `lines` of other programs to stdout just as they are, as long as somebody reads.
///
/// # Errors
/// When stdout can't be written to, also because its reader is gone.
pub fn stream(lines: &[StyledLine], colors: Colors) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", of_log(&paint(line, colors)))?;
    }
    out.flush()
}

/// A line, or several, as the runner of CI may read it.
fn of_log(line: &str) -> Cow<'_, str> {
    match in_actions() {
        true => {
            let lines: Vec<_> = line.split('\n').map(harmless).collect();
            Cow::Owned(lines.join("\n"))
        }
        false => Cow::Borrowed(line),
    }
}

/// The same of JSON.
fn data(line: &str) -> Cow<'_, str> {
    match in_actions() {
        true => harmless_json(line),
        false => Cow::Borrowed(line),
    }
}

/// Nothing went wrong where the reader has seen enough and is gone, as `head` is after ten lines.
pub fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes `lines` to stdout: what verbs do with their documents in text.
///
/// # Errors
/// When stdout can't be written to, although somebody reads it.
pub fn print(lines: &[StyledLine], colors: Colors) -> io::Result<()> {
    unless_gone(write(lines, colors))
}

/// Writes `document` to stdout as JSON that people can read too: what verbs do with
/// `--output json`.
///
/// # Errors
/// When stdout can't be written to, although somebody reads it.
pub fn print_json<T: Serialize>(document: &T) -> io::Result<()> {
    print_text(&serde_json::to_string_pretty(document)?)
}

/// Writes `document` to stdout as one line of JSON: what verbs do whose JSON is lines of events.
///
/// # Errors
/// When stdout can't be written to, although somebody reads it.
pub fn print_json_line<T: Serialize>(document: &T) -> io::Result<()> {
    print_text(&serde_json::to_string(document)?)
}

/// The same, for what goes on writing as long as somebody reads.
///
/// # Errors
/// When stdout can't be written to, also because its reader is gone.
pub fn stream_json<T: Serialize>(document: &T) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(document)?)?;
    out.flush()
}

/// Writes `text`, which has no end of line, to stdout as a line or several.
///
/// # Errors
/// When stdout can't be written to, although somebody reads it.
pub fn print_text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_gone(writeln!(out, "{}", data(text)).and_then(|()| out.flush()))
}

/// A line on stdout, if it can be written.
pub(super) fn tell(words: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{}", of_log(&words.to_string()));
}

/// A line on stderr, if it can be written.
pub(super) fn note(words: fmt::Arguments<'_>) {
    let words = words.to_string();
    let lines: Vec<_> = words
        .split('\n')
        .map(|line| StyledLine::new().plain(line))
        .collect();
    let lines = folded(&lines, Surface::of_process().stderr_columns());
    let mut lines = lines
        .iter()
        .map(|line| of_log(&line.to_string()).to_string());
    let _ = lines.try_for_each(|line| match keep(&line) {
        true => Ok(()),
        false => writeln!(io::stderr(), "{line}"),
    });
}

/// Writes `lines` to stderr: errors, hints, notes.
///
/// # Errors
/// When stderr is gone.
pub fn complain(lines: &[StyledLine], colors: Colors) -> io::Result<()> {
    let mut out = io::stderr().lock();
    folded(lines, Surface::of_process().stderr_columns())
        .iter()
        .try_for_each(|line| writeln!(out, "{}", of_log(&paint(line, colors))))
}

#[cfg(test)]
mod tests {
    use super::super::args::try_parse;
    use super::*;

    #[test]
    fn quiet_and_verbose_say_how_much() {
        let of = |flag: &str| detail(&try_parse(["bg", "status", flag]).unwrap().global);
        assert_eq!(of("--quiet"), Detail::Quiet);
        assert_eq!(of("--verbose"), Detail::Verbose);
        assert_eq!(of("--no-color"), Detail::Normal);
    }
}
