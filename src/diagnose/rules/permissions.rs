//! What the collecting itself was not let see.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::between;

pub(super) const RULES: &[Rule] = &[
    Rule::follows("not-allowed", denied),
    Rule::follows("not-read", unread),
];

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
    let unread: Vec<_> = evidence.failures.iter().filter(|it| !it.denied).collect();
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
}
