//! Exit codes: part of what scripts rely on, never changed.

use crate::deployment::outcome::Outcome;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCode {
    /// 0: what was asked for stands: green (for a rollback, the chosen side) serves everything;
    /// nothing to do; a read-only verb worked.
    Stands,
    /// 1: an unexpected error before anything was changed.
    Unexpected,
    /// 2: bad usage, config or strategy.
    Usage,
    /// 3: preflight refused; nothing was changed.
    Refused,
    /// 4: the deployment failed, was aborted or a gate said no; reverted, blue serves everything.
    Reverted,
    /// 5: stuck after a change: an operator is needed.
    Stuck,
    /// 6: another deployment of this service holds the lock.
    Locked,
    /// 7: interrupted or detached, and left as it is.
    Detached,
}

impl ExitCode {
    /// Every code, from 0.
    pub const ALL: [ExitCode; 8] = [
        ExitCode::Stands,
        ExitCode::Unexpected,
        ExitCode::Usage,
        ExitCode::Refused,
        ExitCode::Reverted,
        ExitCode::Stuck,
        ExitCode::Locked,
        ExitCode::Detached,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            ExitCode::Stands => 0,
            ExitCode::Unexpected => 1,
            ExitCode::Usage => 2,
            ExitCode::Refused => 3,
            ExitCode::Reverted => 4,
            ExitCode::Stuck => 5,
            ExitCode::Locked => 6,
            ExitCode::Detached => 7,
        }
    }

    /// What it means, in a line for the help.
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::Stands => "what was asked for stands, or there was nothing to do",
            ExitCode::Unexpected => "unexpected error before anything was changed",
            ExitCode::Usage => "bad usage, config or strategy",
            ExitCode::Refused => "preflight refused; nothing was changed",
            ExitCode::Reverted => "failed or aborted, and reverted: blue serves everything",
            ExitCode::Stuck => "stuck after a change: an operator is needed",
            ExitCode::Locked => "another deployment of this service holds the lock",
            ExitCode::Detached => "interrupted and left as it is",
        }
    }
}

impl From<&Outcome> for ExitCode {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Promoted => ExitCode::Stands,
            Outcome::Reverted { .. } => ExitCode::Reverted,
            Outcome::Stuck { .. } => ExitCode::Stuck,
            Outcome::Kept { .. } => ExitCode::Detached,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_numbers_in_order() {
        let codes = ExitCode::ALL.map(ExitCode::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn only_a_promotion_counts_as_success() {
        let kept = Outcome::Kept {
            signal: "SIGTERM".into(),
        };
        assert_eq!(ExitCode::from(&Outcome::Promoted), ExitCode::Stands);
        assert_eq!(ExitCode::from(&kept), ExitCode::Detached);
    }
}
