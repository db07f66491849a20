//! Route 53: hosted zones, their records, and what its servers answer. A change is answered some
//! time after it was made, all of it at once.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::elb::{Elb, TargetState};

/// AWS says that most changes are everywhere within 60 s.
const EVERYWHERE_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// What resolvers are told for an alias to a load balancer.
const TTL_OF_ALIAS: i64 = 60;

/// A record's place: its name with the labels turned round, its type, its set identifier.
pub type Key = (String, String, String);

/// The Route 53 part of the world.
#[derive(Debug, Clone)]
pub struct Route53 {
    /// Hosted zones by id.
    pub zones: BTreeMap<String, Zone>,
    /// Changes by id.
    pub changes: BTreeMap<String, Change>,
    /// Health checks by id, as the API shows them.
    pub health_checks: BTreeMap<String, Value>,
    /// Tags by kind and id: `hostedzone`, `healthcheck`.
    pub tags: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// How long a change takes to be everywhere.
    pub everywhere_after: SignedDuration,
}

impl Default for Route53 {
    fn default() -> Self {
        Self {
            zones: BTreeMap::new(),
            changes: BTreeMap::new(),
            health_checks: BTreeMap::new(),
            tags: BTreeMap::new(),
            everywhere_after: EVERYWHERE_AFTER,
        }
    }
}

/// A hosted zone.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its name, with the dot at its end.
    pub name: String,
    /// What its creator called the request.
    pub caller_reference: String,
    /// Its comment, and whether it is private.
    pub config: Value,
    /// Its records as the API shows them.
    pub records: BTreeMap<Key, Value>,
    /// Its records as servers answer.
    pub answered: BTreeMap<Key, Value>,
}

/// A change that was made.
#[derive(Debug, Clone)]
pub struct Change {
    /// The zone's id.
    pub zone: String,
    /// When it was made.
    pub at: Timestamp,
    /// When it is everywhere.
    pub everywhere_at: Timestamp,
    /// How many were made before it: several may be of one second.
    number: usize,
    /// The zone's records with it, until they are answered.
    records: Option<BTreeMap<Key, Value>>,
}

/// What a resolver is told: a name, and how many seconds to keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// A load balancer's name, or whatever else the record leads to.
    pub name: String,
    /// Seconds.
    pub ttl: i64,
}

impl Route53 {
    /// Replaces a zone's records; they are answered some time after.
    pub fn change(&mut self, id: &str, zone: &str, records: BTreeMap<Key, Value>, now: Timestamp) {
        if let Some(zone) = self.zones.get_mut(zone) {
            zone.records.clone_from(&records);
        }
        let change = Change {
            zone: zone.to_owned(),
            at: now,
            everywhere_at: now + self.everywhere_after,
            number: self.changes.len(),
            records: Some(records),
        };
        self.changes.insert(id.to_owned(), change);
        self.tick(now);
    }

    /// Answers what is everywhere by now.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let due = self.changes.values_mut();
        let mut due: Vec<&mut Change> = due
            .filter(|it| it.records.is_some() && it.everywhere_at <= now)
            .collect();
        due.sort_by_key(|it| (it.everywhere_at, it.number));
        for change in due {
            if let (Some(zone), Some(records)) =
                (self.zones.get_mut(&change.zone), change.records.take())
            {
                zone.answered = records;
            }
        }
    }

    /// When the next change is everywhere.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let waiting = self.changes.values().filter(|it| it.records.is_some());
        waiting.map(|it| it.everywhere_at).min()
    }

    /// What a resolver that asks now is told for a name: of weighted records one by weight, and
    /// each alike where all have none. Records whose load balancer has no healthy target are left
    /// out where they ask for that, unless that leaves none.
    pub fn resolve(&self, name: &str, elb: &Elb, rng: &mut Rng) -> Option<Answer> {
        let turned = turned(name);
        let zones = self.zones.values();
        let own = |record: &(&Key, &Value)| {
            record.0.0 == turned && ["A", "AAAA", "CNAME"].contains(&record.0.1.as_str())
        };
        let records = zones.flat_map(|zone| zone.answered.iter().filter(own));
        let records: Vec<&Value> = records.map(|(_, record)| record).collect();
        let well: Vec<&Value> = records
            .iter()
            .copied()
            .filter(|record| is_well(record, elb))
            .collect();
        let candidates = if well.is_empty() { records } else { well };
        let weight = |record: &&Value| number(&record["Weight"]).unwrap_or(1);
        let total: u64 = candidates.iter().map(weight).sum();
        let alike = candidates.len() as u64;
        let mut draw = rng.u64(..if total == 0 { alike.max(1) } else { total });
        let chosen = candidates.iter().find(|record| {
            let weight = if total == 0 { 1 } else { weight(record) };
            let here = draw < weight;
            draw = draw.saturating_sub(weight);
            here
        })?;
        Some(answer(chosen))
    }
}

fn answer(record: &Value) -> Answer {
    let alias = record["AliasTarget"]["DNSName"].as_str();
    let value = record["ResourceRecords"][0]["Value"].as_str();
    Answer {
        name: host(alias.or(value).unwrap_or_default()),
        ttl: match alias {
            Some(_) => TTL_OF_ALIAS,
            None => number(&record["TTL"]).unwrap_or(0).try_into().unwrap_or(0),
        },
    }
}

fn is_well(record: &Value, elb: &Elb) -> bool {
    let evaluate = &record["AliasTarget"]["EvaluateTargetHealth"];
    if *evaluate != "true" && *evaluate != true {
        return true;
    }
    let name = answer(record).name;
    let mut balancers = elb.load_balancers.values();
    let Some(balancer) = balancers.find(|it| host(&it.dns_name) == name) else {
        return true;
    };
    let groups = elb.groups_of(&balancer.arn);
    groups
        .iter()
        .any(|group| group.count(TargetState::Healthy) > 0)
}

/// A number, however it was written.
pub fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A name as it is looked up: small letters, no dot at the end, without what a console puts
/// before a load balancer's name.
pub fn host(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_prefix("dualstack.").unwrap_or(&name).to_owned()
}

/// A name with its labels turned round, as Route 53 lists records: `com.example.shop.`.
pub fn turned(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let name = name.replace('*', "\\052");
    let labels: Vec<&str> = name.split('.').rev().collect();
    labels.join(".") + "."
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::World;
    use super::super::elb::testing::{Scene, empty_world};
    use super::super::traffic::{Flow, Mode, Shape};
    use super::*;
    use crate::sandbox::wire::{elbv2, route53};

    /// Two load balancers with a group each, and a name that leads to them.
    struct TwoEnds {
        world: World,
        zone: String,
        names: [String; 2],
    }

    fn text(value: &Value) -> String {
        value.as_str().expect("a text").to_owned()
    }

    impl TwoEnds {
        fn new(mut world: World) -> TwoEnds {
            let names = [0, 1].map(|at| {
                let balancer = json!({
                    "Name": format!("end-{at}"), "Subnets": ["subnet-1", "subnet-2"],
                });
                let made = elbv2::handle(&mut world, "CreateLoadBalancer", &balancer);
                let made = made.expect("a load balancer");
                let made = &made["LoadBalancers"][0];
                let fixed = json!([{ "Type": "fixed-response",
                    "FixedResponseConfig": { "StatusCode": (200 + at).to_string() } }]);
                let listener = json!({
                    "LoadBalancerArn": made["LoadBalancerArn"], "Protocol": "HTTP", "Port": 80,
                    "DefaultActions": fixed,
                });
                elbv2::handle(&mut world, "CreateListener", &listener).expect("a listener");
                text(&made["DNSName"])
            });
            let zone = json!({ "Name": "example.com", "CallerReference": "1" });
            let zone = route53::handle(&mut world, "CreateHostedZone", &zone).expect("a zone");
            let zone = text(&zone["HostedZone"]["Id"]);
            let mut ends = TwoEnds { world, zone, names };
            ends.weigh([1, 0], false);
            ends.world.advance(60);
            ends
        }

        fn weigh(&mut self, weights: [u32; 2], evaluate: bool) {
            let changes = [0, 1].map(|at| {
                json!({ "Action": "UPSERT", "ResourceRecordSet": {
                    "Name": "shop.example.com", "Type": "A", "SetIdentifier": at.to_string(),
                    "Weight": weights[at], "AliasTarget": { "HostedZoneId": "Z2",
                        "DNSName": self.names[at], "EvaluateTargetHealth": evaluate },
                } })
            });
            let input = json!({ "HostedZoneId": self.zone, "ChangeBatch": { "Changes": changes } });
            let world = &mut self.world;
            route53::handle(world, "ChangeResourceRecordSets", &input).expect("a change");
        }

        /// How many of a thousand resolvers are sent to the second load balancer.
        fn sent_to_second(&mut self) -> usize {
            let World {
                route53, elb, rng, ..
            } = &mut self.world;
            let mut ask = || {
                route53
                    .resolve("shop.example.com.", elb, rng)
                    .expect("an answer")
            };
            let second = host(&self.names[1]);
            (0..1000).filter(|_| ask().name == second).count()
        }
    }

    #[test]
    fn a_change_is_answered_when_it_is_everywhere_and_by_weight() {
        let mut ends = TwoEnds::new(empty_world());
        assert_eq!(ends.sent_to_second(), 0);
        ends.weigh([3, 1], false);
        ends.world.advance(29);
        assert_eq!(ends.sent_to_second(), 0, "PENDING");
        ends.world.advance(1);
        // Four standard deviations of a binomial with n = 1000, p = 0.25 are 55.
        assert!(ends.sent_to_second().abs_diff(250) < 55);
        ends.weigh([0, 0], false);
        ends.world.advance(30);
        assert!(
            ends.sent_to_second().abs_diff(500) < 64,
            "all zero are alike"
        );
    }

    #[test]
    fn resolvers_keep_what_they_were_told_for_the_ttl() {
        let mut ends = TwoEnds::new(empty_world());
        let world = &mut ends.world;
        world.traffic.flows = vec![Flow::by_name("shop.example.com", 80, Shape::Steady(50.0))];
        world.traffic.mode = Mode::On;
        world.advance(120);
        let second = |world: &World| {
            let mut balancers = world.elb.load_balancers.values();
            let second = balancers
                .find(|it| it.name == "end-1")
                .expect("it is there");
            let totals = world.traffic.ledger.load_balancers.get(&second.arn);
            totals.map_or(0, |it| it.other)
        };
        assert_eq!(second(world), 0);
        ends.weigh([0, 1], false);
        let world = &mut ends.world;
        world.advance(29);
        assert_eq!(second(world), 0);
        world.advance(31);
        let half_way = second(world);
        assert!((100..1400).contains(&half_way), "{half_way} of 1500");
        world.advance(31);
        let before = world.traffic.ledger.requests() - second(world);
        world.advance(60);
        assert_eq!(
            world.traffic.ledger.requests() - second(world),
            before,
            "all have asked anew"
        );
    }

    #[test]
    fn a_record_whose_targets_are_unwell_is_left_out_whatever_its_weight() {
        let mut scene = Scene::new(&["a"]);
        scene.healthy("a", 1);
        let mut balancers = scene.world.elb.load_balancers.values();
        let shop = balancers.next().expect("it has one").dns_name.clone();
        let mut ends = TwoEnds::new(scene.world);
        ends.names[0] = shop;
        ends.weigh([0, 1], true);
        ends.world.advance(30);
        assert_eq!(ends.sent_to_second(), 0, "nothing is healthy behind that");
    }
}
