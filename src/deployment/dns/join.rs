//! From records and forward actions to routes.

use std::collections::BTreeMap;

use super::{End, Record, RecordFound, RecordType, SetFound};
use crate::deployment::ids::{
    HostedZoneId, LoadBalancerArn, SetId, SlotName, Slots, TargetGroupArn,
};
use crate::deployment::plan::RouteKind;
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::Forward;

/// A slot's target group, and the load balancer that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAt {
    /// The group.
    pub group: TargetGroupArn,
    /// Its load balancer, if any.
    pub load_balancer: Option<LoadBalancerArn>,
}

/// Forward actions and records told apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Joined {
    /// What moves: record pairs, and forward actions with both slots' groups.
    pub routes: Vec<Forward>,
    /// The forward actions behind the records.
    pub fixed: Vec<Forward>,
    /// What keeps records from being routes.
    pub problems: Vec<Problem>,
    /// The DNS names of the slots' load balancers.
    pub names: BTreeMap<LoadBalancerArn, String>,
}

/// Puts together what Route 53 and ELBv2 show. `names` are the load balancers' DNS names.
pub fn join(
    found: &[RecordFound],
    names: &BTreeMap<LoadBalancerArn, String>,
    groups: &Slots<Vec<Option<GroupAt>>>,
    forwards: Vec<Forward>,
) -> Joined {
    let mut joined = Joined {
        names: names.clone(),
        ..Joined::default()
    };
    for record in found {
        let pairs = pairs(record, names, groups, &mut joined.problems);
        joined.routes.extend(pairs);
    }
    let (fixed, others) = forwards
        .into_iter()
        .partition(|it| over_two_balancers(it, groups));
    joined.fixed = fixed;
    tell_apart(&mut joined.routes);
    joined.routes.extend::<Vec<Forward>>(others);
    joined
}

/// Pairs of one name and type, in several zones.
fn tell_apart(routes: &mut [Forward]) {
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    for route in routes.iter() {
        *labels.entry(route.label()).or_default() += 1;
    }
    for route in routes {
        let is_again = labels.get(&route.label()).is_some_and(|count| *count > 1);
        if let RouteKind::Record(record) = &mut route.kind {
            record.is_in_two_zones = is_again;
        }
    }
}

/// Whether a forward action is to a group whose partner is behind another load balancer: no weight
/// can move traffic between those two.
fn over_two_balancers(forward: &Forward, groups: &Slots<Vec<Option<GroupAt>>>) -> bool {
    let named = |it: &GroupAt| forward.weights.contains_key(&it.group);
    pairs_of(groups).any(|pair| is_apart(&pair) && (named(pair.a) || named(pair.b)))
}

/// The slots' groups, where both of a pair exist.
fn pairs_of(groups: &Slots<Vec<Option<GroupAt>>>) -> impl Iterator<Item = Slots<&GroupAt>> {
    let both = groups.a.iter().zip(&groups.b);
    both.filter_map(|(a, b)| {
        let (a, b) = (a.as_ref()?, b.as_ref()?);
        Some(Slots { a, b })
    })
}

fn is_apart(pair: &Slots<&GroupAt>) -> bool {
    match (&pair.a.load_balancer, &pair.b.load_balancer) {
        (Some(a), Some(b)) => a != b,
        _ => false,
    }
}

/// The pairs that one record of the config stands for: one for each type.
fn pairs(
    found: &RecordFound,
    names: &BTreeMap<LoadBalancerArn, String>,
    groups: &Slots<Vec<Option<GroupAt>>>,
    problems: &mut Vec<Problem>,
) -> Vec<Forward> {
    let name = &found.wanted.name;
    let [zone] = &found.zones[..] else {
        problems.push(no_zone(found));
        return Vec::new();
    };
    let kinds = RecordType::ALL.into_iter().filter(|kind| {
        let wanted = found.wanted.kind.is_none_or(|wanted| wanted == *kind);
        wanted && found.sets.iter().any(|set| set.kind == *kind)
    });
    let kinds: Vec<RecordType> = kinds.collect();
    if kinds.is_empty() {
        let kind = found
            .wanted
            .kind
            .map_or_else(String::new, |it| format!("{it} "));
        problems.push(Problem::new(
            format!(
                "hosted zone {zone} has no {kind}record {name} that could lead to a load balancer"
            ),
            "correct `record`, `zone` or `type` of that route, or create the two weighted records",
        ));
    }
    let pair = |kind| match pair(found, kind, names, groups) {
        Ok((ends, ttl)) => Some(forward(
            Record {
                zone: zone.clone(),
                name: name.clone(),
                kind,
                ttl,
                ends,
                is_in_two_zones: false,
            },
            found,
        )),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    kinds.into_iter().filter_map(pair).collect()
}

fn no_zone(found: &RecordFound) -> Problem {
    let name = &found.wanted.name;
    match &found.zones[..] {
        [] => {
            let what = match &found.wanted.zone {
                Some(zone) => format!("there is no hosted zone {zone} for record {name}"),
                None => format!("record {name} is in no hosted zone of this account"),
            };
            Problem::new(
                what,
                "set `zone` of that route to the zone's id: aws route53 list-hosted-zones",
            )
        }
        several => {
            let ids: Vec<&str> = several.iter().map(HostedZoneId::as_str).collect();
            Problem::new(
                format!(
                    "record {name} can be in several hosted zones: {}",
                    ids.join(", ")
                ),
                "set `zone` of that route to the id of the one that is meant",
            )
        }
    }
}

/// Each slot's record of a type, and where it leads.
fn pair(
    found: &RecordFound,
    kind: RecordType,
    names: &BTreeMap<LoadBalancerArn, String>,
    groups: &Slots<Vec<Option<GroupAt>>>,
) -> Result<(Slots<End>, std::time::Duration), Problem> {
    let label = format!("{} {kind}", found.wanted.name);
    let sets = || found.sets.iter().filter(|set| set.kind == kind);
    if let Some(other) = sets().find(|set| set.weight.is_none()) {
        let which = other
            .set
            .as_ref()
            .map_or_else(String::new, |it| format!(" ({it})"));
        return Err(Problem::new(
            format!("record {label}{which} is not weighted"),
            "make it two weighted records, one for each slot's load balancer, or set `type` of \
             that route to the one that is",
        ));
    }
    let leads = |set: &SetFound| {
        let to = host(set.leads_to.as_deref()?);
        let mut balancers = names.iter();
        Some(balancers.find(|(_, name)| host(name) == to)?.0)
    };
    if let Some(problem) = crossed(found, kind, &leads, groups) {
        return Err(problem);
    }
    let chosen = |slot: SlotName, pair: &Slots<&GroupAt>| {
        let group = pair[slot];
        let load_balancer = group.load_balancer.as_ref()?;
        let wanted = found.wanted.sets.as_ref();
        let is = |set: &&SetFound| match wanted {
            Some(wanted) => set.set.as_ref() == Some(&wanted[slot]),
            None => leads(set) == Some(load_balancer),
        };
        let mut fitting = sets().filter(is);
        let set = fitting.next().filter(|_| fitting.next().is_none())?;
        let end = End {
            set: set.set.clone()?,
            load_balancer: load_balancer.clone(),
            group: group.group.clone(),
        };
        Some((end, set.ttl))
    };
    let mut pairs = pairs_of(groups).filter(is_apart);
    let pair = pairs.find_map(|pair| {
        let (a, ttl) = chosen(SlotName::A, &pair)?;
        let (b, _) = chosen(SlotName::B, &pair)?;
        Some((Slots { a, b }, ttl))
    });
    pair.ok_or_else(|| unclear(&label, found, kind, groups))
}

/// Why `sets` of the config can't be right: a record that it gives to one slot leads to the load
/// balancer of the other one, and to none of its own.
fn crossed<'n>(
    found: &RecordFound,
    kind: RecordType,
    leads: &impl Fn(&SetFound) -> Option<&'n LoadBalancerArn>,
    groups: &Slots<Vec<Option<GroupAt>>>,
) -> Option<Problem> {
    let wanted = found.wanted.sets.as_ref()?;
    let is_of = |slot: SlotName, balancer: &LoadBalancerArn| {
        let mut its = groups[slot].iter().flatten();
        its.any(|it| it.load_balancer.as_ref() == Some(balancer))
    };
    SlotName::BOTH.into_iter().find_map(|slot| {
        let mut sets = found.sets.iter().filter(|set| set.kind == kind);
        let set = sets.find(|set| set.set.as_ref() == Some(&wanted[slot]))?;
        let to = leads(set).filter(|to| is_of(slot.other(), to) && !is_of(slot, to))?;
        Some(Problem::new(
            format!(
                "`sets` of record {} {kind} are mixed up: {} is given to slot {slot} and leads to \
                 load balancer {}, which is slot {}'s",
                found.wanted.name,
                wanted[slot],
                to.name(),
                slot.other()
            ),
            "swap the two in `sets`, or leave `sets` out: where records lead to the load balancers, \
             bg finds which is whose",
        ))
    })
}

fn unclear(
    label: &str,
    found: &RecordFound,
    kind: RecordType,
    groups: &Slots<Vec<Option<GroupAt>>>,
) -> Problem {
    if !pairs_of(groups).any(|pair| is_apart(&pair)) {
        return Problem::new(
            format!(
                "record {label} needs a load balancer for each slot, and the slots' target groups are not behind two"
            ),
            "give each slot's target group a listener of its own load balancer that forwards to it, or take that record out of `routes`",
        );
    }
    let sets = found.sets.iter().filter(|set| set.kind == kind);
    let told: Vec<String> = sets
        .map(|it| {
            let set = it.set.as_ref().map_or("?", SetId::as_str);
            format!("{set} -> {}", it.leads_to.as_deref().unwrap_or("?"))
        })
        .collect();
    Problem::new(
        format!(
            "which record of {label} is which slot's can't be found: {}",
            told.join(", ")
        ),
        "each slot needs one record that leads to its own load balancer's DNS name; where it leads \
         there by another way, name both: `sets: { a: SET_IDENTIFIER, b: SET_IDENTIFIER }`",
    )
}

/// A load balancer's name as DNS sees it.
pub fn host(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_prefix("dualstack.").unwrap_or(&name).to_owned()
}

fn forward(record: Record, found: &RecordFound) -> Forward {
    let sets = found.sets.iter().filter(|set| set.kind == record.kind);
    let sets = sets.filter_map(|it| Some((it.set.clone()?, it.weight?)));
    let weights = weights(&record, sets.collect());
    Forward::of_record(record, weights)
}

/// The weights that records give the target groups behind them; what is neither slot's stands for
/// itself.
pub(crate) fn weights(record: &Record, sets: Vec<(SetId, u32)>) -> BTreeMap<TargetGroupArn, u32> {
    // Where all have none Route 53 answers with each alike.
    let nothing = sets.iter().all(|(_, weight)| *weight == 0);
    let group = |set: &SetId| {
        let mut slots = SlotName::BOTH.into_iter();
        let slot = slots.find(|slot| record.ends[*slot].set == *set);
        slot.map_or_else(
            || TargetGroupArn::new(format!("record {set}")),
            |slot| record.ends[slot].group.clone(),
        )
    };
    let weights = sets.into_iter();
    weights
        .map(|(set, weight)| (group(&set), if nothing { 1 } else { weight }))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deployment::dns::End;
    use crate::deployment::ids::{HostedZoneId, RecordName, SetId};

    fn pair(zone: &str, name: &str) -> Forward {
        let record = Record {
            zone: HostedZoneId::new(zone),
            name: RecordName::new(name),
            kind: RecordType::A,
            ttl: Duration::from_secs(60),
            ends: Slots::from_fn(|slot| End {
                set: SetId::new(slot.as_str()),
                load_balancer: LoadBalancerArn::new(slot.as_str()),
                group: TargetGroupArn::new(slot.as_str()),
            }),
            is_in_two_zones: false,
        };
        Forward::of_record(record, BTreeMap::new())
    }

    #[test]
    fn pairs_of_one_name_in_two_zones_are_called_by_their_zones() {
        let mut routes = [
            pair("ZPUBLIC", "shop.example.com"),
            pair("ZPRIVATE", "shop.example.com"),
            pair("ZPUBLIC", "api.example.com"),
        ];
        tell_apart(&mut routes);
        assert_eq!(
            routes.map(|it| it.label()),
            [
                "shop.example.com A in ZPUBLIC",
                "shop.example.com A in ZPRIVATE",
                "api.example.com A"
            ]
        );
    }
}
