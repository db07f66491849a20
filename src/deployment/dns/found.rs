//! What the config asks for, and what Route 53 has of it.

use std::time::Duration;

use super::{Beside, RecordType};
use crate::deployment::ids::{HostedZoneId, RecordName, SetId, Slots};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::Forward;

/// A record pair that the config lists among its routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWanted {
    /// What the records answer for.
    pub name: RecordName,
    /// Their zone's id, or its name; otherwise the zone with the longest name that fits.
    pub zone: Option<String>,
    /// Their type; otherwise every weighted pair of the name.
    pub kind: Option<RecordType>,
    /// Which record is which slot's, where that can't be found.
    pub sets: Option<Slots<SetId>>,
}

impl RecordWanted {
    /// Their zone's id, where that is what the config says.
    pub fn zone_id(&self) -> Option<&str> {
        let zone = self.zone.as_deref().filter(|zone| !zone.contains('.'))?;
        zone.rsplit('/').next()
    }
}

/// What Route 53 has of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFound {
    /// What was asked for.
    pub wanted: RecordWanted,
    /// The zones that it can be in: one, where all is well.
    pub zones: Vec<HostedZoneId>,
    /// Every record of the name in that zone whose type leads to a load balancer.
    pub sets: Vec<SetFound>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetFound {
    /// Its type.
    pub kind: RecordType,
    /// What tells it from others of its name and type, where there may be others.
    pub set: Option<SetId>,
    /// Its weight, where it is weighted.
    pub weight: Option<u32>,
    /// How long resolvers keep it.
    pub ttl: Duration,
    /// The name of the load balancer, or whatever else it leads to.
    pub leads_to: Option<String>,
}

/// What comes of the records, beside the routes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DnsFound {
    /// The forward actions behind the records: each has one slot's group to forward to, and no
    /// weights to move.
    pub fixed: Vec<Forward>,
    /// What keeps records from being routes.
    pub problems: Vec<Problem>,
    /// Names in the routes' zones that lead to the slots' load balancers, too.
    pub beside: Vec<Beside>,
}
