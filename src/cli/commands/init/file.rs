//! The config that is written, or that is there already.

use std::path::Path;

use crate::adopt::{self, Proposal, Taken, Wanted};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::session::parse;
use crate::config::{Config, SlotConfig, Slots};
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName};

/// What is to become of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It isn't there, and is written.
    Written,
    /// It names these slots already, and stays as it is.
    Kept,
}

/// What a config calls slot b, where its slot a is that service.
pub(super) fn wanted(config: &Config, cluster: &ClusterName, service: &EcsServiceName) -> Wanted {
    let Slots { a, b } = &config.slots;
    let is_it = last_part(&config.cluster) == last_part(cluster.as_str())
        && last_part(&a.service) == service.as_str();
    if !is_it {
        return Wanted::default();
    }
    let groups = a.targets.iter().zip(&b.targets);
    let named = |group: &str| group_name(group).to_owned();
    Wanted {
        service: Some(EcsServiceName::new(last_part(&b.service))),
        groups: groups
            .map(|(a, b)| (named(&a.group), named(&b.group)))
            .collect(),
    }
}

/// The pair of which a config names that service as the second.
pub(super) fn refuse_slot_b(
    config: &Config,
    cluster: &ClusterName,
    service: &EcsServiceName,
) -> Result<(), CliError> {
    let Slots { a, b } = &config.slots;
    let is_it = last_part(&config.cluster) == last_part(cluster.as_str())
        && last_part(&b.service) == service.as_str();
    if !is_it {
        return Ok(());
    }
    let a = last_part(&a.service);
    let words =
        format!("service {service} is slot b of service {a}: the config that is there names both");
    Err(CliError::refused(words).hint(format!(
        "the pair is adopted as one: bg init --cluster {cluster} --service {a}"
    )))
}

/// The config at `path`, if one is there that can be read: it may name the service.
pub(super) fn read(path: &Path) -> Option<Config> {
    let text = std::fs::read_to_string(path).ok()?;
    parse(&text, &path.display().to_string()).ok()
}

/// What is to become of the config at `path`.
///
/// # Errors
/// When something else is there: it is never overwritten.
pub(super) fn fate(path: &Path, proposal: &Proposal) -> Result<Fate, CliError> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Fate::Written),
        Err(error) => {
            return Err(CliError::usage(format!("can't read {shown}")).caused_by(&error));
        }
        Ok(text) => text,
    };
    let there = |why: String| {
        CliError::usage(format!("{shown} is there already, and {why}")).hint(format!(
            "move it away, or write another file: --write FILE ({shown} stays as it is)"
        ))
    };
    match parse(&text, &shown.to_string()) {
        Ok(config) => match difference(&config, proposal) {
            None => Ok(Fate::Kept),
            Some(difference) => Err(there(difference)),
        },
        Err(error) => Err(there(format!("can't be read: {}", error.message))),
    }
}

/// Writes it where it has to be.
///
/// # Errors
/// When that can't be done, also because it is there by now.
pub(super) fn write(path: &Path, proposal: &Proposal, taken: &Taken) -> Result<(), CliError> {
    let text = adopt::config(proposal, taken);
    let create = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    let written = create.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        CliError::new(ErrorKind::Usage, format!("can't write {}", path.display()))
            .caused_by(&error)
            .hint("nothing was changed in AWS")
    })
}

/// What the config names otherwise than the proposal.
fn difference(config: &Config, proposal: &Proposal) -> Option<String> {
    if last_part(&config.cluster) != proposal.cluster.as_str() {
        return Some(format!(
            "names cluster {}, not {}",
            config.cluster, proposal.cluster
        ));
    }
    SlotName::BOTH.into_iter().find_map(|slot| {
        let of_config: &SlotConfig = match slot {
            SlotName::A => &config.slots.a,
            SlotName::B => &config.slots.b,
        };
        let service = proposal.services[slot].as_str();
        if last_part(&of_config.service) != service {
            return Some(format!(
                "names service {} in slot {slot}, not {service}",
                of_config.service
            ));
        }
        let mut named: Vec<&str> = of_config
            .targets
            .iter()
            .map(|it| group_name(&it.group))
            .collect();
        let groups = proposal.pairs.iter().map(|pair| match slot {
            SlotName::A => pair.a.name.as_str(),
            SlotName::B => pair.b_name(),
        });
        let mut groups: Vec<&str> = groups.collect();
        named.sort_unstable();
        groups.sort_unstable();
        let (named_words, words) = (named.join(", "), groups.join(", "));
        (named != groups)
            .then(|| format!("names target group {named_words} in slot {slot}, not {words}"))
    })
}

/// An ARN's last part, or the name itself.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Of an ARN `…:targetgroup/NAME/ID`, or the name itself.
fn group_name(group: &str) -> &str {
    group.split('/').nth(1).unwrap_or(group)
}
