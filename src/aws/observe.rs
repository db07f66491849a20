//! One look at everything that a deployment depends on.
//!
//! While baking, with one pair of groups on one listener, that is five calls: both services, each
//! group's target health, the listeners, the alarms. All of them go out together.

use jiff::Timestamp;

use super::cloud::Cloud;
use crate::deployment::observation::Observation;
use crate::deployment::plan::Plan;

impl Cloud {
    /// Looks at services, target health, routes and alarms. Never fails: what can't be read is
    /// [`Unreadable`](crate::deployment::observation::Seen::Unreadable), with the reason. `now`
    /// is asked when the look is over.
    pub async fn observe(&self, plan: &Plan, now: impl Fn() -> Timestamp) -> Observation {
        let (services, groups, routes, alarms) = tokio::join!(
            self.see_services(plan),
            self.see_groups(plan),
            self.see_routes(plan),
            self.see_alarms(plan),
        );
        Observation {
            now: now(),
            services,
            groups,
            routes,
            alarms,
            asks: Vec::new(),
        }
    }
}
