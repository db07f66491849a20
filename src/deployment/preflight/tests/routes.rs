//! Routes, and which slot is live.

use std::time::Duration;

use super::healthy::{balancer, forward, group, group_arn, rule, two_ports};
use super::{each_is_refused, planned, problems};
use crate::deployment::ids::SlotName;
use crate::deployment::plan::{Route, RouteKind};
use crate::deployment::preflight::{Request, RouteWanted, RoutesWanted};
use crate::deployment::surroundings::Surroundings;

#[test]
fn routes_that_cannot_be_split_are_refused() {
    each_is_refused(&[
        (
            "slot b's target group shop-b does not exist",
            "create it like shop-a",
            |_, found| {
                found.groups.insert("shop-b".to_owned(), None);
            },
        ),
        (
            "no listener and no rule forwards to target group shop-a",
            "add a weighted forward action",
            |_, found| found.forwards.clear(),
        ),
        (
            "shop:443 is not set up for weights: it forwards to shop-a only",
            "aws elbv2 modify-listener --listener-arn",
            |_, found| {
                found.forwards[0].weights.remove(&group_arn("shop-b"));
            },
        ),
        (
            "shop:443 /api/* is not set up for weights",
            "aws elbv2 modify-rule --rule-arn",
            |_, found| {
                let mut rule = rule("/api/*", 100, 0);
                rule.weights.remove(&group_arn("shop-b"));
                found.forwards.push(rule);
            },
        ),
        (
            "shop:443 also sends traffic to other (weight 5)",
            "set its weight to 0",
            |_, found| {
                found.forwards[0].weights.insert(group_arn("other"), 5);
            },
        ),
        (
            "target group shop-b belongs to load balancer elsewhere",
            "use a group that shop can use",
            |_, found| {
                let mut moved = group("shop-b");
                moved.load_balancer = Some(balancer("elsewhere"));
                found.groups.insert("shop-b".to_owned(), Some(moved));
            },
        ),
        (
            "shop:443 is split: slot a has weight 90, slot b 10",
            "`bg rollback --to a --force` or `--to b --force`",
            |_, found| found.forwards = vec![forward(443, 90, 10)],
        ),
        (
            "the routes don't agree on which slot is live",
            "`bg rollback --to a --force`",
            |_, found| found.forwards.push(rule("/api/*", 0, 100)),
        ),
        (
            "the slots have different numbers of target groups",
            "the same `targets`, in the same order",
            |request, _| {
                let again = request.slots.b.targets[0].clone();
                request.slots.b.targets.push(again);
            },
        ),
    ]);
}

#[test]
fn a_drained_third_group_is_nobody_s_business() {
    let planning = planned(|_, found| {
        found.forwards[0].weights.insert(group_arn("other"), 0);
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
}

#[test]
fn a_third_group_that_serves_alone_is_to_keep_its_weight() {
    let planning = planned(|_, found| {
        let weights = &mut found.forwards[0].weights;
        weights.values_mut().for_each(|weight| *weight = 0);
        weights.insert(group_arn("other"), 100);
    });
    let said = problems(&planning).join("\n");
    assert!(
        said.contains("shop:443 sends its traffic to other (weight 100), and none to the slots'"),
        "{said}"
    );
    assert!(said.contains("leave its weight"), "{said}");
}

#[test]
fn listed_routes_have_to_exist_and_to_be_all() {
    let place = |port| RouteWanted::Place {
        load_balancer: "shop".to_owned(),
        port,
        host: None,
        path: None,
        header: None,
    };
    let planning = planned(|request, found| {
        found.forwards.push(rule("/api/*", 100, 0));
        request.routes = RoutesWanted::Listed(vec![place(443), place(8443)]);
    });
    let problems = problems(&planning);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("route shop:8443 does not exist"));
    assert!(problems[0].contains("use one of: shop:443, shop:443 /api/*"));
    assert!(problems[1].contains("shop:443 /api/* also forwards to the slots' groups"));
    assert!(problems[1].contains("`routes: auto`"));
}

#[test]
fn a_listed_rule_is_found_by_its_conditions() {
    let planning = planned(|request, found| {
        found.forwards = vec![rule("/api/*", 100, 0)];
        request.routes = RoutesWanted::Listed(vec![RouteWanted::Place {
            load_balancer: "shop".to_owned(),
            port: 443,
            host: None,
            path: Some("/api/*".to_owned()),
            header: None,
        }]);
    });
    let plan = planning.plan.unwrap();
    assert_eq!(plan.routes[0].kind, RouteKind::Rule);
}

#[test]
fn groups_of_two_ports_need_routes_of_their_own() {
    let apart = planned(|request, found| two_ports(request, found, 9000));
    assert_eq!(problems(&apart), [] as [String; 0]);
    assert_eq!(apart.plan.unwrap().routes.len(), 2);
    let together = planned(|request, found| {
        two_ports(request, found, 9000);
        let admin = found.forwards.pop().expect("it is the second");
        found.forwards[0].weights.extend(admin.weights);
    });
    let problems = problems(&together);
    assert!(
        problems
            .iter()
            .any(|it| it.contains("forwards to several of a slot's target groups at once")),
        "{problems:#?}"
    );
}

#[test]
fn a_sticky_route_warns_and_takes_a_group_back_that_a_revert_took_out() {
    let planning = planned(|_, found| {
        let route = &mut found.forwards[0];
        route.sticky = Some(Duration::from_secs(3600));
        route.weights.remove(&group_arn("shop-b"));
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
    let [warning] = &planning.warnings[..] else {
        panic!("{:?}", planning.warnings);
    };
    assert!(warning.contains("shop:443 is sticky for 1h"), "{warning}");
    let notes = planning.notes.join("\n");
    assert!(notes.contains("it is put back at weight 0"), "{notes}");
}

#[test]
fn a_test_route_says_nothing_of_who_serves_and_is_written_whole() {
    let test = RouteWanted::Place {
        load_balancer: "shop".to_owned(),
        port: 8443,
        host: None,
        path: None,
        header: None,
    };
    let planning = planned(|request, found| {
        let mut testers = forward(8443, 0, 100);
        testers.weights.remove(&group_arn("shop-a"));
        found.forwards.push(testers);
        request.test_routes = vec![test.clone()];
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
    let plan = planning.plan.unwrap();
    assert_eq!(plan.blue, SlotName::A);
    assert_eq!((plan.routes.len(), plan.test_routes.len()), (1, 1));
    let planning = planned(|request, _| request.test_routes = vec![test.clone()]);
    let problems = problems(&planning);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("test route shop:8443 does not exist"));
    assert!(problems[0].contains("these forward to the slots: shop:443"));
}

#[test]
fn routes_that_disagree_are_named_with_their_slots_and_another_service_s_is_thought_of() {
    let planning = planned(|_, found| found.forwards.push(rule("/api/*", 0, 100)));
    let problem = &planning.problems[0];
    let stands = "shop:443 is on slot a (shop-a), shop:443 /api/* is on slot b (shop-b)";
    assert!(problem.what.ends_with(stands), "{}", problem.what);
    for part in ["is each of these groups shop's?", "correct `slots` first"] {
        assert!(problem.fix.contains(part), "{}", problem.fix);
    }
}

fn at_port(port: u16) -> RouteWanted {
    RouteWanted::Place {
        load_balancer: "shop".to_owned(),
        port,
        host: None,
        path: None,
        header: None,
    }
}

#[test]
fn a_test_route_that_users_come_by_is_refused() {
    each_is_refused(&[
        (
            "test route shop:443 is a production route: it is the default action of the listener \
             that shop:443 /api/* stands on",
            "take shop:443 out of `test_route`",
            |request, found| {
                found.forwards.push(rule("/api/*", 100, 0));
                request.test_routes = vec![at_port(443)];
            },
        ),
        (
            "test route shop:443 is a production route: users who name no port come by it, and \
             shop:8443 would be the only way for them",
            "list the routes of users in `routes`",
            |request, found| {
                found.forwards.push(forward(8443, 100, 0));
                request.test_routes = vec![at_port(443)];
            },
        ),
    ]);
}

#[test]
fn a_test_route_at_a_usual_port_is_taken_where_the_users_own_are_listed() {
    let planning = planned(|request, found| {
        found.forwards.push(forward(8443, 100, 0));
        request.routes = RoutesWanted::Listed(vec![at_port(8443)]);
        request.test_routes = vec![at_port(443)];
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
}

#[test]
fn a_route_that_is_a_test_route_by_another_name_is_told_as_such() {
    let place = |port| RouteWanted::Place {
        load_balancer: "shop".to_owned(),
        port,
        host: None,
        path: None,
        header: None,
    };
    let planning = planned(|request, found| {
        let testers = forward(8443, 100, 0);
        let by_arn = RouteWanted::Arn(testers.arn.as_str().to_owned());
        found.forwards.push(testers);
        request.routes = RoutesWanted::Listed(vec![place(443), by_arn]);
        request.test_routes = vec![place(8443)];
    });
    let problems = problems(&planning);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    for part in [
        "is the test route shop:8443, too",
        "take it out of `routes`",
    ] {
        assert!(problems[0].contains(part), "{problems:#?}");
    }
}

/// The same container and port behind a second load balancer, `inner`.
fn two_balancers(request: &mut Request, found: &mut Surroundings) {
    two_ports(request, found, 8443);
    let inner = found.forwards.last_mut().expect("the second one");
    inner.load_balancer = balancer("inner");
    for name in ["admin-a", "admin-b"] {
        let group = found.groups.get_mut(name).and_then(Option::as_mut);
        group.expect("it is there").load_balancer = Some(balancer("inner"));
    }
    let service = found.services.a.as_mut().expect("the shop has slot a");
    service["loadBalancers"][1]["containerPort"] = serde_json::json!(8080);
}

#[test]
fn one_port_behind_two_load_balancers_has_a_pair_and_a_route_for_each() {
    let plan = planned(two_balancers).plan.unwrap();
    for slot in SlotName::BOTH {
        let targets = plan.slots[slot].targets.iter();
        let ports: Vec<_> = targets.map(|it| (it.container.as_str(), it.port)).collect();
        assert_eq!(ports, [("app", 8080), ("app", 8080)]);
    }
    let groups = |it: &Route| (it.groups.a.name().to_owned(), it.groups.b.name().to_owned());
    let pairs: Vec<_> = plan.routes.iter().map(groups).collect();
    let pair = |name: &str| (format!("{name}-a"), format!("{name}-b"));
    assert_eq!(pairs, [pair("shop"), pair("admin")]);
}

#[test]
fn a_swapped_order_is_told_with_what_stands_where() {
    let swapped = planned(|request, found| {
        two_balancers(request, found);
        request.slots.b.targets.swap(0, 1);
    });
    let said = problems(&swapped);
    let what = "shop:443 forwards to slot a's shop-a and slot b's shop-b, and in `slots` shop-a goes \
                with admin-b";
    assert!(said[0].starts_with(what), "{said:#?}");
    assert!(
        said[0].contains("the order of `targets` may be swapped"),
        "{said:#?}"
    );
    assert!(
        said[1].starts_with("inner:8443 forwards to slot a's admin-a"),
        "{said:#?}"
    );

    // Before slot b's groups have their places.
    let placeless = planned(|request, found| {
        two_balancers(request, found);
        request.slots.b.targets.swap(0, 1);
        for forward in &mut found.forwards {
            forward
                .weights
                .retain(|group, _| group.name().ends_with("-a"));
        }
    });
    let said = problems(&placeless);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].starts_with("target group admin-b belongs to load balancer inner"),
        "{said:#?}"
    );
    let fix = "the order of `slots.b.targets` may be swapped: shop-b is behind shop, and stands in \
               another place than shop-a";
    assert!(said[0].contains(fix), "{said:#?}");
}

#[test]
fn one_group_by_its_name_and_its_arn_is_one_group() {
    let planning = planned(|request, found| {
        two_balancers(request, found);
        for slot in SlotName::BOTH {
            let same = found.groups[request.slots[slot].targets[0].group.as_str()].clone();
            let arn = same.as_ref().expect("it is there").arn.to_string();
            found.groups.insert(arn.clone(), same);
            request.slots[slot].targets[1].group = arn;
        }
    });
    let said = problems(&planning);
    assert!(
        said[0].starts_with("`slots` names target group shop-a twice"),
        "{said:#?}"
    );
}

#[test]
fn a_group_that_left_a_route_while_that_was_sticky_comes_back() {
    let out = |tags: serde_json::Value, used: bool| {
        planned(|_, found| {
            found.forwards[0].weights.remove(&group_arn("shop-b"));
            let mut b = group("shop-b");
            b.load_balancer = used.then(|| balancer("shop"));
            found.groups.insert("shop-b".to_owned(), Some(b));
            let mut service = found.services.a.clone().expect("it is there");
            service["serviceName"] = "shop-b".into();
            service["loadBalancers"][0]["targetGroupArn"] = group_arn("shop-b").as_str().into();
            service["tags"] = tags;
            found.services.b = Some(service);
        })
    };
    let tagged = serde_json::json!([{ "key": "bg:live", "value": "20260101-000000-abcd" }]);
    let planning = out(tagged.clone(), false);
    assert_eq!(problems(&planning), [] as [String; 0]);
    let notes = planning.notes.join("\n");
    assert!(
        notes.contains("group shop-b was taken out of this route when it was sticky"),
        "{notes}"
    );
    // One that no deployment has had, and a new route beside those that have it.
    for planning in [out(serde_json::json!([]), false), out(tagged, true)] {
        let said = problems(&planning).join("\n");
        assert!(said.contains("is not set up for weights"), "{said}");
    }
}
