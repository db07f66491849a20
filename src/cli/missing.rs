//! What isn't there, and which names are like it.

use crate::aws::Cloud;
use crate::cli::error::CliError;
use crate::deployment::ids::{ClusterName, EcsServiceName, Slots};
use crate::deployment::preflight::SlotWanted;
use crate::report::doctor::Patient;

/// How many names are told where one is mistyped.
const NAMED: usize = 8;
/// How alike two names are to be taken for one another.
const ALIKE: f64 = 0.7;
/// The same where a name may well be that of nothing yet, such as an idle slot's.
const VERY_ALIKE: f64 = 0.9;

/// What else there is, in the order of likeness.
fn with_names(error: CliError, name: &str, mut names: Vec<String>, what: &str) -> CliError {
    let like = |other: &str| strsim::jaro_winkler(other, name);
    names.sort_by(|one, other| like(other).total_cmp(&like(one)));
    let error = match names.first().filter(|nearest| like(nearest) > ALIKE) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None => error,
    };
    names.truncate(NAMED);
    match names.is_empty() {
        true => error.hint(format!("there are no {what}")),
        false => error.hint(format!("{what} there: {}", names.join(", "))),
    }
}

/// There is no such cluster.
pub(super) async fn no_cluster(cloud: &Cloud, cluster: &ClusterName) -> CliError {
    let region = cloud.region();
    let missing = CliError::refused(format!("there is no cluster {cluster} in {region}"));
    let missing = match cloud.names_of_clusters().await {
        Ok(names) => with_names(missing, cluster.as_str(), names, "clusters"),
        Err(_) => missing,
    };
    missing.hint("the cluster is --cluster, or bg.yaml's; the region --region")
}

/// There is no such service.
pub(super) async fn no_service(
    cloud: &Cloud,
    cluster: &ClusterName,
    name: &EcsServiceName,
) -> CliError {
    match cloud.names_of_services(cluster).await {
        Ok(names) => {
            let missing = format!("there is no service {name} in cluster {cluster}");
            with_names(CliError::refused(missing), name.as_str(), names, "services")
        }
        Err(error) => CliError::refused(format!("cluster {cluster} can't be read"))
            .caused_by(&error)
            .hint("the cluster is --cluster, or bg.yaml's; the region --region"),
    }
}

/// Names what a slot's service may have been meant for, where it isn't there.
pub(super) async fn name_the_nearest(
    cloud: &Cloud,
    cluster: &ClusterName,
    wanted: &Slots<SlotWanted>,
    patients: &mut [Patient],
) {
    let missing = |it: &&mut Patient| it.tasks.is_none() && it.findings.is_empty();
    for patient in patients.iter_mut().filter(missing) {
        let (Some(slot), Ok(names)) = (patient.slot, cloud.names_of_services(cluster).await) else {
            return;
        };
        let other = wanted[slot.other()].service.as_str();
        let others = names.into_iter().filter(|it| it != other);
        patient.nearest = nearest(wanted[slot].service.as_str(), others);
    }
}

fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let like = names.map(|it| (strsim::jaro_winkler(&it, name), it));
    let like = like.filter(|(likeness, _)| *likeness > VERY_ALIKE);
    like.max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_is_very_much_alike_is_offered() {
        let names = || ["shop-web", "shop-b"].map(str::to_owned).into_iter();
        assert_eq!(nearest("shop-bb", names()).as_deref(), Some("shop-b"));
        assert_eq!(nearest("orders-b", names()), None);
    }
}
