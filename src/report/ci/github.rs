//! What GitHub's runner understands: workflow commands in the log, and the file of outputs.

use std::borrow::Cow;

use crate::deployment::event::{Event, Record};
use crate::deployment::outcome::Outcome;
use crate::report::ending::ending;
use crate::report::line::StyledLine;
use crate::report::view::View;
use crate::report::words;

use super::facts::Facts;
use super::joined;

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It failed.
    Error,
    /// It deserves a look.
    Warning,
    /// Good to know.
    Notice,
}

/// A message that GitHub shows beside the log, and on the run's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How loud.
    pub level: Level,
    /// Its headline.
    pub title: String,
    /// One line or several.
    pub message: String,
}

impl Annotation {
    /// The workflow command.
    pub fn command(&self) -> String {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
        };
        let (title, message) = (property(&self.title), data(&self.message));
        format!("::{level} title={title}::{message}")
    }
}

/// A value as it follows the second `::` of a command. The runner reads `%0A` as a line's end.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// A value as it follows a property's `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// `line` without what the runner would take for a command of this program's: names, reasons and
/// log lines in it are other people's. The runner looks for `::` at a line's beginning, and for
/// `##[` anywhere.
pub fn harmless(line: &str) -> Cow<'_, str> {
    let rest = line.trim_start();
    let forged = rest.starts_with("::");
    if !forged && !line.contains("##[") {
        return Cow::Borrowed(line);
    }
    let (space, rest) = line.split_at(line.len() - rest.len());
    let colon = if forged { ":" } else { "" };
    let rest = rest.strip_prefix(colon).unwrap_or(rest);
    let gap = if forged { " " } else { "" };
    let text = format!("{space}{colon}{gap}{rest}");
    Cow::Owned(text.replace("##[", "## ["))
}

/// A line of JSON that means the same, and holds nothing that the runner would take for a command.
pub fn harmless_json(line: &str) -> Cow<'_, str> {
    match line.contains("##[") {
        true => Cow::Owned(line.replace("##[", r"\u0023#[")),
        false => Cow::Borrowed(line),
    }
}

/// The command that stands before `record`'s line in the log, where a part of the deployment
/// begins: GitHub folds the lines up to the next one away under this heading.
pub fn group(before: &View, record: &Record) -> Option<String> {
    let open = |heading: &str| {
        let heading = StyledLine::new().plain(heading).to_string();
        Some(format!("::group::{}", data(&heading)))
    };
    match &record.event {
        Event::Started { plan } => open(&format!(
            "Bring {} up in slot {}",
            words::version(plan),
            plan.green_slot()
        )),
        Event::Shifting { step, weight } if before.step != Some(*step) => {
            let (n, of) = (step.saturating_add(1), before.steps());
            match before.is_bare() {
                true => open(&format!("Step {n} of {of}: green works beside blue")),
                false => open(&format!("Step {n} of {of}: {weight} of traffic to green")),
            }
        }
        // Nothing of a revert is folded away.
        Event::Promoted { .. } | Event::Reverting { .. } | Event::Ended { .. } => {
            Some("::endgroup::".to_owned())
        }
        _ => None,
    }
}

/// What the run's page has to show of the deployment that `view` shows.
pub fn annotations(view: &View) -> Vec<Annotation> {
    let warnings = view.plan.iter().flat_map(|plan| &plan.warnings);
    let warnings = warnings.map(|warning| Annotation {
        level: Level::Warning,
        title: "Preflight warns".to_owned(),
        message: warning.clone(),
    });
    warnings.chain(of_end(view)).collect()
}

/// How the deployment that `view` shows ended; `None` while it goes on.
pub fn of_end(view: &View) -> Option<Annotation> {
    let outcome = view.outcome.as_ref()?;
    let level = match outcome {
        Outcome::Promoted => Level::Notice,
        Outcome::Kept { .. } => Level::Warning,
        Outcome::Reverted { .. } | Outcome::Stuck { .. } => Level::Error,
    };
    let service = view.plan.as_ref().map(|plan| plan.service.to_string());
    let version = view.plan.as_ref().map(words::version);
    let title = match (service, version) {
        (Some(service), Some(version)) => format!("{}: {version} to {service}", headline(outcome)),
        _ => headline(outcome).to_owned(),
    };
    Some(Annotation {
        level,
        title,
        message: joined(&ending(view)),
    })
}

/// An outcome as a headline begins.
pub fn headline(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Promoted => "Promoted",
        Outcome::Reverted { .. } => "Reverted",
        Outcome::Stuck { .. } => "Stuck, an operator is needed",
        Outcome::Kept { .. } => "Left as it is",
    }
}

/// What is appended to the file of a step's outputs.
pub fn outputs(facts: &Facts) -> String {
    let pairs = facts.pairs();
    // Whatever the values hold, none of them can end before its own end.
    let mut end = "bg-end".to_owned();
    while pairs.iter().any(|(_, value)| value.contains(&end)) {
        end.push('-');
    }
    let lines = pairs.map(|(name, value)| format!("{name}<<{end}\n{value}\n{end}\n"));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stories;

    #[test]
    fn nobody_else_s_text_becomes_a_command() {
        for (said, shown) in [
            ("::add-path::/tmp", ": :add-path::/tmp"),
            ("    ::stop-commands::x", "    : :stop-commands::x"),
            ("a ##[add-mask]b ##[group]", "a ## [add-mask]b ## [group]"),
            (" :: ##[error]", " : : ## [error]"),
        ] {
            assert_eq!(harmless(said), shown);
        }
        for fine in ["07:14:00  started  a::b::c", "", "# heading [x]"] {
            assert!(matches!(harmless(fine), Cow::Borrowed(_)), "{fine}");
        }
        let json = r###"{"message":"##[group]x"}"###;
        let shown = harmless_json(json);
        assert!(!shown.contains("##["), "{shown}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(json));
    }

    #[test]
    fn an_annotation_keeps_its_lines_and_its_figures() {
        let annotation = Annotation {
            level: Level::Error,
            title: "a: 5%, or\nso".to_owned(),
            message: "50%\r\nnext: x".to_owned(),
        };
        let told = "::error title=a%3A 5%25%2C or%0Aso::50%25%0D%0Anext: x";
        assert_eq!(annotation.command(), told);
    }

    #[test]
    fn outputs_hold_whatever_the_values_do() {
        let facts = Facts::without_deployment("bg-end\nforged=1");
        assert!(outputs(&facts).starts_with("outcome<<bg-end-\nbg-end\nforged=1\nbg-end-\n"));
    }

    #[test]
    fn every_story_that_ends_badly_is_an_error_with_what_is_next() {
        for (name, records) in stories::all() {
            let view = View::of(&records);
            let Some(last) = annotations(&view).pop() else {
                assert!(view.outcome.is_none(), "{name}");
                continue;
            };
            let bad = matches!(
                view.outcome,
                Some(Outcome::Reverted { .. } | Outcome::Stuck { .. })
            );
            assert_eq!(last.level == Level::Error, bad, "{name}");
            assert!(last.message.contains("\n  next "), "{name}: {last:?}");
            assert!(!last.command().contains('\n'), "{name}");
        }
    }

    #[test]
    fn every_part_has_a_heading_and_a_revert_is_never_folded_away() {
        let of = |records: &[Record]| {
            let mut view = View::new();
            let mut groups = Vec::new();
            for record in records {
                groups.extend(group(&view, record));
                view.apply(record);
            }
            groups
        };
        insta::assert_snapshot!(of(&stories::good()).join("\n"), @r"
        ::group::Bring registry.example/shop:v2 up in slot b
        ::group::Step 1 of 2: 10%25 of traffic to green
        ::group::Step 2 of 2: 100%25 of traffic to green
        ::endgroup::
        ::endgroup::
        ");
        assert_eq!(of(&stories::alarmed())[2], "::endgroup::");
    }
}
