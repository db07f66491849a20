//! From flags, files and config to a request.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::args::VersionArgs;
use super::definition::{Definition, definition};
use super::error::CliError;
use crate::config::{self, AlarmSide, Config, RetireThen};
use crate::deployment::deadman::Deadman;
use crate::deployment::dns::{RecordWanted, plain_name};
use crate::deployment::ids::{AlarmName, ClusterName, DeploymentId, EcsServiceName, ServiceName};
use crate::deployment::ids::{RoleArn, SetId, SlotName, Slots};
use crate::deployment::plan::{GreenCapacity, Kind, Limits, Retire, RetireHow};
use crate::deployment::preflight::{
    AlarmWanted, DefinitionWanted, Discovery, GuardsWanted, Request, RouteWanted, RoutesWanted,
    Side, SlotWanted, TargetWanted, WhenUnchanged,
};
use crate::strategy::{Step, Strategy, StrategyRef, Weight};

/// What the flags alone say; read before AWS is reached, so that mistakes show at once.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    definition: DefinitionWanted,
    /// What a plan says of how the definition was made.
    pub(super) note: Option<String>,
    strategy: Option<Strategy>,
    source: Option<SlotName>,
    kind: Kind,
    when_unchanged: WhenUnchanged,
    ignore_alarms: BTreeSet<AlarmName>,
    allow_long: bool,
    timeout: Option<Duration>,
    poll: Option<Duration>,
}

impl Wanted {
    /// Reads the flags of `deploy` and `plan`, and the files that they name.
    pub(super) fn of_version(args: &VersionArgs) -> Result<Wanted, CliError> {
        let kind = match (args.hotfix, &args.reason) {
            (true, Some(reason)) => Kind::Hotfix {
                reason: reason.clone(),
            },
            _ => Kind::Deploy,
        };
        let strategy = match &args.strategy {
            Some(name) => Some(resolve(&StrategyRef::Named(name.clone()), Path::new("."))?),
            None => None,
        };
        let Definition { wanted, note } = definition(&args.definition)?;
        let is_nothing = matches!(&wanted, DefinitionWanted::Images(images) if images.is_empty());
        if is_nothing && !args.force {
            return Err(CliError::usage("nothing says what to deploy").hint(
                "add --image REF, --task-definition FILE|FAMILY:REV or --image-definitions FILE; \
                 --force alone deploys what blue runs once more",
            ));
        }
        let when_unchanged = if args.force {
            WhenUnchanged::Deploy
        } else {
            WhenUnchanged::Skip
        };
        Ok(Wanted {
            definition: wanted,
            note,
            strategy,
            source: args.service_from,
            kind,
            when_unchanged,
            ignore_alarms: args.ignore_alarms.iter().map(AlarmName::new).collect(),
            allow_long: args.allow_long,
            timeout: args.timeout,
            poll: args.poll,
        })
    }

    /// A rollback to what the idle slot ran last, or to a revision.
    /// Where the slot's service exists it keeps its own settings.
    pub(super) fn rollback(
        definition: DefinitionWanted,
        source: Option<SlotName>,
    ) -> Result<Wanted, CliError> {
        Ok(Wanted {
            definition,
            note: None,
            strategy: Some(in_one_step()?),
            source,
            kind: Kind::Rollback,
            when_unchanged: WhenUnchanged::Deploy,
            ignore_alarms: BTreeSet::new(),
            allow_long: false,
            timeout: None,
            poll: None,
        })
    }

    /// Together with the config, which names files by their paths from `folder`.
    pub(super) fn into_request(
        self,
        config: &Config,
        folder: &Path,
        id: DeploymentId,
    ) -> Result<Request, CliError> {
        let strategy = match (&self.strategy, &self.kind) {
            (Some(strategy), _) => strategy.clone(),
            (None, Kind::Hotfix { .. }) => all_at_once()?,
            (None, _) => resolve(&config.strategy, folder)?,
        };
        if let Some(why) = strategy.needs_consent().filter(|_| !self.allow_long) {
            return Err(CliError::usage(why));
        }
        let healthy_for = match self.kind {
            Kind::Rollback => Duration::ZERO,
            _ => config.guards.targets.steady_for,
        };
        Ok(Request {
            id,
            service: ServiceName::new(&config.service),
            cluster: ClusterName::new(&config.cluster),
            account: config
                .account
                .as_ref()
                .map(|account| account.as_str().to_owned()),
            slots: slots(config),
            routes: routes(config),
            test_routes: test_routes(config),
            user_pools: config.user_pools.clone(),
            strategy,
            guards: GuardsWanted {
                ready: config.guards.targets.ready,
                min: config.guards.targets.min,
                healthy_for,
                alarms: alarms(config),
                metrics: Some(config.guards.metrics.clone())
                    .filter(crate::deployment::metrics::MetricGuards::judges_anything),
            },
            gates: config.gates.clone(),
            discovery: match config.discovery {
                config::Discovery::Unshared => Discovery::Unshared,
                config::Discovery::Shared => Discovery::Shared,
            },
            green_capacity: match config.green_capacity {
                config::GreenCapacity::Full => GreenCapacity::Full,
                config::GreenCapacity::Proportional => GreenCapacity::Proportional,
            },
            limits: Limits {
                poll: self.poll.unwrap_or(config.timing.poll),
                healthy_within: self.timeout.unwrap_or(config.timing.timeout),
                patience: config.timing.patience,
                blind_after: config.timing.blind_after,
            },
            retire: retire(config),
            deadman: deadman(config),
            definition: self.definition,
            source: self.source,
            kind: self.kind,
            when_unchanged: self.when_unchanged,
            ignore_alarms: self.ignore_alarms,
        })
    }
}

/// One step and no bake: a rollback goes to what has served before.
fn in_one_step() -> Result<Strategy, CliError> {
    let step = Step::new(Weight::FULL, Duration::ZERO);
    Strategy::new("in one step", vec![step], Duration::ZERO).map_err(CliError::usage)
}

fn all_at_once() -> Result<Strategy, CliError> {
    Strategy::named("all-at-once").map_err(|error| CliError::usage(error.to_string()))
}

fn resolve(reference: &StrategyRef, folder: &Path) -> Result<Strategy, CliError> {
    reference
        .resolve(|file| std::fs::read_to_string(folder.join(file)))
        .map_err(|error| CliError::usage(error.to_string()))
}

/// The config's slots.
pub(super) fn slots(config: &Config) -> Slots<SlotWanted> {
    let wanted = |slot: &config::SlotConfig| SlotWanted {
        service: EcsServiceName::new(&slot.service),
        targets: slot
            .targets
            .iter()
            .map(|target| TargetWanted {
                group: target.group.clone(),
                container: target
                    .endpoint
                    .as_ref()
                    .map(|endpoint| endpoint.container.clone()),
                port: target.endpoint.as_ref().map(|endpoint| endpoint.port),
            })
            .collect(),
    };
    Slots {
        a: wanted(&config.slots.a),
        b: wanted(&config.slots.b),
    }
}

pub(super) fn routes(config: &Config) -> RoutesWanted {
    match &config.routes {
        config::Routes::Auto => RoutesWanted::Auto,
        config::Routes::Listed(routes) => RoutesWanted::Listed(routes.iter().map(route).collect()),
    }
}

/// What may be written to: the routes and the test routes.
pub(super) fn all_routes(config: &Config) -> RoutesWanted {
    match routes(config) {
        RoutesWanted::Auto => RoutesWanted::Auto,
        RoutesWanted::Listed(mut routes) => {
            routes.extend(test_routes(config));
            RoutesWanted::Listed(routes)
        }
    }
}

/// The config's test routes.
pub(super) fn test_routes(config: &Config) -> Vec<RouteWanted> {
    config.test_routes.iter().map(route).collect()
}

fn route(route: &config::RouteConfig) -> RouteWanted {
    match route {
        config::RouteConfig::Listener(arn) | config::RouteConfig::Rule(arn) => {
            RouteWanted::Arn(arn.clone())
        }
        config::RouteConfig::Named {
            load_balancer,
            port,
            host,
            path,
            header,
        } => RouteWanted::Place {
            load_balancer: load_balancer.clone(),
            port: *port,
            host: host.clone(),
            path: path.clone(),
            header: header.clone(),
        },
        config::RouteConfig::Record(record) => RouteWanted::Record(RecordWanted {
            name: plain_name(&record.name),
            zone: record.zone.clone(),
            kind: record.kind.as_deref().and_then(|it| it.parse().ok()),
            sets: record.sets.as_ref().map(|[a, b]| Slots {
                a: SetId::new(a),
                b: SetId::new(b),
            }),
        }),
    }
}

pub(super) fn alarms(config: &Config) -> Vec<AlarmWanted> {
    let alarms = config.guards.alarms.iter();
    alarms
        .map(|alarm| AlarmWanted {
            name: alarm.pattern().to_owned(),
            side: match alarm.side {
                AlarmSide::Service => Side::Both,
                AlarmSide::Green => Side::Green,
                AlarmSide::Blue => Side::Blue,
            },
            insufficient_data: alarm.insufficient_data,
        })
        .collect()
}

pub(super) fn deadman(config: &Config) -> Option<Deadman> {
    config.deadman.as_ref().map(|deadman| Deadman {
        after: deadman.after,
        role: RoleArn::new(&deadman.role),
        leftovers: Vec::new(),
    })
}

pub(super) fn retire(config: &Config) -> Retire {
    Retire {
        after: config.retire.after,
        then: match config.retire.then {
            RetireThen::ScaleToZero => RetireHow::ScaleToZero,
            RetireThen::Delete => RetireHow::Delete,
            RetireThen::Keep => RetireHow::Keep,
        },
        at_most: config.retire.at_most,
    }
}
