//! Route 53 weighted record pairs over two load balancers, as routes: which record belongs to
//! which slot, and the weights that give a share. Pure.

mod beside;
mod found;
mod join;
mod shares;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{
    HostedZoneId, LoadBalancerArn, RecordName, RouteArn, SetId, SlotName, Slots, TargetGroupArn,
};

pub use beside::{Beside, beside};
pub use found::{DnsFound, RecordFound, RecordWanted, SetFound};
pub(crate) use join::weights;
pub use join::{GroupAt, Joined, host, join};
pub use shares::{ALL, integers};

/// What Route 53 tells resolvers to keep the answer of an alias to a load balancer for.
pub const TTL_OF_ALIAS: Duration = Duration::from_secs(60);

/// How long a change is given to reach all servers: AWS says that most take less than a minute.
pub const SPREADS_WITHIN: Duration = Duration::from_secs(120);

/// The types of record that lead to a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
    /// Another name.
    Cname,
}

impl RecordType {
    /// All of them.
    pub const ALL: [RecordType; 3] = [RecordType::A, RecordType::Aaaa, RecordType::Cname];

    /// As Route 53 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Cname => "CNAME",
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for RecordType {
    type Err = ();
    fn from_str(text: &str) -> Result<RecordType, ()> {
        let is = |it: &RecordType| it.as_str() == text;
        RecordType::ALL.into_iter().find(is).ok_or(())
    }
}

/// A weighted pair of records: one for each slot, which leads to that slot's own load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The hosted zone.
    pub zone: HostedZoneId,
    /// What both answer for.
    pub name: RecordName,
    /// Their type.
    #[serde(rename = "type")]
    pub kind: RecordType,
    /// How long resolvers keep an answer.
    #[serde(with = "super::seconds")]
    pub ttl: Duration,
    /// Each slot's record, and where it leads.
    pub ends: Slots<End>,
    /// Whether another zone has such a pair, too: a public one beside a private one, say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_in_two_zones: bool,
}

/// One record of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Which record.
    pub set: SetId,
    /// The load balancer that it leads to.
    pub load_balancer: LoadBalancerArn,
    /// The slot's target group behind that.
    pub group: TargetGroupArn,
}

impl Record {
    /// What stands for the pair where routes are told apart: Route 53 has no ARN for it.
    pub fn arn(&self) -> RouteArn {
        let Record {
            zone, name, kind, ..
        } = self;
        RouteArn::new(format!(
            "arn:aws:route53:::hostedzone/{zone}/rrset/{name}/{kind}"
        ))
    }

    /// `shop.example.com A`, with its zone where that alone tells it from another.
    pub fn label(&self) -> String {
        match self.is_in_two_zones {
            true => format!("{} {} in {}", self.name, self.kind, self.zone),
            false => format!("{} {}", self.name, self.kind),
        }
    }

    /// The slot whose target group that is.
    pub fn slot_of(&self, group: &TargetGroupArn) -> Option<SlotName> {
        let mut slots = SlotName::BOTH.into_iter();
        slots.find(|slot| self.ends[*slot].group == *group)
    }
}

/// A record's name as everybody writes it: Route 53 ends names with a dot, and has `\052` for `*`.
pub fn plain_name(name: &str) -> RecordName {
    let name = name.strip_suffix('.').unwrap_or(name);
    RecordName::new(name.to_ascii_lowercase().replace("\\052", "*"))
}
