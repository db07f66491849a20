//! Registering the task definition, and green's way to being healthy.

use std::time::Duration;

use jiff::Timestamp;

use super::{Draft, after};
use crate::deployment::action::{ActName, Action, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::TaskDefinitionArn;
use crate::deployment::invariants::{
    Part, Traffic, fewest_healthy, not_ready, parts, service_holds, traffic,
};
use crate::deployment::observation::{Seen, ServiceSeen, ServiceStatus};
use crate::deployment::plan::NewTaskDefinition;
use crate::deployment::state::Held;
use crate::deployment::trip::{Hold, Trip};

/// How long ECS may go on showing a service as it was before our call.
const STALE_FOR: Duration = Duration::from_secs(30);
/// The first wait after a failed act; it doubles with each failure.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How long a revision whose registering gave no answer may go unlisted: registering again sooner
/// would make a second one.
const LISTED_WITHIN: Duration = Duration::from_secs(15);
/// The longest wait between two tries.
const RETRY_AT_MOST: Duration = Duration::from_secs(30);

impl Draft<'_> {
    pub(super) fn register(&mut self) {
        if let NewTaskDefinition::Existing { arn } = &self.deployment.plan.task_definition {
            self.record(Event::TaskDefinitionReady {
                task_definition: arn.clone(),
            });
            self.wake_at = self.now;
        } else if self.may_try(ActName::RegisterTaskDefinition) {
            self.record(Event::RegisteringTaskDefinition);
            self.act(Action::RegisterTaskDefinition);
        }
    }

    pub(super) fn provision(
        &mut self,
        since: Timestamp,
        provisioned_at: Option<Timestamp>,
        healthy_since: Option<Timestamp>,
    ) {
        let deadline = after(since, self.healthy_within());
        let drift = self.drift_before_traffic();
        // One that has everything by then gets the time to stay so: a tick may come late.
        let over = self.now >= deadline && !self.green_is_there();
        if over && !drift.iter().any(Hold::is_drift) {
            match self.waited_for_drift() {
                None => return self.give_up_on_green(),
                Some(over) if self.now >= over.until => {
                    return self.hold_or_give_up(over.reasons.clone());
                }
                Some(_) => {}
            }
        }
        self.look_by(deadline);
        if !drift.is_empty() {
            return self.hold_or_give_up(drift);
        }
        if self.add_green_to_routes() || self.bring_up_green(provisioned_at) {
            return;
        }
        match self.lacking() {
            Some(why) => {
                if healthy_since.is_some() {
                    self.record(Event::GreenUnhealthy { why });
                }
            }
            None => self.stay_healthy(healthy_since),
        }
    }

    fn stay_healthy(&mut self, healthy_since: Option<Timestamp>) {
        let since = healthy_since.unwrap_or(self.now);
        let done_at = after(since, self.deployment.plan.guards.healthy_for);
        if healthy_since.is_none() {
            self.record(Event::GreenHealthy);
        }
        if self.now >= done_at {
            self.record(Event::GreenReady);
            self.wake_at = self.now;
        } else {
            self.look_by(done_at);
        }
    }

    /// Green's weight is still 0: is that what the routes show?
    fn drift_before_traffic(&self) -> Vec<Hold> {
        match traffic(&self.deployment.plan, self.seen, self.deployment.set) {
            Traffic::Even(_) => Vec::new(),
            Traffic::Uneven(holds) => holds,
        }
    }

    /// A hold for what somebody else changed: patience ends it then, and not the deadline, which
    /// would write over it.
    fn waited_for_drift(&self) -> Option<&Held> {
        let held = self.deployment.hold.as_ref();
        held.filter(|held| held.reasons.iter().any(Hold::is_drift))
    }

    /// A revert of a sticky route took green's group out of the action: put it back at weight 0.
    fn add_green_to_routes(&mut self) -> bool {
        let plan = &self.deployment.plan;
        let missing = plan.routes.iter().any(|route| {
            let seen = self.seen.routes.get(&route.arn).and_then(Seen::value);
            seen.is_some_and(|seen| !seen.names(&route.groups[plan.green_slot()]))
        });
        if missing && self.may_try(ActName::AddGreenToRoutes) {
            if !self.deployment.green_touched {
                self.record(Event::ProvisioningGreen);
            }
            self.act(Action::AddGreenToRoutes);
        }
        missing
    }

    /// Creates or updates green's service until ECS shows it as ours; true while that is so.
    fn bring_up_green(&mut self, provisioned_at: Option<Timestamp>) -> bool {
        let deployment = self.deployment;
        let Some(task_definition) = &deployment.task_definition else {
            return true;
        };
        let Seen::Value(service) = &self.seen.services[deployment.plan.green_slot()] else {
            return true;
        };
        if service
            .as_ref()
            .is_some_and(|seen| self.is_ours(seen, task_definition))
        {
            if provisioned_at.is_none() {
                self.record(Event::ProvisioningGreen);
                self.record(Event::GreenProvisioned);
            }
            return false;
        }
        let stale = provisioned_at.is_some_and(|at| self.now < after(at, STALE_FOR));
        if provisioned_at.is_some() && !stale {
            let mut drift = service_holds(deployment, self.seen);
            drift.retain(Hold::is_drift);
            self.hold_or_give_up(drift);
        } else if !stale && self.may_try(ActName::ProvisionGreen) {
            self.record(Event::ProvisioningGreen);
            self.act(Action::ProvisionGreen {
                task_definition: task_definition.clone(),
            });
        }
        true
    }

    fn is_ours(&self, seen: &ServiceSeen, task_definition: &TaskDefinitionArn) -> bool {
        let plan = &self.deployment.plan;
        seen.status == ServiceStatus::Active
            && seen.task_definition == *task_definition
            && seen.desired >= plan.green_tasks(self.deployment.set)
            && seen.deployment.as_ref() == Some(&plan.id)
    }

    /// What green still lacks; a hold is over.
    fn lacking(&mut self) -> Option<Hold> {
        let lacks = self.green_lacks();
        self.hold(Vec::new());
        lacks
    }

    fn green_is_there(&self) -> bool {
        self.our_green().is_some() && self.green_lacks().is_none()
    }

    fn green_lacks(&self) -> Option<Hold> {
        let plan = &self.deployment.plan;
        let mut holds = service_holds(self.deployment, self.seen);
        holds.retain(|hold| match hold {
            Hold::ServiceDrift { slot, .. } | Hold::TaskDefinitionDrift { slot, .. } => {
                *slot == plan.green_slot()
            }
            _ => true,
        });
        match self.our_green() {
            Some(green) if green.running < green.desired => {
                holds.push(Hold::TasksMissing {
                    running: green.running,
                    desired: green.desired,
                });
            }
            Some(green) if green.deployments > 1 && self.earlier_serve(green) => {
                holds.push(Hold::StillReplacing);
            }
            _ => {}
        }
        holds.extend(not_ready(
            plan,
            self.seen,
            plan.green_slot(),
            plan.guards.ready,
            plan.green_tasks(self.deployment.set),
        ));
        holds.into_iter().next()
    }

    /// Whether tasks of before may still get requests. ECS keeps their deployment in the list until the
    /// last one has stopped, which takes the deregistration delay; what drains gets none by then. New
    /// ones may run before they are registered, so the groups' counts alone don't tell.
    fn earlier_serve(&self, green: &ServiceSeen) -> bool {
        let plan = &self.deployment.plan;
        let serve = |part: &Part<'_>| {
            part.counts
                .map_or(true, |it| it.registered() > green.running)
        };
        let parts = parts(plan, self.seen, plan.green_slot());
        plan.is_bare() || green.earlier > 0 || parts.iter().any(serve)
    }

    /// How long green may take: longer by the deregistration delay while its earlier tasks are all that
    /// is in its way, or where that can't be seen.
    fn healthy_within(&self) -> Duration {
        let plan = &self.deployment.plan;
        let targets = plan.slots[plan.green_slot()].targets.iter();
        let delay = targets.map(|it| it.deregistration_delay).max();
        match self.waits_for_earlier_tasks() {
            true => plan.limits.healthy_within + delay.unwrap_or_default(),
            false => plan.limits.healthy_within,
        }
    }

    /// Whether earlier tasks are all that keeps green from being there: what is registered of it is well.
    fn waits_for_earlier_tasks(&self) -> bool {
        let is_well = |part: &Part<'_>| part.counts.is_ok_and(|it| it.healthy == it.registered());
        match self.green_lacks() {
            Some(Hold::Unreadable { .. }) => true,
            Some(Hold::StillReplacing) => {
                let plan = &self.deployment.plan;
                parts(plan, self.seen, plan.green_slot())
                    .iter()
                    .all(is_well)
            }
            _ => false,
        }
    }

    fn give_up_on_green(&mut self) {
        let plan = &self.deployment.plan;
        let green = plan.green_slot();
        let counts = fewest_healthy(plan, self.seen, green);
        // Nothing of green's own is amiss.
        if self.green_lacks() == Some(Hold::StillReplacing) && self.waits_for_earlier_tasks() {
            let waited_for = vec![Hold::StillReplacing];
            return self.begin_revert(Trip::PatienceOver { waited_for });
        }
        let reason = counts
            .and_then(|counts| counts.main_reason().map(str::to_owned))
            .or_else(|| self.deployment.target_reason.clone())
            .or_else(|| match counts?.initial {
                0 => None,
                initial => Some(format!(
                    "are still in their first health checks, {initial} of them"
                )),
            });
        // The groups count earlier tasks, too.
        let (running, earlier) = self
            .our_green()
            .map_or((0, 0), |service| (service.running, service.earlier));
        let healthy = counts.map_or(0, |counts| counts.healthy.saturating_sub(earlier));
        self.begin_revert(Trip::NotHealthyInTime {
            within: plan.limits.healthy_within,
            running,
            healthy: healthy.min(running),
            desired: plan.green_tasks(self.deployment.set),
            target_reason: reason,
            stopped: self.stopped_tasks(),
        });
    }

    /// Whether an act that may have failed is to be tried now: at once at first, later with
    /// growing waits; one that AWS refuses, or that outlasts patience, reverts.
    pub(super) fn may_try(&mut self, act: ActName) -> bool {
        let Some(failure) = self.deployment.failure_of(act) else {
            return true;
        };
        let patience_over = self.now >= after(failure.since, self.deployment.plan.limits.patience);
        if !failure.class.is_worth_repeating() || patience_over {
            self.begin_revert(match failure.class {
                FailureClass::Lost => Trip::DefinitionLost,
                _ => Trip::Refused {
                    act,
                    message: failure.message.clone(),
                },
            });
            return false;
        }
        self.has_waited(act)
    }

    /// Whether the growing wait after an act's last failure is over.
    pub(super) fn has_waited(&mut self, act: ActName) -> bool {
        let Some(failure) = self.deployment.failure_of(act) else {
            return true;
        };
        let wait = RETRY_AFTER.saturating_mul(1 << failure.times.min(6)) / 2;
        let unlisted =
            act == ActName::RegisterTaskDefinition && failure.class == FailureClass::Ambiguous;
        let at_least = if unlisted {
            LISTED_WITHIN
        } else {
            Duration::ZERO
        };
        let again_at = after(failure.at, wait.clamp(at_least, RETRY_AT_MOST));
        self.look_by(again_at);
        self.now >= again_at
    }
}
