//! What the user asked for, from the command line and the config together.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::deployment::deadman::Deadman;
use crate::deployment::dns::RecordWanted;
use crate::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, ServiceName, SlotName, Slots,
};
use crate::deployment::metrics::MetricGuards;
use crate::deployment::plan::{GreenCapacity, Kind, Limits, Retire, RouteKind, StepPlan};
use crate::deployment::surroundings::Forward;
use crate::deployment::task_definition::ImageChange;
use crate::gate::{CommandCheck, FunctionName, GateWanted, HttpCheck, ImageCheck};
use crate::judge::alarms::InsufficientData;
use crate::judge::targets::Share;
use crate::strategy::{Strategy, Weight};

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
    /// What goes to green before production does.
    pub test_routes: Vec<RouteWanted>,
    /// The Cognito user pools, as ARNs, that the permissions to write routes are made for.
    pub user_pools: Vec<String>,
    /// The ladder.
    pub strategy: Strategy,
    /// What is watched.
    pub guards: GuardsWanted,
    /// What must say yes before it moves on, in the order in which it is asked.
    pub gates: Vec<GateWanted>,
    /// Whether green may get traffic that no weight holds back.
    pub discovery: Discovery,
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
    /// Whether the config names no target group: a service without a load balancer.
    pub fn is_bare(&self) -> bool {
        let mut slots = SlotName::BOTH.iter();
        slots.all(|slot| self.slots[*slot].targets.is_empty())
    }

    /// Whether a step asks for requests: then they are counted, if nothing else.
    pub fn asks_for_requests(&self) -> bool {
        let mut steps = self.strategy.steps().iter();
        self.kind == Kind::Deploy && !self.is_bare() && steps.any(|step| step.until.is_some())
    }

    /// What is judged, as the config asks for it, or counted, as the strategy does.
    pub fn metrics(&self) -> Option<MetricGuards> {
        let counted = self.asks_for_requests().then(MetricGuards::none);
        self.guards.metrics.clone().or(counted)
    }

    /// The strategy's ladder; the last step's bake is the strategy's last bake. Without a load
    /// balancer there is nothing to climb: one step, as long as all of them.
    pub fn steps(&self) -> Vec<StepPlan> {
        let steps = self.ladder();
        if !self.is_bare() {
            return steps;
        }
        let whole = steps.iter().map(|step| step.bake).sum();
        vec![StepPlan::new(Weight::FULL, whole)]
    }

    fn ladder(&self) -> Vec<StepPlan> {
        let steps = self.strategy.steps().iter().enumerate();
        steps
            .map(|(index, step)| StepPlan {
                weight: step.weight,
                bake: self.strategy.bake_at(index).unwrap_or(step.bake),
                until: step.until,
            })
            .collect()
    }

    /// The gates that will be asked: none for a rollback.
    fn asked_gates(&self) -> impl Iterator<Item = &GateWanted> {
        let gates = self.gates.iter();
        gates.filter(|_| self.kind != Kind::Rollback)
    }

    /// The gates that will run a command, each with it.
    pub fn command_gates(&self) -> impl Iterator<Item = (&GateWanted, &CommandCheck)> {
        self.asked_gates()
            .filter_map(|gate| Some((gate, gate.command()?)))
    }

    /// The gates that will make an HTTP request, each with it.
    pub fn http_gates(&self) -> impl Iterator<Item = (&GateWanted, &HttpCheck)> {
        self.asked_gates()
            .filter_map(|gate| Some((gate, gate.http()?)))
    }

    /// The functions that gates will call.
    pub fn functions(&self) -> Vec<FunctionName> {
        let functions = self.asked_gates().filter_map(GateWanted::function);
        let functions: BTreeSet<_> = functions.collect();
        functions.into_iter().cloned().collect()
    }

    /// Whether a gate will look at the version's images, and then at their scans too.
    pub fn image_gate(&self) -> Option<bool> {
        let scans = self.asked_gates().filter_map(GateWanted::image);
        scans.map(ImageCheck::looks_at_scans).max()
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
        let routes = routes
            .iter()
            .chain(&self.test_routes)
            .filter_map(|route| match route {
                RouteWanted::Arn(arn) => Some(arn.as_str()),
                RouteWanted::Place { .. } | RouteWanted::Record(_) => None,
            });
        groups
            .chain(routes)
            .filter(|name| name.starts_with("arn:"))
            .collect()
    }
}

/// Whether both slots may be found in one Cloud Map service: then its clients reach green as soon
/// as its tasks run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Discovery {
    /// Nobody has agreed to that.
    #[default]
    Unshared,
    /// The config says so.
    Shared,
}

/// A slot of the config.
#[derive(Debug, Clone)]
pub struct SlotWanted {
    /// Its ECS service.
    pub service: EcsServiceName,
    /// Its target groups; several are in the same order for both slots, none without a load
    /// balancer.
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
        /// An `http-header` value of the rule: `name: value`.
        header: Option<String>,
    },
    /// A weighted record pair.
    Record(RecordWanted),
}

impl RouteWanted {
    /// Whether a forward action is this one.
    pub fn is(&self, forward: &Forward) -> bool {
        match self {
            RouteWanted::Arn(arn) => forward.arn.as_str() == arn,
            RouteWanted::Place {
                load_balancer,
                port,
                host,
                path,
                header,
            } => {
                let is_rule = [host, path, header].iter().any(|it| it.is_some());
                let has = |values: &[String], wanted: &Option<String>| {
                    wanted.as_ref().is_none_or(|wanted| values.contains(wanted))
                };
                forward.load_balancer.name() == load_balancer
                    && forward.port == *port
                    && (forward.kind == RouteKind::Rule) == is_rule
                    && has(&forward.hosts, host)
                    && has(&forward.paths, path)
                    && has(&forward.headers, header)
                    && forward.kind.record().is_none()
            }
            RouteWanted::Record(wanted) => forward.kind.record().is_some_and(|record| {
                record.name == wanted.name && wanted.kind.is_none_or(|kind| kind == record.kind)
            }),
        }
    }
}

impl fmt::Display for RouteWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteWanted::Arn(arn) => f.write_str(arn),
            RouteWanted::Place {
                load_balancer,
                port,
                host,
                path,
                header,
            } => {
                write!(f, "{load_balancer}:{port}")?;
                let place = [host, path].map(|part| part.as_deref().unwrap_or(""));
                let parts = [place.concat(), header.clone().unwrap_or_default()];
                let mut parts = parts.iter().filter(|part| !part.is_empty());
                parts.try_for_each(|part| write!(f, " {part}"))
            }
            RouteWanted::Record(record) => write!(f, "{}", record.name),
        }
    }
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
