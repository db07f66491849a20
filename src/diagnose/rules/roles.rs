//! Roles that can't be taken on, or that allow too little.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{between, clock, has};

pub(super) const RULES: &[Rule] = &[
    Rule::said("role-not-assumable", not_assumable),
    Rule::said("execution-role-missing", execution_role_missing),
    Rule::said("service-role", service_role),
    Rule::shown("task-role-denied", task_role_denied),
];

fn not_assumable(evidence: &Evidence) -> Vec<Found> {
    let said = evidence.said(|text| {
        has(
            text,
            &["unable to assume the role", "unable to assume role"],
        ) && !has(text, &["infrastructure role"])
    });
    let found = said.map(|said| {
        let role = between(said.text(), "role '", &['\'']).unwrap_or("of the task definition");
        Found::new(format!("ECS can't take on the role {role}"))
            .shown_by(said.lines())
            .because(
                "it doesn't exist, its trust policy doesn't name ecs-tasks.amazonaws.com, or who \
                 deployed may not pass it",
            )
            .mended_by(
                "look: aws iam get-role --role-name NAME; let its trust policy allow \
                 sts:AssumeRole to ecs-tasks.amazonaws.com, and allow iam:PassRole on it to who \
                 deploys",
            )
    });
    found.into_iter().collect()
}

fn execution_role_missing(evidence: &Evidence) -> Vec<Found> {
    let said =
        evidence.said(|text| has(text, &["requires task definition to have execution role"]));
    let found = said.map(|said| {
        Found::new("the task definition has no execution role, and needs one")
            .shown_by(said.lines())
            .because("on Fargate the agent pulls from ECR, logs and reads secrets with that role")
            .mended_by("set executionRoleArn to a role with AmazonECSTaskExecutionRolePolicy")
    });
    found.into_iter().collect()
}

fn service_role(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "iam permissions policies have been misconfigured",
        "iam trust relationship has been misconfigured",
        "service-linked role",
    ];
    let said = evidence.said(|text| has(text, &words));
    let found = said.map(|said| {
        Found::new("ECS may not manage the service's targets or network interfaces")
            .shown_by(said.lines())
            .because("the role AWSServiceRoleForECS, or the service's own, is missing or changed")
            .mended_by("aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com")
    });
    found.into_iter().collect()
}

/// The program itself says that AWS doesn't let it.
fn task_role_denied(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "accessdenied",
        "is not authorized to perform",
        "unable to locate credentials",
    ];
    let mut tasks = evidence.failed_tasks().into_iter();
    let Some((task, line)) = tasks.find_map(|task| {
        let mut lines = evidence.lines_of(&task.id, None);
        Some((task, lines.find(|line| has(&line.text, &words))?))
    }) else {
        return Vec::new();
    };
    let action = between(&line.text, "to perform: ", &[' ', ',']);
    let definition = evidence.definition.as_ref();
    let role = definition.map_or("", |it| it.text("taskRoleArn"));
    let at = line.at.or(task.ended_at()).map(clock).unwrap_or_default();
    let (what, fix) = match (action, role) {
        (_, "") => (
            "the program calls AWS, and the task has no task role".to_owned(),
            "set taskRoleArn of the task definition to a role that allows what it calls".to_owned(),
        ),
        (Some(action), role) => (
            format!("the task role doesn't allow {action}, which the program calls"),
            format!("allow {action} for {role}"),
        ),
        (None, role) => (
            "the task role doesn't allow what the program calls".to_owned(),
            format!("allow the call that the log names for {role}"),
        ),
    };
    let found = Found::new(what)
        .shown_by([format!("task {} logged at {at}: {}", task.id, line.text)])
        .because("calls of the program are made with the task role, not with the execution role")
        .mended_by(fix);
    vec![found]
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{exited, explains, first, told};

    #[test]
    fn roles_that_ecs_can_t_use_are_named() {
        let text = "failed to launch a task with (error ECS was unable to assume the role \
                    'arn:aws:iam::1:role/x' that was provided for this task. Please verify that \
                    the role being passed has the proper trust relationship and permissions and \
                    that your IAM user has permissions to pass this role.).";
        assert_eq!(first(&told(text)), "role-not-assumable");
        explains(&[(
            "ClientException: Fargate requires task definition to have execution role ARN to \
             support ECR images.",
            "execution-role-missing",
        )]);
        let text = "IAM permissions policies have been misconfigured or changed, and ECS can no \
                    longer maintain the service";
        assert_eq!(first(&told(text)), "service-role");
    }

    #[test]
    fn a_denial_in_the_log_is_the_task_role_s() {
        let line = "botocore.exceptions.ClientError: An error occurred (AccessDenied): User x is \
                    not authorized to perform: s3:GetObject on resource: y";
        let mut evidence = exited(1, "", &["starting", line]);
        assert_eq!(first(&evidence), "task-role-denied");
        evidence.logs.clear();
        assert_eq!(first(&evidence), "exit-error");
    }
}
