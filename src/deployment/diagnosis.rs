//! Why something went wrong, as it was found out, kept and shown: plain data.

use serde::{Deserialize, Serialize};

/// How many findings a journal keeps of a deployment.
const KEPT: usize = 3;
/// How many lines of evidence each keeps.
const LINES: usize = 8;
/// How many characters each text keeps.
const LONGEST: usize = 400;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The rule that found it, such as `image-not-found`.
    pub rule: String,
    /// What is wrong, in a line.
    pub what: String,
    /// What shows it: AWS's words, figures, log lines.
    pub evidence: Vec<String>,
    /// The likely cause.
    pub cause: String,
    /// The command or setting that mends it.
    pub fix: String,
}

/// Everything that was found, the root cause first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnosis {
    /// The findings, ranked.
    pub findings: Vec<Finding>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_none(more: &usize) -> bool {
    *more == 0
}

impl Finding {
    /// The name under which others know the cause; `None` where none was found, and the finding
    /// only says where to read on.
    pub fn known_as(&self) -> Option<&str> {
        let names_a_cause = self.rule != Diagnosis::READ_ITS_LOG;
        names_a_cause.then_some(self.rule.as_str())
    }
}

impl Diagnosis {
    /// The rule that finds no cause, and says where to read on.
    pub const READ_ITS_LOG: &str = "read-its-log";

    /// Whether it says why, and not only where to read on.
    pub fn names_a_cause(&self) -> bool {
        let first = self.findings.first();
        first.is_some_and(|it| it.known_as().is_some())
    }

    /// The first of `findings`, each cut to a size that a journal takes.
    pub fn of(mut findings: Vec<Finding>) -> Diagnosis {
        let more = findings.len().saturating_sub(KEPT);
        findings.truncate(KEPT);
        for finding in &mut findings {
            finding.evidence.truncate(LINES);
            let texts = [&mut finding.what, &mut finding.cause, &mut finding.fix];
            let texts = texts.into_iter().chain(&mut finding.evidence);
            texts.for_each(cut);
        }
        Diagnosis { findings, more }
    }
}

fn cut(text: &mut String) {
    if text.chars().count() > LONGEST {
        *text = text.chars().take(LONGEST - 1).chain(['…']).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_gets_no_more_than_a_few_short_findings() {
        let finding = Finding {
            rule: "x".to_owned(),
            what: "w".repeat(5_000),
            evidence: vec!["e".repeat(5_000); 50],
            cause: "c".repeat(5_000),
            fix: "f".repeat(5_000),
        };
        let kept = Diagnosis::of(vec![finding; 9]);
        assert_eq!((kept.findings.len(), kept.more), (3, 6));
        let size = serde_json::to_string(&kept).unwrap().len();
        assert!(size < 16_000, "{size}");
    }
}
