//! The guards: what trips a deployment while it provisions, shifts or bakes.

use super::{Draft, after};
use crate::deployment::ids::SlotName;
use crate::deployment::invariants::{Part, alarms, parts};
use crate::deployment::observation::{Rollout, Seen, ServiceSeen, StoppedTask};
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::judge::targets;
use crate::strategy::Weight;

/// Failed tasks that are put up with: as few as ECS's own circuit breaker's least threshold.
const FAILED_TASKS_AT_LEAST: u32 = 3;
/// The same where no load balancer checks tasks and counts their answers: how they end is all that
/// shows a bad version. One may be its host's fault.
const FAILED_TASKS_AT_LEAST_ALONE: u32 = 2;
/// And at most so many, however large the service.
const FAILED_TASKS_AT_MOST: u32 = 10;

impl Draft<'_> {
    /// Reverts if a guard trips; true when one did.
    pub(super) fn heed_guards(&mut self) -> bool {
        if matches!(self.deployment.phase, Phase::Registering) {
            return false;
        }
        let worse = self.judge_minutes();
        let Some(trip) = self.tripped().or(worse) else {
            return false;
        };
        self.begin_revert(trip);
        true
    }

    fn tripped(&self) -> Option<Trip> {
        self.deadman_trips()
            .or_else(|| self.alarm())
            .or_else(|| self.failing_tasks())
            .or_else(|| self.lost_targets())
            .or_else(|| self.blind())
    }

    fn alarm(&self) -> Option<Trip> {
        let (name, reason) = alarms(self.deployment, self.seen).tripped?;
        Some(Trip::Alarm { name, reason })
    }

    /// Green's service where it shows our rollout: a crash loop of an earlier one is not ours.
    pub(super) fn our_green(&self) -> Option<&ServiceSeen> {
        let green = self.deployment.plan.green_slot();
        let service = self.seen.services[green].value()?.as_ref()?;
        let ours = self.deployment.task_definition.as_ref() == Some(&service.task_definition)
            && service.deployment.as_ref() == Some(&self.deployment.plan.id);
        (ours && self.deployment.green_touched).then_some(service)
    }

    pub(super) fn stopped_tasks(&self) -> Vec<StoppedTask> {
        self.our_green()
            .map(|service| service.stopped.clone())
            .unwrap_or_default()
    }

    fn failing_tasks(&self) -> Option<Trip> {
        let service = self.our_green()?;
        let stopped = service.stopped.clone();
        let target_reason = self.deployment.target_reason.clone();
        if service.rollout == Rollout::Failed {
            let reason = service.rollout_reason.clone();
            return Some(Trip::RolloutFailed {
                reason,
                target_reason,
                stopped,
            });
        }
        let plan = &self.deployment.plan;
        let at_least = match plan.is_bare() {
            true => FAILED_TASKS_AT_LEAST_ALONE,
            false => FAILED_TASKS_AT_LEAST,
        };
        let limit = plan.desired.div_ceil(2);
        let limit = limit.clamp(at_least, FAILED_TASKS_AT_MOST);
        let failed = service.failed.max(self.deployment.failed_tasks);
        let trip = Trip::CrashLoop {
            failed,
            limit: limit - 1,
            target_reason,
            stopped,
        };
        (failed >= limit).then_some(trip)
    }

    /// Green carries traffic, or works beside blue, and has lost too many targets or tasks.
    fn lost_targets(&self) -> Option<Trip> {
        let plan = &self.deployment.plan;
        if !self.deployment.traffic_touched || self.deployment.set == Weight::ZERO {
            return None;
        }
        let desired = plan.green_tasks(self.deployment.set);
        let lost = |part: Part<'_>| {
            let counts = part.counts.ok()?;
            if targets::enough_to_serve(counts, desired, plan.guards.min) {
                return None;
            }
            Some(Trip::TooFewHealthyTargets {
                group: part.group.cloned(),
                healthy: counts.healthy,
                needed: plan.guards.min.needed(desired).max(1),
                target_reason: counts.main_reason().map(str::to_owned),
                stopped: self.stopped_tasks(),
            })
        };
        let parts = parts(plan, self.seen, plan.green_slot());
        parts.into_iter().find_map(lost)
    }

    /// AWS can't be read in mid-shift, for longer than that may last.
    fn blind(&self) -> Option<Trip> {
        let since = self.deployment.blind_since?;
        let unreadable = self.unreadable()?;
        let over = self.now >= after(since, self.deployment.plan.limits.blind_after);
        (over && self.deployment.traffic_touched).then_some(Trip::Blind {
            since,
            why: unreadable,
        })
    }

    /// The first thing that can't be read and without which nothing can be judged.
    fn unreadable(&self) -> Option<String> {
        if let Some(over) = &self.seen.credentials_over {
            return Some(format!("the AWS credentials are over: {}", over.why));
        }
        let routes = self.seen.routes.values().find_map(Seen::trouble);
        let services = || {
            SlotName::BOTH
                .iter()
                .find_map(|slot| self.seen.services[*slot].trouble())
        };
        let groups = || self.seen.groups.values().find_map(Seen::trouble);
        routes.or_else(services).or_else(groups).map(str::to_owned)
    }
}
