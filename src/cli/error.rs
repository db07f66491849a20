//! The one error that the command line shows: what, why, and what to do about it.

use std::error::Error;
use std::fmt;

use super::exit::ExitCode;
use crate::deployment::problem::Problem;
use crate::report::line::{StyledLine, Tone};
use crate::report::words;
use crate::store::StoreError;

/// What kind of trouble it is; says the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nobody foresaw it; nothing was changed.
    Unexpected,
    /// The store can't be read or written; nothing was changed.
    Store,
    /// There is no store yet, or what is there is none.
    NoStore,
    /// The arguments, the config or the strategy are wrong.
    Usage,
    /// Preflight said no.
    Refused,
    /// Something was changed, and it can't be told that one side serves everything.
    Stuck,
    /// Somebody else deploys this service.
    Locked,
    /// A signal ended it before its time.
    Interrupted,
}

impl From<ErrorKind> for ExitCode {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unexpected | ErrorKind::Store => ExitCode::Unexpected,
            ErrorKind::Usage => ExitCode::Usage,
            ErrorKind::Refused | ErrorKind::NoStore => ExitCode::Refused,
            ErrorKind::Stuck => ExitCode::Stuck,
            ErrorKind::Locked => ExitCode::Locked,
            ErrorKind::Interrupted => ExitCode::Detached,
        }
    }
}

/// What works whatever the store does.
const WITHOUT_A_STORE: &str = "traffic needs no store: `bg status` shows it, `bg rollback` puts a \
    deployment under way back, `bg rollback --to a --force` (or b) moves everything at once";

/// An error for people.
///
/// Its `Display` is what goes to stderr:
/// ```text
/// Error: cluster "prdo" doesn't exist in eu-west-1
/// Caused by: ClusterNotFoundException: Cluster not found.
/// Hint: the clusters there are: prod, staging
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// What kind.
    pub kind: ErrorKind,
    /// What went wrong: a fragment without a full stop.
    pub message: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What preflight found.
    pub problems: Vec<Problem>,
    /// What to run or change next, one line each.
    pub hints: Vec<String>,
}

impl CliError {
    /// An error without a known cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        CliError {
            kind,
            message: message.into(),
            causes: Vec::new(),
            problems: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Bad usage, config or strategy.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Preflight's refusal.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// `error` with everything that caused it, and with the way out where the store is in the way.
    pub fn from_error(kind: ErrorKind, error: &(dyn Error + 'static)) -> Self {
        let mut this = Self::new(kind, error.to_string());
        this.causes = chain(error.source());
        this.causes.retain(|cause| !this.message.ends_with(cause));
        match error.downcast_ref() {
            Some(store) => this.of_store(store),
            None => this,
        }
    }

    /// What a store's error says about the kind of this one, and what to do about it.
    fn of_store(mut self, error: &StoreError) -> Self {
        let another = "or take another in bg.yaml: state: dynamodb://TABLE";
        match error {
            StoreError::NoTable { .. } => {
                self.kind = ErrorKind::NoStore;
                self.hint("create it: bg init --state").hint(another)
            }
            StoreError::Unfit { .. } => {
                self.kind = ErrorKind::NoStore;
                self.hint(another.trim_start_matches("or "))
            }
            StoreError::TooLong { .. } => {
                self.hint("a folder has no such limit: state: file:DIR in bg.yaml")
            }
            StoreError::Aws { source, .. } => {
                let hint = source.hint().map(str::to_owned);
                self.of_no_use(hint)
            }
            StoreError::Damaged { what, .. } => self.of_no_use(Some(format!(
                "read it with the bg that wrote it, or move it away ({what}): bg then goes by \
                 what AWS shows"
            ))),
            StoreError::Io { .. } => self.of_no_use(Some(
                "it needs a folder that this user may write to, and room on the disk".to_owned(),
            )),
            StoreError::TimedOut => self.of_no_use(None),
            _ => self,
        }
    }

    /// The same where the store itself is in the way.
    fn of_no_use(mut self, hint: Option<String>) -> Self {
        if self.kind == ErrorKind::Unexpected {
            self.kind = ErrorKind::Store;
        }
        self.hints.extend(hint);
        self.hint(WITHOUT_A_STORE)
    }

    /// The same, caused by `error` and what caused that.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        self.causes.extend(chain(Some(error)));
        self
    }

    /// The same, with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Whether it is the store that was in the way, of a verb that had changed nothing.
    pub fn is_of_the_store(&self) -> bool {
        matches!(self.kind, ErrorKind::Store | ErrorKind::NoStore)
    }

    /// The exit code that goes with it.
    pub fn exit(&self) -> ExitCode {
        self.kind.into()
    }

    /// Everything that preflight found, each with its way out.
    pub fn preflight(problems: Vec<Problem>) -> Self {
        let count = words::plural(problems.len(), "problem");
        let message = format!("preflight found {count}; nothing was changed");
        CliError {
            problems,
            ..Self::refused(message)
        }
    }

    /// What goes to stderr. A message may have several lines, such as a piece of the config.
    pub fn lines(&self) -> Vec<StyledLine> {
        let mut lines = part(Tone::Bad, "Error:", &self.message);
        for problem in &self.problems {
            lines.extend(part(Tone::Bad, "Problem:", &problem.what));
            lines.extend(part(Tone::Good, "    Fix:", &problem.fix));
        }
        for cause in &self.causes {
            lines.extend(part(Tone::Warn, "Caused by:", cause));
        }
        for hint in &self.hints {
            lines.extend(part(Tone::Good, "Hint:", hint));
        }
        lines
    }
}

fn part(tone: Tone, label: &str, text: &str) -> Vec<StyledLine> {
    let mut rest = text.lines();
    let first = rest.next().unwrap_or_default();
    let first = StyledLine::of(tone, label).plain(" ").plain(first);
    std::iter::once(first)
        .chain(rest.map(|line| StyledLine::new().plain(line)))
        .collect()
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines().iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            write!(f, "{gap}{line}")?;
        }
        Ok(())
    }
}

impl Error for CliError {}

/// The messages of an error and its sources, without those that the one before already tells.
fn chain(mut next: Option<&dyn Error>) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    while let Some(error) = next {
        let text = error.to_string();
        if !causes.last().is_some_and(|last| last.ends_with(&text)) {
            causes.push(text);
        }
        next = error.source();
    }
    causes
}

/// Another deployment of the service holds the lock.
pub(super) fn locked(error: &StoreError) -> CliError {
    match error {
        StoreError::Locked(holder) => {
            let mut message = CliError::new(ErrorKind::Locked, error.to_string())
                .hint("wait for its end: --wait-lock 10m; watch it: `bg status --watch`")
                .hint("put it back, or take over where its process is dead: `bg rollback`");
            if let Some(url) = &holder.run_url {
                message = message.hint(format!("its run: {url}"));
            }
            message.hint(format!(
                "its lease ends at {:.0} unless it is renewed",
                holder.lease_until
            ))
        }
        _ => CliError::from_error(ErrorKind::Unexpected, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_and_what_next() {
        let cause = std::io::Error::other("connection refused");
        let error = CliError::refused("cluster \"prdo\" can't be read")
            .caused_by(&cause)
            .hint("check --endpoint-url");
        assert_eq!(
            error.to_string(),
            "Error: cluster \"prdo\" can't be read\nCaused by: connection refused\nHint: check --endpoint-url"
        );
        assert_eq!(error.exit(), ExitCode::Refused);
    }

    #[test]
    fn a_refusal_tells_every_problem_with_its_fix() {
        let problem = |what: &str, fix: &str| Problem {
            what: what.into(),
            fix: fix.into(),
        };
        let error = CliError::preflight(vec![
            problem("target group shop-b doesn't exist", "create it"),
            problem("alarm shop-5xx is in ALARM", "wait until it is OK"),
        ]);
        assert_eq!(
            error.to_string(),
            "Error: preflight found 2 problems; nothing was changed\n\
             Problem: target group shop-b doesn't exist\n    Fix: create it\n\
             Problem: alarm shop-5xx is in ALARM\n    Fix: wait until it is OK"
        );
    }

    #[test]
    fn a_piece_of_the_config_keeps_its_lines() {
        let error = CliError::usage("bg.yaml:2:1: unknown key\n  2 | clutser: prod\n    | ^");
        assert_eq!(error.lines().len(), 3);
    }
}
