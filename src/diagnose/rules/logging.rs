//! Log drivers that can't begin.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::image::{NO_ANSWER, network, way_out};
use crate::diagnose::LogPlace;

pub(super) const RULES: &[Rule] = &[
    Rule::said("log-denied", denied),
    Rule::said("log-group-missing", missing),
    Rule::said("log-options", options),
    Rule::said("logs-unreachable", unreachable),
];

fn about(evidence: &Evidence, words: &[&str]) -> Option<Vec<String>> {
    let logging = [
        "failed to validate logger args",
        "failed to create cloudwatch log",
        "failed to initialize logging driver",
        "log group does not exist",
    ];
    let said = evidence.said(|text| has(text, &logging) && has(text, words))?;
    Some(said.lines())
}

/// The log groups that the definition names.
fn groups(evidence: &Evidence) -> String {
    let containers = evidence.containers();
    let mut groups: Vec<&str> = containers
        .filter_map(|container| match container.logs() {
            LogPlace::CloudWatch { group, .. } => Some(group),
            _ => None,
        })
        .collect();
    groups.dedup();
    match groups.is_empty() {
        true => "GROUP".to_owned(),
        false => groups.join(", "),
    }
}

fn missing(evidence: &Evidence) -> Vec<Found> {
    let words = ["log group does not exist", "resourcenotfoundexception"];
    let found = about(evidence, &words).map(|lines| {
        let groups = groups(evidence);
        Found::new(format!("the log group {groups} doesn't exist"))
            .shown_by(lines)
            .because("nobody made it, and awslogs-create-group isn't set")
            .mended_by(format!(
                "aws logs create-log-group --log-group-name {groups}; or set awslogs-create-group \
                 to \"true\" and allow logs:CreateLogGroup for the execution role"
            ))
    });
    found.into_iter().collect()
}

fn denied(evidence: &Evidence) -> Vec<Found> {
    let found = about(evidence, &["accessdenied", "not authorized"]).map(|lines| {
        let definition = evidence.definition.as_ref();
        let role = definition.map_or("", |it| it.text("executionRoleArn"));
        Found::new(format!(
            "tasks may not write to the log group {}",
            groups(evidence)
        ))
        .shown_by(lines)
        .because("the execution role lacks the permission to log")
        .mended_by(format!(
            "allow logs:CreateLogStream and logs:PutLogEvents (with awslogs-create-group also \
                 logs:CreateLogGroup) for {}",
            if role.is_empty() {
                "the execution role"
            } else {
                role
            }
        ))
    });
    found.into_iter().collect()
}

fn options(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "is required",
        "unknown log opt",
        "unable to get awslogs driver",
    ];
    let found = about(evidence, &words).map(|lines| {
        Found::new("the log driver's options are wrong")
            .shown_by(lines)
            .because("an option is missing or unknown")
            .mended_by(
                "awslogs needs awslogs-group, awslogs-region and, on Fargate, \
                 awslogs-stream-prefix in logConfiguration.options",
            )
    });
    found.into_iter().collect()
}

fn unreachable(evidence: &Evidence) -> Vec<Found> {
    let words = [&NO_ANSWER[..], &["signal: killed"]].concat();
    let found = about(evidence, &words).map(|lines| {
        Found::new("tasks can't reach CloudWatch Logs")
            .shown_by(lines)
            .shown_by(network(evidence))
            .because("their subnets have no route out, or a security group lets no HTTPS out")
            .mended_by(way_out(evidence, true))
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::explains;

    #[test]
    fn each_way_of_not_logging_is_told_apart() {
        explains(&[
            (
                "ResourceInitializationError: failed to validate logger args: create stream has \
                 been retried 1 times: failed to create Cloudwatch log stream: \
                 ResourceNotFoundException: The specified log group does not exist. : exit status 1",
                "log-group-missing",
            ),
            (
                "ResourceInitializationError: failed to validate logger args: create stream has \
                 been retried 1 times: failed to create Cloudwatch log stream: \
                 AccessDeniedException: User: arn:aws:sts::1:assumed-role/x is not authorized to \
                 perform: logs:CreateLogStream on resource: arn:x",
                "log-denied",
            ),
            (
                "ResourceInitializationError: failed to validate logger args: unable to get \
                 awslogs driver arguments: awslogs-region is required",
                "log-options",
            ),
            (
                "ResourceInitializationError: failed to validate logger args: The task cannot find \
                 the Amazon CloudWatch log group defined in the task definition. There is a \
                 connection issue between the task and Amazon CloudWatch. Check your network \
                 configuration. : signal: killed",
                "logs-unreachable",
            ),
        ]);
    }
}
