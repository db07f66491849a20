//! A rule, and what it found.

use super::evidence::Evidence;
use crate::deployment::diagnosis::Finding;

/// How near a finding is to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// AWS names the cause outright.
    Said,
    /// Figures and settings show it.
    Shown,
    /// AWS's words, or a doubtful setting, where no other rule explains the trouble.
    Otherwise,
    /// It follows from something else.
    Follows,
}

/// One thing that can be wrong, and how to see it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Stable: programs may go by it.
    pub name: &'static str,
    /// How near to the root what it finds is.
    pub rank: Rank,
    /// Looks for it.
    pub find: fn(&Evidence) -> Vec<Found>,
}

impl Rule {
    /// AWS names the cause outright.
    pub(super) const fn said(name: &'static str, find: fn(&Evidence) -> Vec<Found>) -> Rule {
        let rank = Rank::Said;
        Rule { name, rank, find }
    }

    /// Figures and settings show it.
    pub(super) const fn shown(name: &'static str, find: fn(&Evidence) -> Vec<Found>) -> Rule {
        let rank = Rank::Shown;
        Rule { name, rank, find }
    }

    /// Only where no other rule explains the trouble.
    pub(super) const fn otherwise(name: &'static str, find: fn(&Evidence) -> Vec<Found>) -> Rule {
        let rank = Rank::Otherwise;
        Rule { name, rank, find }
    }

    /// It follows from something else.
    pub(super) const fn follows(name: &'static str, find: fn(&Evidence) -> Vec<Found>) -> Rule {
        let rank = Rank::Follows;
        Rule { name, rank, find }
    }
}

/// What a rule found, before it has the rule's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What is wrong, in a line.
    pub what: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// The likely cause.
    pub cause: String,
    /// The command or setting that mends it.
    pub fix: String,
}

impl Found {
    /// Something that is wrong.
    pub(super) fn new(what: impl Into<String>) -> Found {
        Found {
            what: what.into(),
            ..Found::default()
        }
    }

    /// With what shows it.
    pub(super) fn shown_by(mut self, evidence: impl IntoIterator<Item = String>) -> Found {
        self.evidence.extend(evidence);
        self
    }

    /// With the likely cause.
    pub(super) fn because(mut self, cause: impl Into<String>) -> Found {
        self.cause = cause.into();
        self
    }

    /// With what mends it.
    pub(super) fn mended_by(mut self, fix: impl Into<String>) -> Found {
        self.fix = fix.into();
        self
    }

    pub(super) fn under(self, rule: &str) -> Finding {
        Finding {
            rule: rule.to_owned(),
            what: self.what,
            evidence: self.evidence,
            cause: self.cause,
            fix: self.fix,
        }
    }
}
