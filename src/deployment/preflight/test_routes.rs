//! The test routes: what testers use, and no user does.

use super::routes::{check_foreign, naming, of_one_port};
use super::{Planning, Request};
use crate::deployment::ids::Slots;
use crate::deployment::plan::{Route, SlotPlan};
use crate::deployment::surroundings::Surroundings;

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
        if let Some(route) = of_one_port(forward, slots, planning) {
            check_foreign(forward, &route.groups, planning);
            routes.push(route);
        }
    }
    routes
}
