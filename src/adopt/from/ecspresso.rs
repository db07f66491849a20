//! ecspresso's config: `ecspresso.yml`.

use super::Taken;
use super::codedeploy::hooks;
use super::tree::Map;
use crate::strategy::{InputError, parse_duration};

/// What ecspresso takes where none is named.
const DEFAULT_CLUSTER: &str = "default";

pub(super) fn config(map: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    taken.region = map.text("region")?;
    let cluster = map.text("cluster")?;
    taken.cluster = Some(cluster.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned()));
    taken.service = map.text("service")?;
    taken.definition = map.text("task_definition")?;
    taken.service_definition = map.text("service_definition")?;
    if let Some(timeout) = map.text("timeout")? {
        // As Go writes it, too: 10m0s.
        let short = timeout
            .strip_suffix("m0s")
            .map(|minutes| format!("{minutes}m"));
        match parse_duration(short.as_deref().unwrap_or(&timeout)) {
            Ok(timeout) => taken.timeout = Some(timeout),
            Err(why) => return Err(map.error("timeout", why)),
        }
    }
    if let Some(appspec) = map.map("appspec")? {
        hooks(&appspec, taken)?;
        taken.left.extend(appspec.unasked());
    }
    if let Some(codedeploy) = map.map("codedeploy")? {
        let name = |key| Ok::<_, InputError>(codedeploy.text(key)?.unwrap_or("NAME".to_owned()));
        let (application, group) = (name("application_name")?, name("deployment_group_name")?);
        taken.left.push(format!(
            "codedeploy: nothing here goes through it; to take over what it does: aws deploy \
             get-deployment-group --application-name {application} --deployment-group-name {group} \
             > group.json, then --from group.json too"
        ));
    }
    let mut plugins = Vec::new();
    for plugin in map.maps("plugins")? {
        plugins.extend(plugin.text("name")?);
    }
    if !plugins.is_empty() {
        taken.left.push(format!(
            "plugins {}: templates have no functions of theirs; have ecspresso write what they give \
             (ecspresso render taskdef > FILE), or give the values with --set or in the environment",
            plugins.join(", ")
        ));
    }
    if map.node("ignore").is_some() {
        let why = "ignore: tags that a service has are always kept";
        taken.left.push(why.to_owned());
    }
    for own in ["filter_command", "required_version"] {
        if map.node(own).is_some() {
            taken
                .left
                .push(format!("{own}: it is about ecspresso itself"));
        }
    }
    taken.left.extend(map.unasked());
    Ok(())
}
