//! Everything back to blue, first and at once; then green is put away.

use std::time::Duration;

use jiff::Timestamp;

use super::dns::Spreading;
use super::{Draft, after};
use crate::deployment::action::{ActName, Action, WeightWrite};
use crate::deployment::event::Event;
use crate::deployment::invariants::{
    Part, all_readable_show, fewest_healthy, green_carries_traffic, green_is_seen_idle, parts,
};
use crate::deployment::observation::{Seen, ServiceSeen, ServiceStatus};
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::strategy::Weight;

/// How long after the read-back green keeps its tasks: load-balancer nodes lag behind.
const SETTLE: Duration = Duration::from_secs(10);
/// The same when a signal asks for haste.
const SETTLE_IN_HASTE: Duration = Duration::from_secs(1);
/// How long everything may take after a signal: a CI runner kills after 7.5 s.
const HASTE: Duration = Duration::from_secs(5);
/// How long green is kept for a test route that does not go back to blue.
const TESTS_BACK_WITHIN: Duration = Duration::from_secs(60);
/// How long to wait for blue to get a healthy target before asking a person.
const WAIT_FOR_BLUE: Duration = Duration::from_secs(30);

impl Draft<'_> {
    /// Decides to revert, and does the first thing at once.
    pub(super) fn begin_revert(&mut self, trip: Trip) {
        let interrupted = matches!(trip, Trip::Interrupted { .. });
        let blue_is_down = self.blue_is_down();
        self.record(Event::Reverting { trip: trip.clone() });
        if let Some(signal) = self.signal().filter(|_| !interrupted) {
            self.record(Event::Hurrying { signal });
        }
        if blue_is_down && interrupted {
            self.end(Outcome::Stuck {
                why: Stuck::BlueIsDown { trip },
            });
        } else if !blue_is_down && self.traffic_may_be_on_green() && !self.deployment.plan.is_bare()
        {
            self.act(Action::WriteWeights(WeightWrite::AllBlue));
        } else {
            self.wake_at = self.now;
        }
    }

    /// Goes on with a revert: traffic, then green.
    pub(super) fn revert_further(&mut self) {
        let Phase::Reverting {
            trip,
            since,
            hurried_at,
            traffic_back_at,
            ..
        } = &self.deployment.phase
        else {
            return;
        };
        self.look_by(after(self.now, Duration::from_secs(1)));
        if let (None, Some(signal)) = (hurried_at, self.signal()) {
            self.record(Event::Hurrying { signal });
        }
        if green_carries_traffic(&self.deployment.plan, self.seen) || traffic_back_at.is_none() {
            return self.bring_traffic_back(trip, *since, *hurried_at);
        }
        self.take_green_back();
        if !self.tests_are_back() && !self.events.iter().any(Event::gives_up) {
            self.send_tests_along(self.deployment.plan.blue);
        }
    }

    /// The rest of a revert, once traffic is on blue.
    fn take_green_back(&mut self) {
        let Phase::Reverting {
            trip,
            since,
            hurried_at,
            traffic_back_at,
            putting_away_since,
            put_away,
            restored,
        } = &self.deployment.phase
        else {
            return;
        };
        let nothing_to_restore = match self.deployment.plan.scaling {
            // Blue's is to be as it was.
            Some(_) => self.green_is_taken(),
            None => self.green_is_not_ours(),
        };
        let put_away_for_good =
            !self.deployment.green_touched || (*put_away && (*restored || nothing_to_restore));
        if put_away_for_good {
            let begun = putting_away_since.unwrap_or(*since);
            let give_up_at = self.give_up_at(begun, *hurried_at);
            if self.now >= give_up_at || !self.disarm_deadman_first() {
                self.end_reverted(trip, give_up_at);
            }
            return;
        }
        let ttl = self.deployment.plan.ttl();
        let settle = if self.deployment.plan.is_bare() {
            // No load balancer lags behind: until it is gone, green goes on working.
            Duration::ZERO
        } else if !ttl.is_zero() && self.deployment.traffic_touched {
            // No haste makes resolvers forget green.
            ttl.max(SETTLE)
        } else if hurried_at.is_some() || !self.asks_none() {
            SETTLE_IN_HASTE
        } else if self.deployment.traffic_touched {
            SETTLE
        } else {
            Duration::ZERO
        };
        let settled_at = after(traffic_back_at.unwrap_or(self.now), settle);
        if self.now < settled_at {
            // In haste green goes first.
            if hurried_at.is_none() {
                self.disarm_deadman_first();
            }
            return self.look_by(settled_at);
        }
        let tests_until = after(traffic_back_at.unwrap_or(self.now), TESTS_BACK_WITHIN);
        if !self.tests_are_back() && hurried_at.is_none() && self.now < tests_until {
            return self.look_by(tests_until);
        }
        if !green_is_seen_idle(&self.deployment.plan, self.seen) {
            // Emptying it would take down whatever somebody has given it meanwhile.
            let begun = putting_away_since.or(*traffic_back_at).unwrap_or(*since);
            if self.now >= self.give_up_at(begun, *hurried_at) {
                let trouble = "a route can't be read any more, and may give green traffic: its \
                               tasks stay"
                    .to_owned();
                let trip = trip.clone();
                let why = Stuck::RevertNotConfirmed { trip, trouble };
                self.end(Outcome::Stuck { why });
            }
            return;
        }
        self.put_green_away(trip, *hurried_at, *putting_away_since, *put_away);
    }

    /// Ends as reverted if that is what this very look shows; a route that can't be read, or that
    /// somebody has moved meanwhile, is looked at again for a while first.
    fn end_reverted(&mut self, trip: &Trip, give_up_at: Timestamp) {
        let deployment = self.deployment;
        let untouched =
            !deployment.traffic_touched && green_is_seen_idle(&deployment.plan, self.seen);
        if untouched || all_readable_show(&deployment.plan, self.seen, Weight::ZERO) {
            self.end(Outcome::Reverted { trip: trip.clone() });
        } else if self.now >= give_up_at {
            let trouble = "the routes showed it once, and don't any more".to_owned();
            let why = Stuck::RevertNotConfirmed {
                trip: trip.clone(),
                trouble,
            };
            self.end(Outcome::Stuck { why });
        }
    }

    fn give_up_at(&self, begun: Timestamp, hurried: Option<Timestamp>) -> Timestamp {
        let plan = &self.deployment.plan;
        let hurried = hurried.filter(|_| plan.ttl().is_zero());
        let patient = after(begun, plan.limits.patience);
        hurried.map_or(patient, |at| after(at, HASTE))
    }

    fn asks_none(&self) -> bool {
        self.seen.asks.is_empty()
    }

    pub(super) fn bring_traffic_back(
        &mut self,
        trip: &Trip,
        since: Timestamp,
        hurried: Option<Timestamp>,
    ) {
        let plan = &self.deployment.plan;
        let green_goes = !plan.is_bare() || !self.blue_is_down();
        if green_goes && all_readable_show(plan, self.seen, Weight::ZERO) {
            return self.bring_it_to_everybody(trip, since, hurried);
        }
        if green_goes && !self.deployment.traffic_touched && green_is_seen_idle(plan, self.seen) {
            // Never raised, and nothing on green: what else a route does is not ours.
            self.record(Event::TrafficReverted);
            self.wake_at = self.now;
            return;
        }
        let failure = self.deployment.failure_of(ActName::Revert);
        let trouble = failure.map_or_else(
            || "the routes don't show it yet".to_owned(),
            |failure| failure.message.clone(),
        );
        if self.blue_is_down() {
            let wait = hurried.map_or(after(since, WAIT_FOR_BLUE), |at| after(at, HASTE));
            if self.now >= wait {
                let why = Stuck::BlueIsDown { trip: trip.clone() };
                self.end(Outcome::Stuck { why });
            } else if self.seen.lock_lost_to.is_none() {
                // It would put everything on a side where nothing is healthy. Without the lock it
                // is another process's.
                self.disarm_deadman_first();
            }
            return;
        }
        if self.now >= self.give_up_at(since, hurried) {
            let why = Stuck::RevertNotConfirmed {
                trip: trip.clone(),
                trouble,
            };
            return self.end(Outcome::Stuck { why });
        }
        // Where nothing was raised, a route that can't be read is looked at again: somebody may
        // have given green traffic, and may not.
        if self.traffic_may_be_on_green() {
            self.act(Action::WriteWeights(WeightWrite::AllBlue));
        }
    }

    /// Every route shows everything on blue: traffic is back once that is answered everywhere.
    fn bring_it_to_everybody(&mut self, trip: &Trip, since: Timestamp, hurried: Option<Timestamp>) {
        match self.spreading(since) {
            Spreading::Until(by) if self.deployment.traffic_touched => self.look_by(by),
            Spreading::Late if self.deployment.traffic_touched => {
                if self.now >= self.give_up_at(since, hurried) {
                    let trouble =
                        "Route 53 has it, and not brought it to all its servers (PENDING)";
                    let why = Stuck::RevertNotConfirmed {
                        trip: trip.clone(),
                        trouble: trouble.to_owned(),
                    };
                    self.end(Outcome::Stuck { why });
                }
            }
            _ => {
                self.record(Event::TrafficReverted);
                self.wake_at = self.now;
            }
        }
    }

    fn put_green_away(
        &mut self,
        trip: &Trip,
        hurried: Option<Timestamp>,
        since: Option<Timestamp>,
        put_away: bool,
    ) {
        let plan = &self.deployment.plan;
        let green = plan.green_slot();
        let gone = match &self.seen.services[green] {
            Seen::Value(Some(service)) => service.desired == 0 || self.green_is_not_ours(),
            // It may have been created a moment ago, and not show yet.
            Seen::Value(None) => since.is_some(),
            Seen::Unreadable(_) => false,
        };
        // Until its autoscaling is asleep it may start tasks again.
        let restored = matches!(
            self.deployment.phase,
            Phase::Reverting { restored: true, .. }
        );
        let stays = plan.scaling.is_none() || restored || self.green_is_taken();
        if gone && stays && !put_away {
            self.record(Event::GreenPutAway);
        }
        let begun = since.unwrap_or(self.now);
        let give_up_at = self.give_up_at(begun, hurried);
        if self.now >= give_up_at && since.is_some() {
            if gone || put_away {
                return self.end_reverted(trip, give_up_at);
            }
            let why = Stuck::GreenNotPutAway {
                trip: trip.clone(),
                trouble: self.trouble(),
            };
            return self.end(Outcome::Stuck { why });
        }
        if since.is_none() {
            self.record(Event::PuttingGreenAway);
        }
        let in_haste = hurried.is_some();
        if !gone && !put_away && (in_haste || self.has_waited(ActName::Scale)) {
            self.act(Action::Scale {
                slot: green,
                desired: 0,
            });
        }
        let to_restore = match plan.scaling {
            Some(_) => !self.green_is_taken(),
            None => !self.green_is_not_ours(),
        };
        if to_restore && (in_haste || self.has_waited(ActName::RestoreSettings)) {
            self.act(Action::RestoreSettings { serving: plan.blue });
        }
    }

    /// There is no service, or one on its way out, or one that a later deployment has taken
    /// meanwhile (this process may have slept): nothing to scale down or to restore.
    fn green_is_not_ours(&self) -> bool {
        let plan = &self.deployment.plan;
        let draining = |service: &ServiceSeen| service.status == ServiceStatus::Draining;
        match &self.seen.services[plan.green_slot()] {
            Seen::Value(Some(service)) => draining(service) || self.green_is_taken(),
            Seen::Value(None) => true,
            Seen::Unreadable(_) => false,
        }
    }

    /// A later deployment has it.
    fn green_is_taken(&self) -> bool {
        let plan = &self.deployment.plan;
        let service = self.seen.services[plan.green_slot()].value();
        let taken_by = service.and_then(|it| it.as_ref()?.deployment.as_ref());
        // Ids sort by time.
        taken_by.is_some_and(|deployment| *deployment > plan.id)
    }

    fn trouble(&self) -> String {
        let failure = self.deployment.failure_of(ActName::Scale);
        failure.map_or_else(
            || "ECS doesn't show it yet".to_owned(),
            |failure| failure.message.clone(),
        )
    }

    /// Without a load balancer green works as soon as its tasks run.
    fn traffic_may_be_on_green(&self) -> bool {
        let plan = &self.deployment.plan;
        self.deployment.traffic_touched
            || green_carries_traffic(plan, self.seen)
            || (plan.is_bare() && self.deployment.green_touched)
    }

    /// Blue has no healthy target at all, in none of its groups, and green has some in each:
    /// putting traffic back would be an outage. One port of blue that fails is no reason to leave
    /// the others on a bad green.
    fn blue_is_down(&self) -> bool {
        let plan = &self.deployment.plan;
        let nothing_healthy = |part: &Part<'_>| part.counts.is_ok_and(|counts| counts.healthy == 0);
        self.traffic_may_be_on_green()
            && parts(plan, self.seen, plan.blue)
                .iter()
                .all(nothing_healthy)
            && fewest_healthy(plan, self.seen, plan.green_slot())
                .is_some_and(|counts| counts.healthy > 0)
    }
}
