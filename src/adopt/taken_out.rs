//! Groups that bg itself took out of a route: who a sticky route has pinned to a slot stays there at
//! weight 0, so after a way back the idle slot's group leaves the action until the next deployment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Facts, Group, RouteFound, Wanted};
use super::proposal::{Pair, Twin, text};
use super::twins::{alike, groups_of};
use crate::deployment::bare;
use crate::deployment::ids::{EcsServiceName, RouteArn};

/// The target groups of slot b's service beside `service`, where a deployment of either has been.
pub fn groups_of_twin<'v>(
    service: &Value,
    others: &'v BTreeMap<EcsServiceName, Value>,
    wanted: &Wanted,
) -> Vec<&'v str> {
    let twin = wanted.twin(text(service, "serviceName"), others);
    let deployed = |twin: &&Value| bare::is_known(twin) || bare::is_known(service);
    let twin = twin.filter(deployed);
    twin.into_iter().flat_map(groups_of).collect()
}

/// The group beside `a` with which a deployed slot b's service is registered.
pub(super) fn twin<'f>(facts: &'f Facts, a: &Group) -> Option<&'f Group> {
    let theirs = groups_of_twin(&facts.service, &facts.others, &facts.wanted);
    let names = facts.wanted.group_names(&a.name);
    let own = groups_of(&facts.service);
    let balancers = |b: &Group| match (&a.load_balancer, &b.load_balancer) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let groups = facts.groups.iter().filter(|b| {
        let arn = b.arn.as_str();
        theirs.contains(&arn) && !own.contains(&arn) && balancers(b) && alike(a, b)
    });
    let groups: Vec<&Group> = groups.collect();
    let named = groups.iter().find(|b| names.contains(&b.name)).copied();
    // Of one port each there is nothing to mix up.
    let is_free = own.len() == 1 && !facts.wanted.groups.contains_key(&a.name);
    named.or_else(|| {
        groups
            .first()
            .copied()
            .filter(|_| is_free && theirs.len() == 1)
    })
}

/// Leaves those routes that are the service's. One that names slot b's group alone is where it is
/// sticky, or where nothing names slot a's any more; else it is for testers, or somebody else's.
pub(super) fn keep_routes(facts: &mut Facts) {
    let own: Vec<Group> = {
        let arns = groups_of(&facts.service);
        let own = facts.groups.iter();
        let own = own.filter(|it| arns.contains(&it.arn.as_str()));
        own.cloned().collect()
    };
    let names = |route: &RouteFound, group: &Group| route.forward.weights.contains_key(&group.id());
    let is_ours = |route: &RouteFound| {
        own.iter().any(|a| {
            let alone = || {
                let is_out = !facts.routes.iter().any(|it| names(it, a));
                let twin = twin(facts, a).is_some_and(|b| names(route, b));
                twin && (route.forward.sticky.is_some() || is_out)
            };
            names(route, a) || alone()
        })
    };
    let (ours, others): (Vec<_>, Vec<_>) = facts.routes.iter().cloned().partition(is_ours);
    for route in others {
        let weights = &route.forward.weights;
        let gets = |group: &&mut Group| weights.get(&group.id()).is_some_and(|it| *it > 0);
        for group in facts.groups.iter_mut().filter(gets) {
            group.elsewhere.push(route.forward.label());
        }
    }
    facts.routes = ours;
}

/// The group of a pair that a route doesn't name.
pub(super) fn missing<'p>(route: &RouteFound, pair: &'p Pair) -> Option<&'p Group> {
    let Twin::There { group: b, .. } = &pair.b else {
        return None;
    };
    let weights = &route.forward.weights;
    [&pair.a, b]
        .into_iter()
        .find(|it| !weights.contains_key(&it.id()))
}

/// The routes to which a deployment puts the missing group back by itself, as `plan` says it.
pub(super) fn put_back(facts: &Facts, pairs: &[Pair]) -> BTreeSet<RouteArn> {
    let puts_back = |route: &&RouteFound| {
        pairs.iter().any(|pair| {
            let Some(twin) = twin(facts, &pair.a).filter(|it| it.name == pair.b_name()) else {
                return false;
            };
            let weights = &route.forward.weights;
            let is_of_pair = [&pair.a, twin]
                .iter()
                .any(|it| weights.contains_key(&it.id()));
            is_of_pair
                && missing(route, pair)
                    .is_some_and(|it| route.forward.sticky.is_some() || it.load_balancer.is_none())
        })
    };
    let routes = facts.routes.iter().filter(puts_back);
    routes.map(|it| it.forward.arn.clone()).collect()
}

/// What is said of such a route.
pub(super) fn note(route: &RouteFound, pair: &Pair) -> Option<String> {
    let group = missing(route, pair)?;
    Some(format!(
        "{}: bg took target group {} out of this {}route, as after every way back; the next \
         deployment puts it back at weight 0, so that is not missing",
        route.forward.label(),
        group.name,
        match route.forward.sticky {
            Some(_) => "sticky ",
            None => "",
        }
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::cloudformation::cloudformation;
    use super::super::proposal::propose;
    use super::super::terraform::terraform;
    use super::super::testing::{balancer, facts, listener, rule, shop_a, twin as shop_b};
    use super::super::words::words;
    use super::*;

    /// The shop after a deployment to slot b: its sticky listener, and a rule that isn't.
    fn deployed(listeners: &[(&Group, u32)], rules: &[(&Group, u32)]) -> Facts {
        let mut facts = facts();
        let b = Group {
            load_balancer: Some(balancer()),
            targets: 2,
            ..shop_b()
        };
        let service = json!({
            "serviceName": "shop-b",
            "desiredCount": 2,
            "loadBalancers": [{ "targetGroupArn": b.arn }],
            "tags": [{ "key": "bg:deployment", "value": "20260101-000000-abcd" }],
        });
        facts.others.insert(EcsServiceName::new("shop-b"), service);
        facts.groups.push(b);
        let (mut listener, mut rule) = (listener(listeners), rule(rules));
        listener.forward.sticky = Some(Duration::from_secs(600));
        rule.forward.sticky = None;
        facts.routes = vec![listener, rule];
        facts
    }

    fn untagged(facts: &mut Facts) {
        let service = facts.others.values_mut().next().unwrap();
        service["tags"] = json!([]);
    }

    #[test]
    fn what_bg_took_out_is_not_missing_and_stands_in_every_text() {
        let (a, b) = (shop_a(), shop_b());
        let both = |one, other| [(&a, one), (&b, other)];
        for (out, facts) in [
            ("shop-b", deployed(&[(&a, 100)], &both(100, 0))),
            ("shop-a", deployed(&[(&b, 100)], &both(0, 100))),
        ] {
            let proposal = propose(&facts).unwrap();
            assert_eq!(proposal.additions(), [], "{out}");
            assert_eq!(proposal.services.b.as_str(), "shop-b");
            let said = words(&proposal).join("\n");
            let note = format!("shop:80: bg took target group {out} out of this sticky route");
            assert!(said.contains(&note), "{said}");
            assert!(said.contains("Nothing is missing"), "{said}");
            let text = terraform(&proposal);
            let (one, rule) = text.split_once("aws_lb_listener_rule").unwrap();
            assert!(one.contains("ignore_changes = [default_action]"), "{text}");
            assert!(one.contains(&a.arn) && one.contains(&b.arn), "{text}");
            assert!(
                one.contains(&format!("# bg took {out} out of it")),
                "{text}"
            );
            assert!(
                !rule.contains("bg took") && !text.contains("apply twice"),
                "{text}"
            );
            let text = cloudformation(&proposal);
            let one = text.split_once("ListenerRule").unwrap().0;
            assert!(one.contains(&a.arn) && one.contains(&b.arn), "{text}");
        }
    }

    #[test]
    fn what_no_deployment_had_there_is_missing() {
        let (a, b) = (shop_a(), shop_b());
        let mut facts = deployed(&[(&a, 100)], &[(&a, 100), (&b, 0)]);
        facts.groups[1].targets = 0;
        assert_eq!(propose(&facts).unwrap().additions().len(), 0);
        untagged(&mut facts);
        assert_eq!(propose(&facts).unwrap().additions().len(), 1);
    }

    #[test]
    fn without_stickiness_it_comes_back_only_where_nothing_names_it() {
        let (a, b) = (shop_a(), shop_b());
        let mut facts = deployed(&[(&a, 100)], &[(&a, 100)]);
        facts.routes[0].forward.sticky = None;
        facts.groups[1].load_balancer = None;
        assert_eq!(propose(&facts).unwrap().additions(), []);
        let mut facts = deployed(&[(&a, 100)], &[(&a, 100), (&b, 0)]);
        facts.routes[0].forward.sticky = None;
        assert_eq!(propose(&facts).unwrap().additions().len(), 1);
    }

    #[test]
    fn a_listener_of_testers_that_shows_slot_b_is_no_route() {
        let (a, b) = (shop_a(), shop_b());
        let mut facts = deployed(&[(&b, 1)], &[(&a, 0), (&b, 100)]);
        facts.routes[0].forward.sticky = None;
        assert_eq!(propose(&facts).unwrap().routes.len(), 1);
    }
}
