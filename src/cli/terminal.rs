//! What the process's streams can show, and so what is written where.

use std::io::IsTerminal;

use super::args::{Global, OutputFormat};
use super::style::Colors;
use crate::report::line::Symbols;
use crate::report::live::Size;

/// What the process finds itself connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surface {
    /// Whether stdout is a terminal.
    pub stdout: bool,
    /// Whether stderr is a terminal.
    pub stderr: bool,
    /// `TERM`.
    pub term: Option<String>,
    /// `CI`, or what says as much.
    pub ci: Option<String>,
    /// `NO_COLOR`.
    pub no_color: Option<String>,
    /// `CLICOLOR_FORCE`.
    pub force_color: Option<String>,
    /// The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set and not empty.
    pub locale: Option<String>,
}

impl Surface {
    /// This process's.
    pub fn of_process() -> Self {
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Surface {
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
            term: var("TERM"),
            // CodeBuild says so in words of its own.
            ci: var("CI").or_else(|| var("CODEBUILD_BUILD_ID")),
            no_color: var("NO_COLOR"),
            force_color: var("CLICOLOR_FORCE"),
            locale: var("LC_ALL")
                .or_else(|| var("LC_CTYPE"))
                .or_else(|| var("LANG")),
        }
    }

    fn is_dumb(&self) -> bool {
        self.term.as_deref() == Some("dumb")
    }

    /// Whether nobody is there who would wait; `CI=false` is what some people set to switch it off.
    pub(super) fn is_ci(&self) -> bool {
        self.ci
            .as_deref()
            .is_some_and(|ci| !matches!(ci, "false" | "0"))
    }

    /// Whether a stream that is a terminal, or isn't, gets colours.
    fn colors(&self, is_terminal: bool, global: &Global) -> Colors {
        let forced = self
            .force_color
            .as_deref()
            .is_some_and(|force| force != "0");
        let wanted = forced || (is_terminal && !self.is_dumb());
        let refused = global.no_color || self.no_color.is_some();
        if wanted && !refused {
            Colors::On
        } else {
            Colors::Off
        }
    }

    /// Colours for stdout.
    pub fn stdout_colors(&self, global: &Global) -> Colors {
        self.colors(self.stdout, global)
    }

    /// Colours for stderr.
    pub fn stderr_colors(&self, global: &Global) -> Colors {
        self.colors(self.stderr, global)
    }

    /// How wide lines on stdout may be, where that is to be minded: a log keeps them whole.
    pub fn stdout_columns(&self) -> Option<usize> {
        self.columns(self.stdout)
    }

    /// The same on stderr.
    pub fn stderr_columns(&self) -> Option<usize> {
        self.columns(self.stderr)
    }

    fn columns(&self, is_terminal: bool) -> Option<usize> {
        let folds = is_terminal && !self.is_dumb() && !self.is_ci();
        folds.then(|| usize::from(size().columns))
    }

    /// The characters that the terminal shows: without a word to the contrary, all of them.
    pub fn symbols(&self) -> Symbols {
        let plain = |locale: &str| {
            let locale = locale.to_lowercase();
            !locale.contains("utf-8") && !locale.contains("utf8")
        };
        // The kernel's console has a font of a few hundred characters.
        if self.term.as_deref() == Some("linux") || self.locale.as_deref().is_some_and(plain) {
            Symbols::Ascii
        } else {
            Symbols::Unicode
        }
    }
}

/// How a running deployment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A live view on stderr while it runs, then its ending on stdout.
    Live,
    /// A line for each event on stdout.
    Lines,
    /// A JSON object for each event on stdout.
    Json,
}

impl Output {
    /// Live only where both streams are a terminal that can be drawn on: with `| tee log` the
    /// view would fight with the lines for the same screen, and CI logs keep every redraw.
    /// `--quiet` and `--verbose` ask for lines.
    pub fn choose(global: &Global, surface: &Surface) -> Output {
        let drawable = surface.stdout && surface.stderr && !surface.is_dumb() && !surface.is_ci();
        match global.output {
            OutputFormat::Json => Output::Json,
            OutputFormat::Text if drawable && !global.quiet && !global.verbose => Output::Live,
            OutputFormat::Text | OutputFormat::Markdown => Output::Lines,
        }
    }
}

/// The terminal's size; 80 × 24 where it doesn't say.
pub fn size() -> Size {
    match crossterm::terminal::size() {
        Ok((columns @ 1.., rows @ 1..)) => Size { columns, rows },
        _ => Size {
            columns: 80,
            rows: 24,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::try_parse;
    use super::*;

    fn global(flags: &str) -> Global {
        try_parse(
            format!("bg status {flags}")
                .split_whitespace()
                .map(String::from),
        )
        .unwrap()
        .global
    }

    fn terminal() -> Surface {
        let term = Some("xterm-256color".into());
        Surface {
            stdout: true,
            stderr: true,
            term,
            ..Surface::default()
        }
    }

    fn terminal_but(change: fn(&mut Surface)) -> Surface {
        let mut surface = terminal();
        change(&mut surface);
        surface
    }

    #[test]
    fn only_a_whole_terminal_gets_the_live_view() {
        let chosen = |flags, surface: Surface| Output::choose(&global(flags), &surface);
        assert_eq!(chosen("", terminal()), Output::Live);
        let but = |change: fn(&mut Surface)| chosen("", terminal_but(change));
        assert_eq!(but(|it| it.stdout = false), Output::Lines);
        assert_eq!(but(|it| it.stderr = false), Output::Lines);
        assert_eq!(but(|it| it.term = Some("dumb".into())), Output::Lines);
        assert_eq!(but(|it| it.ci = Some("true".into())), Output::Lines);
        assert_eq!(but(|it| it.ci = Some("false".into())), Output::Live);
        assert_eq!(chosen("--verbose", terminal()), Output::Lines);
        assert_eq!(chosen("--output json", terminal()), Output::Json);
    }

    #[test]
    fn colours_are_for_terminals_and_can_be_refused() {
        let of = |flags, surface: Surface| surface.stdout_colors(&global(flags));
        assert_eq!(of("", terminal()), Colors::On);
        assert_eq!(of("", Surface::default()), Colors::Off);
        assert_eq!(of("--no-color", terminal()), Colors::Off);
        let but = |change: fn(&mut Surface)| of("", terminal_but(change));
        assert_eq!(but(|it| it.no_color = Some("1".into())), Colors::Off);
        assert_eq!(but(|it| it.term = Some("dumb".into())), Colors::Off);
        let mut pipe = Surface {
            force_color: Some("1".into()),
            ..Surface::default()
        };
        assert_eq!(of("", pipe.clone()), Colors::On);
        assert_eq!(of("--no-color", pipe.clone()), Colors::Off);
        pipe.force_color = Some("0".into());
        assert_eq!(of("", pipe), Colors::Off);
    }

    #[test]
    fn lines_are_folded_on_a_terminal_alone() {
        let but = |change: fn(&mut Surface)| terminal_but(change).stdout_columns().is_some();
        assert!(but(|_| {}));
        assert!(!but(|it| it.stdout = false));
        assert!(!but(|it| it.ci = Some("true".into())));
        assert!(!but(|it| it.term = Some("dumb".into())));
    }

    #[test]
    fn a_locale_without_unicode_gets_ascii() {
        let of = |locale: &str| {
            let mut surface = terminal();
            surface.locale = Some(locale.into());
            surface.symbols()
        };
        assert_eq!(of("en_US.UTF-8"), Symbols::Unicode);
        assert_eq!(of("POSIX"), Symbols::Ascii);
        assert_eq!(terminal().symbols(), Symbols::Unicode);
    }
}
