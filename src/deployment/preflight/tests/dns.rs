//! Weighted record pairs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::healthy::{balancer, forward, group_arn};
use super::{Change, Planning, Request, Surroundings, planned, problems};
use crate::deployment::dns::{
    Beside, DnsFound, GroupAt, RecordFound, RecordType, RecordWanted, SetFound, join,
};
use crate::deployment::ids::{HostedZoneId, RecordName, SetId, SlotName, Slots};
use crate::deployment::preflight::{RouteWanted, RoutesWanted};
use crate::deployment::surroundings::Forward;
use crate::strategy::{Strategy, StrategyRef};

fn set(kind: RecordType, id: &str, weight: u32, to: &str) -> SetFound {
    SetFound {
        kind,
        set: Some(SetId::new(id)),
        weight: Some(weight),
        ttl: Duration::from_secs(60),
        leads_to: Some(format!("dualstack.{to}.elb.amazonaws.com.")),
    }
}

/// A pair of aliases, each to its slot's own load balancer.
fn record() -> RecordFound {
    RecordFound {
        wanted: RecordWanted {
            name: RecordName::new("shop.example.com"),
            zone: None,
            kind: None,
            sets: None,
        },
        zones: vec![HostedZoneId::new("Z1")],
        sets: vec![
            set(RecordType::A, "one", 255, "Shop"),
            set(RecordType::A, "two", 0, "other"),
        ],
    }
}

/// The action behind a slot's record.
fn behind(name: &str, group: &str) -> Forward {
    Forward {
        load_balancer: balancer(name),
        weights: BTreeMap::from([(group_arn(group), 1)]),
        ..forward(443, 0, 0)
    }
}

/// The shop over two load balancers, as a survey finds it with this record and these actions.
fn over_dns(
    request: &mut Request,
    found: &mut Surroundings,
    record: &RecordFound,
    forwards: Vec<Forward>,
) {
    request.routes = RoutesWanted::Listed(vec![RouteWanted::Record(record.wanted.clone())]);
    let group = found.groups.get_mut("shop-b").and_then(Option::as_mut);
    group.expect("it is there").load_balancer = Some(balancer("other"));
    let at = |group: &str, of: &str| {
        vec![Some(GroupAt {
            group: group_arn(group),
            load_balancer: Some(balancer(of)),
        })]
    };
    let groups = Slots {
        a: at("shop-a", "shop"),
        b: at("shop-b", "other"),
    };
    let names = ["shop", "other"].map(|it| (balancer(it), format!("{it}.elb.amazonaws.com")));
    let joined = join(
        std::slice::from_ref(record),
        &names.into(),
        &groups,
        forwards,
    );
    found.forwards = joined.routes;
    found.dns = DnsFound {
        fixed: joined.fixed,
        problems: joined.problems,
        beside: Vec::new(),
    };
}

/// A name that leads to these load balancers and is no route.
fn beside(name: &str, kind: RecordType, is_half: bool, to: &[&str]) -> Beside {
    Beside {
        name: RecordName::new(name),
        kind,
        is_half,
        leads_to: to.iter().map(|it| balancer(it)).collect(),
    }
}

fn both() -> Vec<Forward> {
    vec![behind("shop", "shop-a"), behind("other", "shop-b")]
}

#[test]
fn a_pair_is_a_route_and_what_stands_behind_it_is_none() {
    let planning = planned(|request, found| over_dns(request, found, &record(), both()));
    assert_eq!(problems(&planning), [] as [String; 0]);
    let plan = planning.plan.expect("nothing is against it");
    let [route] = &plan.routes[..] else {
        panic!("{:#?}", plan.routes)
    };
    assert_eq!(
        (route.label.as_str(), plan.blue),
        ("shop.example.com A", SlotName::A)
    );
    assert_eq!(*route.load_balancer_of(SlotName::B), balancer("other"));
    assert_eq!(plan.ttl(), Duration::from_secs(60));
    let ladder = plan.steps.iter().map(|step| step.bake).sum::<Duration>();
    let waits = Duration::from_secs(60) * plan.steps.len() as u32;
    assert_eq!(plan.shift_length(), ladder + waits);
    assert!(
        planning
            .notes
            .iter()
            .any(|it| it.contains("resolvers keep what they were told for 1m"))
    );
}

#[test]
fn each_type_of_a_name_is_a_route_of_its_own_unless_one_is_asked_for() {
    let mut record = record();
    record.sets.push(set(RecordType::Aaaa, "one", 255, "shop"));
    record.sets.push(set(RecordType::Aaaa, "two", 0, "other"));
    for (kind, routes) in [(None, 2), (Some(RecordType::Aaaa), 1)] {
        record.wanted.kind = kind;
        let planning = planned(|request, found| over_dns(request, found, &record, both()));
        assert_eq!(planning.plan.expect("a plan").routes.len(), routes);
    }
}

#[test]
fn records_that_cannot_be_moved_are_refused() {
    type Bend = fn(&mut RecordFound, &mut Vec<Forward>);
    let table: [(&str, &str, Bend); 10] = [
        ("is in no hosted zone of this account", "`zone`", |it, _| {
            it.zones.clear();
        }),
        ("several hosted zones: Z1, Z2", "`zone`", |it, _| {
            it.zones.push(HostedZoneId::new("Z2"));
        }),
        ("has no record shop.example.com", "create", |it, _| {
            it.sets.clear();
        }),
        ("A (two) is not weighted", "weighted records", |it, _| {
            it.sets[1].weight = None;
        }),
        ("one -> elsewhere", "sets: { a:", |it, _| {
            it.sets[0].leads_to = Some("elsewhere".to_owned());
        }),
        (
            "which record of shop.example.com A",
            "sets: { a:",
            |it, _| {
                it.sets[1].leads_to = it.sets[0].leads_to.clone();
            },
        ),
        (
            "is split: slot a has weight 1, slot b 1",
            "bg status",
            |it, _| it.sets[0].weight = Some(0),
        ),
        (
            "also sends traffic to record three (weight 7)",
            "set its weight to 0",
            |it, _| {
                it.sets.push(set(RecordType::A, "three", 7, "third"));
            },
        ),
        (
            "other of slot b, where shop.example.com A leads, forwards nothing to shop-b",
            "listener of other",
            |_, forwards| {
                forwards.pop();
            },
        ),
        (
            "shop:443 also sends traffic to third (weight 1)",
            "take that group out",
            |_, forwards| {
                forwards[0].weights.insert(group_arn("third"), 1);
            },
        ),
    ];
    for (what, fix, bend) in table {
        let (mut record, mut forwards) = (record(), both());
        bend(&mut record, &mut forwards);
        let planning = planned(|request, found| over_dns(request, found, &record, forwards));
        let told = &planning.problems;
        let found = told.iter().find(|it| it.what.contains(what));
        let found = found.unwrap_or_else(|| panic!("{what}: {told:#?}"));
        assert!(found.fix.contains(fix), "{what}: {}", found.fix);
        assert!(planning.plan.is_none(), "{what}");
    }
}

#[test]
fn sets_that_the_config_names_need_not_be_found() {
    let mut record = record();
    for set in &mut record.sets {
        set.leads_to = Some("cdn.example.net".to_owned());
    }
    let (a, b) = (SetId::new("one"), SetId::new("two"));
    record.wanted.sets = Some(Slots { a, b });
    let planning = planned(|request, found| over_dns(request, found, &record, both()));
    assert_eq!(planning.plan.expect("a plan").blue, SlotName::A);
}

#[test]
fn steps_finer_than_the_weights_of_records_are_refused_with_their_place() {
    let refused: Change = |request, found| {
        let reference = StrategyRef::Named("canary:0.3%:5m".to_owned());
        let strategy = reference.resolve(|_| Err(std::io::ErrorKind::NotFound.into()));
        request.strategy =
            strategy.unwrap_or_else(|_| Strategy::named("canary").expect("built in"));
        over_dns(request, found, &record(), both());
    };
    let planning = planned(refused);
    assert!(
        problems(&planning)[0].contains("step 1 at 0.3%"),
        "{:?}",
        problems(&planning)
    );
}

#[test]
fn a_long_ttl_is_warned_of() {
    let mut record = record();
    record
        .sets
        .iter_mut()
        .for_each(|set| set.ttl = Duration::from_secs(3600));
    let planning = planned(|request, found| over_dns(request, found, &record, both()));
    assert!(
        planning
            .warnings
            .iter()
            .any(|it| it.contains("has a TTL of 1h")),
        "{:?}",
        planning.warnings
    );
}

#[test]
fn sets_that_are_swapped_are_refused_where_they_can_be_told() {
    let mut record = record();
    let (a, b) = (SetId::new("two"), SetId::new("one"));
    record.wanted.sets = Some(Slots { a, b });
    let planning = planned(|request, found| over_dns(request, found, &record, both()));
    let told = problems(&planning).concat();
    let what = "`sets` of record shop.example.com A are mixed up: two is given to slot a and leads to \
                load balancer other, which is slot b's";
    assert!(told.contains(what), "{told}");
    assert!(planning.plan.is_none());
}

#[test]
fn the_other_type_of_a_listed_name_is_refused_and_another_name_is_warned_of() {
    let with = |names: Vec<Beside>, hosts: &[&str]| {
        planned(|request, found| {
            let mut forwards = both();
            for forward in &mut forwards {
                forward.hosts = hosts.iter().map(|it| (*it).to_owned()).collect();
            }
            over_dns(request, found, &record(), forwards);
            found.dns.beside = names;
        })
    };
    let half = beside(
        "shop.example.com",
        RecordType::Aaaa,
        true,
        &["shop", "other"],
    );
    let told = problems(&with(vec![half], &[])).concat();
    assert!(
        told.contains("shop.example.com AAAA also leads to the slots'"),
        "{told}"
    );

    let www = || beside("www.example.com", RecordType::A, false, &["shop"]);
    let warned = |planning: &Planning| planning.warnings.concat().contains("www.example.com A in");
    for (hosts, is_ours) in [
        (&[][..], true),
        (&["*.example.com"], true),
        (&["shop.example.com"], false),
        (&["WW?.example.com", "shop.example.com"], true),
    ] {
        let planning = with(vec![www()], hosts);
        assert!(planning.plan.is_some(), "{:?}", planning.problems);
        assert_eq!(
            warned(&planning),
            is_ours,
            "{hosts:?}: {:?}",
            planning.warnings
        );
    }
    let many = (0..9).map(|n| {
        beside(
            &format!("n{n}.example.com"),
            RecordType::A,
            false,
            &["shop"],
        )
    });
    let warning = with(many.collect(), &[]).warnings.concat();
    assert!(warning.contains("n4.example.com A, 4 more in"), "{warning}");
}

#[test]
fn a_test_route_on_one_slot_s_load_balancer_is_told_why_it_is_none() {
    for wanted in ["shop", "other"] {
        let planning = planned(|request, found| {
            over_dns(request, found, &record(), both());
            request.test_routes = vec![RouteWanted::Place {
                load_balancer: wanted.to_owned(),
                port: 8443,
                host: None,
                path: None,
                header: None,
            }];
        });
        let said = problems(&planning).join("\n");
        let what = format!(
            "test route {wanted}:8443 can't show green: slot a's target group shop-a is behind load \
             balancer shop, slot b's shop-b behind other"
        );
        assert!(said.starts_with(&what), "{said}");
        assert!(!said.contains("does not exist"), "{said}");
    }
}
