//! What an alarm's state means for a deployment.

use serde::{Deserialize, Serialize};

/// The state that CloudWatch reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Over its threshold.
    Alarm,
    /// Not enough data to say.
    InsufficientData,
}

/// What to make of an alarm that has no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InsufficientData {
    /// As good as OK: right for sparse count metrics, which have no data while all is well.
    Ok,
    /// Neither healthy nor unhealthy: don't move on.
    Hold,
    /// As bad as ALARM.
    Revert,
}

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing against going on.
    Fine,
    /// Not known to be well: don't raise green's weight.
    Hold,
    /// Known to be bad: revert.
    Trip,
}

/// The verdict on an alarm in `state`; `None` is an alarm that could not be read, which is never
/// healthy and never unhealthy.
pub fn verdict(state: Option<AlarmState>, policy: InsufficientData) -> Verdict {
    match (state, policy) {
        (Some(AlarmState::Ok), _) | (Some(AlarmState::InsufficientData), InsufficientData::Ok) => {
            Verdict::Fine
        }
        (Some(AlarmState::Alarm), _)
        | (Some(AlarmState::InsufficientData), InsufficientData::Revert) => Verdict::Trip,
        (None, _) | (Some(AlarmState::InsufficientData), InsufficientData::Hold) => Verdict::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_alarm_holds_under_every_policy() {
        for policy in [
            InsufficientData::Ok,
            InsufficientData::Hold,
            InsufficientData::Revert,
        ] {
            assert_eq!(verdict(None, policy), Verdict::Hold);
            assert_eq!(verdict(Some(AlarmState::Alarm), policy), Verdict::Trip);
            assert_eq!(verdict(Some(AlarmState::Ok), policy), Verdict::Fine);
        }
    }

    #[test]
    fn missing_data_follows_the_policy() {
        let of = |policy| verdict(Some(AlarmState::InsufficientData), policy);
        assert_eq!(of(InsufficientData::Ok), Verdict::Fine);
        assert_eq!(of(InsufficientData::Hold), Verdict::Hold);
        assert_eq!(of(InsufficientData::Revert), Verdict::Trip);
    }
}
