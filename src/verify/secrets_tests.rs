//! What comes of a container's secrets and parameters.

use serde_json::json;

use super::super::testing::{judged, subject};
use super::*;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-a1B2c3";

fn current() -> SecretFound {
    SecretFound {
        is_deleted: false,
        versions: [("v1".to_owned(), vec![CURRENT.to_owned()])].into(),
    }
}

/// What comes of a container's one secret.
fn taking(from: &str, found: &SecretFound, may: &Answer<Decision>) -> Check {
    let mut subject = subject();
    subject.definition["containerDefinitions"][0]["secrets"] =
        json!([{ "name": "KEY", "valueFrom": from }]);
    let mut wanted = Asks::default();
    asks(&subject, &mut wanted);
    let facts = Facts {
        secrets: wanted
            .secrets
            .into_iter()
            .map(|it| (it, Answer::Found(found.clone())))
            .collect(),
        parameters: wanted
            .parameters
            .into_iter()
            .map(|it| {
                let there = match it.name.contains("missing") {
                    true => Answer::Missing,
                    false => Answer::Found(()),
                };
                (it, there)
            })
            .collect(),
        rights: wanted
            .rights
            .into_iter()
            .map(|it| (it, may.clone()))
            .collect(),
        ..Facts::default()
    };
    judged(&judge(&subject, &facts), "KEY of app")
}

fn allowed() -> Answer<Decision> {
    Answer::Found(Decision::Allowed)
}

#[test]
fn a_secret_needs_the_version_that_is_asked_for() {
    let of = |from: &str| taking(from, &current(), &allowed());
    assert_eq!(of(ARN).verdict, Verdict::Ok);
    assert_eq!(of(&format!("{ARN}:::v1")).verdict, Verdict::Ok);
    let keyed = of(&format!("{ARN}:password::"));
    assert_eq!(keyed.verdict, Verdict::Ok);
    assert!(
        keyed
            .reason
            .contains("the key password only its value says")
    );
    let other = of(&format!("{ARN}::AWSPREVIOUS:"));
    assert_eq!(other.verdict, Verdict::Ng);
    assert!(
        other
            .reason
            .ends_with("no version with the label AWSPREVIOUS")
    );
    assert!(of(&format!("{ARN}:::v0")).reason.ends_with("no version v0"));
    let empty = taking(ARN, &SecretFound::default(), &allowed());
    assert!(empty.reason.ends_with("has no value yet"));
    let gone = SecretFound {
        is_deleted: true,
        ..current()
    };
    assert_eq!(taking(ARN, &gone, &allowed()).verdict, Verdict::Ng);
}

#[test]
fn a_parameter_is_named_by_its_arn_or_by_itself() {
    let of = |from: &str| taking(from, &current(), &allowed());
    let check = of("arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db");
    assert_eq!((check.kind, check.verdict), (PARAMETER, Verdict::Ok));
    assert_eq!(of("/shop/db").reason, "/shop/db exists");
    assert_eq!(of("/shop/missing").verdict, Verdict::Ng);
    let other = of("arn:aws:ssm:eu-west-1:210987654321:parameter/shop/db");
    assert_eq!(other.verdict, Verdict::Skip);
    assert!(other.reason.contains("of account 210987654321"));
}

#[test]
fn what_the_execution_role_may_not_read_is_of_no_use() {
    let not = || Answer::Found(Decision::NotAllowed);
    assert_eq!(taking("db", &current(), &not()).verdict, Verdict::Ng);
    // The secret's own policy may allow it.
    assert_eq!(taking(ARN, &current(), &not()).verdict, Verdict::Skip);
    let refused = Answer::Found(Decision::Refused);
    assert_eq!(taking(ARN, &current(), &refused).verdict, Verdict::Ng);
    let unknown = Answer::Unknown("not allowed: iam:SimulatePrincipalPolicy".to_owned());
    let check = taking(ARN, &current(), &unknown);
    assert_eq!(check.verdict, Verdict::Ok);
    assert!(check.reason.ends_with("iam:SimulatePrincipalPolicy"));
}

#[test]
fn credentials_of_a_registry_are_a_secret_by_name_or_arn() {
    let mut subject = subject();
    for name in ["registry", ARN] {
        subject.definition["containerDefinitions"][0]["repositoryCredentials"] =
            json!({ "credentialsParameter": name });
        let mut wanted = Asks::default();
        asks(&subject, &mut wanted);
        assert!(
            wanted.secrets.iter().any(|it| it.name == name),
            "{wanted:?}"
        );
    }
}

#[test]
fn a_credential_spec_may_be_a_parameter() {
    let mut subject = subject();
    subject.definition["containerDefinitions"][0]["credentialSpecs"] = json!([
        "credentialspec:arn:aws:ssm:eu-west-1:123456789012:parameter/shop/spec",
        "credentialspec:arn:aws:s3:::domain/spec.json",
    ]);
    let mut wanted = Asks::default();
    asks(&subject, &mut wanted);
    let facts = Facts {
        parameters: (wanted.parameters.into_iter())
            .map(|it| (it, Answer::Missing))
            .collect(),
        ..Facts::default()
    };
    let checks = judge(&subject, &facts);
    let check = judged(&checks, "credential spec of app");
    assert_eq!(check.verdict, Verdict::Ng);
    assert!(check.reason.starts_with("there is no parameter /shop/spec"));
    assert_eq!(checks.len(), 2, "with the secret that every subject has");
}
