//! How many targets are enough.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A share of a service's desired count, in whole percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Share(u8);

impl Share {
    /// Every one of them.
    pub const ALL: Share = Share(100);

    /// `percent` of the desired count; `None` above 100.
    pub fn of_percent(percent: u8) -> Option<Share> {
        (percent <= 100).then_some(Share(percent))
    }

    /// The smallest whole number of targets that is at least this share of `desired`.
    pub fn needed(self, desired: u32) -> u32 {
        (u64::from(desired) * u64::from(self.0)).div_ceil(100) as u32
    }

    /// The share in percent.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Share {
    type Error = String;
    fn try_from(percent: u8) -> Result<Self, String> {
        Share::of_percent(percent).ok_or_else(|| format!("{percent}% is more than all of them"))
    }
}

impl From<Share> for u8 {
    fn from(share: Share) -> u8 {
        share.0
    }
}

impl FromStr for Share {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_suffix('%')
            .and_then(|digits| digits.trim().parse::<u8>().ok())
            .and_then(Share::of_percent)
            .ok_or_else(|| format!("\"{text}\" is not a percentage from 0% to 100%, such as 75%"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// The targets of one target group by their state, as DescribeTargetHealth gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetCounts {
    /// Pass their health checks.
    pub healthy: u32,
    /// Fail their health checks (`unhealthy` and `unhealthy.draining`).
    pub unhealthy: u32,
    /// Registered, not yet checked often enough.
    pub initial: u32,
    /// On their way out.
    pub draining: u32,
    /// In a zone or group that the load balancer doesn't use.
    pub unused: u32,
    /// Health checks switched off or not available.
    pub unavailable: u32,
    /// What is wrong with the ones that aren't healthy, as it follows `its targets`, and how many
    /// it concerns.
    pub reasons: BTreeMap<String, u32>,
}

impl TargetCounts {
    /// All targets that count as capacity: everything but the ones on their way out.
    pub fn registered(&self) -> u32 {
        self.healthy + self.unhealthy + self.initial + self.unused + self.unavailable
    }

    /// The reason that most of the targets which aren't healthy share.
    pub fn main_reason(&self) -> Option<&str> {
        self.reasons
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(reason, _)| reason.as_str())
    }
}

/// Whether a group has enough healthy targets for traffic that it already carries.
///
/// Initial and draining targets are not counted against it (a replaced task is no outage), but
/// neither do they serve: with nothing healthy the answer is no whatever the share.
pub fn enough_to_serve(counts: &TargetCounts, desired: u32, min: Share) -> bool {
    if desired == 0 {
        return true;
    }
    let expected = desired.saturating_sub(counts.initial).max(1);
    counts.healthy >= min.needed(expected).max(1)
}

/// Whether a group may be given (more) traffic: `ready` of the desired count is healthy.
pub fn ready(counts: &TargetCounts, desired: u32, ready: Share) -> bool {
    counts.healthy >= ready.needed(desired).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(healthy: u32, unhealthy: u32, initial: u32) -> TargetCounts {
        TargetCounts {
            healthy,
            unhealthy,
            initial,
            ..TargetCounts::default()
        }
    }

    #[test]
    fn a_share_is_rounded_up() {
        let share: Share = "75%".parse().unwrap();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|n| share.needed(n)),
            [0, 1, 2, 3, 3, 4]
        );
        assert!("101%".parse::<Share>().is_err());
        assert!("75".parse::<Share>().is_err());
    }

    #[test]
    fn an_empty_group_is_never_ready_nor_serving() {
        let none = Share::of_percent(0).unwrap();
        assert!(!ready(&counts(0, 0, 0), 2, none));
        assert!(!enough_to_serve(&counts(0, 0, 2), 2, none));
    }

    #[test]
    fn a_replaced_target_does_not_count_against_the_group() {
        let min = Share::of_percent(75).unwrap();
        assert!(enough_to_serve(&counts(3, 0, 1), 4, min));
        assert!(!enough_to_serve(&counts(2, 2, 0), 4, min));
    }
}
