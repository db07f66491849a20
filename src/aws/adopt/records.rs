//! Route 53's weighted records that lead to a service's load balancers, and what stands behind the
//! other ones. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use aws_sdk_route53::types::ResourceRecordSet;

use crate::adopt::{Across, Group};
use crate::aws::cloud::Cloud;
use crate::aws::error::AwsError;
use crate::aws::forward;
use crate::aws::retry::Effect;
use crate::deployment::dns::{RecordFound, RecordWanted, SetFound, TTL_OF_ALIAS, host, plain_name};
use crate::deployment::ids::{HostedZoneId, LoadBalancerArn, RecordName, SetId};
use crate::deployment::surroundings::Forward;

const ZONES: &str = "route53:ListHostedZones";
const RECORDS: &str = "route53:ListResourceRecordSets";
const BALANCERS: &str = "elasticloadbalancing:DescribeLoadBalancers";

/// 100 zones each: beyond that an account's zones are not all looked at.
const PAGES_OF_ZONES: usize = 3;
/// 300 records each. Route 53 takes 5 calls a second of an account: this is two seconds' worth.
const PAGES_OF_RECORDS: usize = 10;
/// 400 load balancers each.
const PAGES_OF_BALANCERS: usize = 10;
/// A zone's own NS and SOA record, and a pair.
const LEAST_RECORDS: i64 = 4;

/// What was looked at of Route 53.
#[derive(Debug, Default)]
struct Seen {
    records: Vec<RecordFound>,
    is_all: bool,
}

/// A hosted zone, and whether it may well hold the service's name.
struct Zone {
    id: HostedZoneId,
    records: i64,
    is_likely: bool,
}

impl Cloud {
    /// The weighted records of which one leads to one of `balancers` and another one elsewhere, and
    /// the target groups behind that. What can't be read is a note: it can be written by hand.
    ///
    /// It costs one DescribeLoadBalancers, one ListHostedZones for each 100 zones (three at most),
    /// and one ListResourceRecordSets for each 300 records, ten at most: of the zones that a rule's
    /// `hosts` are in first, then of those with the fewest records. Only where there is such a record
    /// the other load balancer is looked for, by pages of 400, and described with its listeners,
    /// rules and groups.
    pub(super) async fn across(
        &self,
        balancers: &BTreeSet<LoadBalancerArn>,
        hosts: &BTreeSet<String>,
        notes: &mut Vec<String>,
    ) -> (Across, Vec<Group>) {
        if balancers.is_empty() {
            return Default::default();
        }
        let by_hand = "where weighted records lead to a load balancer of each slot, list them in \
                       bg.yaml by hand: `routes: [{ record: NAME }]`";
        match self.look_across(balancers, hosts).await {
            Ok((across, groups, is_all)) => {
                if !is_all {
                    notes.push(format!(
                        "Route 53 has more records than the {} that were looked at; {by_hand}",
                        PAGES_OF_RECORDS * 300
                    ));
                }
                (across, groups)
            }
            Err(error) => {
                notes.push(format!("Route 53 was not looked at ({error}); {by_hand}"));
                Default::default()
            }
        }
    }

    async fn look_across(
        &self,
        balancers: &BTreeSet<LoadBalancerArn>,
        hosts: &BTreeSet<String>,
    ) -> Result<(Across, Vec<Group>, bool), AwsError> {
        let own: Vec<String> = balancers.iter().map(ToString::to_string).collect();
        let (mut names, _) = self.balancers_page(Some(own), None).await?;
        let own: BTreeSet<String> = names.values().map(|name| host(name)).collect();
        let Seen { records, is_all } = self.records_to(&own, hosts).await?;
        let sets = records.iter().flat_map(|record| &record.sets);
        let ends = sets.filter_map(|set| set.leads_to.as_deref()).map(host);
        let ends: BTreeSet<String> = ends.filter(|end| !own.contains(end)).collect();
        let others = match ends.is_empty() {
            true => BTreeMap::new(),
            false => self.balancers_named(&ends).await?,
        };
        let (mut forwards, mut groups) = (Vec::new(), Vec::new());
        for balancer in others.keys() {
            let (of_balancer, actions) =
                tokio::join!(self.groups_of(balancer), self.forwards(balancer));
            let actions = actions?.into_iter().map(|(found, list)| Forward {
                weights: forward::weights(&list, &[]),
                ..found
            });
            let actions: Vec<Forward> = actions.filter(|it| !it.weights.is_empty()).collect();
            let named = |group: &Group| {
                actions
                    .iter()
                    .any(|it| it.weights.contains_key(&group.id()))
            };
            groups.extend(of_balancer?.into_iter().filter(named));
            forwards.extend(actions);
        }
        names.extend(others);
        let across = Across {
            records,
            names,
            forwards,
        };
        Ok((across, groups, is_all))
    }

    /// Load balancers with their DNS names: those, or a page of all; and where the next one begins.
    async fn balancers_page(
        &self,
        arns: Option<Vec<String>>,
        marker: Option<String>,
    ) -> Result<(BTreeMap<LoadBalancerArn, String>, Option<String>), AwsError> {
        let described = self
            .call(BALANCERS, Effect::Reads, || {
                let request = self.elb().describe_load_balancers();
                let request = request.set_load_balancer_arns(arns.clone());
                request.set_marker(marker.clone()).send()
            })
            .await?;
        let named = |it: &LoadBalancer| {
            let arn = LoadBalancerArn::new(it.load_balancer_arn()?);
            Some((arn, it.dns_name()?.to_owned()))
        };
        let names = described.load_balancers().iter().filter_map(named);
        let next = described.next_marker().filter(|it| !it.is_empty());
        Ok((names.collect(), next.map(str::to_owned)))
    }

    /// The load balancers of this region that have one of those names.
    async fn balancers_named(
        &self,
        hosts: &BTreeSet<String>,
    ) -> Result<BTreeMap<LoadBalancerArn, String>, AwsError> {
        let (mut found, mut marker) = (BTreeMap::new(), None);
        for _ in 0..PAGES_OF_BALANCERS {
            let (page, next) = self.balancers_page(None, marker).await?;
            found.extend(
                page.into_iter()
                    .filter(|(_, name)| hosts.contains(&host(name))),
            );
            marker = next;
            if marker.is_none() || found.len() == hosts.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Every name of which one weighted record leads to one of `own` and another elsewhere.
    async fn records_to(
        &self,
        own: &BTreeSet<String>,
        hosts: &BTreeSet<String>,
    ) -> Result<Seen, AwsError> {
        let (mut zones, mut is_all) = self.hosted_zones(hosts).await?;
        zones.retain(|zone| zone.records >= LEAST_RECORDS);
        zones.sort_by_key(|zone| (!zone.is_likely, zone.records));
        let mut pages = PAGES_OF_RECORDS;
        let mut records = Vec::new();
        for zone in zones {
            is_all &= pages > 0;
            let mut from = None;
            let mut sets: BTreeMap<RecordName, Vec<SetFound>> = BTreeMap::new();
            while pages > 0 {
                pages -= 1;
                let (page, next) = self.records_page(&zone.id, from).await?;
                for (name, set) in page {
                    sets.entry(name).or_default().push(set);
                }
                from = next;
                if from.is_none() {
                    break;
                }
            }
            is_all &= from.is_none();
            let found = sets
                .into_iter()
                .filter(|(_, sets)| leads_both_ways(sets, own));
            records.extend(found.map(|(name, sets)| RecordFound {
                wanted: RecordWanted {
                    name,
                    zone: Some(zone.id.as_str().to_owned()),
                    kind: None,
                    sets: None,
                },
                zones: vec![zone.id.clone()],
                sets,
            }));
        }
        Ok(Seen { records, is_all })
    }

    /// The hosted zones, and whether these are all.
    async fn hosted_zones(&self, hosts: &BTreeSet<String>) -> Result<(Vec<Zone>, bool), AwsError> {
        let (mut zones, mut marker) = (Vec::new(), None);
        for _ in 0..PAGES_OF_ZONES {
            let page = self
                .call(ZONES, Effect::Reads, || {
                    self.route53()
                        .list_hosted_zones()
                        .set_marker(marker.clone())
                        .send()
                })
                .await?;
            zones.extend(page.hosted_zones().iter().map(|zone| {
                let name = plain_name(zone.name());
                let mut hosts = hosts.iter();
                Zone {
                    id: HostedZoneId::new(zone.id().rsplit('/').next().unwrap_or_default()),
                    records: zone.resource_record_set_count().unwrap_or(LEAST_RECORDS),
                    is_likely: hosts.any(|it| it.to_lowercase().ends_with(name.as_str())),
                }
            }));
            marker = page.next_marker().map(str::to_owned);
            if marker.is_none() {
                return Ok((zones, true));
            }
        }
        Ok((zones, false))
    }

    /// A page of a zone's records whose type leads to a load balancer, and where the next begins.
    pub(in crate::aws) async fn records_page(
        &self,
        zone: &HostedZoneId,
        from: Option<Place>,
    ) -> Result<(Vec<(RecordName, SetFound)>, Option<Place>), AwsError> {
        let page = self
            .call(RECORDS, Effect::Reads, || {
                let (name, kind, set) = from.clone().unwrap_or_default();
                self.route53()
                    .list_resource_record_sets()
                    .hosted_zone_id(zone.as_str())
                    .set_start_record_name(name)
                    .set_start_record_type(kind.as_deref().map(Into::into))
                    .set_start_record_identifier(set)
                    .send()
            })
            .await?;
        let next = page.is_truncated().then(|| {
            (
                page.next_record_name().map(str::to_owned),
                page.next_record_type().map(|it| it.as_str().to_owned()),
                page.next_record_identifier().map(str::to_owned),
            )
        });
        let sets = page.resource_record_sets().iter();
        let named = |set: &ResourceRecordSet| Some((plain_name(set.name()), set_found(set)?));
        Ok((sets.filter_map(named).collect(), next))
    }
}

/// The name, type and set identifier that a page of records begins with.
pub(in crate::aws) type Place = (Option<String>, Option<String>, Option<String>);

/// A record, where its type may lead to a load balancer.
fn set_found(set: &ResourceRecordSet) -> Option<SetFound> {
    let alias = set.alias_target();
    let value = || {
        set.resource_records()
            .first()
            .map(|it| it.value().to_owned())
    };
    let seconds = set.ttl().and_then(|ttl| u64::try_from(ttl).ok());
    Some(SetFound {
        kind: set.r#type().as_str().parse().ok()?,
        set: set.set_identifier().map(SetId::new),
        weight: set.weight().and_then(|weight| u32::try_from(weight).ok()),
        ttl: match alias {
            Some(_) => TTL_OF_ALIAS,
            None => Duration::from_secs(seconds.unwrap_or_default()),
        },
        leads_to: alias.map(|it| it.dns_name().to_owned()).or_else(value),
    })
}

/// Whether weighted records of a name lead to one of `own`, and somewhere else.
fn leads_both_ways(sets: &[SetFound], own: &BTreeSet<String>) -> bool {
    let weighted = sets.iter().filter(|set| set.weight.is_some());
    let ends = weighted.filter_map(|set| set.leads_to.as_deref());
    let (here, elsewhere): (Vec<&str>, Vec<&str>) = ends.partition(|end| own.contains(&host(end)));
    !here.is_empty() && !elsewhere.is_empty()
}
