//! What the load balancer answers itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::percent_of;

/// The load balancer's own 5xx (`guards.metrics.load_balancer`): 503 where the chosen target
/// group is empty, 502 and 504 where a target breaks off or doesn't answer.
///
/// CloudWatch counts them by load balancer, not by target group: there is no green to compare with
/// a blue. Subtracting each group's `Target_2XX…5XX` from its RequestCount would tell the sides
/// apart, but not what matters most here: a request that finds its group empty is in no group's
/// RequestCount at all. It would also call every request that is answered in a later minute than
/// it came in, and every WebSocket, unanswered. So they are held against the load balancer's own
/// level of the last hour: its rate among all its requests may triple, and 0.05 % is harmless. What
/// another service on the same load balancer does shows too; `limit` gives it room.
///
/// One minute alone never reverts (a burst of somebody else's is soon over), the second one in a row
/// can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalancerGuard {
    /// The rate that is put up with, in millionths of all requests; left out, what the last hour
    /// suggests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The rate of the last hour, in millionths; none where nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
}

impl BalancerGuard {
    /// Harmless whatever it was before, in millionths.
    const HARMLESS: u32 = 500;
    /// Under all requests, so that there is something left to be worse.
    const MOST: u32 = 950_000;

    /// The rate that is put up with, in millionths.
    pub fn tolerated(&self) -> u32 {
        let usual = self.before.unwrap_or(0).saturating_mul(3);
        let usual = usual.clamp(BalancerGuard::HARMLESS, BalancerGuard::MOST);
        self.limit.unwrap_or(usual)
    }
}

impl fmt::Display for BalancerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = percent_of(self.tolerated());
        write!(
            f,
            "the load balancer's own 5xx: {limit} % of all requests at most"
        )?;
        match self.before {
            Some(before) => write!(f, " ({} % in the last hour)", percent_of(before)),
            None => Ok(()),
        }
    }
}
