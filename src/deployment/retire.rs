//! Retiring blue: a duty of its own after a deployment has succeeded. Pure.
//!
//! Its due time stands in a tag on blue's service, so that whoever comes first can perform it:
//! the process that deployed, the next one, or a scheduled one.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::action::Action;
use super::decide::after;
use super::dns::Record;
use super::ids::{EcsServiceName, ScheduleName, SlotName, TargetGroupArn};
use super::observation::Seen;
use super::plan::{Plan, RetireHow, Route};
use super::scaling::ScalableTarget;
use super::surroundings::Forward;
use crate::judge::words::plural;

/// The tag on a service that says when it is due and what then.
pub const TAG: &str = "bg:retire-at";
/// The tag on a service that says which revision served there last: what its service is set to
/// run may be a later version that was reverted.
pub const SERVED_TAG: &str = "bg:last-served";
/// A load balancer's nodes need some time to learn weights; so long blue keeps its tasks at least.
pub const SETTLE_AT_LEAST: Duration = Duration::from_secs(60);
/// Between two looks while something is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// When a slot is due, and what then: the tag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// What.
    pub then: RetireHow,
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = match self.then {
            RetireHow::ScaleToZero => "scale-to-zero",
            RetireHow::Delete => "delete",
            RetireHow::Keep => "keep",
        };
        write!(f, "{:.0} {then}", self.at)
    }
}

/// A tag value that isn't one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is no due time such as 2026-11-21T07:14:05Z scale-to-zero")]
pub struct NotDue(String);

impl std::str::FromStr for Due {
    type Err = NotDue;
    fn from_str(text: &str) -> Result<Due, NotDue> {
        let wrong = || NotDue(text.to_owned());
        let (at, then) = text.split_once(' ').ok_or_else(wrong)?;
        let then = match then {
            "scale-to-zero" => RetireHow::ScaleToZero,
            "delete" => RetireHow::Delete,
            "keep" => RetireHow::Keep,
            _ => return Err(wrong()),
        };
        Ok(Due {
            at: at.parse().map_err(|_| wrong())?,
            then,
        })
    }
}

/// When blue may be retired after `plan` succeeded at `promoted_at`: never before its targets
/// have deregistered and clients that a sticky route pinned to it, or that a resolver sends there,
/// have been let go.
pub fn due(plan: &Plan, promoted_at: Timestamp) -> Option<Due> {
    if plan.retire.then == RetireHow::Keep {
        return None;
    }
    let delays = plan.slots[plan.blue]
        .targets
        .iter()
        .map(|target| target.deregistration_delay);
    let sticky = plan.routes.iter().filter_map(|route| route.sticky);
    let least = match plan.is_bare() {
        // It would go on working, and is known to be bad.
        true if plan.lifts_demands_on_blue() => None,
        true => Some(plan.retire.after),
        false => delays
            .chain(sticky)
            .chain(plan.routes.iter().map(Route::ttl))
            .chain([SETTLE_AT_LEAST, plan.retire.after])
            .max(),
    };
    let at = after(promoted_at, least.unwrap_or_default());
    Some(Due {
        at: whole_seconds(at),
        then: plan.retire.then,
    })
}

/// The next whole second: the tag holds no smaller ones.
fn whole_seconds(at: Timestamp) -> Timestamp {
    let up = i64::from(at.subsec_nanosecond() > 0);
    Timestamp::from_second(at.as_second() + up).unwrap_or(at)
}

/// A slot to be retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// Which slot.
    pub slot: SlotName,
    /// Its service.
    pub service: EcsServiceName,
    /// Its target groups.
    pub groups: Vec<TargetGroupArn>,
    /// The other slot's service.
    pub other: EcsServiceName,
    /// Whether no load balancer tells who serves.
    pub is_bare: bool,
    /// When and what.
    pub due: Due,
    /// How long past that moment traffic may keep it waiting.
    pub at_most: Duration,
    /// What the names of the service's dead-man schedules begin with, where it has any.
    pub deadman: Option<String>,
    /// The record pairs among the service's routes.
    pub records: Vec<Record>,
}

impl Retirement {
    /// From when on traffic may not keep it waiting any more.
    pub fn gives_up_at(&self) -> Timestamp {
        after(self.due.at, self.at_most)
    }
}

/// What a look at a slot that is to be retired showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetireLook {
    /// When.
    pub now: Timestamp,
    /// Every group that its service registers its tasks with, and the config's.
    pub groups: Vec<TargetGroupArn>,
    /// Every forward action of its load balancers that names any of those groups, but for those
    /// behind records, and the records.
    pub forwards: Seen<Vec<Forward>>,
    /// Its service's desired count; `None` where it doesn't exist any more.
    pub desired: Seen<Option<u32>>,
    /// The tag on its service, now.
    pub due: Option<Due>,
    /// What its groups were sent lately.
    pub requests: Seen<Requests>,
    /// Names that lead to it beside its records, where it was waited for long enough.
    pub by_other_names: Seen<Vec<String>>,
    /// Its service's autoscaling, if it has any.
    pub scaling: Seen<Option<ScalableTarget>>,
    /// Dead-man schedules of the service: one that fires could send traffic to this slot.
    pub armed: Seen<Vec<ScheduleName>>,
    /// Who works instead, where no load balancer tells.
    pub instead: Option<Seen<Instead>>,
}

/// What the other slot of a service without a load balancer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instead {
    /// Whether it is the live one.
    pub is_live: bool,
    /// Its tasks that run.
    pub running: u32,
    /// How many are wanted.
    pub desired: u32,
}

/// What a slot's groups were sent in the last two complete minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requests {
    /// Its load balancer counts none (NLB): time alone decides.
    NotCounted,
    /// The load balancer's own count isn't there yet: nothing can be said.
    NoData,
    /// The load balancer's count is there, and so many of them went to this slot.
    Counted(u64),
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetireStep {
    /// Look again then.
    Wait {
        /// When.
        until: Timestamp,
        /// What for.
        why: String,
    },
    /// Do this, then look again.
    Act(Action),
    /// It is retired.
    Done,
    /// It must not be retired, and its tag stays as it is: somebody took the duty away, or has to
    /// do something first.
    Cancel {
        /// Why.
        why: String,
    },
    /// It carries traffic, so the duty is void. Its tag has to go: it would be acted on as soon
    /// as the traffic is gone, however short a time ago that was.
    Revoke {
        /// Why.
        why: String,
    },
}

/// Decides (invariant 3).
pub fn decide(retirement: &Retirement, look: &RetireLook) -> RetireStep {
    if look.now < retirement.due.at {
        return wait_until(retirement.due.at, "it is kept warm for an instant rollback");
    }
    let desired = match &look.desired {
        Seen::Value(Some(desired)) => *desired,
        Seen::Value(None) => return RetireStep::Done,
        Seen::Unreadable(why) => return wait(look, why),
    };
    if look.due != Some(retirement.due) {
        return RetireStep::Cancel {
            why: "its tag was changed or taken off".to_owned(),
        };
    }
    let forwards = match &look.forwards {
        Seen::Value(forwards) => forwards,
        Seen::Unreadable(why) => return wait(look, why),
    };
    if let Some(carrying) = forwards.iter().find(|forward| carries(forward, look)) {
        return RetireStep::Revoke {
            why: format!("{} sends it traffic", carrying.label()),
        };
    }
    if let Some(step) = without_successor(retirement, look) {
        return step;
    }
    let awake = match &look.scaling {
        Seen::Value(target) => target.as_ref().filter(|it| !it.is_asleep()),
        Seen::Unreadable(why) => return wait(look, why),
    };
    if desired == 0 && awake.is_none() {
        return finish(retirement);
    }
    let given_up_waiting = look.now >= retirement.gives_up_at();
    match &look.armed {
        Seen::Value(armed) => {
            if let Some(name) = armed.first() {
                return wait(look, &format!("the dead-man switch {name} is still armed"));
            }
        }
        Seen::Unreadable(why) if !given_up_waiting => return wait(look, why),
        Seen::Unreadable(_) => {}
    }
    match &look.requests {
        Seen::Value(Requests::Counted(1..)) if given_up_waiting => match &look.by_other_names {
            Seen::Value(names) if names.is_empty() => scale_to_zero(retirement, awake),
            Seen::Value(names) => wait(look, &still_reached(retirement, names)),
            Seen::Unreadable(why) => wait(look, why),
        },
        _ if given_up_waiting => scale_to_zero(retirement, awake),
        Seen::Value(Requests::NotCounted | Requests::Counted(0)) => {
            scale_to_zero(retirement, awake)
        }
        Seen::Value(Requests::NoData) => wait(
            look,
            "the request counts of two full minutes aren't there yet",
        ),
        Seen::Value(Requests::Counted(count)) => wait(
            look,
            &format!(
                "it still got {} in the last two minutes",
                plural(*count as u32, "request")
            ),
        ),
        Seen::Unreadable(why) => wait(look, why),
    }
}

/// So many names are told.
const NAMED: usize = 3;

/// The weights of records say nothing of other names.
fn still_reached(retirement: &Retirement, names: &[String]) -> String {
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "it still gets requests, and {}{more} {} to it beside its routes: whoever comes that way would \
         be turned away. Add them to `routes`, have them lead elsewhere, or scale {} to 0 by hand",
        names[..names.len().min(NAMED)].join(", "),
        if names.len() == 1 { "leads" } else { "lead" },
        retirement.service
    )
}

/// What keeps a slot that no load balancer sends anything to: nobody works in its place.
fn without_successor(retirement: &Retirement, look: &RetireLook) -> Option<RetireStep> {
    let instead = match look.instead.as_ref()? {
        Seen::Value(instead) => instead,
        Seen::Unreadable(why) => return Some(wait(look, why)),
    };
    let other = retirement.slot.other();
    if !instead.is_live {
        return Some(RetireStep::Revoke {
            why: format!("slot {other} is not the live one"),
        });
    }
    let given_up_waiting = look.now >= retirement.gives_up_at();
    let Instead {
        running, desired, ..
    } = *instead;
    let enough = running > 0 && (running >= desired || given_up_waiting);
    (!enough).then(|| {
        let tasks = plural(desired, "task");
        wait(look, &format!("{running} of slot {other}'s {tasks} run"))
    })
}

fn carries(forward: &Forward, look: &RetireLook) -> bool {
    look.groups
        .iter()
        .any(|group| forward.weights.get(group).is_some_and(|w| *w > 0))
}

/// Autoscaling first: it would start its tasks again, and they would go on costing, with nobody
/// the wiser.
fn scale_to_zero(retirement: &Retirement, awake: Option<&ScalableTarget>) -> RetireStep {
    let slot = retirement.slot;
    RetireStep::Act(match awake {
        Some(_) => Action::SleepScaling { slot },
        None => Action::Scale { slot, desired: 0 },
    })
}

fn finish(retirement: &Retirement) -> RetireStep {
    match retirement.due.then {
        RetireHow::Delete => RetireStep::Act(Action::Delete {
            slot: retirement.slot,
        }),
        RetireHow::ScaleToZero | RetireHow::Keep => RetireStep::Done,
    }
}

fn wait(look: &RetireLook, why: &str) -> RetireStep {
    wait_until(after(look.now, LOOK_EVERY), why)
}

fn wait_until(until: Timestamp, why: &str) -> RetireStep {
    RetireStep::Wait {
        until,
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
