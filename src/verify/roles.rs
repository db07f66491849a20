//! Roles: they exist, and trust who is to assume them.

use serde_json::Value;

use super::facts::{Answer, Asks, Facts};
use super::subject::{Subject, list, text, texts};
use crate::deployment::task_definition::{EcrImage, Launch};
use crate::deployment::verification::Check;

const KIND: &str = "role";
const TASKS: &str = "ecs-tasks.amazonaws.com";

/// A role that the version needs.
struct Needed<'a> {
    what: String,
    /// A name, or an ARN.
    role: &'a str,
    /// Who has to be trusted.
    service: &'static str,
}

fn needed(subject: &Subject) -> Vec<Needed<'_>> {
    let of_tasks = [
        ("execution role", "executionRoleArn"),
        ("task role", "taskRoleArn"),
    ];
    let of_tasks = of_tasks.into_iter().map(|(what, key)| Needed {
        what: what.to_owned(),
        role: text(&subject.definition, key),
        service: TASKS,
    });
    let volumes = list(&subject.service, "volumeConfigurations").iter();
    let of_volumes = volumes.filter_map(|volume| {
        Some(Needed {
            what: format!("role of volume {}", text(volume, "name")),
            role: text(volume.get("managedEBSVolume")?, "roleArn"),
            service: "ecs.amazonaws.com",
        })
    });
    let of_switch = subject.switch.iter().map(|role| Needed {
        what: "role of the dead-man switch".to_owned(),
        role: role.as_str(),
        service: "scheduler.amazonaws.com",
    });
    let all = of_tasks.chain(of_volumes).chain(of_switch);
    all.filter(|it| !it.role.is_empty()).collect()
}

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    let roles = needed(subject).into_iter();
    asks.roles.extend(roles.map(|it| name(it.role).to_owned()));
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let needed = needed(subject).into_iter();
    let roles = needed.map(|it| role(subject, facts, &it));
    no_execution_role(subject)
        .into_iter()
        .chain(roles)
        .collect()
}

fn role(subject: &Subject, facts: &Facts, needed: &Needed<'_>) -> Check {
    let (name, service) = (name(needed.role), needed.service);
    let missing = || {
        Check::ng(
            KIND,
            &needed.what,
            format!("there is no role {name} in account {}", subject.account),
            format!("create it, trusting {service}, or correct its ARN"),
        )
    };
    let answer = facts.roles.get(name);
    let document = match Answer::or_check(answer, KIND, &needed.what, missing) {
        Ok(document) => document,
        Err(check) => return check,
    };
    match trust(document, service, subject) {
        Ok(()) => Check::ok(
            KIND,
            &needed.what,
            format!("{name} exists and trusts {service}"),
        ),
        Err(why) => Check::ng(
            KIND,
            &needed.what,
            format!("{name} {why}"),
            format!(
                "let it: aws iam update-assume-role-policy --role-name {name}, with {service} as \
                 Service of a Principal for sts:AssumeRole"
            ),
        ),
    }
}

/// What a task definition without an execution role can't do.
fn no_execution_role(subject: &Subject) -> Option<Check> {
    if subject.execution_role().is_some() {
        return None;
    }
    let any = |of: &dyn Fn(&Value) -> bool| subject.containers().any(of);
    let fargate = subject.launch == Launch::Fargate;
    let secret_options = |(_, log): (&str, &Value)| !list(log, "secretOptions").is_empty();
    let secrets = subject.logs().any(secret_options)
        || any(&|it| {
            !list(it, "secrets").is_empty()
                || it
                    .get("repositoryCredentials")
                    .is_some_and(Value::is_object)
        });
    let image = fargate && any(&|it| EcrImage::parse(text(it, "image")).is_some());
    let logs = fargate
        && subject
            .logs()
            .any(|(_, log)| text(log, "logDriver") == "awslogs");
    let needs = [
        (secrets, "gets the secrets"),
        (image, "pulls from ECR"),
        (logs, "writes to CloudWatch Logs"),
    ];
    let needs = needs.into_iter().filter(|(needs, _)| *needs);
    let needs: Vec<&str> = needs.map(|(_, what)| what).collect();
    (!needs.is_empty()).then(|| {
        Check::ng(
            KIND,
            "execution role",
            format!(
                "none is set, and it is the one that {}",
                needs.join(" and ")
            ),
            "set executionRoleArn in the task definition",
        )
    })
}

/// The name at the end of an ARN, behind its path.
fn name(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

/// Whether a trust policy lets `service` assume the role for tasks of this account and region.
fn trust(document: &Value, service: &str, subject: &Subject) -> Result<(), String> {
    let one = document.get("Statement").filter(|it| it.is_object());
    let statements = list(document, "Statement").iter().chain(one);
    let assumes = |action: &str| ["sts:AssumeRole", "sts:*", "*"].contains(&action);
    let mut of_service = statements.filter(|statement| {
        let principal = statement.get("Principal");
        let services = texts(principal.and_then(|it| it.get("Service")));
        let anybody = texts(principal);
        text(statement, "Effect") == "Allow"
            && texts(statement.get("Action")).into_iter().any(assumes)
            && (services.contains(&service) || anybody.contains(&"*"))
    });
    let mut why = format!("doesn't trust {service}");
    let found = of_service.find(|statement| match broken(statement, subject) {
        None => true,
        Some(condition) => {
            why = format!("trusts {service} only where {condition}");
            false
        }
    });
    found.map(|_| ()).ok_or(why)
}

/// The condition on who asks that tasks of this account and region can't meet. Others are not
/// judged.
fn broken(statement: &Value, subject: &Subject) -> Option<String> {
    let conditions = statement.get("Condition").and_then(Value::as_object);
    let tests = conditions.into_iter().flatten();
    let tests = tests.filter_map(|(operator, keys)| Some((operator, keys.as_object()?)));
    let fits = |key: &str, pattern: &str| match key.to_lowercase().as_str() {
        "aws:sourceaccount" => matches(pattern, &subject.account),
        "aws:sourcearn" => {
            let mut parts = pattern.split(':').skip(3);
            let mut next = |own: &str| parts.next().is_none_or(|part| matches(part, own));
            next(&subject.region) && next(&subject.account)
        }
        _ => true,
    };
    tests
        .filter(|(operator, _)| !operator.contains("Not"))
        .flat_map(|(_, keys)| keys)
        .find(|(key, values)| {
            let values = texts(Some(values));
            !values.is_empty() && !values.iter().any(|value| fits(key, value))
        })
        .map(|(key, values)| format!("{key} is {}", texts(Some(values)).join(" or ")))
}

/// Whether `text` is what a pattern with `*` means.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(before) else {
        return false;
    };
    loop {
        if matches(after, rest) {
            return true;
        }
        let mut letters = rest.chars();
        if letters.next().is_none() {
            return false;
        }
        rest = letters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{judged, subject};
    use super::*;
    use crate::deployment::verification::Verdict;

    fn trusting(statement: &Value) -> Answer<Value> {
        Answer::Found(json!({ "Version": "2012-10-17", "Statement": [statement] }))
    }

    fn execution(answer: Answer<Value>) -> Check {
        let facts = Facts {
            roles: [("exec".to_owned(), answer)].into(),
            ..Facts::default()
        };
        judged(&judge(&subject(), &facts), "execution role")
    }

    fn allow() -> Value {
        json!({ "Effect": "Allow", "Principal": { "Service": TASKS }, "Action": "sts:AssumeRole" })
    }

    #[test]
    fn a_role_is_there_and_trusts_ecs() {
        let check = execution(trusting(&allow()));
        assert_eq!(check.verdict, Verdict::Ok);
        assert_eq!(
            check.reason,
            "exec exists and trusts ecs-tasks.amazonaws.com"
        );
        let check = execution(Answer::Missing);
        assert_eq!(check.verdict, Verdict::Ng);
        assert_eq!(
            check.reason,
            "there is no role exec in account 123456789012"
        );
        let check = execution(Answer::Unknown("not allowed: iam:GetRole".to_owned()));
        assert_eq!(check.verdict, Verdict::Skip);
    }

    #[test]
    fn who_else_is_trusted_is_of_no_use() {
        let mut other = allow();
        other["Principal"]["Service"] = json!(["ec2.amazonaws.com", "ecs.amazonaws.com"]);
        let check = execution(trusting(&other));
        assert_eq!(check.verdict, Verdict::Ng);
        assert_eq!(check.reason, "exec doesn't trust ecs-tasks.amazonaws.com");
        let mut denied = allow();
        denied["Effect"] = json!("Deny");
        assert_eq!(execution(trusting(&denied)).verdict, Verdict::Ng);
    }

    #[test]
    fn a_condition_is_judged_as_far_as_it_names_account_and_region() {
        let under = |condition: Value| {
            let mut statement = allow();
            statement["Condition"] = condition;
            execution(trusting(&statement))
        };
        let own = json!({
            "StringEquals": { "aws:SourceAccount": "123456789012" },
            "ArnLike": { "aws:SourceArn": "arn:aws:ecs:eu-*:123456789012:*" },
        });
        assert_eq!(under(own).verdict, Verdict::Ok);
        let check = under(json!({ "StringEquals": { "aws:SourceAccount": "210987654321" } }));
        assert_eq!(check.verdict, Verdict::Ng);
        assert!(check.reason.ends_with("aws:SourceAccount is 210987654321"));
        let arn = json!({ "ArnLike": { "aws:SourceArn": "arn:aws:ecs:us-east-1:*:*" } });
        assert_eq!(under(arn).verdict, Verdict::Ng);
        let unknown = json!({ "StringEquals": { "aws:PrincipalTag/team": "shop" } });
        assert_eq!(under(unknown).verdict, Verdict::Ok);
    }

    #[test]
    fn the_role_of_a_volume_is_one_that_ecs_assumes() {
        let mut subject = subject();
        let role = "arn:aws:iam::123456789012:role/ebs";
        subject.service = json!({ "volumeConfigurations": [
            { "name": "data", "managedEBSVolume": { "roleArn": role } },
        ]});
        let facts = Facts {
            roles: [("ebs".to_owned(), trusting(&allow()))].into(),
            ..Facts::default()
        };
        let check = judged(&judge(&subject, &facts), "role of volume data");
        assert_eq!(check.reason, "ebs doesn't trust ecs.amazonaws.com");
    }

    #[test]
    fn without_an_execution_role_nothing_fetches_secrets_images_and_logs() {
        let mut subject = subject();
        let without = subject.definition.as_object_mut().unwrap();
        without.remove("executionRoleArn");
        let check = judged(&judge(&subject, &Facts::default()), "execution role");
        assert_eq!(check.verdict, Verdict::Ng);
        assert_eq!(
            check.reason,
            "none is set, and it is the one that gets the secrets and pulls from ECR and writes to \
             CloudWatch Logs"
        );
        subject.launch = Launch::Ec2;
        subject.definition["containerDefinitions"][0]["secrets"] = json!([]);
        assert!(judge(&subject, &Facts::default()).is_empty());
    }
}
