//! Secrets and parameters that containers and their logs name: they exist, as far as can be told
//! without reading them.

use serde_json::Value;

use super::facts::{Answer, Asks, Decision, Facts, InRegion, Right, SecretFound};
use super::subject::{Subject, list, text};
use crate::deployment::verification::{Check, Verdict};

const SECRET: &str = "secret";
const PARAMETER: &str = "parameter";
/// The version that is meant where none is named.
const CURRENT: &str = "AWSCURRENT";

/// Something that a container takes a value from.
struct Used<'a> {
    what: String,
    place: Place<'a>,
}

/// Where a value is.
enum Place<'a> {
    /// Secrets Manager.
    Secret {
        id: InRegion,
        /// A field of its value.
        key: &'a str,
        stage: &'a str,
        version: &'a str,
    },
    /// Systems Manager's parameters; the name without a leading `/`.
    Parameter { id: InRegion, account: &'a str },
}

impl<'a> Place<'a> {
    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:KEY:STAGE:VERSION]`,
    /// `arn:aws:ssm:REGION:ACCOUNT:parameter/NAME`, or a parameter's name.
    fn of(from: &'a str, subject: &'a Subject) -> Place<'a> {
        let parts: Vec<&str> = from.splitn(10, ':').collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or_default();
        let in_region = |region: &str, name: &str| InRegion {
            region: region.to_owned(),
            name: name.to_owned(),
        };
        match (part(0), part(2)) {
            ("arn", "secretsmanager") => Place::Secret {
                id: in_region(part(3), &parts[..parts.len().min(7)].join(":")),
                key: part(7),
                stage: part(8),
                version: part(9),
            },
            ("arn", "ssm") => Place::Parameter {
                id: in_region(part(3), part(5).trim_start_matches("parameter/")),
                account: part(4),
            },
            _ => Place::Parameter {
                id: in_region(&subject.region, from.trim_start_matches('/')),
                account: &subject.account,
            },
        }
    }

    /// What the execution role has to be allowed.
    fn right(&self, subject: &Subject) -> Option<Right> {
        let (action, resource) = match self {
            Place::Secret { id, .. } if id.name.starts_with("arn:") => {
                ("secretsmanager:GetSecretValue", id.name.clone())
            }
            Place::Secret { .. } => return None,
            Place::Parameter { id, account } => {
                let InRegion { region, name } = id;
                let partition = subject.partition();
                let arn = format!("arn:{partition}:ssm:{region}:{account}:parameter/{name}");
                ("ssm:GetParameters", arn)
            }
        };
        Some(Right {
            role: subject.execution_role()?,
            action,
            resource,
        })
    }
}

fn used(subject: &Subject) -> Vec<Used<'_>> {
    let mut used = Vec::new();
    let named = |whose: &str, secret: &Value| format!("{} of {whose}", text(secret, "name"));
    for (whose, log) in subject.logs() {
        used.extend(list(log, "secretOptions").iter().map(|secret| Used {
            what: named(whose, secret),
            place: Place::of(text(secret, "valueFrom"), subject),
        }));
    }
    for (whose, arn) in subject.credential_specs() {
        let place = Place::of(arn, subject);
        if arn.split(':').nth(2) == Some("ssm") {
            used.push(Used {
                what: format!("credential spec of {whose}"),
                place,
            });
        }
    }
    for container in subject.containers() {
        let name = text(container, "name");
        used.extend(list(container, "secrets").iter().map(|secret| Used {
            what: named(name, secret),
            place: Place::of(text(secret, "valueFrom"), subject),
        }));
        let credentials = container.pointer("/repositoryCredentials/credentialsParameter");
        if let Some(credentials) = credentials.and_then(Value::as_str) {
            let place = match Place::of(credentials, subject) {
                secret @ Place::Secret { .. } => secret,
                Place::Parameter { id, .. } => Place::Secret {
                    id,
                    key: "",
                    stage: "",
                    version: "",
                },
            };
            used.push(Used {
                what: format!("registry credentials of {name}"),
                place,
            });
        }
    }
    used
}

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    for Used { place, .. } in used(subject) {
        asks.rights.extend(place.right(subject));
        match place {
            Place::Secret { id, .. } => asks.secrets.insert(id),
            // Another account doesn't tell, and IAM of this one knows nothing of it.
            Place::Parameter { account, .. } if account != subject.account => false,
            Place::Parameter { id, .. } => asks.parameters.insert(id),
        };
    }
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let used = used(subject).into_iter();
    let values = used.map(|it| {
        let check = match &it.place {
            Place::Secret {
                id,
                key,
                stage,
                version,
            } => secret(facts, &it.what, id, (key, stage, version)),
            Place::Parameter { id, account } => parameter(subject, facts, &it.what, id, account),
        };
        let may = it.place.right(subject);
        readable(
            check,
            may.and_then(|right| Some((facts.rights.get(&right)?, right))),
        )
    });
    values.collect()
}

fn secret(
    facts: &Facts,
    what: &str,
    id: &InRegion,
    (key, stage, version): (&str, &str, &str),
) -> Check {
    let InRegion { region, name } = id;
    let shown = name.rsplit(':').next().unwrap_or(name);
    let look = format!("aws secretsmanager describe-secret --secret-id {name} --region {region}");
    let ng = |reason: String, fix: String| Check::ng(SECRET, what, reason, fix);
    let missing = || {
        ng(
            format!("there is no secret {shown} in {region}"),
            "create it, or correct valueFrom in the task definition; an ARN ends in six characters \
             that Secrets Manager appends"
                .to_owned(),
        )
    };
    let answer = facts.secrets.get(id);
    let found = match Answer::or_check(answer, SECRET, what, missing) {
        Ok(found) => found,
        Err(check) => return check,
    };
    if found.is_deleted {
        return ng(
            format!("the secret {shown} is to be deleted, and can't be read any more"),
            format!("aws secretsmanager restore-secret --secret-id {name} --region {region}"),
        );
    }
    match lacking(found, stage, version) {
        Some(lacking) => ng(format!("the secret {shown} has no {lacking}"), look),
        None if key.is_empty() => Check::ok(SECRET, what, format!("{shown} exists")),
        None => Check::ok(
            SECRET,
            what,
            format!(
                "{shown} exists; whether it has the key {key} only its value says, which isn't read"
            ),
        ),
    }
}

/// The version that is asked for and isn't there.
fn lacking(found: &SecretFound, stage: &str, version: &str) -> Option<String> {
    let has = |stage: &str, stages: &[String]| stages.iter().any(|it| it == stage);
    if !version.is_empty() {
        let stages = found.versions.get(version);
        let there = stages.is_some_and(|it| stage.is_empty() || has(stage, it));
        return (!there).then(|| format!("version {version}"));
    }
    let stage = if stage.is_empty() { CURRENT } else { stage };
    match found.versions.values().any(|stages| has(stage, stages)) {
        true => None,
        false if found.versions.is_empty() => Some("value yet".to_owned()),
        false => Some(format!("version with the label {stage}")),
    }
}

fn parameter(subject: &Subject, facts: &Facts, what: &str, id: &InRegion, account: &str) -> Check {
    let InRegion { region, name } = id;
    // In a folder its name begins with /.
    let folder = if name.contains('/') { "/" } else { "" };
    let shown = format!("{folder}{name}");
    if account != subject.account {
        let why = format!("{shown} is of account {account}, which isn't asked");
        return Check::skip(PARAMETER, what, why);
    }
    let missing = || {
        Check::ng(
            PARAMETER,
            what,
            format!("there is no parameter {shown} in {region}"),
            "create it, or correct valueFrom in the task definition",
        )
    };
    let answer = facts.parameters.get(id);
    match Answer::or_check(answer, PARAMETER, what, missing) {
        Ok(()) => Check::ok(PARAMETER, what, format!("{shown} exists")),
        Err(check) => check,
    }
}

/// Of something that is there: whether the execution role may read it, too.
fn readable(check: Check, may: Option<(&Answer<Decision>, Right)>) -> Check {
    let Some((answer, right)) = may.filter(|_| check.verdict == Verdict::Ok) else {
        return check;
    };
    let Check {
        kind, what, reason, ..
    } = check;
    let Right { role, action, .. } = right;
    let fix = format!("allow {role} {action} on it");
    match answer {
        Answer::Found(Decision::Allowed) | Answer::Missing => Check::ok(kind, what, reason),
        Answer::Found(Decision::NotAllowed) if kind == SECRET => Check::skip(
            kind,
            what,
            format!(
                "{reason}; the execution role's policies don't allow {action}, and whether the \
                 secret's own does isn't looked at"
            ),
        ),
        Answer::Found(_) => Check::ng(
            kind,
            what,
            format!("{reason}, and the execution role may not read it: {action} isn't allowed"),
            fix,
        ),
        Answer::Unknown(why) => Check::ok(
            kind,
            what,
            format!("{reason}; whether the execution role may read it can't be told: {why}"),
        ),
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
