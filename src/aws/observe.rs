//! One look at everything that a deployment depends on.
//!
//! While baking, with one pair of groups on one listener, that is five calls: both services, each
//! group's target health, the listeners, the alarms. All of them go out together; metrics are one
//! more, every quarter of a minute.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::cloud::Cloud;
use crate::deployment::ids::Slots;
use crate::deployment::observation::{Observation, Seen};
use crate::deployment::plan::Plan;
use crate::strategy::format_duration;

impl Cloud {
    /// Looks at services, target health, routes and alarms. Never fails: what can't be read, or
    /// not within `at_most`, is [`Seen::Unreadable`], with the reason; the rest is there all the
    /// same; metrics are looked at beside it ([`Cloud::see_metrics`]). `now` is asked when the look is over.
    pub async fn observe(
        &self,
        plan: &Plan,
        at_most: Duration,
        now: impl Fn() -> Timestamp,
    ) -> Observation {
        self.credentials().begin_look();
        let late = || format!("no answer within {}", format_duration(at_most));
        let (services, groups, routes, alarms) = tokio::join!(
            timeout(at_most, self.see_services(plan)),
            timeout(at_most, self.see_groups(plan)),
            timeout(at_most, self.see_routes(plan)),
            timeout(at_most, self.see_alarms(plan)),
        );
        let targets = || {
            [&plan.slots.a, &plan.slots.b]
                .into_iter()
                .flat_map(|it| &it.targets)
        };
        Observation {
            now: now(),
            services: services.unwrap_or_else(|_| Slots::from_fn(|_| Seen::Unreadable(late()))),
            groups: groups.unwrap_or_else(|_| {
                let late = |group| (group, Seen::Unreadable(late()));
                targets().map(|target| late(target.group.clone())).collect()
            }),
            routes: routes.unwrap_or_else(|_| {
                let late = |route| (route, Seen::Unreadable(late()));
                plan.routes
                    .iter()
                    .chain(&plan.test_routes)
                    .map(|route| late(route.arn.clone()))
                    .collect()
            }),
            alarms: alarms.unwrap_or_else(|_| {
                let late = |alarm| (alarm, Seen::Unreadable(late()));
                plan.guards
                    .alarms
                    .iter()
                    .map(|guard| late(guard.name.clone()))
                    .collect()
            }),
            metrics: None,
            credentials_over: self.credentials().over(),
            asks: Vec::new(),
            lock_lost_to: None,
        }
    }
}
