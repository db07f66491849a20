//! Names that lead to the slots' load balancers and are no routes: whoever comes by one stays with
//! the side that it leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::{RecordType, RecordWanted, SetFound, host};
use crate::deployment::ids::{LoadBalancerArn, RecordName};
use crate::deployment::surroundings::Forward;
use crate::deployment::wildcard::takes_any_case;

/// A name and type that the config doesn't list among its routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The name.
    pub name: RecordName,
    /// Its type.
    pub kind: RecordType,
    /// Whether the config lists the name with another type.
    pub is_half: bool,
    /// The slots' load balancers that its records lead to, whatever their weight.
    pub leads_to: BTreeSet<LoadBalancerArn>,
}

impl Beside {
    /// `shop.example.com AAAA`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.kind)
    }

    /// Whether a request by that name reaches one of these actions, by their rules' hosts.
    pub fn is_answered_by(&self, forwards: &[Forward]) -> bool {
        forwards.iter().any(|forward| {
            let mut hosts = forward.hosts.iter();
            self.leads_to.contains(&forward.load_balancer)
                && (forward.hosts.is_empty()
                    || hosts.any(|it| takes_any_case(it, self.name.as_str())))
        })
    }
}

/// What the zones have beside the records of the config. `names` are the DNS names of the slots'
/// load balancers.
pub fn beside(
    records: impl IntoIterator<Item = (RecordName, SetFound)>,
    wanted: &[RecordWanted],
    names: &BTreeMap<LoadBalancerArn, String>,
) -> Vec<Beside> {
    let mut ends: BTreeMap<(RecordName, RecordType), BTreeSet<LoadBalancerArn>> = BTreeMap::new();
    for (name, set) in records {
        let to = set.leads_to.as_deref().map(host);
        let mut balancers = names.iter();
        if let Some((balancer, _)) = balancers.find(|(_, its)| Some(host(its)) == to) {
            let leads_to = ends.entry((name, set.kind)).or_default();
            leads_to.insert(balancer.clone());
        }
    }
    let is_listed = |name: &RecordName, kind: RecordType| {
        let mut wanted = wanted.iter().filter(|it| it.name == *name);
        wanted.any(|it| it.kind.is_none_or(|wanted| wanted == kind))
    };
    let others = ends
        .into_iter()
        .filter(|((name, kind), _)| !is_listed(name, *kind));
    let found = others.map(|((name, kind), leads_to)| Beside {
        is_half: wanted.iter().any(|it| it.name == name),
        name,
        kind,
        leads_to,
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn balancers() -> BTreeMap<LoadBalancerArn, String> {
        let named = |name: &str| {
            let dns = format!("{name}.elb.amazonaws.com");
            (LoadBalancerArn::new(name), dns)
        };
        ["one", "two"].map(named).into()
    }

    fn record(name: &str, kind: RecordType, to: &str) -> (RecordName, SetFound) {
        let set = SetFound {
            kind,
            set: None,
            weight: None,
            ttl: Duration::from_secs(60),
            leads_to: Some(to.to_owned()),
        };
        (RecordName::new(name), set)
    }

    fn wanted(name: &str, kind: Option<RecordType>) -> RecordWanted {
        RecordWanted {
            name: RecordName::new(name),
            zone: None,
            kind,
            sets: None,
        }
    }

    #[test]
    fn the_other_type_of_a_listed_name_is_half_of_it() {
        let records = [RecordType::A, RecordType::Aaaa].map(|kind| {
            let to = "dualstack.ONE.elb.amazonaws.com.";
            record("shop.example.com", kind, to)
        });
        let of = |kind| {
            beside(
                records.clone(),
                &[wanted("shop.example.com", kind)],
                &balancers(),
            )
        };
        assert_eq!(of(None), []);
        let found = of(Some(RecordType::A));
        let labels: Vec<String> = found.iter().map(Beside::label).collect();
        assert_eq!(labels, ["shop.example.com AAAA"]);
        assert!(found[0].is_half);
    }

    #[test]
    fn a_name_beside_the_listed_ones_is_found_with_all_that_it_leads_to() {
        let to = |name: &str| format!("{name}.elb.amazonaws.com");
        let records = [
            record("www.example.com", RecordType::Cname, &to("one")),
            record("www.example.com", RecordType::Cname, &to("two")),
            record(
                "blog.example.com",
                RecordType::Cname,
                "elsewhere.example.net",
            ),
        ];
        let found = beside(records, &[wanted("shop.example.com", None)], &balancers());
        let [www] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((www.leads_to.len(), www.is_half), (2, false));
    }
}
