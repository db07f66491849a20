//! Roles that workflows assume: whether the trust policies on the page of the action allow what each
//! job's token says of itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::{entries, root, text, yaml};

const PAGE: &str = "docs/github-actions.md";
const PROVIDER: &str = "token.actions.githubusercontent.com";
const REPOSITORY: &str = "repo:you/shop";
/// What schedules run on, and whoever starts a workflow by hand.
const DEFAULT_BRANCH: &str = "main";

/// The page's blocks of a kind, each with the text before it.
fn blocks(kind: &str) -> Vec<(String, String)> {
    let page = text(PAGE);
    let mut rest = page.as_str();
    let mut blocks = Vec::new();
    while let Some((before, after)) = rest.split_once("```") {
        let (block, then) = after.split_once("```").expect("it is closed");
        let (found, body) = block.split_once('\n').expect("a line");
        if found == kind {
            blocks.push((before.to_owned(), body.to_owned()));
        }
        rest = then;
    }
    blocks
}

/// The last role that is named in a text.
fn role_in(text: &str) -> Option<String> {
    let mut words = text.split('`');
    let role = words.rfind(|it| it.starts_with("github-"));
    role.map(str::to_owned)
}

/// What each role trusts.
fn trusted() -> BTreeMap<String, Vec<String>> {
    let mut roles = BTreeMap::new();
    for (before, body) in blocks("json") {
        let policy: Value = serde_json::from_str(&body).expect("JSON");
        let statement = &policy["Statement"][0];
        if statement["Action"] != "sts:AssumeRoleWithWebIdentity" {
            continue;
        }
        let conditions = &statement["Condition"]["StringEquals"];
        let audience = &conditions[format!("{PROVIDER}:aud")];
        assert_eq!(audience, "sts.amazonaws.com", "{body}");
        let subjects = match &conditions[format!("{PROVIDER}:sub")] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        let subjects = subjects.iter().map(|it| it.as_str().expect("a text"));
        let role = role_in(&before).expect("the text says whose policy it is");
        roles.insert(role, subjects.map(str::to_owned).collect());
    }
    roles
}

/// What the tokens of a workflow's job may have as their subject.
fn subjects(on: &Value, job: &Value) -> Vec<String> {
    let environment = match &job["environment"] {
        Value::Object(it) => it["name"].as_str(),
        it => it.as_str(),
    };
    if let Some(name) = environment {
        return vec![format!("{REPOSITORY}:environment:{name}")];
    }
    let events: Vec<(&str, &Value)> = match on {
        Value::String(one) => vec![(one, &Value::Null)],
        Value::Object(all) => all.iter().map(|(name, it)| (name.as_str(), it)).collect(),
        // A part of a workflow, of a push as most are.
        _ => vec![("push", &Value::Null)],
    };
    let of_branch = |name: &str| format!("{REPOSITORY}:ref:refs/heads/{name}");
    let of_event = |(event, how): (&str, &Value)| match event {
        "pull_request" => vec![format!("{REPOSITORY}:pull_request")],
        "push" if how["branches"].is_array() => {
            let branches = how["branches"].as_array().into_iter().flatten();
            let branches = branches.map(|it| it.as_str().expect("a text"));
            branches.map(of_branch).collect()
        }
        "push" | "schedule" | "workflow_dispatch" => vec![of_branch(DEFAULT_BRANCH)],
        _ => panic!("what is the subject of {event}?"),
    };
    events.into_iter().flat_map(of_event).collect()
}

/// The roles that a job assumes.
fn roles(job: &Value) -> Vec<String> {
    let steps = job["steps"].as_array().into_iter().flatten();
    let roles = steps.filter_map(|step| step["with"]["role-to-assume"].as_str());
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    roles.map(name).collect()
}

#[test]
fn each_job_that_assumes_a_role_is_one_that_the_role_trusts() {
    let folder = std::fs::read_dir(root().join("examples/github")).expect("it is there");
    let files = folder.map(|it| it.expect("a file").file_name());
    let files = files.map(|name| format!("examples/github/{}", name.to_string_lossy()));
    let mut workflows: Vec<(String, Value)> = files.map(|it| (it.clone(), yaml(&it))).collect();
    for (_, body) in blocks("yaml") {
        let workflow = serde_saphyr::from_str(&body).expect("YAML");
        workflows.push((PAGE.to_owned(), workflow));
    }
    let trusted = trusted();
    let mut assumed = 0;
    for (file, workflow) in &workflows {
        for (name, job) in entries(&workflow["jobs"]) {
            for role in roles(job) {
                let allowed = trusted.get(&role);
                let allowed = allowed.unwrap_or_else(|| panic!("{PAGE} has no policy of {role}"));
                for subject in subjects(&workflow["on"], job) {
                    assert!(
                        allowed.contains(&subject),
                        "{role} doesn't trust {subject}, which is the job {name} of {file}"
                    );
                }
                assert_eq!(workflow["permissions"]["id-token"], "write", "{file}");
                assumed += 1;
            }
        }
    }
    assert_eq!(assumed, 5);
}

/// The same as the template gives its build, which pushes too.
#[test]
fn a_job_that_pushes_an_image_may() {
    let actions = |statement: &Value| {
        let actions = statement["Action"].as_array().into_iter().flatten();
        let actions = actions.map(|it| it.as_str().expect("a text").to_owned());
        let mut actions: Vec<String> = actions.collect();
        actions.sort();
        actions
    };
    let pushes = |statement: &Value| {
        let actions = actions(statement);
        actions.iter().any(|it| it.starts_with("ecr:"))
    };
    let policies = blocks("json").into_iter();
    let policies = policies.map(|(_, body)| serde_json::from_str(&body).expect("JSON"));
    let ours = policies.flat_map(|it: Value| it["Statement"].as_array().expect("a list").clone());
    let ours: Vec<Value> = ours.filter(pushes).collect();

    let template = yaml("examples/codebuild/pipeline.yaml");
    let policies = &template["Resources"]["BuildRole"]["Properties"]["Policies"];
    let of_build = policies[0]["PolicyDocument"]["Statement"].as_array();
    let of_build = of_build.expect("a list").iter().filter(|it| pushes(it));
    let wanted: Vec<_> = of_build.map(actions).collect();
    let given: Vec<_> = ours.iter().map(actions).collect();
    assert_eq!(given, wanted);
    assert_eq!(ours[0]["Resource"], "*");
    let repository = "arn:aws:ecr:eu-west-1:123456789012:repository/shop";
    assert_eq!(ours[1]["Resource"], repository);
}
