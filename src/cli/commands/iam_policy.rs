//! `bg iam-policy`

use crate::aws::{Access, Policy, Scope, policy};
use crate::cli::args::{Global, IamPolicyArgs, Part};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::read_config;
use crate::config::{Config, StateLocation};
use crate::deployment::ids::{ClusterName, ServiceName};
use crate::gate::{GateWanted, HttpCheck, ImageCheck};
use crate::notify::Channel;

/// What AWS lets a managed policy have at most, and all inline policies of a role together, in
/// characters that aren't white space (IAM User Guide, "IAM and AWS STS quotas").
const MANAGED: usize = 6_144;
const INLINE: usize = 10_240;

/// Reaches nothing: neither AWS nor credentials are needed.
pub(super) fn run(global: &Global, args: &IamPolicyArgs) -> Result<ExitCode, CliError> {
    let (config, _) = read_config(global)?;
    let whole = policy(&scope(global, &config));
    let policy = match args.part {
        None => whole,
        Some(Part::Read) => whole.part(Access::Read),
        Some(Part::Write) => whole.part(Access::Write),
    };
    print_json(&policy.document)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    if !global.quiet {
        let open = policy.open.iter().cloned();
        let too_long = too_long(&policy, args.part);
        open.chain(too_long).for_each(|note| note!("Note: {note}"));
    }
    Ok(ExitCode::Stands)
}

/// That a managed policy doesn't take the document, and what does.
fn too_long(policy: &Policy, part: Option<Part>) -> Option<String> {
    let length = policy.length();
    if length <= MANAGED {
        return None;
    }
    let halves = [Access::Read, Access::Write].map(|it| policy.part(it).length());
    let fit = halves.iter().all(|half| *half <= MANAGED);
    let way = match (part, length <= INLINE) {
        (None, _) if fit => "make two of it: `bg iam-policy --part read` and `--part write`",
        (None, _) => {
            "one of its halves (`--part read`, `--part write`) is too long as well: put that one \
             into the role as an inline policy, of which a role may have 10,240 characters \
             together, or make several policies of its statements"
        }
        (Some(_), true) => {
            "put it into the role as an inline policy, of which a role may have 10,240 characters \
             together, or make several policies of its statements"
        }
        (Some(_), false) => {
            "it is more than the 10,240 of a role's inline policies, too: make several policies of \
             its statements"
        }
    };
    Some(format!(
        "the document has {length} characters, spaces left out, and a managed policy takes {MANAGED}: {way}"
    ))
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
        asks_targets: (config.gates.iter())
            .filter_map(GateWanted::http)
            .any(HttpCheck::asks_targets),
        user_pools: config.user_pools.clone(),
        table: match &config.state {
            StateLocation::DynamoDb(table) => Some(table.clone()),
            StateLocation::File(_) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A document whose halves have about so many characters.
    fn of(read: usize, write: usize) -> Policy {
        let statement =
            |name: &str, length: usize| json!({ "Sid": name, "Resource": "x".repeat(length) });
        Policy {
            document: json!({ "Statement": [statement("ReadAll", read), statement("WriteAll", write)] }),
            open: Vec::new(),
        }
    }

    #[test]
    fn each_length_has_its_way_out() {
        assert_eq!(too_long(&of(3_000, 3_000), None), None);
        for (read, write, part, way) in [
            (
                4_000,
                4_000,
                None,
                "make two of it: `bg iam-policy --part read`",
            ),
            (7_000, 4_000, None, "one of its halves"),
            (7_000, 0, Some(Part::Read), "as an inline policy"),
            (
                11_000,
                0,
                Some(Part::Read),
                "more than the 10,240 of a role's inline policies",
            ),
        ] {
            let told = too_long(&of(read, write), part).expect("it is too long");
            assert!(told.contains(way), "{told}");
        }
    }
}
