//! Secrets, parameters and environment files that a task can't get.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{Said, between, has};
use super::image::{NO_ANSWER, network, way_out};

pub(super) const RULES: &[Rule] = &[
    Rule::said("secret-json-key", json_key),
    Rule::said("secret-denied", denied),
    Rule::said("secrets-unreachable", unreachable),
    Rule::said("parameter-not-found", parameter),
    Rule::said("secret-not-found", not_found),
    Rule::said("environment-file", environment_file),
];

const SECRETS: [&str; 7] = [
    "from asm",
    "from ssm",
    "secrets manager",
    "secretsmanager",
    "ssm parameters",
    "ssm parameter store",
    "ssm:getparameters",
];

fn about(evidence: &Evidence, words: &[&str]) -> Option<(String, Vec<String>)> {
    let said = evidence.said(|text| has(text, &SECRETS) && has(text, words))?;
    Some((name_of(&said), said.lines()))
}

/// The secret that ECS names.
fn name_of(said: &Said<'_>) -> String {
    let marks = [
        "fetch secret ",
        "on resource: ",
        "invalid ssm parameters: ",
        "invalid parameters: ",
    ];
    let named = marks
        .into_iter()
        .find_map(|mark| between(said.text(), mark, &[' ', ';']));
    named.map_or_else(|| "that is asked for".to_owned(), str::to_owned)
}

/// The variables that take their value from `place`, for people.
fn users(evidence: &Evidence, place: &str) -> Vec<String> {
    let containers = evidence.containers();
    containers
        .flat_map(|container| {
            let used = container.secrets().filter(|(_, from)| from.contains(place));
            used.map(move |(name, from)| {
                format!("container {} takes {name} from {from}", container.name())
            })
        })
        .collect()
}

fn not_found(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "resourcenotfoundexception",
        "can't find the specified secret",
    ];
    let found = about(evidence, &words).map(|(name, lines)| {
        let users = users(evidence, &name);
        Found::new(format!("the secret {name} doesn't exist"))
            .shown_by(lines)
            .shown_by(users)
            .because(
                "it was never made in this account and region, was deleted, or its ARN lacks the \
                 six characters that Secrets Manager appends",
            )
            .mended_by(
                "look: aws secretsmanager describe-secret --secret-id NAME; then correct valueFrom \
                 in the container's secrets",
            )
    });
    found.into_iter().collect()
}

fn json_key(evidence: &Evidence) -> Vec<Found> {
    let words = ["did not contain json key", "looking for beginning of value"];
    let Some((_, lines)) = about(evidence, &words) else {
        return Vec::new();
    };
    let key = lines
        .iter()
        .find_map(|line| between(line, "did not contain json key ", &[' ', ',', '.']));
    let what = match key {
        Some(key) => format!("the secret has no JSON key {key}"),
        None => "the secret is no JSON, and a key of it is asked for".to_owned(),
    };
    let mut users = users(evidence, key.unwrap_or(":::"));
    users.truncate(3);
    let found = Found::new(what)
        .shown_by(lines)
        .shown_by(users)
        .because("valueFrom ends in `:KEY::`, and the secret's value has no such key")
        .mended_by(
            "look: aws secretsmanager get-secret-value --secret-id NAME --query SecretString; add \
             the key to the secret, or correct it in valueFrom",
        );
    vec![found]
}

fn parameter(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "invalid ssm parameters",
        "invalid parameters",
        "parameternotfound",
    ];
    let found = about(evidence, &words).map(|(name, lines)| {
        let users = users(evidence, &name);
        Found::new(format!("the parameter {name} doesn't exist"))
            .shown_by(lines)
            .shown_by(users)
            .because("it was never made in this account and region, or its name is misspelt")
            .mended_by(format!(
                "look: aws ssm get-parameter --name {name}; then create it, or correct valueFrom \
                 in the container's secrets"
            ))
    });
    found.into_iter().collect()
}

fn denied(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "accessdenied",
        "not authorized to perform",
        "access to kms is not allowed",
    ];
    let Some((name, lines)) = about(evidence, &words) else {
        return Vec::new();
    };
    let key = lines.iter().any(|line| has(line, &["kms"]));
    let action = lines
        .iter()
        .find_map(|line| between(line, "not authorized to perform: ", &[' ', ',']));
    let action = match (key, action) {
        (true, _) => "kms:Decrypt",
        (false, Some(action)) => action,
        (false, None) => "secretsmanager:GetSecretValue",
    };
    let definition = evidence.definition.as_ref();
    let role = definition.map_or("", |it| it.text("executionRoleArn"));
    let role = if role.is_empty() {
        "the execution role"
    } else {
        role
    };
    let on = if key {
        "the key that encrypts it"
    } else {
        name.as_str()
    };
    let found = Found::new(format!("the execution role may not read the secret {name}"))
        .shown_by(lines.clone())
        .because(
            "secrets are read by the execution role, not by the task role; a key of one's own asks \
             for kms:Decrypt besides",
        )
        .mended_by(format!("allow {action} on {on} for {role}"));
    vec![found]
}

fn unreachable(evidence: &Evidence) -> Vec<Found> {
    let found = about(evidence, &NO_ANSWER).map(|(_, lines)| {
        Found::new("tasks can't reach Secrets Manager or Parameter Store")
            .shown_by(lines)
            .shown_by(network(evidence))
            .because("their subnets have no route out, or a security group lets no HTTPS out")
            .mended_by(way_out(evidence, true))
    });
    found.into_iter().collect()
}

fn environment_file(evidence: &Evidence) -> Vec<Found> {
    let said = evidence.said(|text| has(text, &["failed to download env file"]));
    let found = said.map(|said| {
        Found::new("an environment file can't be read from S3")
            .shown_by(said.lines())
            .because("it isn't there, or the execution role may not read it")
            .mended_by(
                "look: aws s3 ls OBJECT; allow s3:GetObject on it and s3:GetBucketLocation on its \
                 bucket for the execution role",
            )
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::diagnose;
    use super::super::super::testing::{explains, not_started};

    const BEGIN: &str = "ResourceInitializationError: unable to pull secrets or registry auth: \
                         execution resource retrieval failed: unable to retrieve ";

    #[test]
    fn each_way_of_not_getting_a_secret_is_told_apart() {
        let retried = "service call has been retried 1 time(s)";
        let table = [
            (
                format!(
                    "{BEGIN}secret from asm: {retried}: failed to fetch secret \
                     arn:aws:secretsmanager:eu-west-1:1:secret:shop from secrets manager: \
                     ResourceNotFoundException: Secrets Manager can't find the specified secret."
                ),
                "secret-not-found",
            ),
            (
                format!(
                    "{BEGIN}secret from asm: {retried}: retrieved secret from Secrets Manager did \
                     not contain json key password"
                ),
                "secret-json-key",
            ),
            (
                format!(
                    "{BEGIN}secret from asm: {retried}: invalid character 'h' looking for \
                     beginning of value"
                ),
                "secret-json-key",
            ),
            (
                format!("{BEGIN}secrets from ssm: {retried}: invalid ssm parameters: /shop/dsn"),
                "parameter-not-found",
            ),
            (
                format!(
                    "{BEGIN}secrets from ssm: {retried}: AccessDeniedException: User: \
                     arn:aws:sts::1:assumed-role/x is not authorized to perform: \
                     ssm:GetParameters on resource: arn:aws:ssm:eu-west-1:1:parameter/shop/dsn"
                ),
                "secret-denied",
            ),
            (
                format!(
                    "{BEGIN}secret from asm: {retried}: failed to fetch secret arn:x from secrets \
                     manager: AccessDeniedException: Access to KMS is not allowed"
                ),
                "secret-denied",
            ),
            (
                format!(
                    "{BEGIN}secret from asm: service call has been retried 5 time(s): failed to \
                     fetch secret arn:x from secrets manager: RequestCanceled: request context \
                     canceled caused by: context deadline exceeded"
                ),
                "secrets-unreachable",
            ),
            (
                "ResourceInitializationError: failed to download env files: file download command: \
                 non empty error stream: AccessDenied"
                    .to_owned(),
                "environment-file",
            ),
        ];
        let table = table.each_ref().map(|(text, rule)| (text.as_str(), *rule));
        explains(&table);
    }

    #[test]
    fn the_variable_that_asks_for_it_is_named() {
        let reason = format!(
            "{BEGIN}secrets from ssm: service call has been retried 1 time(s): invalid ssm \
             parameters: /shop/dsn"
        );
        let mut evidence = not_started(&reason);
        let definition = evidence.definition.as_mut().unwrap();
        definition.body["containerDefinitions"][0]["secrets"] =
            json!([{ "name": "DSN", "valueFrom": "/shop/dsn" }]);
        let found = diagnose(&evidence).remove(0);
        let line = "container app takes DSN from /shop/dsn";
        assert!(found.evidence.iter().any(|it| it == line), "{found:?}");
    }
}
