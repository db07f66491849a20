//! The edges between modules that the design allows, held by reading the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and what it may import of the crate. A module may always import itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("strategy", &[]),
    // The words for lengths of time are the strategies'.
    ("judge", &["strategy"]),
    // What can be asked, as the config reads it and a plan fixes it.
    ("gate", &["strategy"]),
    ("config", &["strategy", "judge", "gate"]),
    ("deployment", &["strategy", "judge", "gate"]),
    // It is shown a service and says what that lacks; who looks and who acts is `aws`.
    // The strict reader of YAML, the names and the lengths are the strategies'.
    // The names of functions and stages are the gates'.
    ("adopt", &["deployment", "strategy", "gate"]),
    ("diagnose", &["deployment"]),
    // It says what has to be read and judges that; who reads is `aws`.
    ("verify", &["deployment"]),
    ("report", &["deployment", "strategy", "judge"]),
    ("store", &["deployment", "aws"]),
    (
        "aws",
        &[
            "deployment",
            "strategy",
            "judge",
            "diagnose",
            "adopt",
            "verify",
            "gate",
        ],
    ),
    ("sandbox", &[]),
    // It plans nothing and calls nobody: a plan and a world are given to it. The words for lengths
    // and the strict reader of YAML are the strategies'.
    ("rehearse", &["deployment", "sandbox", "strategy", "judge"]),
    (
        "runner",
        &[
            "deployment",
            "aws",
            "store",
            "judge",
            "strategy",
            "diagnose",
            "gate",
        ],
    ),
    (
        "cli",
        &[
            "runner",
            "report",
            "sandbox",
            "rehearse",
            "config",
            "aws",
            "deployment",
            "store",
            "strategy",
            "judge",
            "diagnose",
            "adopt",
            "gate",
            "verify",
        ],
    ),
];

/// What a module that is pure never names.
const IMPURE: &[&str] = &[
    "tokio::",
    "aws_sdk",
    "std::fs",
    "std::net",
    "std::env",
    "crossterm",
];
const PURE: &[&str] = &[
    "strategy",
    "judge",
    "gate",
    "deployment",
    "report",
    "diagnose",
    "adopt",
    "verify",
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("src is there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn source_of(module: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(module);
    let files = sources(&root);
    assert!(!files.is_empty(), "module {module} has no files");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("readable");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            (path, code)
        })
        .collect()
}

/// The modules of this crate that `code` names after `crate::`.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    code.split("crate::").skip(1).map(word).collect()
}

#[test]
fn modules_import_only_what_the_design_allows() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, may) in &allowed {
        for (path, code) in source_of(module) {
            // Tests that stand beside the code may put the region under the SDK.
            let is_test = path.to_string_lossy().contains("tests");
            let code = if is_test {
                ""
            } else {
                code.split("#[cfg(test)]").next().unwrap_or("")
            };
            for import in imports(code) {
                let known = allowed.contains_key(import.as_str());
                if known && import != *module && !may.contains(&import.as_str()) {
                    wrong.push(format!("{} imports crate::{import}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_prints_in_a_way_that_panics_when_its_reader_is_gone() {
    for (module, _) in MAY_IMPORT {
        for (path, code) in source_of(module) {
            let panics = ["println!(", "eprintln!(", "print!(", "eprint!("];
            let words = code.split(|c: char| c.is_whitespace() || c == ';');
            let found: Vec<_> = words
                .filter(|word| panics.iter().any(|it| word.starts_with(it)))
                .collect();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
        }
    }
}

#[test]
fn every_module_of_the_crate_is_in_the_design() {
    let listed: BTreeSet<_> = MAY_IMPORT
        .iter()
        .map(|(module, _)| (*module).to_owned())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: BTreeSet<_> = fs::read_dir(root)
        .expect("src is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_dir())
        .map(|path| {
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(found, listed);
}

#[test]
fn pure_modules_know_no_clock_socket_file_or_sdk() {
    let mut wrong = Vec::new();
    for module in PURE {
        for (path, code) in source_of(module) {
            let code = code.split("#[cfg(test)]").next().unwrap_or("").to_owned();
            for impure in IMPURE.iter().filter(|impure| code.contains(**impure)) {
                wrong.push(format!("{} names {impure}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_would_notice_a_wrong_import() {
    assert!(imports("use crate::sandbox::world;").contains("sandbox"));
}
