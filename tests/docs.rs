//! The pages under `docs/`: the commands in them are run and their output compared; the reference is
//! made from the code. `docs/README.md` tells how blocks are written.
//!
//! `BG_UPDATE=1 cargo test --test docs` writes the generated parts anew.
#![cfg(unix)]

#[path = "docs/compare.rs"]
mod compare;
#[path = "support/iam.rs"]
mod iam;
#[path = "docs/page.rs"]
mod page;
#[path = "docs/play.rs"]
mod play;
#[path = "docs/reference.rs"]
mod reference;
#[path = "docs/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use page::Page;

/// Where the pages are.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Each page whose commands are run, as a test of its own.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $test() {
                play::play(&Page::read(&docs(), $page));
            }
        )*
    };
}

pages! {
    the_quick_start: "quick-start.md",
    adopting_a_service: "how-to/adopt-a-service.md",
    autoscaling: "how-to/autoscaling.md",
    being_on_call: "how-to/on-call.md",
    doctor: "how-to/doctor.md",
    gates: "how-to/gates.md",
    judging_metrics: "how-to/judge.md",
    keeping_state: "how-to/state.md",
    reading_a_report: "how-to/read-a-report.md",
    records_of_route_53: "how-to/route-53.md",
    rehearsing: "how-to/rehearse.md",
    test_routes: "how-to/test-route.md",
    the_dead_man_switch: "how-to/dead-man-switch.md",
    traces_and_metrics: "how-to/traces-and-metrics.md",
    workers: "how-to/workers.md",
}

/// Pages whose commands need what isn't here, AWS or GitHub; tests of their own try what they show.
const ELSEWHERE: [&str; 2] = ["codepipeline.md", "github-actions.md"];

fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut found: Vec<_> = paths
        .flat_map(|path| match path.is_dir() {
            true => all(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect();
    found.sort();
    found
}

fn names() -> BTreeSet<String> {
    let root = docs();
    let paths = all(&root).into_iter();
    let names = paths.map(|it| it.strip_prefix(&root).expect("it is there").to_owned());
    names.map(|it| it.to_string_lossy().into_owned()).collect()
}

#[test]
fn every_page_with_commands_is_run() {
    let forgotten: Vec<_> = names()
        .into_iter()
        .filter(|name| !PAGES.contains(&name.as_str()))
        .filter(|name| !ELSEWHERE.contains(&name.as_str()))
        .filter(|name| !Page::read(&docs(), name).commands.is_empty())
        .collect();
    assert_eq!(forgotten, Vec::<String>::new());
}

#[test]
fn what_is_not_run_is_at_least_a_script() {
    for name in names() {
        for script in &Page::read(&docs(), &name).scripts {
            play::reads(&name, script);
        }
    }
}

#[test]
fn the_contents_name_every_page() {
    let contents = std::fs::read_to_string(docs().join("README.md")).unwrap();
    let missing: Vec<_> = names()
        .into_iter()
        .filter(|name| name != "README.md" && !contents.contains(&format!("]({name})")))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn wherever_the_shell_s_own_bg_is_put_aside_each_shell_has_its_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [
        "README.md",
        "docs/quick-start.md",
        "docs/how-to/install.md",
        "docs/reference/commands.md",
        ".github/release/bg.rb.in",
    ];
    for page in pages {
        let text = std::fs::read_to_string(root.join(page)).expect(page);
        for line in [
            "enable -n bg",
            "disable bg",
            "function bg; command bg $argv; end",
        ] {
            assert!(text.contains(line), "{page} lacks `{line}`");
        }
        // The bash of macOS, 3.2, reads nothing from there, without a word.
        assert!(!text.contains("source <(bg completions bash)"), "{page}");
    }
}
