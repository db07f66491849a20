//! Types a page's commands into bash, in a folder of its own, where `bg` is the program that was built.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::compare::differs;
use crate::iam;
use crate::page::{Command, Page};

/// No page takes longer, on however busy a machine.
const LIMIT: &str = "300s";
const MARK: char = '\u{1e}';

/// Whether bash can read a script, which isn't run.
#[track_caller]
pub(crate) fn reads(name: &str, script: &str) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("script");
    fs::write(&path, script).expect("writable");
    let read = Process::new("bash").arg("-n").arg(&path).output();
    let said = String::from_utf8_lossy(&read.expect("bash is there").stderr).into_owned();
    assert_eq!(said, "", "{name}:\n{script}");
}

/// Runs all commands of a page and compares what they say.
///
/// # Panics
/// Where one says something else than the page shows, or ends with another exit code than 0 and the
/// page doesn't ask for it at once (`$ echo $?`).
#[track_caller]
pub(crate) fn play(page: &Page) {
    let folder = TempDir::new().expect("a folder");
    let page = with_free_ports(page);
    let script = folder.path().join(".script");
    fs::write(&script, typed(&page)).expect("writable");
    let said = run(folder.path(), &script);
    let mut ends: BTreeMap<usize, (String, String)> = BTreeMap::new();
    let mut parts = said.split(MARK);
    while let (Some(output), Some(end)) = (parts.next(), parts.next()) {
        let (at, code) = end.split_once(' ').expect("a mark has two words");
        let at = at.parse().expect("a position");
        ends.insert(at, (output.to_owned(), code.to_owned()));
    }
    let wrong = page.commands.iter().enumerate();
    let wrong = wrong.filter_map(|(at, command)| {
        let Some((output, code)) = ends.get(&at) else {
            return Some(format!(
                "{}: was not reached or did not end",
                named(&page, command)
            ));
        };
        let asks = page.commands.get(at + 1);
        let asks = asks.is_some_and(|next| next.typed == "echo $?");
        if code != "0" && !asks {
            return Some(format!(
                "{}: exit code {code}\n{output}",
                named(&page, command)
            ));
        }
        let differs = (!command.shown.is_empty()).then(|| differs(&command.shown, output));
        Some(format!("{}:\n{}", named(&page, command), differs??))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(
        wrong.is_empty(),
        "{}\n\nall of it:\n{said}",
        wrong.join("\n\n")
    );
    is_allowed(&page, folder.path());
}

fn named(page: &Page, command: &Command) -> String {
    format!("docs/{}:{} `{}`", page.name, command.line, command.typed)
}

fn run(folder: &Path, script: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_bg"));
    let beside = program.parent().expect("it is in a folder");
    let others = std::env::var("PATH").unwrap_or_default();
    let output = folder.join(".output");
    let file = fs::File::create(&output).expect("writable");
    let errors = file.try_clone().expect("a second handle");
    let mut bash = Process::new("timeout");
    bash.args([LIMIT, "bash"])
        .arg(script)
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:{others}", beside.display()))
        .env("HOME", folder)
        .env("USER", "you")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors);
    bash.status().expect("bash is there");
    fs::read_to_string(&output).expect("its output")
}

/// The page as a script that marks where each command ended, and how.
fn typed(page: &Page) -> String {
    // Whatever still runs at the end was typed into a second terminal.
    let mut script = "enable -n bg\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n".to_owned();
    for (at, command) in page.commands.iter().enumerate() {
        let typed = match command.beside {
            true => beside(at, command),
            false => command.typed.clone(),
        };
        let mark = format!("__code=$?; printf '\\036{at} %s\\036' $__code; (exit $__code)");
        writeln!(script, "{typed}\n{mark}").expect("it is text");
    }
    script + ASKED
}

/// Keeps what was asked of the page's region, and what `bg iam-policy` allows.
const ASKED: &str = r#"
if [ -n "$AWS_ENDPOINT_URL" ] && [ -e bg.yaml ]; then
    address=${AWS_ENDPOINT_URL#http://}
    exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'GET /needs HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n' "$address" >&3
    cat <&3 >.needs
    bg iam-policy >.policy
fi
"#;

/// What adopting a service may do besides: look at anything, and add what it lacks.
fn is_adopting(need: &Value) -> bool {
    let action = need["action"].as_str().unwrap_or_default();
    let operation = action.split(':').nth(1).unwrap_or_default();
    let begins = [
        "Describe",
        "List",
        "Get",
        "CreateTargetGroup",
        "ModifyTargetGroup",
        "AddTags",
    ];
    begins.iter().any(|verb| operation.starts_with(verb))
}

/// Nothing was asked of the page's region that the policy for its config doesn't allow.
#[track_caller]
fn is_allowed(page: &Page, folder: &Path) {
    let Ok(answer) = fs::read_to_string(folder.join(".needs")) else {
        return;
    };
    let (_, needs) = answer.split_once("\r\n\r\n").expect("an answer");
    let mut needs: Vec<Value> = serde_json::from_str(needs).expect("JSON");
    assert!(!needs.is_empty(), "{}: nothing was asked for", page.name);
    needs.retain(|need| !is_adopting(need));
    let policy = fs::read_to_string(folder.join(".policy")).expect("it was printed");
    let policy = policy.replace("${account}", "123456789012");
    let policy: Value = serde_json::from_str(&policy).expect("it stays JSON");
    let refused = iam::refused(&[policy], &needs);
    assert!(
        refused.is_empty(),
        "{}: not in the policy: {refused:#?}",
        page.name
    );
}

/// Starts it with its output in a file, and waits until it has said the last line that the page shows.
fn beside(at: usize, command: &Command) -> String {
    let lines = command.shown.iter().rev();
    let mut lines = lines.filter(|it| !it.trim().is_empty() && it.trim() != "…");
    let last = lines.next().expect("the page shows what it says");
    let known = last
        .split('…')
        .max_by_key(|it| it.len())
        .unwrap_or_default();
    let known = known.replace('\'', "'\\''");
    // The job is the program itself, and ends when the job is killed.
    let typed = match command.typed.starts_with("bg ") {
        true => format!("exec {}", command.typed),
        false => command.typed.clone(),
    };
    format!(
        ": >.beside-{at}; {{ {typed}\n}} >.beside-{at} 2>&1 &\n\
         until grep -qF -- '{known}' .beside-{at}; do kill -0 $! || break; sleep 0.05; done\n\
         cat .beside-{at}"
    )
}

/// The same page, with a free port for each that a command in it listens on.
fn with_free_ports(page: &Page) -> Page {
    let mut page = page.clone();
    let typed = page.commands.iter().map(|it| it.typed.clone());
    let ports: Vec<String> = typed
        .filter_map(|it| Some(it.split_once("--port ")?.1.to_owned()))
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
        .collect();
    for port in ports {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let free = free.local_addr().expect("it is bound").port().to_string();
        for command in &mut page.commands {
            command.typed = command.typed.replace(&port, &free);
            let shown = command.shown.iter_mut();
            shown.for_each(|line| *line = line.replace(&port, &free));
        }
    }
    page
}
