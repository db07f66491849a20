//! What a deployment is going to do: fixed at its start, and the journal's first record.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::deadman::Deadman;
use super::dns::Record;
use super::gate::Gate;
use super::health_check::HealthCheck;
use super::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, LoadBalancerArn, RouteArn, ServiceName,
    SlotName, Slots, TargetGroupArn, TaskDefinitionArn,
};
use super::metrics::MetricGuards;
use super::scaling::Scaling;
use super::task_definition::Change;
use super::traceparent::TraceParent;
use crate::judge::alarms::InsufficientData;
use crate::judge::targets::Share;
use crate::strategy::{Until, Weight};

/// Everything that stays the same while a deployment runs.
///
/// It holds no task-definition body: environment values may be secrets, and the journal must
/// never hold one. The body travels beside the plan until it is registered; afterwards its ARN
/// is enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// This deployment.
    pub id: DeploymentId,
    /// A deployment or a rollback.
    pub kind: Kind,
    /// The logical service.
    pub service: ServiceName,
    /// Where it runs.
    pub cluster: ClusterName,
    /// Twelve digits.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// When the plan was made.
    pub created_at: Timestamp,
    /// The slot that carries production at the start; green is the other.
    pub blue: SlotName,
    /// Both slots' services and target groups.
    pub slots: Slots<SlotPlan>,
    /// How the tasks of each slot show that they are well, where no load balancer does: nothing
    /// splits work between the slots then, and whatever runs works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Slots<TaskHealth>>,
    /// What green is to run.
    pub task_definition: NewTaskDefinition,
    /// What blue runs: the way back.
    pub blue_task_definition: TaskDefinitionArn,
    /// How green's service comes to be.
    pub green: GreenService,
    /// Blue's desired count at the start, and green's when it carries everything.
    pub desired: u32,
    /// How much of it green has before that.
    #[serde(default, skip_serializing_if = "GreenCapacity::is_full")]
    pub green_capacity: GreenCapacity,
    /// The `deploymentConfiguration` that green has outside of deployments: during one, ECS's
    /// own rollbacks are off, and afterwards it gets this back.
    pub settings: serde_json::Value,
    /// What preflight warned of when the deployment began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What it noted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What green's task definition has otherwise than blue's. Values that look like secrets are
    /// hidden in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What splits traffic. They move together. None without a load balancer.
    pub routes: Vec<Route>,
    /// What goes to green before production does, and back to blue before green is put away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_routes: Vec<Route>,
    /// The strategy's name, for people.
    pub strategy: String,
    /// The ladder; the last step is 100 %.
    pub steps: Vec<StepPlan>,
    /// What is watched.
    pub guards: Guards,
    /// What must say yes before it moves on, in the order in which it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// How long things may take.
    pub limits: Limits,
    /// What happens to blue after success.
    pub retire: Retire,
    /// Blue's autoscaling as green gets it, where blue has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// What puts traffic back if every process that drives the deployment dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadman: Option<Deadman>,
    /// The span of whoever started it: whichever process ends it tells its trace below that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
}

impl Plan {
    /// Whether each side's requests are judged, or a step asks for some.
    pub fn counts_requests(&self) -> bool {
        let judged = self.guards.metrics.as_ref();
        judged.is_some_and(MetricGuards::judges_requests)
            || self.steps.iter().any(|step| step.until.is_some())
    }

    /// Whether the service has no load balancer: there is nothing to shift.
    pub fn is_bare(&self) -> bool {
        self.tasks.is_some()
    }

    /// The slot that gets the new version.
    pub fn green_slot(&self) -> SlotName {
        self.blue.other()
    }

    /// Whether blue's group leaves sticky routes in the end: who is pinned to what didn't work would
    /// stay there at weight 0.
    pub fn unpins(&self) -> bool {
        self.kind != Kind::Deploy && self.routes.iter().any(|it| it.sticky.is_some())
    }

    /// How many tasks green has at a weight; before the first shift, those of the first step.
    pub fn green_tasks(&self, weight: Weight) -> u32 {
        self.green_share(self.desired, weight)
    }

    /// The same of another count than blue's at the start.
    pub fn green_share(&self, whole: u32, weight: Weight) -> u32 {
        let first = self.steps.first().map_or(Weight::FULL, |step| step.weight);
        let weight = if weight == Weight::ZERO {
            first
        } else {
            weight
        };
        self.green_capacity.of(whole, weight)
    }

    /// How long resolvers keep what they were told before a shift or a revert; zero without
    /// records. Each bake is so much longer.
    pub fn ttl(&self) -> Duration {
        let ttls = self.routes.iter().map(Route::ttl);
        ttls.max().unwrap_or_default()
    }

    /// How long the strategy takes once green is healthy, without holds.
    pub fn shift_length(&self) -> Duration {
        self.steps.iter().map(|step| step.bake + self.ttl()).sum()
    }

    /// Whether the demands on blue are lifted: it is known to be bad.
    pub fn lifts_demands_on_blue(&self) -> bool {
        !matches!(self.kind, Kind::Deploy)
    }
}

/// How many tasks green has while it carries a part of the traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GreenCapacity {
    /// As many as blue.
    #[default]
    Full,
    /// Its share of them, ahead of each raise.
    Proportional,
}

impl GreenCapacity {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    fn is_full(&self) -> bool {
        *self == GreenCapacity::Full
    }

    /// Tasks at a weight, of `whole` at 100 %: at least one.
    pub fn of(self, whole: u32, weight: Weight) -> u32 {
        match self {
            GreenCapacity::Full => whole,
            GreenCapacity::Proportional => {
                let share = u64::from(whole) * u64::from(weight.per_mille());
                u32::try_from(share.div_ceil(1000)).unwrap_or(whole).max(1)
            }
        }
    }
}

/// Why a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// A new version, with every guard on.
    Deploy,
    /// A new version that repairs a burning production: demands on blue are lifted.
    Hotfix {
        /// Why, in the operator's words.
        reason: String,
    },
    /// Back to the version that served before.
    Rollback,
}

/// A slot as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotPlan {
    /// Its ECS service.
    pub service: EcsServiceName,
    /// Its target groups, one for each load-balanced container port; none without a load balancer.
    pub targets: Vec<TargetPlan>,
}

/// How a task shows that it is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskHealth {
    /// It runs: no essential container has a health check.
    Running,
    /// Its essential containers' health checks pass.
    Checked,
}

/// One container port behind one target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPlan {
    /// The target group.
    pub group: TargetGroupArn,
    /// The container whose port is registered.
    pub container: String,
    /// That port.
    pub port: u16,
    /// The group's deregistration delay.
    #[serde(with = "super::seconds")]
    pub deregistration_delay: Duration,
    /// The group's health check, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// Where green's task definition comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NewTaskDefinition {
    /// A new revision is registered; the body travels beside the plan.
    Register {
        /// The family it goes into.
        family: String,
        /// Container name and image reference of each container.
        images: Vec<(String, String)>,
        /// The revision that it is, but for the images; `None` where it comes from a file, which
        /// a process that goes on with the deployment doesn't have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<TaskDefinitionArn>,
    },
    /// A revision that exists already.
    Existing {
        /// That revision.
        arn: TaskDefinitionArn,
    },
}

/// How green's service comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GreenService {
    /// It doesn't exist: a clone of the source slot's service.
    Create {
        /// The slot whose settings it gets.
        source: SlotName,
    },
    /// It exists: set to the source slot's settings.
    Update {
        /// The slot whose settings it gets; green's own slot means that they stay.
        source: SlotName,
    },
}

/// What splits traffic between the slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The listener's or the rule's ARN, or what stands for a record pair.
    pub arn: RouteArn,
    /// Which of them it is.
    pub kind: RouteKind,
    /// What people call it: `shop:443`, or `shop:443 /api/*`, or `shop.example.com A`.
    pub label: String,
    /// The load balancer it belongs to; slot a's for a record pair.
    pub load_balancer: LoadBalancerArn,
    /// The group of each slot that its forward action names.
    pub groups: Slots<TargetGroupArn>,
    /// How long its target-group stickiness pins a client; `None` where it is off.
    #[serde(with = "super::seconds::option")]
    pub sticky: Option<Duration>,
}

impl Route {
    /// The load balancer that a slot's group is behind.
    pub fn load_balancer_of(&self, slot: SlotName) -> &LoadBalancerArn {
        match &self.kind {
            RouteKind::Record(record) => &record.ends[slot].load_balancer,
            RouteKind::Listener | RouteKind::Rule => &self.load_balancer,
        }
    }

    /// How long a change takes to reach everybody who has asked before: resolvers keep answers.
    pub fn ttl(&self) -> Duration {
        match &self.kind {
            RouteKind::Record(record) => record.ttl,
            RouteKind::Listener | RouteKind::Rule => Duration::ZERO,
        }
    }
}

/// A listener's default action, a rule's action, or a weighted record pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Written with ModifyListener.
    Listener,
    /// Written with ModifyRule.
    Rule,
    /// Written with ChangeResourceRecordSets.
    Record(Box<Record>),
}

impl RouteKind {
    /// The record pair, where it is one.
    pub fn record(&self) -> Option<&Record> {
        match self {
            RouteKind::Record(record) => Some(record),
            RouteKind::Listener | RouteKind::Rule => None,
        }
    }
}

/// One step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Green's share.
    pub weight: Weight,
    /// How long to stay; the last step's is the strategy's last bake.
    #[serde(with = "super::seconds")]
    pub bake: Duration,
    /// What must have been seen at this weight as well, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
}

impl StepPlan {
    /// A step that goes by time alone.
    pub fn new(weight: Weight, bake: Duration) -> StepPlan {
        StepPlan {
            weight,
            bake,
            until: None,
        }
    }

    /// How long it takes at most where nothing holds: its bake, or the wait for its requests.
    pub fn longest(&self) -> Duration {
        self.until
            .map_or(self.bake, |until| self.bake.max(until.at_most))
    }
}

/// What is watched all the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// Healthy share of green before each shift, and of blue as the way back.
    pub ready: Share,
    /// Healthy share of green that must remain afterwards.
    pub min: Share,
    /// How long green must have been healthy before the first shift.
    #[serde(with = "super::seconds")]
    pub healthy_for: Duration,
    /// The alarms, with `{slot}` filled in.
    pub alarms: Vec<AlarmGuard>,
    /// The metrics that are judged, where any are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricGuards>,
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmGuard {
    /// Its name.
    pub name: AlarmName,
    /// What to make of missing data.
    pub insufficient_data: InsufficientData,
    /// Whether ALARM counts.
    pub weight: AlarmWeight,
}

/// Whether an alarm can trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmWeight {
    /// ALARM reverts.
    Guards,
    /// It measures green's slot, and was in ALARM when the deployment began, while nothing ran
    /// there: left over from an earlier version. It holds until it was seen out of ALARM, and
    /// guards from then on.
    GuardsOnceClear,
    /// It was in ALARM when a hotfix or rollback began: shown, and not acted on.
    LiftedAtStart,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Between two looks when nothing was changed lately.
    #[serde(with = "super::seconds")]
    pub poll: Duration,
    /// For green to become healthy.
    #[serde(with = "super::seconds")]
    pub healthy_within: Duration,
    /// How long a hold may last before policy decides.
    #[serde(with = "super::seconds")]
    pub patience: Duration,
    /// How long AWS may be unreadable in mid-shift before that counts as a tripped guard.
    #[serde(with = "super::seconds")]
    pub blind_after: Duration,
}

/// What happens to blue after success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// How long it is kept warm.
    #[serde(with = "super::seconds")]
    pub after: Duration,
    /// What then.
    pub then: RetireHow,
    /// How long past that moment retiring may wait for traffic to be gone.
    #[serde(with = "super::seconds")]
    pub at_most: Duration,
}

/// What retiring does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetireHow {
    /// Desired count 0; the service stays.
    ScaleToZero,
    /// The service is deleted.
    Delete,
    /// Blue stays as it is.
    Keep,
}
