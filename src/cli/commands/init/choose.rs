//! Which service: named, or chosen from a list where somebody can be asked.

use std::io::{BufRead, IsTerminal};

use super::adopt::cant_look;
use super::file::last_part;
use crate::adopt::{Taken, first_slot_of};
use crate::aws::Cloud;
use crate::cli::args::InitArgs;
use crate::cli::error::CliError;
use crate::cli::missing;
use crate::config::Config;
use crate::deployment::ids::{ClusterName, EcsServiceName};

/// What is named without asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The cluster, by name or ARN.
    pub(super) cluster: Option<String>,
    /// The service, the same way.
    pub(super) service: Option<String>,
}

/// The cluster and the service that the arguments, another tool's files or the config that is there
/// names.
pub(super) fn names(args: &InitArgs, taken: &Taken, there: Option<&Config>) -> Names {
    let cluster = args.cluster.clone().or_else(|| taken.cluster.clone());
    let service = args.service.clone().or_else(|| taken.service.clone());
    match there {
        // What the others name is somewhere else, perhaps.
        Some(config) if service.is_none() && cluster.is_none() => Names {
            cluster: Some(config.cluster.clone()),
            service: Some(config.slots.a.service.clone()),
        },
        _ => Names { cluster, service },
    }
}

/// The cluster and the service that are named, or that the person at the terminal names.
pub(super) async fn choose(
    cloud: &Cloud,
    names: Names,
) -> Result<(ClusterName, EcsServiceName), CliError> {
    let cluster = match names.cluster {
        Some(name) => last_part(&name).to_owned(),
        None => {
            let names = cloud.names_of_clusters().await;
            let names = sorted(names.map_err(|error| cant_look(&error))?);
            match &names[..] {
                [] => {
                    let message = format!("there is no ECS cluster in {}", cloud.region());
                    return Err(CliError::refused(message).hint("name another --region"));
                }
                [only] => only.clone(),
                _ => pick("cluster", &names)?,
            }
        }
    };
    let cluster = ClusterName::new(cluster);
    let service = match names.service {
        Some(name) => last_part(&name).to_owned(),
        None => {
            let names = match cloud.names_of_services(&cluster).await {
                Err(error) if error.is_not_found() => {
                    return Err(missing::no_cluster(cloud, &cluster).await);
                }
                names => sorted(names.map_err(|error| cant_look(&error))?),
            };
            if names.is_empty() {
                return Err(CliError::refused(format!(
                    "cluster {cluster} has no services"
                )));
            }
            pick("service", &names)?
        }
    };
    Ok((cluster, EcsServiceName::new(service)))
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn pick(what: &str, names: &[String]) -> Result<String, CliError> {
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !asks {
        return Err(not_named(what, names));
    }
    for (at, name) in names.iter().enumerate() {
        note!("{:>4}  {name}{}", at + 1, second(name, names));
    }
    let mut lines = std::io::stdin().lock().lines();
    loop {
        note!("Which {what}? Its number or name:");
        let Some(Ok(line)) = lines.next() else {
            return Err(not_named(what, names));
        };
        match answer(line.trim(), names) {
            Some(name) => return Ok(name),
            None => note!("{:?} is none of them", line.trim()),
        }
    }
}

/// What is said of a name that looks like another one's slot b.
fn second(name: &str, names: &[String]) -> String {
    let first = first_slot_of(name, names);
    first.map_or(String::new(), |first| format!("    (slot b of {first}?)"))
}

fn not_named(what: &str, names: &[String]) -> CliError {
    CliError::usage(format!("which {what}? Name it with --{what}"))
        .hint(format!("the {what}s there are: {}", names.join(", ")))
}

/// A name counts before a number: services may be called `2`.
fn answer(line: &str, names: &[String]) -> Option<String> {
    let by_name = names.iter().find(|name| *name == line);
    let by_number = || names.get(line.parse::<usize>().ok()?.checked_sub(1)?);
    by_name.or_else(by_number).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_slot_is_said_to_look_like_one() {
        let names = ["shop", "shop-b", "web-b"].map(str::to_owned);
        assert_eq!(second("shop-b", &names), "    (slot b of shop?)");
        assert_eq!(second("web-b", &names) + &second("shop", &names), "");
        let names = ["api2", "api2-b", "api2-84eaba-b"].map(str::to_owned);
        assert_eq!(second("api2-84eaba-b", &names), "    (slot b of api2?)");
        assert_eq!(second("api2-b", &names), "", "somebody else's");
    }

    #[test]
    fn a_name_or_its_number_is_an_answer() {
        let names = ["1", "api", "shop"].map(str::to_owned);
        let of = |line| answer(line, &names);
        assert_eq!(of("shop").as_deref(), Some("shop"));
        assert_eq!(of("2").as_deref(), Some("api"));
        assert_eq!(of("1").as_deref(), Some("1"));
        assert_eq!(
            (of("0"), of("4"), of("sho"), of("")),
            (None, None, None, None)
        );
    }
}
