//! `verify`: each thing that a version needs, and how it is.

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Tone};
use super::words;
use crate::deployment::ids::{ClusterName, ServiceName};
use crate::deployment::verification::{Check, Verdict};

/// Where a check's words begin, and at least so far behind its name.
const NAME_COLUMN: usize = 8;
const GAP: usize = 2;
/// Names longer than this are not lined up with.
const LONGEST_NAME: usize = 32;

/// The document of `bg verify --output json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyReport {
    /// When.
    pub at: Timestamp,
    /// The logical service.
    pub service: ServiceName,
    /// Its cluster.
    pub cluster: ClusterName,
    /// What was verified: a revision, a family, or a revision with other images.
    pub task_definition: String,
    /// How many checks ended like this.
    pub ok: usize,
    /// The same.
    pub ng: usize,
    /// The same.
    pub skip: usize,
    /// Every check, family by family.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    /// Of what was found.
    pub fn new(
        at: Timestamp,
        service: ServiceName,
        cluster: ClusterName,
        task_definition: String,
        checks: Vec<Check>,
    ) -> VerifyReport {
        let count = |verdict| checks.iter().filter(|it| it.verdict == verdict).count();
        VerifyReport {
            at,
            service,
            cluster,
            task_definition,
            ok: count(Verdict::Ok),
            ng: count(Verdict::Ng),
            skip: count(Verdict::Skip),
            checks,
        }
    }

    /// How many checks ended like this.
    pub fn count(&self, verdict: Verdict) -> usize {
        match verdict {
            Verdict::Ok => self.ok,
            Verdict::Ng => self.ng,
            Verdict::Skip => self.skip,
        }
    }
}

/// For people.
pub fn text(report: &VerifyReport) -> Vec<StyledLine> {
    let head = StyledLine::of(Tone::Strong, report.service.as_str())
        .plain(format!(
            " in cluster {}: {}",
            report.cluster, report.task_definition
        ))
        .with(Tone::Dim, format!(" ({} UTC)", words::clock(report.at)));
    let names = report.checks.iter().map(|it| it.what.len());
    let longest = names.filter(|it| *it <= LONGEST_NAME).max().unwrap_or(0);
    let column = NAME_COLUMN + longest + GAP;
    let checks = report.checks.iter().flat_map(|it| lines(it, column));
    let end = [StyledLine::new(), end(report)];
    std::iter::once(head).chain(checks).chain(end).collect()
}

fn lines(check: &Check, column: usize) -> Vec<StyledLine> {
    let tone = match check.verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Ng => Tone::Bad,
        Verdict::Skip => Tone::Warn,
    };
    let line = StyledLine::new()
        .plain("  ")
        .with(tone, check.verdict.as_str())
        .to_column(NAME_COLUMN)
        .plain(&check.what)
        .to_column(column)
        .plain(&check.reason);
    let fix = check.fix.iter().map(|fix| {
        let label = StyledLine::new().to_column(column);
        label.with(Tone::Good, "Fix: ").plain(fix)
    });
    std::iter::once(line).chain(fix).collect()
}

fn end(report: &VerifyReport) -> StyledLine {
    let counts = format!("{} OK, {} NG, {} SKIP", report.ok, report.ng, report.skip);
    let (tone, words) = match (report.ng, report.skip) {
        (0, 0) => (Tone::Good, "everything that was looked at is there"),
        (0, _) => (Tone::Good, "nothing that was looked at is missing"),
        _ => (
            Tone::Bad,
            "with what is NG tasks don't start, or nothing watches them",
        ),
    };
    StyledLine::of(tone, counts).plain(format!(": {words}. Nothing was changed."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_and_what_is_wrong_has_its_fix_below() {
        let checks = vec![
            Check::ok("role", "execution role", "exec exists"),
            Check::ng("image", "image of app", "shop:v2 doesn't exist", "push it"),
            Check::skip("alarm", "alarm x", "not allowed"),
        ];
        let report = VerifyReport::new(
            Timestamp::UNIX_EPOCH,
            ServiceName::new("shop"),
            ClusterName::new("prod"),
            "shop:7".to_owned(),
            checks,
        );
        let lines: Vec<String> = text(&report).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "shop in cluster prod: shop:7 (00:00:00 UTC)",
                "  OK    execution role  exec exists",
                "  NG    image of app    shop:v2 doesn't exist",
                "                        Fix: push it",
                "  SKIP  alarm x         not allowed",
                "",
                "1 OK, 1 NG, 1 SKIP: with what is NG tasks don't start, or nothing watches them. \
                 Nothing was changed.",
            ]
        );
    }
}
