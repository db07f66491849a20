//! The reference: parts of pages that are made from the code.
//!
//! A part stands between `<!-- NAME -->` and `<!-- end -->`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use bg::cli::args;
use bg::cli::exit::ExitCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::{docs, schema};

/// Compares the part with what the code says; writes it where that is asked for.
#[track_caller]
fn holds(page: &str, name: &str, made: &str) {
    let path = docs().join("reference").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let begin = format!("<!-- {name} -->\n");
    let (head, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{page} has no {begin}"));
    let (there, tail) = rest
        .split_once("<!-- end -->")
        .unwrap_or_else(|| panic!("{page}: {name} has no end"));
    let made = format!("\n{}\n\n", made.trim());
    if std::env::var_os("BG_UPDATE").is_some() {
        let text = format!("{head}{begin}{made}<!-- end -->{tail}");
        fs::write(&path, text).expect("writable");
    } else {
        assert!(
            there == made,
            "docs/reference/{page} is not what the code says; BG_UPDATE=1 cargo test --test docs writes it anew:\n{}",
            first_difference(there, &made)
        );
    }
}

fn first_difference(there: &str, made: &str) -> String {
    let ours = made.lines().chain([""]);
    let pairs = there.lines().chain([""]).zip(ours);
    let mut different = pairs.filter(|(there, made)| there != made);
    different
        .next()
        .map_or_else(String::new, |(there, made)| format!("- {there}\n+ {made}"))
}

#[test]
fn exit_codes() {
    let mut table = "| code | meaning |\n| --- | --- |\n".to_owned();
    for code in ExitCode::ALL {
        writeln!(table, "| {} | {} |", code.code(), code.meaning()).unwrap();
    }
    holds("exit-codes.md", "codes", &table);
}

#[test]
fn commands() {
    let mut program = args::command().term_width(100);
    program.build();
    let mut text = section(&mut program, "bg");
    for verb in program.get_subcommands_mut() {
        if verb.get_name() == "help" {
            continue;
        }
        let name = format!("bg {}", verb.get_name());
        text += &section(verb, &name);
        for below in verb.get_subcommands_mut() {
            if below.get_name() != "help" {
                let name = format!("{name} {}", below.get_name());
                text += &section(below, &name);
            }
        }
    }
    holds("commands.md", "verbs", &text);
}

fn section(command: &mut clap::Command, name: &str) -> String {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("## {name}\n\n```text\n{}\n```\n\n", help.join("\n").trim())
}

#[test]
fn config() {
    let made = schema::told(&bg::config::schema());
    holds("config.md", "keys", &made);
}

#[test]
fn each_kind_of_value_is_told() {
    let page = fs::read_to_string(docs().join("reference/config.md")).unwrap();
    let (_, told) = page.split_once("## How values are written").unwrap();
    for kind in schema::kinds(&bg::config::schema()) {
        assert!(told.contains(&kind), "{kind}");
    }
}

#[test]
fn strategies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies");
    let mut table = "| name | does | also known as |\n| --- | --- | --- |\n".to_owned();
    let mut files = String::new();
    for strategy in bg::strategy::builtin_strategies() {
        let name = strategy.name();
        let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let key = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().trim().to_owned()
        };
        let aliases = key("aliases:");
        let aliases = aliases.split(']').next().unwrap_or_default();
        let aliases = aliases.trim_start_matches('[');
        let aliases: Vec<_> = aliases.split(", ").filter(|it| !it.is_empty()).collect();
        let aliases = aliases.iter().map(|it| format!("`{it}`"));
        let aliases = aliases.collect::<Vec<_>>().join(", ");
        writeln!(
            table,
            "| [`{name}`](#{name}) | {} | {aliases} |",
            key("summary:")
        )
        .unwrap();
        write!(files, "## {name}\n\n```yaml\n{}\n```\n\n", text.trim()).unwrap();
    }
    holds("strategies.md", "strategies", &format!("{table}\n{files}"));
}

#[test]
fn events() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let code = fs::read_to_string(source.join("report/json.rs")).unwrap();
    let (before, _) = code.split_once("pub fn line(").expect("it is documented");
    let (_, doc) = before
        .split_once("without a line end.\n")
        .expect("its first line");
    let lines = doc.lines().filter_map(|line| line.strip_prefix("///"));
    let lines: Vec<_> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let made = lines.join("\n");
    let event = fs::read_to_string(source.join("deployment/event.rs")).unwrap();
    for kind in kinds(&event) {
        assert!(made.contains(&format!("`{kind}`")), "{kind} is not told");
    }
    holds("events.md", "events", &made);
}

/// The names of `enum Event`'s variants, as they are written.
fn kinds(code: &str) -> Vec<String> {
    let (_, body) = code.split_once("pub enum Event {\n").expect("it is there");
    let (body, _) = body.split_once("\n}").expect("it ends");
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let word = |line: &str| -> String {
        line.chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect()
    };
    let snake = |name: String| {
        let mut snake = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        snake
    };
    variants.map(word).map(snake).collect()
}

const BASE: &str = "
service: shop
cluster: prod
account: \"123456789012\"
region: eu-west-1
slots:
  a: { service: shop, target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
";

/// What a config may have besides, and what that adds.
const WITH: [(&str, &str); 10] = [
    ("a table in `state`", "state: dynamodb://bg-state"),
    (
        "`deadman`",
        "deadman: { after: 5m, role: \"arn:aws:iam::123456789012:role/bg-deadman\" }",
    ),
    (
        "a Route 53 record in `routes`",
        "routes: [{ record: shop.example.com }]",
    ),
    (
        "a Lambda gate",
        "gates: [{ name: hook, at: before-traffic, lambda: \"shop-checks:live\" }]",
    ),
    (
        "an image gate",
        "gates: [{ name: scan, at: before-traffic, image: { critical: 0 } }]",
    ),
    (
        "an HTTP gate on the targets",
        "gates: [{ name: health, at: before-traffic, http: { path: /health } }]",
    ),
    (
        "`sns` in `notify`",
        "notify: [{ sns: \"arn:aws:sns:eu-west-1:123456789012:deployments\" }]",
    ),
    (
        "`event_bus` in `notify`",
        "notify: [{ event_bus: default }]",
    ),
    (
        "`user_pools`",
        "user_pools: [\"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a\"]",
    ),
    ("`retire.then: delete`", "retire: { then: delete }"),
];

fn statements(more: &str) -> Vec<Value> {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("bg.yaml"), format!("{BASE}{more}\n")).expect("writable");
    let mut bg = Command::new(env!("CARGO_BIN_EXE_bg"));
    let said = bg
        .arg("iam-policy")
        .env_clear()
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let policy: Value = serde_json::from_slice(&said.stdout).expect("a policy");
    policy["Statement"].as_array().expect("statements").clone()
}

#[test]
fn permissions() {
    let base = statements("");
    let mut text = "| statement | allows |\n| --- | --- |\n".to_owned();
    for statement in &base {
        writeln!(text, "| {} |", row(statement)).unwrap();
    }
    text += "\n| with | statement | allows |\n| --- | --- | --- |\n";
    for (name, more) in WITH {
        let added = statements(more)
            .into_iter()
            .filter_map(|it| beyond(&base, it));
        for statement in added {
            writeln!(text, "| {name} | {} |", row(&statement)).unwrap();
        }
    }
    holds("iam.md", "statements", &text);
}

/// The statement with those of its actions that the one of the same name lacks in `base`.
fn beyond(base: &[Value], mut statement: Value) -> Option<Value> {
    let same = base.iter().find(|it| it["Sid"] == statement["Sid"]);
    let had: Vec<Value> = same.map(actions).unwrap_or_default();
    let more: Vec<Value> = actions(&statement)
        .into_iter()
        .filter(|it| !had.contains(it))
        .collect();
    statement["Action"] = Value::Array(more.clone());
    (!more.is_empty()).then_some(statement)
}

fn actions(statement: &Value) -> Vec<Value> {
    match &statement["Action"] {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

fn row(statement: &Value) -> String {
    let actions = actions(statement);
    let actions: Vec<_> = actions
        .iter()
        .map(|it| format!("`{}`", it.as_str().expect("an action")))
        .collect();
    format!(
        "`{}` | {}",
        statement["Sid"].as_str().expect("a name"),
        actions.join(", ")
    )
}
