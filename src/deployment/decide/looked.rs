//! The figures of a look, for people.

use super::Draft;
use crate::deployment::event::{Counts, Event, Look};
use crate::deployment::ids::SlotName;
use crate::deployment::invariants::fewest_healthy;
use crate::deployment::observation::{Seen, ServiceSeen, Split, StoppedTask};

impl Draft<'_> {
    /// Records the figures where they differ from the last look's.
    pub(super) fn note_look(&mut self) {
        let look = self.look();
        if look != self.deployment.look {
            self.record(Event::Looked(look));
        }
    }

    fn look(&self) -> Look {
        let plan = &self.deployment.plan;
        let weights = plan.routes.iter().map(|route| {
            let seen = self.seen.routes.get(&route.arn).and_then(Seen::value);
            let weight = seen.and_then(|seen| match seen.split(route, plan) {
                Split::Green(weight) => Some(weight),
                Split::Foreign(_) | Split::Nowhere => None,
            });
            (route.label.clone(), weight)
        });
        let alarms = plan.guards.alarms.iter().map(|guard| {
            let seen = self.seen.alarms.get(&guard.name).and_then(Seen::value);
            (guard.name.clone(), seen.map(|alarm| alarm.state))
        });
        Look {
            blue: self.counts(plan.blue),
            green: self.counts(plan.green_slot()),
            weights: weights.collect(),
            alarms: alarms.collect(),
        }
    }

    /// Failed tasks; green's only from this deployment's rollout, because the state remembers the
    /// most that were seen and an idle slot's last rollout may have been a bad one.
    fn failed(&self, slot: SlotName) -> Option<u32> {
        if slot == self.deployment.plan.green_slot() {
            return self.our_green().map(|service| service.failed);
        }
        let service = self.seen.services[slot].value()?;
        service.as_ref().map(|service| service.failed)
    }

    fn is_replacing(&self, slot: SlotName) -> bool {
        let green = slot == self.deployment.plan.green_slot();
        let replaces = |service: &ServiceSeen| service.deployments > 1;
        green && self.our_green().is_some_and(replaces)
    }

    fn newest_failed(&self, slot: SlotName) -> Option<Box<StoppedTask>> {
        let green = slot == self.deployment.plan.green_slot();
        green
            .then(|| self.stopped_tasks().into_iter().next().map(Box::new))
            .flatten()
    }

    fn counts(&self, slot: SlotName) -> Counts {
        let service = self.seen.services[slot].value();
        let of = |service: Option<&Option<_>>, count: fn(&_) -> u32| {
            service.map(|found| found.as_ref().map_or(0, count))
        };
        let counts = fewest_healthy(&self.deployment.plan, self.seen, slot);
        Counts {
            slot: Some(slot),
            desired: of(service, |service| service.desired),
            running: of(service, |service| service.running),
            failed: self.failed(slot),
            replacing: self.is_replacing(slot),
            stopped: self.newest_failed(slot),
            healthy: counts.map(|counts| counts.healthy),
            reason: counts
                .and_then(|counts| counts.main_reason())
                .map(str::to_owned),
        }
    }
}
