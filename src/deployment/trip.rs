//! Why a deployment reverts, holds or ends: with its figures, in words.

use std::fmt;
use std::mem::discriminant;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::ActName;
use super::gate::GateFailed;
use super::ids::{AlarmName, SlotName, TargetGroupArn, TaskDefinitionArn};
use super::metrics::{Crossed, Judgement, Subject, Verdict, Worse};
use super::observation::StoppedTask;
use crate::judge::words::plural;
use crate::strategy::{Weight, format_duration};

/// How [`Trip::Aborted`] ends where somebody put back what another process drove.
const PUT_BACK: &str = " --revert)";

/// Who put a deployment back, with what: `kim@build-7 (bg resume --revert)`.
#[must_use]
pub fn put_back_by(who: &str, verb: &str) -> String {
    format!("{who} (bg {verb}{PUT_BACK}")
}

/// How [`Trip::Aborted`] names the process itself: its store was in its way.
pub const ITSELF: &str = "bg itself: ";

/// Why traffic goes back to blue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Trip {
    /// Green did not become healthy in time.
    NotHealthyInTime {
        /// The deadline.
        #[serde(with = "super::seconds")]
        within: Duration,
        /// Tasks running at the end.
        running: u32,
        /// Healthy targets at the end, in the group with the fewest.
        healthy: u32,
        /// What was asked for.
        desired: u32,
        /// What is wrong with most targets that aren't healthy, as it follows `its targets`.
        target_reason: Option<String>,
        /// Failed tasks.
        stopped: Vec<StoppedTask>,
    },
    /// Green's tasks keep failing.
    CrashLoop {
        /// Failed tasks of this deployment.
        failed: u32,
        /// How many were tolerated.
        limit: u32,
        /// What was wrong with targets that were not healthy, as it follows `its targets`.
        target_reason: Option<String>,
        /// The newest ones.
        stopped: Vec<StoppedTask>,
    },
    /// ECS gave up on green's rollout.
    RolloutFailed {
        /// ECS's words.
        reason: String,
        /// What was wrong with targets that were not healthy, as it follows `its targets`.
        target_reason: Option<String>,
        /// The newest failed tasks.
        stopped: Vec<StoppedTask>,
    },
    /// Green lost targets while it carried traffic.
    TooFewHealthyTargets {
        /// The group; none where its tasks are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<TargetGroupArn>,
        /// Healthy now.
        healthy: u32,
        /// Needed.
        needed: u32,
        /// What is wrong with most targets that aren't healthy, as it follows `its targets`.
        target_reason: Option<String>,
        /// Failed tasks.
        stopped: Vec<StoppedTask>,
    },
    /// An alarm went off.
    Alarm {
        /// Which.
        name: AlarmName,
        /// CloudWatch's words; without data, that.
        reason: String,
    },
    /// Green is worse than blue, or than it may be.
    Worse(Box<Worse>),
    /// Too few requests came to green for a step that asks for them.
    TooFewRequests {
        /// At this weight.
        weight: Weight,
        /// So many came.
        requests: u64,
        /// So many were asked for.
        wanted: u64,
        /// How long they were waited for.
        #[serde(with = "super::seconds")]
        within: Duration,
    },
    /// One of green's metrics crosses its limit.
    OverLimit(Box<Crossed>),
    /// Green's metrics compare badly with blue's.
    Compared(Box<Judgement>),
    /// A gate said no.
    GateFailed(Box<GateFailed>),
    /// AWS could not be read for too long in mid-shift.
    Blind {
        /// Since when.
        since: Timestamp,
        /// What could not be read, and why.
        why: String,
    },
    /// A hold outlasted patience before any traffic had moved.
    PatienceOver {
        /// What was waited for.
        waited_for: Vec<Hold>,
    },
    /// An act that the deployment can't do without was refused.
    Refused {
        /// Which.
        act: ActName,
        /// AWS's words.
        message: String,
    },
    /// The process that had read the task definition from its file died before it was registered.
    DefinitionLost,
    /// A signal.
    Interrupted {
        /// Its name.
        signal: String,
    },
    /// Somebody asked.
    Aborted {
        /// Who.
        by: String,
    },
    /// The dead-man switch has fired, or is about to: nobody pushed it out in time.
    DeadmanDue {
        /// When it was due.
        until: Timestamp,
    },
    /// Another process took the lock, and left the weights as they were set.
    LockLost {
        /// Who holds it.
        to: String,
    },
    /// Somebody else put all traffic back to blue.
    SteppedInByHand {
        /// The weight that we had set.
        set: Weight,
    },
}

/// How much what tripped has to do with green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blames {
    /// Green is why.
    Green,
    /// Green may be why.
    GreenPerhaps,
    /// Something else is.
    NotGreen,
}

impl Trip {
    /// How much it has to do with green.
    pub fn blames(&self) -> Blames {
        let is_of_green =
            |hold: &Hold| matches!(hold, Hold::GreenNotReady { .. } | Hold::TasksMissing { .. });
        match self {
            Trip::NotHealthyInTime { .. }
            | Trip::CrashLoop { .. }
            | Trip::RolloutFailed { .. }
            | Trip::TooFewHealthyTargets { .. }
            | Trip::Alarm { .. }
            | Trip::OverLimit(_)
            | Trip::Compared(_) => Blames::Green,
            Trip::Worse(worse) => match worse.subject {
                Subject::Green => Blames::Green,
                Subject::LoadBalancer => Blames::GreenPerhaps,
            },
            Trip::GateFailed(failed) if failed.looked_at_green => Blames::GreenPerhaps,
            Trip::PatienceOver { waited_for } if waited_for.iter().any(is_of_green) => {
                Blames::Green
            }
            Trip::PatienceOver { .. }
            | Trip::GateFailed(_)
            | Trip::TooFewRequests { .. }
            | Trip::Blind { .. }
            | Trip::Refused { .. }
            | Trip::DefinitionLost
            | Trip::Interrupted { .. }
            | Trip::Aborted { .. }
            | Trip::DeadmanDue { .. }
            | Trip::LockLost { .. }
            | Trip::SteppedInByHand { .. } => Blames::NotGreen,
        }
    }

    /// Whether somebody put it back with `--revert`, in the place of its own process.
    #[must_use]
    pub fn is_put_back(&self) -> bool {
        matches!(self, Trip::Aborted { by } if by.ends_with(PUT_BACK))
    }

    /// What tripped, without CloudWatch's sentence on its data points: one of many in a list.
    pub fn in_a_list(&self) -> String {
        match self {
            Trip::Alarm { name, .. } => format!("alarm {name} went off"),
            other => other.to_string(),
        }
    }

    /// The failed tasks that go with it.
    pub fn stopped(&self) -> &[StoppedTask] {
        match self {
            Trip::NotHealthyInTime { stopped, .. }
            | Trip::CrashLoop { stopped, .. }
            | Trip::RolloutFailed { stopped, .. }
            | Trip::TooFewHealthyTargets { stopped, .. } => stopped,
            _ => &[],
        }
    }
}

fn because(f: &mut fmt::Formatter<'_>, reason: Option<&String>) -> fmt::Result {
    reason.map_or(Ok(()), |reason| write!(f, " ({reason})"))
}

/// What the load balancer says of green's targets comes first where no task ended by itself:
/// then it is the cause, and what ECS did about it follows.
fn with_targets(
    f: &mut fmt::Formatter<'_>,
    reason: Option<&String>,
    stopped: &[StoppedTask],
    what: &str,
) -> fmt::Result {
    match reason {
        None => f.write_str(what),
        Some(reason) if stopped.iter().all(StoppedTask::was_stopped_by_ecs) => {
            write!(f, "green's targets {reason}; {what}")
        }
        Some(reason) => write!(f, "{what} (its targets {reason})"),
    }
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trip::NotHealthyInTime {
                within,
                running,
                healthy,
                desired,
                target_reason,
                stopped,
            } => {
                let within = format_duration(*within);
                let what = format!(
                    "green did not become healthy within {within}: {running}/{desired} tasks \
                     run, {healthy}/{desired} are healthy"
                );
                with_targets(f, target_reason.as_ref(), stopped, &what)
            }
            Trip::CrashLoop {
                failed,
                limit,
                target_reason,
                stopped,
            } => {
                let what =
                    format!("green's tasks keep failing: {failed} failed, {limit} are tolerated");
                with_targets(f, target_reason.as_ref(), stopped, &what)
            }
            Trip::RolloutFailed {
                reason,
                target_reason,
                stopped,
            } => {
                let reason = reason.trim_end_matches('.');
                let what = format!("ECS gave up on green's rollout: {reason}");
                with_targets(f, target_reason.as_ref(), stopped, &what)
            }
            Trip::TooFewHealthyTargets {
                group,
                healthy,
                needed,
                target_reason,
                stopped,
            } => {
                let what = match group {
                    Some(group) => format!(
                        "green has {healthy} of the {needed} healthy targets it needs in {}",
                        group.name()
                    ),
                    None => format!("green has {healthy} of the {needed} healthy tasks it needs"),
                };
                with_targets(f, target_reason.as_ref(), stopped, &what)
            }
            Trip::Alarm { name, reason } => write!(f, "alarm {name} went off: {reason}"),
            Trip::Worse(worse) => worse.fmt(f),
            Trip::TooFewRequests {
                weight,
                requests,
                wanted,
                within,
            } => {
                let within = format_duration(*within);
                write!(
                    f,
                    "at {weight} green served {requests} of the {wanted} requests that this step \
                     asks for, in {within}"
                )
            }
            Trip::GateFailed(failed) => failed.fmt(f),
            Trip::OverLimit(crossed) => crossed.fmt(f),
            Trip::Compared(judgement) => judgement.fmt(f),
            Trip::Blind { since, why } => write!(f, "AWS could not be read since {since}: {why}"),
            Trip::PatienceOver { waited_for } => {
                write!(f, "waited too long for: {}", join(waited_for))
            }
            Trip::Refused { act, message } => write!(f, "could not {act}: {message}"),
            Trip::DefinitionLost => f.write_str(
                "the process that read the task definition from a file died before it was registered",
            ),
            Trip::Interrupted { signal } => write!(f, "interrupted by {signal}"),
            Trip::Aborted { by } if self.is_put_back() => write!(f, "put back by {by}"),
            Trip::Aborted { by } => write!(f, "aborted by {by}"),
            Trip::DeadmanDue { until } => write!(
                f,
                "the dead-man switch was due at {until}: nothing pushed it out in time"
            ),
            Trip::LockLost { to } => write!(f, "the lock was lost: {to} holds it"),
            Trip::SteppedInByHand { set } => write!(
                f,
                "somebody put all traffic back to blue, by hand or with `bg rollback --force`, while \
                 green was to have {set}"
            ),
        }
    }
}

/// Why a deployment doesn't move on, although nothing tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Hold {
    /// Green is not ready for more traffic.
    GreenNotReady {
        /// The group with the fewest; none where its tasks are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<TargetGroupArn>,
        /// Healthy now.
        healthy: u32,
        /// Needed.
        needed: u32,
    },
    /// Blue could not take everything back.
    BlueNotReady {
        /// The group with the fewest; none where its tasks are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<TargetGroupArn>,
        /// Healthy now.
        healthy: u32,
        /// Needed.
        needed: u32,
    },
    /// Weights are not what was set.
    WeightDrift {
        /// The route's label.
        route: String,
        /// What was set.
        set: Weight,
        /// What was seen, in words.
        seen: String,
    },
    /// A slot's service is not what it was.
    ServiceDrift {
        /// Whose.
        slot: SlotName,
        /// What changed, in words.
        what: String,
    },
    /// Green's tasks don't all run.
    TasksMissing {
        /// Running now.
        running: u32,
        /// Asked for.
        desired: u32,
    },
    /// ECS still replaces green's earlier tasks.
    StillReplacing,
    /// A slot's service runs another task definition than it should.
    TaskDefinitionDrift {
        /// Whose.
        slot: SlotName,
        /// What it should run.
        expected: TaskDefinitionArn,
        /// What it is set to run.
        seen: TaskDefinitionArn,
    },
    /// An alarm can't be judged.
    AlarmUnclear {
        /// Which.
        name: AlarmName,
        /// Why.
        why: String,
    },
    /// The metrics have had no figures for too long.
    MetricsBlind {
        /// For how many minutes.
        minutes: u32,
    },
    /// CloudWatch's figures are late.
    MetricsLate {
        /// The start of the first minute that could not be judged for it.
        minute: Timestamp,
    },
    /// Green should have had requests, and had none.
    GreenStarved {
        /// How many, about.
        expected: u64,
    },
    /// Too few requests came to green for the step that asks for them.
    TooFewRequests {
        /// At this weight.
        weight: Weight,
        /// So many are asked for.
        wanted: u64,
    },
    /// A metric that has a limit has had no value for too long.
    NoValues {
        /// What it is called.
        name: String,
        /// For how many periods.
        periods: u32,
    },
    /// Green's metrics don't compare well enough with blue's to move on.
    NotCompared(Box<Judgement>),
    /// Something could not be read.
    Unreadable {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// AWS doesn't take the credentials any more, or they could not be renewed.
    CredentialsOver {
        /// Which: `profile "prod"`.
        which: String,
        /// AWS's words, or their source's.
        why: String,
        /// What to do.
        renew: String,
    },
    /// A test route does not go where it is to.
    TestRouteElsewhere {
        /// Its label.
        route: String,
        /// The slot that it is to show.
        slot: SlotName,
        /// What it shows, or why it can't be read.
        why: String,
    },
    /// A weight write has not shown in the read-back yet.
    WeightsNotConfirmed {
        /// What was written.
        set: Weight,
        /// What the last write met, if it failed.
        trouble: Option<String>,
    },
}

impl Hold {
    /// Whether it waits for credentials.
    pub fn is_of_credentials(&self) -> bool {
        matches!(self, Hold::CredentialsOver { .. })
    }

    /// Whether it is the same thing that holds, whatever its figures are now.
    pub fn is_the_same_as(&self, other: &Hold) -> bool {
        match (self, other) {
            (Hold::AlarmUnclear { name, .. }, Hold::AlarmUnclear { name: other, .. }) => {
                name == other
            }
            (Hold::NoValues { name, .. }, Hold::NoValues { name: other, .. }) => name == other,
            (Hold::Unreadable { what, .. }, Hold::Unreadable { what: other, .. }) => what == other,
            (Hold::NotCompared(this), Hold::NotCompared(other)) => this.verdict == other.verdict,
            _ if self.is_drift() => self == other,
            _ => discriminant(self) == discriminant(other),
        }
    }

    /// Whether a comparison waits for more values.
    pub fn lacks_values(&self) -> bool {
        matches!(self, Hold::NotCompared(judgement) if judgement.verdict == Verdict::TooFew)
    }

    /// Whether somebody else changed something.
    pub fn is_drift(&self) -> bool {
        matches!(
            self,
            Hold::WeightDrift { .. } | Hold::ServiceDrift { .. } | Hold::TaskDefinitionDrift { .. }
        )
    }
}

/// `targets in shop-b`, or `tasks`.
fn targets_in(group: Option<&TargetGroupArn>) -> String {
    group.map_or_else(
        || "tasks".to_owned(),
        |group| format!("targets in {}", group.name()),
    )
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::GreenNotReady {
                group,
                healthy,
                needed,
            } => write!(
                f,
                "green has {healthy} of {needed} healthy {}",
                targets_in(group.as_ref())
            ),
            Hold::BlueNotReady {
                group,
                healthy,
                needed,
            } => write!(
                f,
                "blue has {healthy} of {needed} healthy {}: it could not take everything back",
                targets_in(group.as_ref())
            ),
            Hold::WeightDrift { route, set, seen } => {
                write!(
                    f,
                    "drift: {route} was set to {set} green, and now shows {seen}"
                )
            }
            Hold::ServiceDrift { slot, what } => write!(f, "drift: slot {slot}'s service: {what}"),
            Hold::TasksMissing { running, desired } => {
                let desired = plural(*desired, "task");
                write!(f, "{running} of green's {desired} run")
            }
            Hold::StillReplacing => write!(f, "ECS still replaces green's earlier tasks"),
            Hold::TaskDefinitionDrift {
                slot,
                expected,
                seen,
            } => write!(
                f,
                "drift: slot {slot} should run {}, and is set to {}",
                expected.short(),
                seen.short()
            ),
            Hold::AlarmUnclear { name, why } => write!(f, "alarm {name} can't be judged: {why}"),
            Hold::MetricsBlind { minutes } => write!(
                f,
                "metrics can't be judged: most minutes of this step, or three in a row, have no \
                 figures ({minutes})"
            ),
            Hold::MetricsLate { minute } => write!(
                f,
                "metrics can't be judged: CloudWatch's figures of {} UTC are late",
                minute.strftime("%H:%M")
            ),
            Hold::GreenStarved { expected } => write!(
                f,
                "green got no request, and about {expected} were due to it: is something before \
                 the load balancer splitting traffic?"
            ),
            Hold::TooFewRequests { weight, wanted } => write!(
                f,
                "at {weight} green has served fewer than the {wanted} requests that this step asks \
                 for: `bg promote` goes on without them"
            ),
            Hold::NoValues { name, periods } => write!(
                f,
                "{name} can't be judged: CloudWatch has no value of green's for {periods} periods"
            ),
            Hold::NotCompared(judgement) => judgement.fmt(f),
            Hold::Unreadable { what, why } => write!(f, "{what} can't be read: {why}"),
            Hold::CredentialsOver { which, why, renew } => {
                let why = why.trim_end_matches('.');
                write!(f, "the AWS credentials ({which}) are over: {why}; {renew}")
            }
            Hold::TestRouteElsewhere { route, slot, why } => {
                write!(f, "test route {route} is to go to slot {slot}: {why}")
            }
            Hold::WeightsNotConfirmed { set, trouble } => {
                write!(f, "{set} green is written, and not seen yet")?;
                because(f, trouble.as_ref())
            }
        }
    }
}

/// Several holds in one line.
pub fn join(holds: &[Hold]) -> String {
    holds
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
