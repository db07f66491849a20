//! What a rehearsal came to, for people and programs.

use serde_json::json;

use super::base::Base;
use crate::cli::args::{Global, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::terminal::{Surface, size};
use crate::deployment::event::Record;
use crate::rehearse::{Mean, Row, table};
use crate::report::line::{StyledLine, Tone};
use crate::report::text::{Detail, Lines};
use crate::report::words;

/// Everything that is shown.
pub(super) struct Shown<'a> {
    pub(super) base: &'a Base,
    /// Of the one run that is told.
    pub(super) strategy: &'a str,
    pub(super) first_seed: u64,
    pub(super) records: &'a [Record],
    pub(super) rows: &'a [Row],
    pub(super) means: &'a [Mean],
}

impl Shown<'_> {
    pub(super) fn print(&self, global: &Global) -> std::io::Result<()> {
        if global.output == OutputFormat::Json {
            return print_json(&json!({
                "base": self.base.said, "notes": self.base.lines(),
                "records": self.records, "rows": self.rows, "means": self.means,
            }));
        }
        let lines = self.lines(global);
        print(&lines, Surface::of_process().stdout_colors(global))
    }

    fn lines(&self, global: &Global) -> Vec<StyledLine> {
        let markdown = global.output == OutputFormat::Markdown;
        let detail = match (global.quiet, global.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Verbose,
            (false, false) => Detail::Normal,
        };
        let plain = |text: String| StyledLine::of(Tone::Plain, text);
        // Markdown joins lines that follow each other.
        let point = |text: String| match markdown {
            true => plain(format!("- {text}")),
            false => plain(text),
        };
        let gap = || plain(String::new());
        let heading = |text: String| match markdown {
            true => [
                gap(),
                StyledLine::of(Tone::Strong, format!("**{text}**")),
                gap(),
            ]
            .to_vec(),
            false => [gap(), StyledLine::of(Tone::Strong, text)].to_vec(),
        };
        let mut shown = vec![point(format!("Rehearsed on: {}", self.base.said))];
        let notes = self.base.lines().into_iter();
        shown.extend(notes.map(|it| point(format!("Note: {it}"))));
        let (strategy, seed) = (self.strategy, self.first_seed);
        shown.extend(heading(format!(
            "One run, strategy {strategy}, seed {seed}"
        )));
        let fence = || markdown.then(|| plain("```".to_owned()));
        shown.extend(fence());
        let mut lines = Lines::new(detail);
        shown.extend(self.records.iter().flat_map(|record| lines.on(record)));
        shown.extend(fence());
        if let Some(row) = self.rows.first().filter(|it| it.runs > 0) {
            let runs = words::plural(row.runs, "run");
            shown.extend(heading(format!("Each fault, {runs} of each strategy")));
            let table = match markdown {
                true => table::markdown(self.rows, self.means),
                false => table::text(self.rows, self.means, columns()),
            };
            shown.extend(table.into_iter().map(plain));
        }
        shown
    }
}

/// How wide a line may be, where somebody looks at it.
fn columns() -> Option<usize> {
    let surface = Surface::of_process();
    surface.stdout.then(|| usize::from(size().columns))
}
