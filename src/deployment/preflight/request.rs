//! What the user asked for, from the command line and the config together.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::deployment::deadman::Deadman;
use crate::deployment::dns::RecordWanted;
use crate::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, ServiceName, SlotName, Slots,
};
use crate::deployment::metrics::MetricGuards;
use crate::deployment::plan::{GreenCapacity, Kind, Limits, Retire, StepPlan};
use crate::deployment::task_definition::ImageChange;
use crate::gate::GateWanted;
use crate::judge::alarms::InsufficientData;
use crate::judge::targets::Share;
use crate::strategy::Strategy;

/// A deployment as it was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The deployment's id.
    pub id: DeploymentId,
    /// Why it is made.
    pub kind: Kind,
    /// The logical service.
    pub service: ServiceName,
    /// Its cluster.
    pub cluster: ClusterName,
    /// The only account it may run in.
    pub account: Option<String>,
    /// Its two places.
    pub slots: Slots<SlotWanted>,
    /// What splits its traffic.
    pub routes: RoutesWanted,
    /// The ladder.
    pub strategy: Strategy,
    /// What is watched.
    pub guards: GuardsWanted,
    /// What must say yes before it moves on, in the order in which it is asked.
    pub gates: Vec<GateWanted>,
    /// How many tasks green has while it carries a part of the traffic.
    pub green_capacity: GreenCapacity,
    /// How long things may take.
    pub limits: Limits,
    /// What happens to blue after success.
    pub retire: Retire,
    /// What puts traffic back if every process dies; its leftovers are not known yet.
    pub deadman: Option<Deadman>,
    /// What green is to run.
    pub definition: DefinitionWanted,
    /// Whose settings green gets; blue's by default.
    pub source: Option<SlotName>,
    /// What to do where nothing changed.
    pub when_unchanged: WhenUnchanged,
    /// Alarms that may be in ALARM at the start: shown, and not acted on.
    pub ignore_alarms: BTreeSet<AlarmName>,
}

impl Request {
    /// Whether a step asks for requests: then they are counted, if nothing else.
    pub fn asks_for_requests(&self) -> bool {
        let mut steps = self.strategy.steps().iter();
        self.kind == Kind::Deploy && steps.any(|step| step.until.is_some())
    }

    /// What is judged, as the config asks for it, or counted, as the strategy does.
    pub fn metrics(&self) -> Option<MetricGuards> {
        let counted = self.asks_for_requests().then(MetricGuards::none);
        self.guards.metrics.clone().or(counted)
    }

    /// The strategy's ladder; the last step's bake is the strategy's last bake.
    pub fn steps(&self) -> Vec<StepPlan> {
        let steps = self.strategy.steps().iter().enumerate();
        steps
            .map(|(index, step)| StepPlan {
                weight: step.weight,
                bake: self.strategy.bake_at(index).unwrap_or(step.bake),
                until: step.until,
            })
            .collect()
    }

    /// Every ARN that the config names.
    pub(super) fn arns(&self) -> Vec<&str> {
        let groups = SlotName::BOTH
            .iter()
            .flat_map(|slot| &self.slots[*slot].targets);
        let groups = groups.map(|target| target.group.as_str());
        let routes = match &self.routes {
            RoutesWanted::Auto => &[][..],
            RoutesWanted::Listed(routes) => routes,
        };
        let routes = routes.iter().filter_map(|route| match route {
            RouteWanted::Arn(arn) => Some(arn.as_str()),
            RouteWanted::Place { .. } | RouteWanted::Record(_) => None,
        });
        groups
            .chain(routes)
            .filter(|name| name.starts_with("arn:"))
            .collect()
    }
}

/// A slot of the config.
#[derive(Debug, Clone)]
pub struct SlotWanted {
    /// Its ECS service.
    pub service: EcsServiceName,
    /// Its target groups; several are in the same order for both slots.
    pub targets: Vec<TargetWanted>,
}

/// A target group of the config.
#[derive(Debug, Clone)]
pub struct TargetWanted {
    /// Its name or ARN.
    pub group: String,
    /// Which container; the live service's entry says it where this doesn't.
    pub container: Option<String>,
    /// Which port of it.
    pub port: Option<u16>,
}

/// Which routes to move.
#[derive(Debug, Clone)]
pub enum RoutesWanted {
    /// Every forward action that names the slots' groups.
    Auto,
    /// These, which have to be all.
    Listed(Vec<RouteWanted>),
}

impl RoutesWanted {
    /// The record pairs among them.
    pub fn records(&self) -> impl Iterator<Item = &RecordWanted> {
        let listed = match self {
            RoutesWanted::Auto => &[][..],
            RoutesWanted::Listed(routes) => routes,
        };
        listed.iter().filter_map(|route| match route {
            RouteWanted::Record(record) => Some(record),
            RouteWanted::Arn(_) | RouteWanted::Place { .. } => None,
        })
    }
}

/// A route of the config.
#[derive(Debug, Clone)]
pub enum RouteWanted {
    /// A listener's or rule's ARN.
    Arn(String),
    /// A listener's default action, or the rule with these conditions.
    Place {
        /// The load balancer's name.
        load_balancer: String,
        /// The listener's port.
        port: u16,
        /// A `host-header` value of the rule.
        host: Option<String>,
        /// A `path-pattern` value of the rule.
        path: Option<String>,
    },
    /// A weighted record pair.
    Record(RecordWanted),
}

/// What is to be watched.
#[derive(Debug, Clone)]
pub struct GuardsWanted {
    /// Healthy share before shifts.
    pub ready: Share,
    /// Healthy share afterwards.
    pub min: Share,
    /// How long green must be healthy before the first shift.
    pub healthy_for: std::time::Duration,
    /// The alarms.
    pub alarms: Vec<AlarmWanted>,
    /// The metrics that are judged.
    pub metrics: Option<MetricGuards>,
}

/// An alarm of the config.
#[derive(Debug, Clone)]
pub struct AlarmWanted {
    /// Its name, perhaps with `{slot}`.
    pub name: String,
    /// Which slot's, where the name has `{slot}`.
    pub side: Side,
    /// What to make of missing data, where the config says it.
    pub insufficient_data: Option<InsufficientData>,
}

impl AlarmWanted {
    /// The names it stands for while `live` is blue.
    pub fn names(&self, live: SlotName) -> Vec<String> {
        let slots = match self.side {
            _ if !self.name.contains("{slot}") => return vec![self.name.clone()],
            Side::Green => vec![live.other()],
            Side::Blue => vec![live],
            Side::Both => SlotName::BOTH.to_vec(),
        };
        slots
            .iter()
            .map(|slot| self.name.replace("{slot}", slot.as_str()))
            .collect()
    }

    /// Whether `name`, one of its names, measures nothing but green while `live` is blue.
    pub fn measures_green(&self, name: &str, live: SlotName) -> bool {
        if self.name.contains("{slot}") {
            name == self.name.replace("{slot}", live.other().as_str())
        } else {
            self.side == Side::Green
        }
    }
}

/// Whose alarm is meant by `{slot}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The new version's.
    Green,
    /// The old version's.
    Blue,
    /// Both.
    Both,
}

/// What green is to run.
#[derive(Debug, Clone)]
pub enum DefinitionWanted {
    /// Blue's definition with these images.
    Images(Vec<ImageChange>),
    /// This body, images filled in.
    Body(Value),
    /// This revision: `FAMILY[:REV]` or an ARN.
    Existing(String),
}

/// What to do where blue already runs just what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnchanged {
    /// Nothing.
    Skip,
    /// Deploy it again.
    Deploy,
}
