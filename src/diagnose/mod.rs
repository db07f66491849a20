//! Why a task, a target or a service is unwell, and what to do about it. Pure: it reads what was
//! collected ([`Evidence`]) and never asks anybody.
//!
//! [`diagnose`] holds the evidence against a table of [`Rule`]s, one file per family in `rules/`.
//! To add one: write a function from the evidence to what it found, give it a name and a [`Rank`]
//! in its family's table, and test it below with the few fields that it reads.

mod definition;
mod evidence;
mod found;
mod recent;
mod rules;
mod task;
#[cfg(test)]
mod testing;

pub use definition::{Container, Definition, LogPlace, stream_name};
pub use evidence::{
    CallFailure, Deployment, Evidence, Group, LogLine, LogRead, LogTail, Network, Registration,
    Scaling, ScalingActivity, Service, ServiceEvent, Target,
};
pub use found::{Found, Rank, Rule};
pub use task::{Agent, Task, TaskContainer};

use crate::deployment::diagnosis::Finding;

/// All rules, in the table's order.
pub fn table() -> impl Iterator<Item = &'static Rule> {
    rules::all()
}

/// Everything that is wrong, the root cause first; nothing where all is well.
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<(Rank, Finding)> = Vec::new();
    for rule in table() {
        let findings = (rule.find)(evidence).into_iter();
        found.extend(findings.map(|it| (rule.rank, it.under(rule.name))));
    }
    // Stable: within a rank the table's order holds.
    found.sort_by_key(|(rank, _)| *rank);
    let is_explained = found.iter().any(|(rank, _)| *rank <= Rank::Shown);
    if is_explained {
        found.retain(|(rank, _)| *rank != Rank::Otherwise);
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::testing::{healthy, stopped};
    use super::*;

    #[test]
    fn a_healthy_service_has_no_findings() {
        assert_eq!(diagnose(&healthy()), []);
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: Vec<_> = table().map(|rule| rule.name).collect();
        let own: BTreeSet<_> = names.iter().collect();
        assert_eq!(own.len(), names.len());
    }

    #[test]
    fn the_cause_comes_before_what_follows_from_it() {
        let mut evidence = healthy();
        let reason = "CannotPullContainerError: pull image manifest has been retried 7 time(s): \
                      failed to resolve ref docker.io/library/shop:v9: not found";
        evidence.tasks = vec![stopped("TaskFailedToStart", reason)];
        let service = evidence.service.as_mut().unwrap();
        service.running = 0;
        service.events.insert(
            0,
            ServiceEvent {
                at: evidence.now,
                text: "(service shop) is unable to consistently start tasks successfully."
                    .to_owned(),
            },
        );
        let rules: Vec<_> = diagnose(&evidence).into_iter().map(|it| it.rule).collect();
        assert_eq!(rules[0], "image-not-found");
        assert!(
            rules.contains(&"cannot-start-consistently".to_owned()),
            "{rules:?}"
        );
    }
}
