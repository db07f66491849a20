//! Files in S3 with which a task starts: environment files, credential specs and FireLens's own
//! config. S3 isn't asked for them; whether the execution role may read them is.

use super::facts::{Answer, Asks, Decision, Facts, Right};
use super::subject::{Subject, list, text};
use crate::deployment::verification::Check;

const KIND: &str = "file";
const READ: &str = "s3:GetObject";
/// The agent asks where a bucket is before it reads from it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html>
const LOCATE: &str = "s3:GetBucketLocation";

/// An object that a container needs.
struct File<'a> {
    what: String,
    arn: &'a str,
    rights: &'static [&'static str],
}

fn files(subject: &Subject) -> Vec<File<'_>> {
    let of_containers = subject.containers().flat_map(|container| {
        let name = text(container, "name");
        let file = move |what: &str, arn| File {
            what: format!("{what} of {name}"),
            arn,
            rights: &[READ, LOCATE],
        };
        let environment = list(container, "environmentFiles").iter();
        let environment = environment.map(|it| text(it, "value"));
        let environment = environment.map(move |arn| file("environment file", arn));
        let fluent = container.pointer("/firelensConfiguration/options");
        let fluent = fluent.filter(|it| text(it, "config-file-type") == "s3");
        let fluent = fluent.map(|it| file("FireLens config", text(it, "config-file-value")));
        environment.chain(fluent)
    });
    let specs = subject.credential_specs();
    let specs = specs.filter(|(_, arn)| arn.split(':').nth(2) == Some("s3"));
    let specs = specs.map(|(name, arn)| File {
        what: format!("credential spec of {name}"),
        arn,
        rights: &[READ],
    });
    of_containers.chain(specs).collect()
}

/// What the execution role has to be allowed for a file.
fn rights(subject: &Subject, file: &File) -> Vec<Right> {
    let Some(role) = subject.execution_role() else {
        return Vec::new();
    };
    let bucket = file.arn.split('/').next().unwrap_or_default();
    let resource = |action| match action {
        LOCATE => bucket,
        _ => file.arn,
    };
    let right = |action: &&'static str| Right {
        role: role.clone(),
        action,
        resource: resource(*action).to_owned(),
    };
    file.rights.iter().map(right).collect()
}

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    let files = files(subject);
    asks.rights
        .extend(files.iter().flat_map(|file| rights(subject, file)));
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let files = files(subject);
    files
        .iter()
        .map(|file| check(file, &rights(subject, file), facts))
        .collect()
}

fn check(file: &File, rights: &[Right], facts: &Facts) -> Check {
    let File { what, arn, .. } = file;
    let answer = |right| (right, facts.rights.get(right));
    let answers: Vec<(&Right, Option<&Answer<Decision>>)> = rights.iter().map(answer).collect();
    let with = |decision| {
        let is = |(_, answer): &&(_, Option<&_>)| *answer == Some(&Answer::Found(decision));
        answers.iter().find(is).map(|(right, _)| *right)
    };
    if let Some(Right {
        role,
        action,
        resource,
    }) = with(Decision::Refused)
    {
        return Check::ng(
            KIND,
            what,
            format!("{arn}: the execution role may not read it: {action} is denied"),
            format!("let no policy of {role} deny {action} on {resource}"),
        );
    }
    let may = if let Some(Right { action, .. }) = with(Decision::NotAllowed) {
        format!(
            "the execution role's policies don't allow {action}, and whether the bucket's own does \
             isn't looked at"
        )
    } else if answers.is_empty() {
        "no execution role is set that would read it".to_owned()
    } else {
        let unknown = answers.iter().find_map(|(_, answer)| match answer {
            Some(Answer::Found(_)) => None,
            Some(Answer::Unknown(why)) => Some(why.as_str()),
            Some(Answer::Missing) | None => Some("IAM doesn't say"),
        });
        match unknown {
            None => "the execution role may read it".to_owned(),
            Some(why) => format!("whether the execution role may read it can't be told: {why}"),
        }
    };
    Check::skip(KIND, what, format!("{arn}: S3 isn't asked for it; {may}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{judged, subject};
    use super::*;
    use crate::deployment::verification::Verdict;

    const ENVIRONMENT: &str = "arn:aws:s3:::shop/app.env";
    const FLUENT: &str = "arn:aws:s3:::logs/extra.conf";
    const SPEC: &str = "arn:aws:s3:::domain/spec.json";

    fn with_files() -> Subject {
        let mut subject = subject();
        let app = &mut subject.definition["containerDefinitions"][0];
        app["environmentFiles"] = json!([{ "type": "s3", "value": ENVIRONMENT }]);
        app["credentialSpecs"] = json!([format!("credentialspecdomainless:{SPEC}")]);
        app["firelensConfiguration"] = json!({
            "type": "fluentbit",
            "options": { "config-file-type": "s3", "config-file-value": FLUENT },
        });
        subject
    }

    fn judged_as(subject: &Subject, answer: &dyn Fn(&Right) -> Answer<Decision>) -> Vec<Check> {
        let mut wanted = Asks::default();
        asks(subject, &mut wanted);
        let rights = wanted.rights.into_iter();
        let facts = Facts {
            rights: rights.map(|it| (it.clone(), answer(&it))).collect(),
            ..Facts::default()
        };
        judge(subject, &facts)
    }

    #[test]
    fn every_file_in_s3_is_named_with_what_can_be_told_of_it() {
        let subject = with_files();
        let checks = judged_as(&subject, &|_| Answer::Found(Decision::Allowed));
        for (what, arn) in [
            ("environment file of app", ENVIRONMENT),
            ("FireLens config of app", FLUENT),
            ("credential spec of app", SPEC),
        ] {
            let check = judged(&checks, what);
            assert_eq!((check.kind, check.verdict), (KIND, Verdict::Skip));
            let said = format!("{arn}: S3 isn't asked for it; the execution role may read it");
            assert_eq!(check.reason, said);
        }
        assert_eq!(checks.len(), 3);
    }

    #[test]
    fn a_role_that_may_not_read_a_file_is_said() {
        let subject = with_files();
        let only = |it: &str, decision| {
            let it = it.to_owned();
            move |right: &Right| match right.resource == it {
                true => Answer::Found(decision),
                false => Answer::Found(Decision::Allowed),
            }
        };
        let checks = judged_as(&subject, &only("arn:aws:s3:::shop", Decision::NotAllowed));
        let check = judged(&checks, "environment file of app");
        assert_eq!(check.verdict, Verdict::Skip, "the bucket's policy may do");
        assert!(check.reason.contains("don't allow s3:GetBucketLocation"));
        let checks = judged_as(&subject, &only(FLUENT, Decision::Refused));
        let check = judged(&checks, "FireLens config of app");
        assert_eq!(check.verdict, Verdict::Ng);
        assert!(check.reason.ends_with("s3:GetObject is denied"));
        let unknown = |_: &Right| Answer::Unknown("not allowed".to_owned());
        let check = judged(&judged_as(&subject, &unknown), "credential spec of app");
        assert!(check.reason.ends_with("can't be told: not allowed"));
    }

    #[test]
    fn a_config_that_is_in_the_image_is_no_file_of_s3() {
        let mut subject = with_files();
        let app = &mut subject.definition["containerDefinitions"][0];
        app["firelensConfiguration"]["options"]["config-file-type"] = json!("file");
        app["credentialSpecs"] = json!(["credentialspec:file://spec.json"]);
        app["environmentFiles"] = Value::Null;
        assert!(judged_as(&subject, &|_| Answer::Missing).is_empty());
    }
}
