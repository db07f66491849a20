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
}

/// The lines that the help has for a shell: what it starts with, and what is typed once.
fn lines_for(shell: &str) -> Vec<String> {
    let help = said(&["help", "completions"]).exits(0).stdout;
    let mut lines = help.lines().skip_while(|it| !it.starts_with(shell)).skip(1);
    let own = lines
        .by_ref()
        .take_while(|it| it.starts_with("  ") || *it == "and once:");
    let lines: Vec<String> = own.map(|it| it.trim().to_owned()).collect();
    assert!(!lines.is_empty(), "nothing for {shell}: {help}");
    lines
}

/// A shell that finds the program that was built, at home in a folder.
fn shell(name: &str, home: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_bg"));
    let beside = program.parent().expect("it is in a folder");
    let others = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new(name);
    shell
        .env("PATH", format!("{}:{others}", beside.display()))
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .current_dir(home);
    shell
}

#[test]
fn bash_has_the_program_and_its_completions_by_the_lines_of_the_help() {
    let home = folder();
    let lines = lines_for("bash").join("\n");
    // What macOS has, 3.2, reads nothing from there, without a word.
    assert!(!lines.contains("<("), "{lines}");
    let asks = format!("{lines}\nbg --version && complete -p bg");
    let bash = shell("bash", home.path())
        .args(["--norc", "-c", &asks])
        .output();
    let bash = bash.expect("bash is there");
    let said = String::from_utf8_lossy(&bash.stdout);
    assert!(
        said.starts_with("bg ") && said.contains("-F _bg bg"),
        "{bash:?}"
    );
}

#[test]
fn fish_has_the_program_and_its_completions_by_the_lines_of_the_help() {
    let home = folder();
    let lines = lines_for("fish");
    let (begins, once) =
        lines.split_at(lines.iter().position(|it| it == "and once:").expect("both"));
    let config = home.path().join(".config/fish");
    std::fs::create_dir_all(&config).expect("a folder");
    std::fs::write(config.join("config.fish"), begins.join("\n")).expect("writable");
    let run = |asks: &str| {
        let fish = match shell("fish", home.path()).args(["-c", asks]).output() {
            Ok(fish) => fish,
            Err(why) if std::env::var_os("CI").is_some() => panic!("fish can't run: {why}"),
            Err(_) => return None,
        };
        assert!(
            fish.status.success() && fish.stderr.is_empty(),
            "{asks}: {fish:?}"
        );
        Some(String::from_utf8_lossy(&fish.stdout).into_owned())
    };
    if run(&once[1..].join("\n")).is_none() {
        return;
    }
    let offers = |line: &str| run(&format!("complete -C '{line}'")).expect("it ran before");
    assert!(offers("bg dep").starts_with("deploy\t"));
    assert_eq!(offers("bg completions z"), "zsh\n");
    assert_eq!(offers("bg help strat"), "strategies\n");
    assert_eq!(offers("bg --quiet help gat"), "gates\n");
    let names = offers("bg help strategies can");
    assert!(names.lines().any(|it| it == "canary"), "{names}");
    assert_eq!(offers("bg help strategies dep"), "");
    assert_eq!(offers("bg help deploy gat"), "");
    assert!(
        run("bg --version")
            .expect("it ran before")
            .starts_with("bg ")
    );
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
    let says = |name: &str, text: &str| assert!(page(name).contains(text), "{}", page(name));
    says("bg-help.1", "[\\fIVERB|TOPIC\\fR] [\\fINAME\\fR]");
    says("bg-scale.1", "<\\fIN\\fR>");
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
