//! Route 53: the weighted record pairs among the routes, read, written, and followed until all
//! of its servers have them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeInfo, ChangeStatus, ResourceRecordSet, RrType,
};

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::forward::{Edit, Refusal};
use super::listeners::read;
use super::raw::{Kept, replace_body};
use super::records::{self, SETS};
use super::retry::Effect;
use super::together::all;
use super::xml::Element;
use crate::deployment::dns::{
    Beside, GroupAt, Joined, Record, RecordFound, RecordType, RecordWanted, SetFound, TTL_OF_ALIAS,
    beside, join, plain_name,
};
use crate::deployment::ids::{
    HostedZoneId, LoadBalancerArn, RecordName, RouteArn, SlotName, Slots,
};
use crate::deployment::observation::{RouteSeen, Seen, Spread};
use crate::deployment::plan::Route;
use crate::deployment::preflight::{RoutesWanted, SlotWanted};
use crate::deployment::surroundings::{Forward, GroupFound};

const ZONES: &str = "route53:ListHostedZonesByName";
const RECORDS: &str = "route53:ListResourceRecordSets";
const CHANGE: &str = "route53:ChangeResourceRecordSets";
const STATUS: &str = "route53:GetChange";
const BALANCERS: &str = "elasticloadbalancing:DescribeLoadBalancers";

/// Records of one name on a page: AWS gives 300 at most, and a pair has two of each type.
const AT_MOST: i32 = 300;
/// Route 53 takes 5 calls a second of an account: this is two seconds' worth.
const PAGES_AT_MOST: usize = 10;
/// ELBv2 describes so many load balancers at once.
const BALANCERS_AT_ONCE: usize = 20;
/// What Route 53 keeps beside a change.
const COMMENT: &str = "Weights set by bg";

/// Which record pairs to look at, and whose groups they lead to.
#[derive(Debug, Clone, Default)]
pub struct RecordsAsk {
    /// The config's; none asks nothing of Route 53.
    pub records: Vec<RecordWanted>,
    /// Each slot's target groups, by name or ARN, in the config's order.
    pub groups: Slots<Vec<String>>,
}

impl RecordsAsk {
    /// Of what a config says.
    pub fn of(slots: &Slots<SlotWanted>, routes: &RoutesWanted) -> RecordsAsk {
        RecordsAsk {
            records: routes.records().cloned().collect(),
            groups: Slots::from_fn(|slot| {
                let targets = slots[slot].targets.iter();
                targets.map(|target| target.group.clone()).collect()
            }),
        }
    }
}

/// A change that this process made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    id: String,
    /// Whether all servers have it.
    everywhere: bool,
}

impl Cloud {
    /// Tells `forwards` apart into routes and what stands behind records, and finds the record
    /// pairs of the config. Without any, all of `forwards` are routes and nothing is asked.
    pub async fn with_records(
        &self,
        ask: &RecordsAsk,
        groups: &BTreeMap<String, Option<GroupFound>>,
        forwards: Vec<Forward>,
    ) -> Result<Joined, AwsError> {
        if ask.records.is_empty() {
            return Ok(Joined {
                routes: forwards,
                ..Joined::default()
            });
        }
        let at = |name: &String| {
            let found = groups.get(name)?.as_ref()?;
            Some(GroupAt {
                group: found.arn.clone(),
                load_balancer: found.load_balancer.clone(),
            })
        };
        let groups = Slots::from_fn(|slot| ask.groups[slot].iter().map(at).collect::<Vec<_>>());
        let (names, found) = tokio::join!(
            self.balancer_names(&groups),
            all(ask.records.iter().map(|wanted| self.record(wanted))),
        );
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(join(&found, &names?, &groups, forwards))
    }

    /// The names in the routes' zones that lead to the slots' load balancers and are no routes, and
    /// whether these are all: a call for each 300 records, ten at most.
    pub(super) async fn unlisted(
        &self,
        ask: &RecordsAsk,
        joined: &Joined,
    ) -> Result<(Vec<Beside>, bool), AwsError> {
        let pairs = joined.routes.iter().filter_map(|it| it.kind.record());
        let zones = pairs.map(|record| &record.zone).collect();
        self.beside(&zones, &ask.records, &joined.names).await
    }

    /// The names that lead to the load balancer of a slot over records, beside those records.
    pub(super) async fn names_beside(
        &self,
        records: &[Record],
        slot: SlotName,
    ) -> Result<Vec<Beside>, AwsError> {
        let ends = records.iter().map(|record| &record.ends[slot]);
        let at = ends.map(|end| {
            Some(GroupAt {
                group: end.group.clone(),
                load_balancer: Some(end.load_balancer.clone()),
            })
        });
        let groups = Slots {
            a: at.collect(),
            b: Vec::new(),
        };
        let names = self.balancer_names(&groups).await?;
        let zones = records.iter().map(|record| &record.zone).collect();
        let wanted = records.iter().map(|record| RecordWanted {
            name: record.name.clone(),
            zone: None,
            kind: Some(record.kind),
            sets: None,
        });
        let wanted: Vec<RecordWanted> = wanted.collect();
        Ok(self.beside(&zones, &wanted, &names).await?.0)
    }

    async fn beside(
        &self,
        zones: &BTreeSet<&HostedZoneId>,
        wanted: &[RecordWanted],
        names: &BTreeMap<LoadBalancerArn, String>,
    ) -> Result<(Vec<Beside>, bool), AwsError> {
        let (mut records, mut pages) = (Vec::new(), PAGES_AT_MOST);
        for zone in zones {
            let mut from = None;
            loop {
                if pages == 0 {
                    return Ok((beside(records, wanted, names), false));
                }
                pages -= 1;
                let (page, next) = self.records_page(zone, from).await?;
                records.extend(page);
                from = next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok((beside(records, wanted, names), true))
    }

    /// The DNS names of the load balancers that use the groups.
    async fn balancer_names(
        &self,
        groups: &Slots<Vec<Option<GroupAt>>>,
    ) -> Result<BTreeMap<LoadBalancerArn, String>, AwsError> {
        let both = groups.a.iter().chain(&groups.b).flatten();
        let arns: BTreeSet<_> = both.filter_map(|it| it.load_balancer.as_ref()).collect();
        let arns: Vec<String> = arns.into_iter().map(ToString::to_string).collect();
        let mut names = BTreeMap::new();
        for some in arns.chunks(BALANCERS_AT_ONCE) {
            let described = self
                .call(BALANCERS, Effect::Reads, || {
                    let request = self.elb().describe_load_balancers();
                    request.set_load_balancer_arns(Some(some.to_vec())).send()
                })
                .await?;
            names.extend(described.load_balancers().iter().filter_map(|it| {
                let arn = LoadBalancerArn::new(it.load_balancer_arn()?);
                Some((arn, it.dns_name()?.to_owned()))
            }));
        }
        Ok(names)
    }

    /// What Route 53 has of a record.
    async fn record(&self, wanted: &RecordWanted) -> Result<RecordFound, AwsError> {
        let zones = self.zones_for(wanted).await?;
        let sets = match &zones[..] {
            [zone] => match self.sets_of(zone, &wanted.name, None).await {
                // An id that the config names, of a zone that isn't there.
                Err(error) if error.is_not_found() => {
                    return Ok(RecordFound {
                        wanted: wanted.clone(),
                        zones: Vec::new(),
                        sets: Vec::new(),
                    });
                }
                sets => sets?,
            },
            _ => Vec::new(),
        };
        Ok(RecordFound {
            wanted: wanted.clone(),
            sets: sets.iter().filter_map(set_found).collect(),
            zones,
        })
    }

    /// The zones that a record can be in: the one of the config, or those with the longest name
    /// that it ends with.
    async fn zones_for(&self, wanted: &RecordWanted) -> Result<Vec<HostedZoneId>, AwsError> {
        if let Some(id) = wanted.zone_id() {
            return Ok(vec![HostedZoneId::new(id)]);
        }
        let name = match &wanted.zone {
            Some(name) => return self.zones_named(plain_name(name).as_str()).await,
            None => wanted.name.as_str(),
        };
        let mut rest = name;
        while rest.contains('.') {
            let zones = self.zones_named(rest).await?;
            if !zones.is_empty() {
                return Ok(zones);
            }
            rest = rest.split_once('.').map_or("", |(_, rest)| rest);
        }
        Ok(Vec::new())
    }

    async fn zones_named(&self, name: &str) -> Result<Vec<HostedZoneId>, AwsError> {
        let listed = self
            .call(ZONES, Effect::Reads, || {
                self.route53()
                    .list_hosted_zones_by_name()
                    .dns_name(name)
                    .send()
            })
            .await?;
        let zones = listed.hosted_zones().iter();
        let zones = zones.filter(|zone| plain_name(zone.name()).as_str() == name);
        Ok(zones
            .map(|zone| HostedZoneId::new(zone.id().rsplit('/').next().unwrap_or_default()))
            .collect())
    }

    /// Every record of a name, of one type or of all, as Route 53 prints it.
    async fn sets_of(
        &self,
        zone: &HostedZoneId,
        name: &RecordName,
        kind: Option<RecordType>,
    ) -> Result<Vec<Element>, AwsError> {
        let send = || {
            let kept = Kept::default();
            let request = self
                .route53()
                .list_resource_record_sets()
                .hosted_zone_id(zone.as_str())
                .start_record_name(name.as_str())
                .set_start_record_type(kind.map(|it| RrType::from(it.as_str())))
                .max_items(AT_MOST)
                .customize()
                .interceptor(kept.clone());
            async move { request.send().await.map(|_| kept.take()) }
        };
        let sets = |answer: &[u8]| Ok(read(SETS, answer)?.0);
        let sets = self
            .call_and_read(RECORDS, Effect::Reads, send, sets)
            .await?;
        let is = |set: &Element| {
            set.text_of("Name").map(plain_name).as_ref() == Some(name)
                && kind.is_none_or(|kind| set.text_of("Type") == Some(kind.as_str()))
        };
        Ok(sets.into_iter().filter(is).collect())
    }

    /// A pair's records, in one list.
    pub(super) async fn pair_of(&self, record: &Record) -> Result<Element, AwsError> {
        let sets = self
            .sets_of(&record.zone, &record.name, Some(record.kind))
            .await?;
        match sets.is_empty() {
            false => Ok(Element::node(SETS, sets)),
            true => {
                let words = format!("record {} is gone", record.label());
                Err(AwsError::own(RECORDS, ErrorClass::NotFound, words))
            }
        }
    }

    /// The weights of a pair among the plan's routes.
    pub(super) async fn see_pair(
        &self,
        route: &Route,
        record: &Record,
    ) -> (RouteArn, Seen<RouteSeen>) {
        let (list, spread) = tokio::join!(self.pair_of(record), self.spread_of(&route.arn));
        let seen = match list {
            Ok(list) => {
                let weights = records::weights(&list, record);
                self.remember(&route.arn, Some(list));
                Seen::Value(RouteSeen { weights, spread })
            }
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        (route.arn.clone(), seen)
    }

    /// How far the change that this process made last has got.
    async fn spread_of(&self, route: &RouteArn) -> Spread {
        let Some(written) = self.written(route) else {
            return Spread::Unknown;
        };
        if written.everywhere {
            return Spread::Everywhere;
        }
        let status = self.call(STATUS, Effect::Reads, || {
            self.route53().get_change().id(&written.id).send()
        });
        match status.await {
            Ok(answer) => {
                let status = answer.change_info().map(ChangeInfo::status);
                let everywhere = status == Some(&ChangeStatus::Insync);
                self.note_written(
                    route,
                    Some(Written {
                        everywhere,
                        ..written
                    }),
                );
                if everywhere {
                    Spread::Everywhere
                } else {
                    Spread::Pending
                }
            }
            Err(error) if error.is_for_good() || error.is_not_found() => Spread::Unknown,
            Err(_) => Spread::Pending,
        }
    }

    /// Edits a pair's records in one batch: both change, or neither.
    pub(super) async fn write_pair(
        &self,
        arn: &RouteArn,
        record: &Record,
        blue: SlotName,
        list: &Element,
        edit: Edit,
        effect: Effect,
    ) -> Result<(), AwsError> {
        let edited = records::edit(list, record, blue, edit).map_err(|refusal| {
            self.remember(arn, None);
            let class = match refusal {
                Refusal::Moved { .. } => ErrorClass::Conflict,
                _ => ErrorClass::Invalid,
            };
            AwsError::own(CHANGE, class, refusal.to_string())
        })?;
        let Some(edited) = edited else { return Ok(()) };
        let body = records::body(&edited.changed, COMMENT);
        // What was written before says nothing of this.
        self.note_written(arn, None);
        let send = || {
            let body = body.clone();
            let request = self
                .route53()
                .change_resource_record_sets()
                .hosted_zone_id(record.zone.as_str())
                .change_batch(placeholder())
                .customize()
                .mutate_request(move |request| replace_body(request, body.as_str()));
            request.send()
        };
        let written = self.call(CHANGE, effect, send).await;
        if let Err(error) = &written
            && matches!(error.class, ErrorClass::Invalid | ErrorClass::NotFound)
        {
            // What was remembered may be why: the next try reads first.
            self.remember(arn, None);
        }
        if let Some(info) = written?.change_info() {
            let written = Written {
                id: info.id().rsplit('/').next().unwrap_or_default().to_owned(),
                everywhere: info.status() == &ChangeStatus::Insync,
            };
            self.note_written(arn, Some(written));
        }
        self.remember(arn, Some(edited.list));
        Ok(())
    }
}

/// A batch for the SDK to serialise; what is sent takes its place.
fn placeholder() -> ChangeBatch {
    let set = ResourceRecordSet::builder()
        .name("x")
        .r#type(RrType::A)
        .build();
    let change = set.ok().and_then(|set| {
        let change = Change::builder().action(ChangeAction::Upsert);
        change.resource_record_set(set).build().ok()
    });
    let batch = ChangeBatch::builder().set_changes(Some(change.into_iter().collect()));
    batch.build().expect("its changes are set")
}

/// A record, where its type may lead to a load balancer.
fn set_found(set: &Element) -> Option<SetFound> {
    let kind = set.text_of("Type")?.parse().ok()?;
    let alias = set.child("AliasTarget");
    let value = || {
        let values = set.members("ResourceRecords");
        values.first()?.text_of("Value").map(str::to_owned)
    };
    let ttl = set.text_of("TTL").and_then(|text| text.parse().ok());
    Some(SetFound {
        kind,
        set: records::set_of(set),
        weight: records::weight_of(set),
        ttl: match alias {
            Some(_) => TTL_OF_ALIAS,
            None => ttl.map_or(Duration::ZERO, Duration::from_secs),
        },
        leads_to: match alias {
            Some(alias) => alias.text_of("DNSName").map(str::to_owned),
            None => value(),
        },
    })
}
