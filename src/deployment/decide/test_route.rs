//! The test routes: on green before production is, on blue again before green is put away.

use super::Draft;
use crate::deployment::action::{ActName, Action};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::invariants::{test_routes_elsewhere, tests_reach};

impl Draft<'_> {
    /// Has the test routes show green; true once they do. What keeps them wears out patience: the
    /// gates may ask through them, and must not ask blue.
    pub(super) fn tests_see_green(&mut self) -> bool {
        let green = self.deployment.plan.green_slot();
        let elsewhere = test_routes_elsewhere(&self.deployment.plan, self.seen, green);
        if elsewhere.is_empty() {
            return true;
        }
        let mut holds = self.against_staying();
        if self.deployment.test_routes_on == Some(green) {
            holds.extend(elsewhere);
        }
        self.hold_or_give_up(holds);
        let goes_on = !self.events.iter().any(Event::gives_up);
        if goes_on && self.may_try(ActName::PointTestRoutes) {
            self.point_test_routes(green);
        }
        false
    }

    /// The same without waiting for it: what serves is known to be bad, or the way back is taken.
    pub(super) fn send_tests_along(&mut self, to: SlotName) {
        let elsewhere = test_routes_elsewhere(&self.deployment.plan, self.seen, to);
        if !elsewhere.is_empty() && self.has_waited(ActName::PointTestRoutes) {
            self.point_test_routes(to);
        }
    }

    /// Whether none shows green any more, of those that this deployment, or somebody, had show it.
    pub(super) fn tests_are_back(&self) -> bool {
        let plan = &self.deployment.plan;
        let untouched = self.deployment.test_routes_on.is_none();
        let green = plan.green_slot();
        (untouched && !tests_reach(plan, self.seen, green))
            || test_routes_elsewhere(plan, self.seen, plan.blue).is_empty()
    }

    fn point_test_routes(&mut self, to: SlotName) {
        if self.deployment.test_routes_on != Some(to) {
            self.record(Event::PointingTestRoutes { to });
        }
        self.act(Action::PointTestRoutes { to });
    }
}
