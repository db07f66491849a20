//! What `bg verify` found of each thing that a version needs: plain data.

use serde::{Serialize, Serializer};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it has to be.
    Ok,
    /// Tasks would not start, or a guard would be missing.
    Ng,
    /// It can't be told from here.
    Skip,
}

impl Verdict {
    /// `OK`, `NG` or `SKIP`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "OK",
            Verdict::Ng => "NG",
            Verdict::Skip => "SKIP",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its kind: `role`, `image`, `secret`, `parameter`, `file`, `log group` or `alarm`.
    pub kind: &'static str,
    /// What it is there for: `execution role`, `image of app`.
    pub what: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What to change or run; only where it is NG.
    pub fix: Option<String>,
}

impl Check {
    /// It is as it has to be.
    pub fn ok(kind: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Check {
        Check {
            kind,
            what: what.into(),
            verdict: Verdict::Ok,
            reason: reason.into(),
            fix: None,
        }
    }

    /// It isn't, and `fix` mends it.
    pub fn ng(
        kind: &'static str,
        what: impl Into<String>,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Check {
        Check {
            verdict: Verdict::Ng,
            fix: Some(fix.into()),
            ..Check::ok(kind, what, reason)
        }
    }

    /// It can't be told.
    pub fn skip(kind: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Check {
        Check {
            verdict: Verdict::Skip,
            ..Check::ok(kind, what, reason)
        }
    }
}
