//! The files as such: by linters, by each other, and by what `bg` itself prints.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::linters::{actionlint, of_python};
use crate::support::bare;
use crate::text::{entries, root, text, yaml};

const WORKFLOWS: [&str; 5] = [
    "examples/github/deploy.yml",
    "examples/github/plan.yml",
    "examples/github/from-ecs-actions.yml",
    "examples/github/tick.yml",
    ".github/workflows/release.yml",
];
const TEMPLATE: &str = "examples/codebuild/pipeline.yaml";

#[track_caller]
fn is_content(linter: Option<Command>, arguments: &[&str]) {
    let Some(mut linter) = linter else {
        return;
    };
    let output = linter.args(arguments).current_dir(root()).output();
    let output = output.expect("it starts");
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "{linter:?}: {}", said.concat());
    let fine = said[0].is_empty() || said[0].starts_with("ok ");
    assert!(fine, "{linter:?}: {}", said.concat());
}

#[test]
fn workflows_are_as_actionlint_and_the_public_schema_want_them() {
    let test = "workflows";
    is_content(actionlint(test), &WORKFLOWS);
    let schema = ["--builtin-schema", "vendor.github-workflows"];
    let check = of_python(test, "check-jsonschema");
    is_content(check, &[&schema[..], &WORKFLOWS].concat());
}

#[test]
fn the_action_is_as_the_public_schema_wants_it() {
    let check = of_python("the action", "check-jsonschema");
    let schema = ["--builtin-schema", "vendor.github-actions", "action.yml"];
    is_content(check, &schema);
}

#[test]
fn the_template_is_as_cloudformation_wants_it() {
    let lint = of_python("the template", "cfn-lint");
    is_content(lint, &["--include-checks", "I", "--", TEMPLATE]);
}

/// What an editor underlines, or doesn't, by `bg schema`.
#[test]
fn the_schema_takes_every_config_that_bg_takes_and_no_slip_of_the_pen() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let schema = path("schema.json");
    bare(folder.path(), &[], &["schema", "--write", &schema]).exits(0);
    let valid = std::fs::read_dir(root().join("tests/corpus/config/valid")).expect("it is there");
    let valid = valid.map(|it| it.expect("a file").path().display().to_string());
    let valid: Vec<String> = valid.collect();
    assert!(valid.len() >= 20);
    let schemafile = ["--schemafile".to_owned(), schema.clone()];
    let arguments = [&schemafile[..], &valid].concat();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    is_content(of_python("the schema", "check-jsonschema"), &arguments);

    let slips = [
        "state: dynamo://bg-state",
        "strategy: canry",
        "poll: 70s",
        "poll: 0",
        "timeout: 0s",
        "guards: { targets: { ready: 110% } }",
        "gates: [{ name: x, at: before-promotion, http: { path: health } }]",
        "notify: [{ slack: { env: '' } }]",
        "notify: [{ event_bus: my bus }]",
        "notify: [{ webhook: ftp://host/path }]",
        "notify: [{ slack: 'https://me:secret@host/path' }]",
    ];
    for (n, slip) in slips.iter().enumerate() {
        let slots =
            "{ a: { service: shop, target_group: a }, b: { service: shop-b, target_group: b } }";
        let config = format!("service: shop\ncluster: demo\nslots: {slots}");
        let file = path(&format!("{n}.yaml"));
        std::fs::write(&file, format!("{config}\n{slip}\n")).expect("it can be written");
        let Some(mut check) = of_python("the schema", "check-jsonschema") else {
            return;
        };
        let said = check.args(["--schemafile", &schema, &file]).output();
        assert!(
            !said.expect("it starts").status.success(),
            "{slip} is taken"
        );
        bare(folder.path(), &[], &["iam-policy", "--config", &file]).exits(2);
    }
}

#[test]
fn every_input_is_taken_and_told() {
    let (action, script) = (yaml("action.yml"), text(".github/action/run"));
    let docs = text("docs/github-actions.md");
    for (input, _) in entries(&action["inputs"]) {
        assert!(
            docs.contains(&format!("`{input}`")),
            "the docs lack {input}"
        );
    }
    for (output, _) in entries(&action["outputs"]) {
        assert!(
            docs.contains(&format!("`{output}`")),
            "the docs lack {output}"
        );
    }
    let steps = action["runs"]["steps"].as_array().unwrap();
    let run = steps.iter().find(|step| step["id"] == "run").unwrap();
    let passed: BTreeSet<&String> = entries(&run["env"]).map(|(name, _)| name).collect();
    for name in passed.iter().filter(|name| name.starts_with("INPUT_")) {
        let built = name.starts_with("INPUT_CODEDEPLOY_");
        assert!(
            built || script.contains(name.as_str()),
            "the script lacks {name}"
        );
    }
    let elsewhere = ["version", "token", "working-directory"];
    for (input, _) in entries(&action["inputs"]) {
        let name = format!("INPUT_{}", input.to_uppercase().replace('-', "_"));
        let taken = elsewhere.contains(&input.as_str()) || passed.contains(&name);
        assert!(taken, "nothing takes {input}");
    }
}

/// What says where and how, and may be an argument of the action.
#[test]
fn the_last_step_knows_every_flag_that_all_verbs_take() {
    let folder = TempDir::new().unwrap();
    let help = bare(folder.path(), &[], &["--help"]).exits(0).stdout;
    let script = text(".github/action/run");
    let from = script.find("more_of_settle() {").expect("it is there");
    let (list, _) = script[from..].split_once("\n}\n").expect("its end");
    let words: BTreeSet<&str> = list.split([' ', ')', '\n']).collect();
    let flags = help.lines().map(str::trim_start);
    let flags = flags.filter(|line| line.starts_with('-') && !line.starts_with("- "));
    let mut count = 0;
    for line in flags.filter(|line| !line.contains("--help") && !line.contains("--version")) {
        let takes_value = line.contains('<');
        let names = line.split([',', ' ']).filter(|it| it.starts_with('-'));
        for name in names {
            let joined = match name.starts_with("--") {
                true => format!("{name}=*"),
                false => format!("{name}?*"),
            };
            assert!(words.contains(name), "{name}");
            assert_eq!(words.contains(&*joined), takes_value, "{joined}");
            count += 1;
        }
    }
    assert!(count >= 11, "{help}");
}

#[test]
fn a_release_holds_what_the_pipelines_install() {
    let release = yaml(".github/workflows/release.yml");
    let matrix = &release["jobs"]["build"]["strategy"]["matrix"]["include"];
    let made: BTreeSet<&str> = (matrix.as_array().unwrap().iter())
        .map(|it| it["target"].as_str().unwrap())
        .collect();
    let script = text(".github/action/install");
    let wanted: BTreeSet<&str> = (script.lines())
        .filter_map(|line| line.split_once("target=")?.1.split(' ').next())
        .filter(|target| !target.starts_with('\''))
        .collect();
    assert_eq!(wanted, made);
    assert!(text("examples/codebuild/buildspec.yml").contains("bg-$(uname -m)-unknown-linux-gnu"));
}

#[test]
fn the_deploying_role_may_do_what_bg_needs_and_no_more() {
    let folder = TempDir::new().unwrap();
    let config = text("examples/codebuild/bg.yaml");
    std::fs::write(folder.path().join("bg.yaml"), config).unwrap();
    let printed = bare(folder.path(), &[], &["iam-policy"]).exits(0).json();

    let template = yaml(TEMPLATE);
    let policies = &template["Resources"]["DeployRole"]["Properties"]["Policies"];
    let mut policies = policies.as_array().unwrap().iter();
    let policy = policies.find(|it| it["PolicyName"] == "bg").unwrap();
    let given = substituted(&policy["PolicyDocument"], &template["Parameters"]);
    assert_eq!(given["Statement"], printed["Statement"]);
    let size = printed.to_string().len();
    assert!(
        size < 9_000,
        "a role takes 10,240 characters of policies: {size}"
    );
}

/// A part of a template with its parameters' defaults, and with the account and region as `bg`
/// writes what it doesn't know. Lists stay lists, and a single action one as `bg` has it.
fn substituted(value: &Value, parameters: &Value) -> Value {
    match value {
        Value::Object(fields) => match fields.get("Fn::Sub").and_then(Value::as_str) {
            Some(text) => json!(filled(text, parameters)),
            None => {
                let fields = fields.iter();
                let fields = fields.map(|(name, it)| (name.clone(), substituted(it, parameters)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        },
        Value::Array(items) => items.iter().map(|it| substituted(it, parameters)).collect(),
        other => other.clone(),
    }
}

fn filled(text: &str, parameters: &Value) -> String {
    let known = [
        ("AWS::Partition", "aws"),
        ("AWS::Region", "${region}"),
        ("AWS::AccountId", "${account}"),
    ];
    let known = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let defaults = entries(parameters).filter_map(|(name, it)| {
        let default = it["Default"].as_str()?;
        Some((name.clone(), default.to_owned()))
    });
    let all = known.into_iter().chain(defaults);
    all.fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), &value)
    })
}

#[test]
fn the_template_s_table_is_the_one_that_bg_makes() {
    let template = yaml(TEMPLATE);
    let table = &template["Resources"]["Table"]["Properties"];
    let keys = json!([
        { "AttributeName": "pk", "KeyType": "HASH" },
        { "AttributeName": "sk", "KeyType": "RANGE" },
    ]);
    assert_eq!(table["KeySchema"], keys);
    assert_eq!(
        table["TimeToLiveSpecification"]["AttributeName"],
        "expires_at"
    );
    let name = &template["Parameters"]["TableName"]["Default"];
    let state = &yaml("examples/codebuild/bg.yaml")["state"];
    assert_eq!(
        state.as_str().unwrap(),
        format!("dynamodb://{}", name.as_str().unwrap())
    );
}

#[test]
fn the_buildspec_has_the_keys_that_codebuild_knows() {
    let known = |value: &Value, keys: &[&str]| {
        for (key, _) in entries(value) {
            assert!(keys.contains(&key.as_str()), "CodeBuild knows no {key}");
        }
    };
    let spec = yaml("examples/codebuild/buildspec.yml");
    known(
        &spec,
        &["version", "env", "phases", "reports", "artifacts", "cache"],
    );
    assert_eq!(spec["version"].to_string(), "0.2");
    known(
        &spec["env"],
        &[
            "shell",
            "variables",
            "parameter-store",
            "exported-variables",
        ],
    );
    known(
        &spec["phases"],
        &["install", "pre_build", "build", "post_build"],
    );
    for (_, phase) in entries(&spec["phases"]) {
        known(phase, &["on-failure", "commands", "finally", "run-as"]);
        let commands = phase["commands"].as_array().unwrap();
        assert!(commands.iter().all(Value::is_string), "{phase}");
        let on_failure = phase["on-failure"].as_str().unwrap_or("ABORT");
        assert!(["ABORT", "CONTINUE"].contains(&on_failure));
    }
    for (_, report) in entries(&spec["reports"]) {
        known(
            report,
            &["files", "base-directory", "discard-paths", "file-format"],
        );
        assert_eq!(report["file-format"], "JUNITXML");
    }
}
