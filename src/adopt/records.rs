//! Weighted Route 53 records over two load balancers, as routes of a service that is adopted.

use serde_json::Value;

use super::facts::{Across, Facts, Group, RouteFound};
use super::proposal::text;
use super::twins::{ALIKE, alike, groups_of};
use crate::deployment::dns::{GroupAt, RecordFound, RecordType, RecordWanted, host, join};
use crate::deployment::ids::{LoadBalancerArn, Slots, TargetGroupArn};
use crate::deployment::surroundings::Forward;

/// The routes of a service, and the record pairs among them as a config names them.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// What carries its traffic and can be moved.
    pub(super) routes: Vec<RouteFound>,
    /// The record pairs.
    pub(super) records: Vec<RecordWanted>,
    /// What one should know of records that aren't among them.
    pub(super) notes: Vec<String>,
}

/// A slot's target groups in the order of the service's load-balancer entries.
type Groups = Slots<Vec<Option<GroupAt>>>;

/// The forward actions that name the service's groups, where records lead to two load balancers
/// the record pairs in the place of the actions behind them.
pub(super) fn routes(facts: &Facts) -> Routes {
    let mut found = Routes {
        routes: facts.routes.clone(),
        ..Routes::default()
    };
    if facts.across.records.is_empty() {
        return found;
    }
    let groups = both_ends(facts, &mut found.notes);
    let mut pairs: Vec<Forward> = Vec::new();
    for record in &facts.across.records {
        let of_name = pairs_of(record, &facts.across, &groups, &mut found.notes);
        let kinds = |kind: &RecordType| record.sets.iter().any(|set| set.kind == *kind);
        let all = RecordType::ALL.iter().filter(|kind| kinds(kind)).count();
        found.records.extend(match of_name.len() == all {
            true => vec![record.wanted.clone()],
            false => of_name.iter().filter_map(of_kind).collect(),
        });
        pairs.extend(of_name);
    }
    let carried = |end: &Option<GroupAt>| {
        let end = end.as_ref()?;
        let mut pairs = pairs.iter();
        pairs
            .any(|it| it.weights.contains_key(&end.group))
            .then(|| end.clone())
    };
    let groups = Slots {
        a: groups.a.iter().map(carried).collect(),
        b: groups.b.iter().map(carried).collect(),
    };
    let actions = facts.routes.iter().map(|it| it.forward.clone());
    let movable = join(&[], &facts.across.names, &groups, actions.collect()).routes;
    let stays = |it: &RouteFound| movable.iter().any(|forward| forward.arn == it.forward.arn);
    found.routes.retain(stays);
    let pairs = pairs.into_iter().map(|forward| RouteFound {
        forward,
        beside: Vec::new(),
    });
    found.routes.extend(pairs);
    found
}

/// As a config names just that pair.
fn of_kind(pair: &Forward) -> Option<RecordWanted> {
    let record = pair.kind.record()?;
    Some(RecordWanted {
        name: record.name.clone(),
        zone: Some(record.zone.as_str().to_owned()),
        kind: Some(record.kind),
        sets: None,
    })
}

/// The pairs among the records of one name, by their types.
fn pairs_of(
    record: &RecordFound,
    across: &Across,
    groups: &Groups,
    notes: &mut Vec<String>,
) -> Vec<Forward> {
    let weighted = |kind: &RecordType| {
        let mut sets = record.sets.iter();
        sets.any(|set| set.kind == *kind && set.weight.is_some())
    };
    let mut pairs = Vec::new();
    for kind in RecordType::ALL.into_iter().filter(weighted) {
        let mut one = record.clone();
        one.wanted.kind = Some(kind);
        let joined = join(&[one], &across.names, groups, Vec::new());
        pairs.extend(joined.routes);
        notes.extend(joined.problems.into_iter().map(|problem| {
            let what = problem.what;
            format!("{what}; so it is no route, and its weights stay as they are")
        }));
    }
    pairs
}

/// The service's groups that stand behind one of the records' load balancers, each with the group
/// behind the other one where that can be slot b's.
fn both_ends(facts: &Facts, notes: &mut Vec<String>) -> Groups {
    let at = |group: &Group| GroupAt {
        group: group.id(),
        load_balancer: group.load_balancer.clone(),
    };
    let own = groups_of(&facts.service).into_iter();
    let own = own.filter_map(|arn| facts.groups.iter().find(|group| group.arn == arn));
    let mut groups = Groups::default();
    for a in own {
        let b = other_end(facts, a, notes);
        groups.a.push(b.map(|_| at(a)));
        groups.b.push(b.map(at));
    }
    groups
}

fn other_end<'f>(facts: &'f Facts, a: &Group, notes: &mut Vec<String>) -> Option<&'f Group> {
    let own = a.load_balancer.as_ref()?;
    let others = facts.across.names.keys().filter(|it| *it != own);
    let others = others.filter(|it| lead_to_both(&facts.across, own, it));
    let is_led_to = |balancer: &&LoadBalancerArn| {
        facts
            .across
            .forwards
            .iter()
            .any(|it| it.load_balancer == **balancer)
    };
    for balancer in others.filter(is_led_to) {
        let Some(b) = behind(facts, a, balancer) else {
            notes.push(format!(
                "weighted records lead to load balancer {} too, and which of its target groups is \
                 slot b's beside {} can't be told: name it in `slots` of bg.yaml, and the records \
                 in `routes`",
                balancer.name(),
                a.name
            ));
            continue;
        };
        if let Some(why) = unfit(facts, a, b) {
            notes.push(format!(
                "weighted records lead to load balancer {} too, whose target group {} is not taken \
                 for slot b's: {why}; the records stay as they are, and so does what it gets",
                balancer.name(),
                b.name
            ));
            continue;
        }
        return Some(b);
    }
    None
}

/// Whether weighted records of one name lead to both load balancers: those of another group of the
/// service say nothing of this one.
fn lead_to_both(across: &Across, one: &LoadBalancerArn, other: &LoadBalancerArn) -> bool {
    let leads = |record: &RecordFound, balancer: &LoadBalancerArn| {
        let weighted = record.sets.iter().filter(|set| set.weight.is_some());
        let mut ends = weighted.filter_map(|set| set.leads_to.as_deref()).map(host);
        let name = across.names.get(balancer).map(|name| host(name));
        name.is_some_and(|name| ends.any(|end| end == name))
    };
    let mut records = across.records.iter();
    records.any(|record| leads(record, one) && leads(record, other))
}

/// The group that a load balancer forwards to where slot a's does so to `a`: on the same port and
/// conditions, else everywhere.
fn behind<'f>(facts: &'f Facts, a: &Group, balancer: &LoadBalancerArn) -> Option<&'f Group> {
    let place = |it: &Forward| {
        let conditions = (it.hosts.clone(), it.paths.clone(), it.headers.clone());
        (it.port, conditions)
    };
    let own = facts.routes.iter().map(|it| &it.forward);
    let own = own.filter(|it| it.weights.contains_key(&a.id())).map(place);
    let own: Vec<_> = own.collect();
    let forwards = || {
        facts
            .across
            .forwards
            .iter()
            .filter(|it| it.load_balancer == *balancer)
    };
    let same: Vec<&Forward> = forwards().filter(|it| own.contains(&place(it))).collect();
    let same = only(same.into_iter()).or_else(|| only(forwards()))?;
    facts.groups.iter().find(|group| group.id() == *same)
}

/// The one group that all of these forward to.
fn only<'f>(forwards: impl Iterator<Item = &'f Forward>) -> Option<&'f TargetGroupArn> {
    let mut groups: Vec<&TargetGroupArn> = forwards.flat_map(|it| it.weights.keys()).collect();
    groups.sort_unstable();
    groups.dedup();
    match groups[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// Why a group behind the other load balancer can't be slot b's.
fn unfit(facts: &Facts, a: &Group, b: &Group) -> Option<String> {
    if !alike(a, b) {
        let names = ALIKE
            .iter()
            .filter(|name| a.setting(name) != b.setting(name));
        let names: Vec<&str> = names.copied().collect();
        return Some(format!(
            "its {} is another one than {}'s",
            names.join(", "),
            a.name
        ));
    }
    let named = facts.wanted.group_names(&a.name).contains(&b.name);
    match facts.wanted.groups.contains_key(&a.name) {
        true if !named => Some("bg.yaml names another one".to_owned()),
        false if !named && b.targets > 0 => Some(format!(
            "it has targets ({}) and no name of slot b's, so it may be another service's",
            b.targets
        )),
        _ => None,
    }
}

/// Whether a service stands behind the other end of records that lead to this one's groups.
pub(super) fn is_at_other_end(facts: &Facts, service: &Value) -> bool {
    let groups = groups_of(service);
    let mut named = facts
        .across
        .forwards
        .iter()
        .flat_map(|it| it.weights.keys());
    let own = text(&facts.service, "serviceName");
    text(service, "serviceName") != own && named.any(|it| groups.contains(&it.as_str()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::config::config;
    use super::super::facts::AlarmNamed;
    use super::super::from::Taken;
    use super::super::proposal::{Pair, Twin, propose};
    use super::super::testing::{alarm, balancer, facts, group, listener, registers, shop_a};
    use super::*;
    use crate::config::{Config, RecordConfig, RouteConfig, Routes};
    use crate::deployment::dns::SetFound;
    use crate::deployment::ids::{HostedZoneId, RecordName, RouteArn, SetId};

    fn second() -> LoadBalancerArn {
        LoadBalancerArn::new(balancer().as_str().replace("app/shop/", "app/two/"))
    }

    /// Slot b's group behind the second load balancer.
    fn far() -> Group {
        Group {
            load_balancer: Some(second()),
            ..group("other", "0b")
        }
    }

    fn set(kind: RecordType, id: &str, weight: Option<u32>, leads_to: &str) -> SetFound {
        SetFound {
            kind,
            set: weight.map(|_| SetId::new(id)),
            weight,
            ttl: Duration::from_secs(60),
            leads_to: Some(leads_to.to_owned()),
        }
    }

    fn pair(kind: RecordType) -> Vec<SetFound> {
        vec![
            set(kind, "one", Some(255), "dualstack.one.elb.amazonaws.com."),
            set(kind, "two", Some(0), "TWO.elb.amazonaws.com"),
        ]
    }

    /// A service behind the first of two load balancers that records lead to.
    fn apart(sets: Vec<SetFound>) -> Facts {
        let mut facts = facts();
        facts.routes = vec![listener(&[(&shop_a(), 1)])];
        facts.groups.push(far());
        let name = RecordName::new("shop.example.com");
        let zone = HostedZoneId::new("Z1");
        let forward = listener(&[(&far(), 1)]).forward;
        facts.across = Across {
            records: vec![RecordFound {
                wanted: RecordWanted {
                    name,
                    zone: Some("Z1".to_owned()),
                    kind: None,
                    sets: None,
                },
                zones: vec![zone],
                sets,
            }],
            names: [(balancer(), "one"), (second(), "two")]
                .map(|(arn, name)| (arn, format!("{name}.elb.amazonaws.com")))
                .into(),
            forwards: vec![Forward {
                load_balancer: second(),
                ..forward
            }],
        };
        facts
    }

    fn listed(facts: &Facts) -> Vec<RouteConfig> {
        let text = config(&propose(facts).unwrap(), &Taken::default());
        let read = Config::parse(&text, "bg.yaml", &|_| None);
        match read
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .routes
        {
            Routes::Listed(routes) => routes,
            Routes::Auto => Vec::new(),
        }
    }

    fn record(kind: Option<&str>) -> RouteConfig {
        RouteConfig::Record(RecordConfig {
            name: "shop.example.com".to_owned(),
            zone: Some("Z1".to_owned()),
            kind: kind.map(str::to_owned),
            sets: None,
        })
    }

    #[test]
    fn records_over_two_load_balancers_are_the_routes_and_nothing_is_missing() {
        let both = [pair(RecordType::A), pair(RecordType::Aaaa)].concat();
        let facts = apart(both);
        let proposal = propose(&facts).unwrap();
        let Twin::There { group, .. } = &proposal.pairs[0].b else {
            panic!("it is there: {proposal:?}");
        };
        assert_eq!(group.name, "other");
        assert_eq!(proposal.additions(), []);
        let labels = proposal.routes.iter().map(|it| it.forward.label());
        let labels: Vec<String> = labels.collect();
        assert_eq!(labels, ["shop.example.com A", "shop.example.com AAAA"]);
        assert_eq!(listed(&facts), [record(None)], "both move together");
        let terraform = super::super::terraform(&proposal);
        let both = "# lifecycle {\n#   # bg moves the weights";
        assert_eq!(terraform.matches(both).count(), 2, "{terraform}");
        let template = super::super::cloudformation(&proposal);
        assert!(
            template.contains("shop.example.com AAAA: nothing is added"),
            "{template}"
        );
        assert!(template.contains("of a record below"), "{template}");
        assert!(!template.contains("listener"), "{template}");
        for text in [terraform, template] {
            assert!(text.starts_with("# Slot b of ECS service shop lacks nothing.\n"));
        }
    }

    #[test]
    fn of_a_group_that_no_record_leads_to_the_other_end_is_not_asked() {
        let mut facts = apart(pair(RecordType::A));
        let net = LoadBalancerArn::new(balancer().as_str().replace("app/shop/", "net/shop/"));
        let mut tcp = Group {
            load_balancer: Some(net.clone()),
            ..group("net", "0e")
        };
        tcp.settings.insert("Protocol".to_owned(), "TCP".to_owned());
        let mut route = listener(&[(&tcp, 1)]);
        route.forward.arn = RouteArn::new(route.forward.arn.as_str().replace("app/", "net/"));
        route.forward.load_balancer = net.clone();
        registers(&mut facts, &tcp, "app", 8080);
        facts.routes.push(route);
        facts.groups.push(tcp);
        let end = "net.elb.amazonaws.com".to_owned();
        facts.across.names.insert(net, end);
        let proposal = propose(&facts).unwrap();
        assert_eq!(proposal.notes, [""; 0]);
        let groups: Vec<&str> = proposal.pairs.iter().map(Pair::b_name).collect();
        assert_eq!(groups, ["other", "net-b"]);
        let last = proposal.routes.last().map(|it| it.forward.label());
        assert_eq!(last.as_deref(), Some("shop.example.com A"));
    }

    #[test]
    fn a_type_that_is_not_weighted_leaves_the_other_by_its_name() {
        let mut sets = pair(RecordType::A);
        sets.push(set(RecordType::Aaaa, "", None, "one.elb.amazonaws.com"));
        assert_eq!(listed(&apart(sets)), [record(Some("A"))]);
    }

    #[test]
    fn what_another_service_uses_is_not_slot_b_s() {
        let mut facts = apart(pair(RecordType::A));
        facts.groups[1].targets = 2;
        let proposal = propose(&facts).unwrap();
        let notes = proposal.notes.join("\n");
        assert!(
            notes.contains("target group other is not taken for slot b's: it has targets (2)"),
            "{notes}"
        );
        assert_eq!(proposal.records, []);
        assert_eq!(proposal.additions().len(), 2, "a group, and its place");
        // With the name of slot b's it is what bg has deployed to.
        facts.groups[1].name = "shop-b".to_owned();
        assert_eq!(propose(&facts).unwrap().records.len(), 1);
    }

    #[test]
    fn of_several_groups_the_one_in_the_same_place_is_slot_b_s() {
        let mut facts = apart(pair(RecordType::A));
        let admin = Group {
            load_balancer: Some(second()),
            ..group("admin", "0c")
        };
        let elsewhere = Forward {
            load_balancer: second(),
            port: 9000,
            ..listener(&[(&admin, 1)]).forward
        };
        facts.groups.push(admin);
        facts.across.forwards.push(elsewhere);
        assert_eq!(propose(&facts).unwrap().pairs[0].b_name(), "other");
        for forward in &mut facts.across.forwards {
            forward.port += 1;
        }
        let proposal = propose(&facts).unwrap();
        assert_eq!(proposal.records, []);
        let notes = proposal.notes.join("\n");
        assert!(
            notes.contains("which of its target groups is slot b's"),
            "{notes}"
        );
    }

    #[test]
    fn an_alarm_of_one_load_balancer_watches_one_slot() {
        let mut facts = apart(pair(RecordType::A));
        facts.alarms = vec![alarm("shop-a-5xx", &[]), alarm("shop-b-5xx", &[])];
        facts.alarms[1].balancers = vec![second().dimension().to_owned()];
        let guards = |facts: &Facts| {
            let alarms = propose(facts).unwrap().alarms;
            let fit = alarms.into_iter().filter(|it| it.unfit.is_none());
            fit.map(|it| it.name).collect::<Vec<_>>()
        };
        assert_eq!(guards(&facts), ["shop-{slot}-5xx"]);
        facts.alarms.pop();
        assert_eq!(guards(&facts), [""; 0]);
    }

    #[test]
    fn alarms_of_the_service_at_the_other_end_are_no_guards() {
        let mut facts = apart(pair(RecordType::A));
        facts.groups[1].targets = 2;
        let of_other = |name: &str, groups: &[&str]| AlarmNamed {
            balancers: vec![second().dimension().to_owned()],
            ..alarm(name, groups)
        };
        facts.alarms = vec![
            alarm("shop-lb-5xx", &[]),
            of_other("other-lb-5xx", &[]),
            of_other("other-hosts", &["targetgroup/other/0b"]),
        ];
        let alarms = propose(&facts).unwrap().alarms;
        let names: Vec<&str> = alarms.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["shop-lb-5xx"]);
    }
}
