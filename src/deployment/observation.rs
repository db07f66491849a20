//! What one look at AWS showed: plain data, with the time of the look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gate::GateAnswer;
use super::ids::{AlarmName, DeploymentId, RouteArn, Slots, TargetGroupArn, TaskDefinitionArn};
use super::metrics::MetricsSeen;
use super::plan::{Plan, Route};
use super::surroundings::Carried;
use crate::judge::alarms::AlarmState;
use crate::judge::targets::TargetCounts;
use crate::strategy::Weight;

/// A thing that was read, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen<T> {
    /// As AWS showed it.
    Value(T),
    /// Throttled, denied, cut off: neither good nor bad.
    Unreadable(String),
}

impl<T> Seen<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Seen::Value(value) => Some(value),
            Seen::Unreadable(_) => None,
        }
    }

    /// Why there is none.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Seen::Value(_) => None,
            Seen::Unreadable(why) => Some(why),
        }
    }
}

/// Everything one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When the look was over.
    pub now: Timestamp,
    /// Both slots' services; a service that doesn't exist (or is INACTIVE) is `None`.
    pub services: Slots<Seen<Option<ServiceSeen>>>,
    /// The target health of every group of the plan.
    pub groups: BTreeMap<TargetGroupArn, Seen<TargetCounts>>,
    /// The forward action of every route of the plan.
    pub routes: BTreeMap<RouteArn, Seen<RouteSeen>>,
    /// Every alarm of the plan. One that was deleted meanwhile is unreadable.
    pub alarms: BTreeMap<AlarmName, Seen<AlarmSeen>>,
    /// What the load balancers' metrics showed, where they are judged and it is time to.
    pub metrics: Option<Seen<MetricsSeen>>,
    /// What is known of the credentials, where AWS said that they are over.
    pub credentials_over: Option<CredentialsOver>,
    /// What people and the operating system asked for since the last look.
    pub asks: Vec<Ask>,
    /// Who has the lock that this process held and lost.
    pub lock_lost_to: Option<LostTo>,
}

/// Credentials that AWS doesn't take any more, or that could not be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsOver {
    /// Which: `profile "prod"`.
    pub which: String,
    /// AWS's words, or their source's.
    pub why: String,
    /// What to do.
    pub renew: String,
}

/// Who has the lock that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTo {
    /// In words.
    pub who: String,
    /// Whether traffic is theirs by now: they have gone on with this deployment, or begun another,
    /// or that can't be seen. The weights may look untouched then, and mean something else.
    pub took_traffic: bool,
}

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSeen {
    /// ACTIVE, or DRAINING after a deletion.
    pub status: ServiceStatus,
    /// What its primary deployment is to run.
    pub task_definition: TaskDefinitionArn,
    /// Tasks asked for.
    pub desired: u32,
    /// Tasks of the primary deployment that run.
    pub running: u32,
    /// Tasks of the primary deployment that are being started.
    pub pending: u32,
    /// Tasks of the primary deployment that failed to start or stay.
    pub failed: u32,
    /// Deployments in the list: more than one while ECS still replaces tasks.
    pub deployments: u32,
    /// Tasks of the other deployments that run or start another definition; those that are on their way
    /// out don't count.
    #[serde(default)]
    pub earlier: u32,
    /// The primary deployment's rollout.
    pub rollout: Rollout,
    /// ECS's words on that rollout.
    pub rollout_reason: String,
    /// The value of its tag `bg:deployment`.
    pub deployment: Option<DeploymentId>,
    /// The tasks of what it is to run, by their health; read only where no target group tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TargetCounts>,
    /// Its newest failed tasks, newest first; read only when there is reason to look.
    pub stopped: Vec<StoppedTask>,
}

/// Whether a service can be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    /// It can.
    Active,
    /// It was deleted and its tasks are going.
    Draining,
}

/// ECS's `rolloutState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// Under way, or not reported.
    InProgress,
    /// Steady.
    Completed,
    /// Given up by the circuit breaker.
    Failed,
}

/// A task that ended, as far as it explains a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoppedTask {
    /// The task's id.
    pub task: String,
    /// When it stopped.
    pub at: Option<Timestamp>,
    /// ECS's `stopCode`.
    pub code: String,
    /// ECS's `stoppedReason`.
    pub reason: String,
    /// Each container that ended with a code or a reason.
    pub containers: Vec<StoppedContainer>,
}

impl StoppedTask {
    /// Which of two comes first where the newest does. One whose time AWS doesn't show yet has just
    /// stopped.
    pub fn newest_first(&self, other: &StoppedTask) -> std::cmp::Ordering {
        let at = |task: &StoppedTask| task.at.unwrap_or(Timestamp::MAX);
        let of_the_same_time = self.task.cmp(&other.task);
        at(other).cmp(&at(self)).then(of_the_same_time)
    }

    /// Whether ECS stopped it, as it does with tasks that fail their health check; otherwise it
    /// ended by itself or never began.
    pub fn was_stopped_by_ecs(&self) -> bool {
        self.code == "ServiceSchedulerInitiated"
    }
}

/// One container of a stopped task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoppedContainer {
    /// Its name.
    pub name: String,
    /// Its exit code, where it ran.
    pub exit_code: Option<i32>,
    /// ECS's reason, where it gave one.
    pub reason: Option<String>,
}

/// The weights of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSeen {
    /// Every group that it names, with its weight (1 for a plain forward).
    pub weights: BTreeMap<TargetGroupArn, u32>,
    /// Whether these weights are what is answered everywhere.
    #[serde(default)]
    pub spread: Spread,
}

/// How far a change of a record pair has got among Route 53's servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// To all of them (`INSYNC`); a load balancer's weights count as soon as they are read back.
    #[default]
    Everywhere,
    /// Not to all of them yet (`PENDING`).
    Pending,
    /// Another process made the change, or it can't be asked for: time has to tell.
    Unknown,
}

/// Green's share of a route as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// Only the slots' groups carry traffic; green's share, rounded to 0.1 %.
    Green(Weight),
    /// A group that is neither slot's carries traffic.
    Foreign(TargetGroupArn),
    /// No group carries traffic: the action forwards nowhere any more.
    Nowhere,
}

impl RouteSeen {
    /// A forward action with these weights.
    pub fn of(weights: BTreeMap<TargetGroupArn, u32>) -> RouteSeen {
        RouteSeen {
            weights,
            spread: Spread::default(),
        }
    }

    /// Green's share on `route` under `plan`.
    pub fn split(&self, route: &Route, plan: &Plan) -> Split {
        let carried = Carried::on(route, &self.weights);
        match (carried.share(plan.green_slot()), carried.foreign) {
            (_, Some(group)) => Split::Foreign(group),
            (Some(share), None) => Split::Green(share),
            (None, None) => Split::Nowhere,
        }
    }

    /// Whether the action names `group`, whatever its weight.
    pub fn names(&self, group: &TargetGroupArn) -> bool {
        self.weights.contains_key(group)
    }
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmSeen {
    /// Its state.
    pub state: AlarmState,
    /// CloudWatch's words on it.
    pub reason: String,
}

/// What somebody asked of a running deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// A signal, with the policy that the user chose for it.
    Interrupt {
        /// `SIGINT`, `SIGTERM`.
        signal: String,
        /// What to do about it.
        then: OnInterrupt,
    },
    /// Revert, asked for from elsewhere.
    Abort {
        /// Who asked.
        by: String,
    },
    /// Stay at the present weight.
    Pause {
        /// Who asked.
        by: String,
    },
    /// Go on, past a pause or the present bake.
    GoOn {
        /// Who asked.
        by: String,
        /// To 100 % at once.
        full: bool,
    },
    /// What a gate that was asked answers.
    Gate {
        /// Its position among the plan's.
        gate: usize,
        /// The how manieth answer it is.
        asked: u32,
        /// The answer.
        answer: GateAnswer,
    },
    /// The gate that waits for a person may let it go on.
    Approve {
        /// Who says so.
        by: String,
    },
    /// It may not.
    Reject {
        /// Who says so.
        by: String,
        /// Why.
        why: Option<String>,
    },
    /// Leave everything as it is, for another process to go on with.
    Leave {
        /// Why.
        why: String,
    },
}

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInterrupt {
    /// Put traffic back.
    Revert,
    /// Leave everything as it is; `bg resume` goes on.
    Keep,
    /// Stay at the weight; a signal after that reverts.
    Pause,
}
