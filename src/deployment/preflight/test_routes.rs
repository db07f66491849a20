//! The test routes: what testers use, and no user does.

use super::routes::{check_foreign, naming, of_one_port};
use super::{Planning, Request, RouteWanted, RoutesWanted};
use crate::deployment::ids::{LoadBalancerArn, Slots};
use crate::deployment::plan::{Route, RouteKind, SlotPlan};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::{Forward, Surroundings};

/// The ports that are asked where a URL names none.
const OF_USERS: [u16; 2] = [80, 443];

/// The config's test routes. Which slot they show, and whether they name both slots' groups, is
/// all the same: they are written whole.
pub(super) fn find(
    request: &Request,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Vec<Route> {
    let forwards = naming(found, slots);
    let mut routes = Vec::new();
    for wanted in &request.test_routes {
        let Some(forward) = forwards.iter().find(|it| wanted.is(it)) else {
            if let Some(problem) = apart(wanted, found, slots) {
                planning.refuse(problem);
                continue;
            }
            let labels: Vec<String> = forwards.iter().map(|it| it.label()).collect();
            planning.problem(
                format!("test route {wanted} does not exist or names neither slot's target group"),
                format!(
                    "have it forward to the live slot's target group, or correct `test_route`; \
                     these forward to the slots: {}",
                    labels.join(", ")
                ),
            );
            continue;
        };
        if let Some(problem) = of_users(request, forward, &forwards) {
            planning.refuse(problem);
        }
        if let Some(route) = of_one_port(forward, slots, planning) {
            check_foreign(forward, &route.groups, planning);
            routes.push(route);
        }
    }
    routes
}

/// Why a listener or rule can't be a test route: it stands on a load balancer of one slot alone, so no
/// action of it takes the other slot's group.
fn apart(wanted: &RouteWanted, found: &Surroundings, slots: &Slots<SlotPlan>) -> Option<Problem> {
    let balancer = |group| found.group(group)?.load_balancer.as_ref();
    let is_of = |it: &LoadBalancerArn| match wanted {
        RouteWanted::Arn(arn) => arn.contains(it.dimension()),
        RouteWanted::Place { load_balancer, .. } => it.name() == load_balancer,
        RouteWanted::Record(_) => false,
    };
    let mut pairs = slots.a.targets.iter().zip(&slots.b.targets);
    let (a, b, on) = pairs.find_map(|(a, b)| {
        let (on_a, on_b) = (balancer(&a.group)?, balancer(&b.group)?);
        let found = on_a != on_b && (is_of(on_a) || is_of(on_b));
        found.then(|| (a.group.name(), b.group.name(), (on_a.name(), on_b.name())))
    })?;
    Some(Problem::new(
        format!(
            "test route {wanted} can't show green: slot a's target group {a} is behind load balancer \
             {}, slot b's {b} behind {}, and a test route is one forward action that takes both",
            on.0, on.1
        ),
        "take it out of `test_route`, and `through: test-route` out of the gates, which then ask each \
         of green's targets; testers come to green by its own load balancer's DNS name, or by a \
         Route 53 record of theirs that leads there",
    ))
}

/// Why users come by a test route: it is what a listener of theirs does with every request that no
/// rule takes, or what answers at the port that they ask by themselves.
fn of_users(request: &Request, test: &Forward, forwards: &[&Forward]) -> Option<Problem> {
    let is_test = |forward: &Forward| request.test_routes.iter().any(|it| it.is(forward));
    let mut routes = forwards.iter().filter(|it| {
        it.load_balancer == test.load_balancer && it.kind.record().is_none() && !is_test(it)
    });
    if test.kind != RouteKind::Listener {
        return None;
    }
    let label = test.label();
    let fix = |way: &str| {
        format!(
            "a test route goes to green before any gate is asked: take {label} out of \
             `test_route`, and name a listener or rule for testers alone; {way}"
        )
    };
    if let Some(rule) = routes.clone().find(|it| it.port == test.port) {
        return Some(Problem::new(
            format!(
                "test route {label} is a production route: it is the default action of the \
                 listener that {} stands on, so users come by it",
                rule.label()
            ),
            fix(&format!(
                "one with a header or a path of its own may stand on port {}, too",
                test.port
            )),
        ));
    }
    // Who lists both has said which is whose.
    let is_listed = matches!(request.routes, RoutesWanted::Listed(_));
    let route = routes.next().filter(|_| !is_listed)?;
    OF_USERS.contains(&test.port).then(|| {
        Problem::new(
            format!(
                "test route {label} is a production route: users who name no port come by it, and \
                 {} would be the only way for them",
                route.label()
            ),
            fix("where only testers reach it, list the routes of users in `routes`"),
        )
    })
}
