//! What helps at the prompt: completions, the manual, the schema for editors, topics, typos.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::support::{CONFIG, Ended, bare};

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// What `bg` says in an empty folder.
#[track_caller]
fn said(arguments: &[&str]) -> Ended {
    bare(folder().path(), &[], arguments)
}

/// What bash offers after these words, once it has read the completions.
fn offered(line: &[&str]) -> Vec<String> {
    let folder = folder();
    let script = said(&["completions", "bash"]).exits(0).stdout;
    std::fs::write(folder.path().join("bg.bash"), script).expect("it can be written to");
    let words = line.join(" ");
    let count = line.len() - 1;
    let (last, before) = (line[count], line[count - 1]);
    let ask = format!(
        "source ./bg.bash; COMP_WORDS=({words}); COMP_CWORD={count}; \
         $(complete -p bg | sed 's/.*-F \\([^ ]*\\).*/\\1/') bg '{last}' '{before}'; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let bash = Command::new("bash")
        .args(["--norc", "-c", &ask])
        .current_dir(folder.path())
        .output()
        .expect("bash is there");
    assert!(bash.status.success(), "{bash:?}");
    assert!(bash.stderr.is_empty(), "{bash:?}");
    let offered = String::from_utf8(bash.stdout).expect("text");
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        said(&["completions", shell]).exits(0).says("deploy");
    }
    said(&["completions", "tcsh"]).exits(2).complains("bash");
    let fish = said(&["completions", "fish"]).exits(0);
    for (verb, value) in [("help", "strategies"), ("completions", "zsh")] {
        let line = format!("\"__fish_bg_using_subcommand {verb}\" -f -a \"{value}\"");
        assert!(fish.stdout.contains(&line), "no {line}");
    }
}

#[test]
fn bash_completes_verbs_flags_and_values() {
    assert_eq!(offered(&["bg", "dep"]), ["deploy"]);
    assert_eq!(offered(&["bg", "deploy", "--stra"]), ["--strategy"]);
    assert_eq!(offered(&["bg", "status", "--output", "j"]), ["json"]);
    assert_eq!(offered(&["bg", "help", "strat"]), ["strategies"]);
}

#[test]
fn every_verb_has_its_manual_page() {
    said(&["man"])
        .exits(0)
        .says(".TH bg 1")
        .says("bg\\-deploy(1)");
    let folder = folder();
    bare(folder.path(), &[], &["man", "--write", "man/man1"])
        .exits(0)
        .complains("man -l man/man1/bg.1");
    let page = |name: &str| {
        let path = folder.path().join("man/man1").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert!(page("bg-deploy.1").contains("BG_STRATEGY"));
    assert!(page("bg-deadman-test.1").contains("bg deadman test"));
    for verb in ["status", "rollback", "init", "help", "completions"] {
        assert!(page(&format!("bg-{verb}.1")).starts_with(".ie"), "{verb}");
    }
}

#[test]
fn the_schema_is_written_where_an_editor_finds_it() {
    let folder = folder();
    bare(
        folder.path(),
        &[],
        &["schema", "--write", ".bg/schema.json"],
    )
    .exits(0)
    .complains("# yaml-language-server: $schema=.bg/schema.json");
    let written = std::fs::read_to_string(folder.path().join(".bg/schema.json"));
    let printed = said(&["schema"]).exits(0).stdout;
    assert_eq!(written.expect("it is there"), printed);
    // The state may be kept in the same folder.
    std::fs::write(folder.path().join("bg.yaml"), CONFIG).expect("it can be written to");
    bare(folder.path(), &[], &["history"]).exits(0);
}

#[test]
fn help_is_for_verbs_and_for_topics() {
    let by_flag = said(&["deploy", "--help"]).exits(0).stdout;
    assert_eq!(said(&["help", "deploy"]).exits(0).stdout, by_flag);
    said(&["help", "deadman", "test"])
        .exits(0)
        .says("--sandbox");
    said(&["help"]).exits(0).says("Exit codes:");
    said(&["help", "help"]).exits(0).says("exit-codes");
    said(&["help", "exit-codes"])
        .exits(0)
        .says("an operator is needed");
    said(&["help", "environment"])
        .exits(0)
        .says("BG_IGNORE_ALARM");
    said(&["help", "gates"]).exits(0).says("time_zone");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies/canary-15m.yaml");
    let file = std::fs::read_to_string(file).expect("it is there");
    let printed = said(&["help", "strategies", "ECSCanary10Percent15Minutes"]).exits(0);
    assert_eq!(printed.stdout, file);
}

#[test]
fn typos_are_met_with_what_was_meant() {
    for (wrong, meant) in [
        (&["deplyo"][..], "'deploy'"),
        (&["deploy", "--stratgy", "canary"], "'--strategy'"),
        (&["status", "--output", "jsn"], "'json'"),
        (&["help", "statergies"], "'strategies'"),
        (&["help", "depoly"], "'deploy'"),
        (
            &["help", "strategies", "canery"],
            "did you mean \"canary\"?",
        ),
        (
            &["help", "deadman", "tset"],
            "there is no verb \"tset\" of deadman",
        ),
        (
            &["deploy", "--sandbox", "--image", "apq=shop:v2"],
            "did you mean \"app\"?",
        ),
        (
            &["deploy", "--sandbox", "--image", "shop:v2", "-s", "liner"],
            "did you mean \"linear\"?",
        ),
    ] {
        let ended = said(wrong);
        assert!(matches!(ended.code, 2 | 3), "{wrong:?}: {ended}");
        ended.complains(meant);
    }
}
