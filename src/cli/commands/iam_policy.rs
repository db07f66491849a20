//! `bg iam-policy`

use crate::aws::{Scope, policy};
use crate::cli::args::Global;
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::read_config;
use crate::config::{Config, StateLocation};
use crate::deployment::ids::{ClusterName, ServiceName};
use crate::gate::{GateWanted, ImageCheck};
use crate::notify::Channel;

/// Reaches nothing: neither AWS nor credentials are needed.
pub(super) fn run(global: &Global) -> Result<ExitCode, CliError> {
    let (config, _) = read_config(global)?;
    let policy = policy(&scope(global, &config));
    print_json(&policy.document)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    if !global.quiet {
        policy.open.iter().for_each(|open| note!("Note: {open}"));
    }
    Ok(ExitCode::Stands)
}

fn scope(global: &Global, config: &Config) -> Scope {
    let variable = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    let region = global.region.clone().or_else(|| config.region.clone());
    Scope {
        account: config.account.as_ref().map(ToString::to_string),
        region: region
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION")),
        service: ServiceName::new(&config.service),
        cluster: ClusterName::new(&config.cluster),
        slots: request::slots(config),
        routes: request::all_routes(config),
        retire: request::retire(config).then,
        deadman: request::deadman(config),
        functions: (config.gates.iter())
            .filter_map(|gate| gate.function().cloned())
            .collect(),
        topics: (config.notify.iter())
            .filter_map(|it| match &it.channel {
                Channel::Sns(topic) => Some(topic.clone()),
                _ => None,
            })
            .collect(),
        buses: (config.notify.iter())
            .filter_map(|it| match &it.channel {
                Channel::EventBus(bus) => Some(bus.clone()),
                _ => None,
            })
            .collect(),
        scans: (config.gates.iter())
            .filter_map(GateWanted::image)
            .any(ImageCheck::looks_at_scans),
        table: match &config.state {
            StateLocation::DynamoDb(table) => Some(table.clone()),
            StateLocation::File(_) => None,
        },
    }
}
