//! ECS Exec: the task role lets its agent open the channels that a session runs through.

use serde_json::Value;

use super::facts::{Answer, Asks, Decision, Facts, Right};
use super::subject::Subject;
use crate::deployment::task_definition::Launch;
use crate::deployment::verification::Check;

const KIND: &str = "role";
const WHAT: &str = "ECS Exec";
/// What the agent asks of Systems Manager. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>
const CHANNELS: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

fn is_on(subject: &Subject) -> bool {
    subject.service.get("enableExecuteCommand") == Some(&Value::Bool(true))
}

fn rights(role: &str) -> [Right; 4] {
    CHANNELS.map(|action| Right {
        role: role.to_owned(),
        action,
        resource: "*".to_owned(),
    })
}

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    let role = subject.task_role().filter(|_| is_on(subject));
    asks.rights
        .extend(role.iter().flat_map(|role| rights(role)));
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Option<Check> {
    if !is_on(subject) {
        return None;
    }
    let Some(role) = subject.task_role() else {
        return Some(no_role(subject.launch));
    };
    let answers = rights(&role).map(|right| facts.rights.get(&right).cloned());
    let refused: Vec<&str> = CHANNELS
        .into_iter()
        .zip(&answers)
        .filter(|(_, answer)| {
            matches!(
                answer,
                Some(Answer::Found(Decision::NotAllowed | Decision::Refused))
            )
        })
        .map(|(action, _)| action)
        .collect();
    let name = role.rsplit('/').next().unwrap_or(&role);
    let unknown = answers.iter().find_map(|answer| match answer {
        Some(Answer::Unknown(why)) => Some(why.as_str()),
        Some(Answer::Missing) | None => Some("nobody asked"),
        Some(Answer::Found(_)) => None,
    });
    Some(match (refused.is_empty(), unknown) {
        (false, _) => Check::ng(
            KIND,
            WHAT,
            format!(
                "it is enabled, and {name} doesn't allow {}: `aws ecs execute-command` fails",
                refused.join(", ")
            ),
            format!("allow {name} {} on *", CHANNELS.join(", ")),
        ),
        (true, Some(why)) => Check::skip(
            KIND,
            WHAT,
            format!("whether {name} allows its channels can't be told: {why}"),
        ),
        (true, None) => Check::ok(KIND, WHAT, format!("{name} allows its channels")),
    })
}

/// On an instance the agent falls back on the instance's own role.
fn no_role(launch: Launch) -> Check {
    match launch {
        Launch::Fargate => Check::ng(
            KIND,
            WHAT,
            "it is enabled, and the task definition has no task role: `aws ecs execute-command` fails",
            format!(
                "set taskRoleArn to a role that allows {}",
                CHANNELS.join(", ")
            ),
        ),
        Launch::Ec2 => Check::skip(
            KIND,
            WHAT,
            "without a task role the instances' role has to allow its channels, which isn't asked",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::subject;
    use super::*;
    use crate::deployment::verification::Verdict;

    fn with(answer: &dyn Fn(&Right) -> Option<Answer<Decision>>) -> Check {
        let mut subject = subject();
        subject.service = json!({ "enableExecuteCommand": true });
        subject.definition["taskRoleArn"] = json!("shop");
        let mut wanted = Asks::default();
        asks(&subject, &mut wanted);
        assert_eq!(wanted.rights.len(), CHANNELS.len());
        let rights = wanted.rights.into_iter();
        let facts = Facts {
            rights: rights
                .filter_map(|it| Some((it.clone(), answer(&it)?)))
                .collect(),
            ..Facts::default()
        };
        judge(&subject, &facts).expect("a check")
    }

    #[test]
    fn the_task_role_allows_every_channel() {
        let check = with(&|_| Some(Answer::Found(Decision::Allowed)));
        assert_eq!(check.verdict, Verdict::Ok);
        assert_eq!(check.reason, "shop allows its channels");
    }

    #[test]
    fn the_channels_that_it_may_not_open_are_named() {
        let check = with(&|right| {
            Some(Answer::Found(match right.action.ends_with("DataChannel") {
                true => Decision::NotAllowed,
                false => Decision::Allowed,
            }))
        });
        assert_eq!(check.verdict, Verdict::Ng);
        assert!(
            check
                .reason
                .contains("ssmmessages:CreateDataChannel, ssmmessages:OpenDataChannel:"),
            "{}",
            check.reason
        );
    }

    #[test]
    fn what_nobody_can_tell_is_skipped() {
        let denied = || Answer::Unknown("not allowed: iam:SimulatePrincipalPolicy".to_owned());
        let check = with(&|_| Some(denied()));
        assert_eq!(check.verdict, Verdict::Skip);
        assert!(check.reason.ends_with("iam:SimulatePrincipalPolicy"));
        assert_eq!(with(&|_| None).verdict, Verdict::Skip);
    }

    #[test]
    fn without_a_task_role_it_depends_on_where_the_tasks_run() {
        let mut subject = subject();
        assert_eq!(judge(&subject, &Facts::default()), None);
        subject.service = json!({ "enableExecuteCommand": true });
        let judged = |subject: &Subject| judge(subject, &Facts::default()).expect("a check");
        assert_eq!(judged(&subject).verdict, Verdict::Ng);
        subject.launch = Launch::Ec2;
        assert_eq!(judged(&subject).verdict, Verdict::Skip);
    }
}
