//! The records of a rehearsal's account: a load balancer for each slot, and weighted pairs that
//! lead to them.

use serde_json::{Value, json};

use super::balancers::{At, Entry, load_balancer, named, protocol};
use crate::deployment::dns::{RecordType, RecordWanted};
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::preflight::Request;
use crate::sandbox::wire::{AwsError, elbv2, route53};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::Kind;

/// Where AWS's own load balancers are, as aliases say it; any will do here.
const ZONE_OF_BALANCERS: &str = "Z32O12XQLNTSW2";
const ALL: u16 = 255;

/// A record as the account has it.
pub(super) fn fitting(wanted: &RecordWanted) -> RecordWanted {
    RecordWanted {
        name: wanted.name.clone(),
        zone: None,
        kind: Some(wanted.kind.unwrap_or(RecordType::A)),
        sets: None,
    }
}

/// The pairs of records that the routes name, with all weight on slot `live`'s.
pub(super) fn build(
    world: &mut World,
    request: &Request,
    groups: &(String, String),
    kind: Kind,
    live: SlotName,
) -> Result<Vec<Entry>, AwsError> {
    let mut names = Slots::<String>::default();
    for slot in SlotName::BOTH {
        let name: String = request.service.as_str().chars().take(28).collect();
        let arn = load_balancer(world, &format!("{name}-{slot}"), kind)?;
        let group = match slot {
            SlotName::A => &groups.0,
            SlotName::B => &groups.1,
        };
        let listener = json!({
            "LoadBalancerArn": arn, "Protocol": protocol(kind), "Port": 80,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        elbv2::handle(world, "CreateListener", &listener)?;
        let made = world.elb.load_balancers.get(&arn);
        names[slot] = made.map_or_else(String::new, |it| it.dns_name.clone());
    }
    let mut entries: Vec<Entry> = Vec::new();
    for wanted in request.routes.records() {
        let record = fitting(wanted);
        let name = record.name.as_str();
        let zone = zone(world, name)?;
        let set = |slot: SlotName| set(&record, slot, &names[slot], slot == live);
        let changes = SlotName::BOTH
            .map(|slot| json!({ "Action": "UPSERT", "ResourceRecordSet": set(slot) }));
        let input = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } });
        route53::handle(world, "ChangeResourceRecordSets", &input)?;
        let is = |it: &Entry| matches!(&it.at, At::Name(known) if known == name);
        if !entries.iter().any(is) {
            entries.push(Entry {
                at: At::Name(name.to_owned()),
                host: name.to_owned(),
                path: "/".to_owned(),
            });
        }
    }
    Ok(entries)
}

/// The zone of a name: what follows its first part.
fn zone(world: &mut World, name: &str) -> Result<String, AwsError> {
    let zone = name.split_once('.').map_or(name, |(_, zone)| zone);
    let dotted = format!("{zone}.");
    let mut known = world.route53.zones.iter();
    if let Some((id, _)) = known.find(|(_, it)| it.name == dotted) {
        return Ok(id.clone());
    }
    let input = json!({ "Name": zone, "CallerReference": zone });
    let made = route53::handle(world, "CreateHostedZone", &input)?;
    named(&made, "/HostedZone/Id")
}

fn set(record: &RecordWanted, slot: SlotName, to: &str, has_all: bool) -> Value {
    let kind = record.kind.unwrap_or(RecordType::A);
    let mut set = json!({
        "Name": record.name, "Type": kind, "SetIdentifier": slot.as_str(),
        "Weight": if has_all { ALL } else { 0 },
    });
    match kind {
        RecordType::Cname => {
            set["TTL"] = json!(60);
            set["ResourceRecords"] = json!([{ "Value": to }]);
        }
        RecordType::A | RecordType::Aaaa => {
            set["AliasTarget"] = json!({
                "HostedZoneId": ZONE_OF_BALANCERS, "DNSName": to, "EvaluateTargetHealth": false,
            });
        }
    }
    set
}
