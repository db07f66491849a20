//! What the collecting itself was not let see.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::between;

pub(super) const RULES: &[Rule] = &[
    Rule::said("no-cluster", no_cluster),
    Rule::follows("not-allowed", denied),
    Rule::follows("not-read", unread),
];

fn no_cluster(evidence: &Evidence) -> Vec<Found> {
    let failure = evidence.failures.iter().find(|it| it.no_cluster);
    let found = failure.map(|failure| {
        Found::new(format!("there is no cluster {}", evidence.cluster))
            .shown_by([failure.message.clone()])
            .because("its name is misspelt, or it is of another region or account")
            .mended_by("see those that there are: aws ecs list-clusters")
    });
    found.into_iter().collect()
}

fn denied(evidence: &Evidence) -> Vec<Found> {
    let denied = evidence.failures.iter().filter(|it| it.denied);
    let found = denied.map(|failure| {
        let resource = between(&failure.message, " on ", &[';', ',']);
        let on = resource.map_or_else(String::new, |it| format!(" on {it}"));
        Found::new(format!(
            "these credentials may not call {}{on}",
            failure.operation
        ))
        .shown_by([format!("not known for that: {}", failure.missing)])
        .shown_by([failure.message.clone()])
        .because("the IAM policy of whoever runs bg leaves it out")
        .mended_by(format!("allow {}{on}", failure.operation))
    });
    found.collect()
}

fn unread(evidence: &Evidence) -> Vec<Found> {
    let unread: Vec<_> = evidence
        .failures
        .iter()
        .filter(|it| !it.denied && !it.no_cluster)
        .collect();
    if unread.is_empty() {
        return Vec::new();
    }
    let found = Found::new("AWS didn't answer everything that was asked")
        .shown_by(
            unread
                .iter()
                .map(|it| format!("not known: {} ({})", it.missing, it.message)),
        )
        .because("throttling, the network, or a trouble of AWS")
        .mended_by("run it again");
    vec![found]
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{first, healthy};
    use super::super::super::{CallFailure, diagnose};

    #[test]
    fn a_denied_call_is_named_with_its_resource() {
        let mut evidence = healthy();
        evidence.failures.push(CallFailure {
            operation: "logs:GetLogEvents".to_owned(),
            denied: true,
            no_cluster: false,
            missing: "the last log lines".to_owned(),
            message: "not allowed: logs:GetLogEvents on arn:x; allow it in the IAM policy"
                .to_owned(),
        });
        let found = diagnose(&evidence).remove(0);
        assert_eq!(
            found.what,
            "these credentials may not call logs:GetLogEvents on arn:x"
        );
        evidence.failures[0].denied = false;
        assert_eq!(first(&evidence), "not-read");
    }

    #[test]
    fn a_cluster_that_does_not_exist_is_not_blamed_on_the_network() {
        let mut evidence = healthy();
        evidence.service = None;
        evidence.tasks.clear();
        let failure = |missing: &str| CallFailure {
            operation: "ecs:DescribeServices".to_owned(),
            denied: false,
            no_cluster: true,
            missing: missing.to_owned(),
            message: "ClusterNotFoundException: Cluster not found.".to_owned(),
        };
        evidence.failures = vec![failure("the service"), failure("its tasks")];
        let found = diagnose(&evidence);
        assert_eq!(found[0].rule, "no-cluster", "{found:?}");
        assert_eq!(
            found[0].what,
            format!("there is no cluster {}", evidence.cluster)
        );
        assert!(found.iter().all(|it| it.rule != "not-read"), "{found:?}");
    }
}
