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
    ("config", &["strategy", "judge", "gate", "notify"]),
    // What is said elsewhere is made from the words that a report has.
    ("notify", &["deployment", "report"]),
    ("deployment", &["strategy", "judge", "gate"]),
    // It is shown a service and says what that lacks; who looks and who acts is `aws`.
    // The strict reader of YAML, the names and the lengths are the strategies'.
    // The names of functions and stages are the gates', those of topics the channels'.
    ("adopt", &["deployment", "strategy", "gate", "notify"]),
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
            // The names of topics and buses are those of the channels.
            "notify",
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
    // It shows what a store knows and asks whoever drives; it acts on nothing.
    ("ui", &["report", "store", "deployment", "aws", "runner"]),
    (
        "cli",
        &[
            "ui",
            "notify",
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
    "notify",
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

/// The documents that people read.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    found.extend(pages(&root.join("docs")));
    found.sort();
    found
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("docs are there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let pages = paths.flat_map(|path| match path.is_dir() {
        true => pages(&path),
        false => vec![path],
    });
    pages
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect()
}

/// A document's lines outside of its code blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let outside = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    outside.collect()
}

/// What GitHub makes of a heading: `#what-is-watched`, and `-1` for the second of that name.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let slug: String = words.chars().filter(kept).collect();
        let slug = slug.replace(' ', "-");
        let before = seen.entry(slug.clone()).or_insert(0);
        *before += 1;
        match *before {
            1 => slug,
            again => format!("{slug}-{}", again - 1),
        }
    };
    headings.map(anchor).collect()
}

/// Where a document's links go.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text).join("\n");
    let ends = prose.split("](").skip(1);
    let targets = ends.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.collect()
}

/// What is wrong with a link of a document.
fn broken(from: &Path, link: &str) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = match file {
        "" => from.to_path_buf(),
        file => from.parent().expect("it has a folder").join(file),
    };
    if !path.exists() {
        return Some(format!("{}: nothing is at {link}", from.display()));
    }
    let text = || fs::read_to_string(&path).expect("readable");
    let there = anchor.is_empty() || anchors(&text()).iter().any(|it| it == anchor);
    (!there).then(|| format!("{}: no heading for {link}", from.display()))
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).expect("readable");
        let links = links(&text);
        wrong.extend(links.iter().filter_map(|link| broken(&document, link)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_contents_of_the_readme_name_every_part_in_its_order() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(readme).expect("readable");
    let part = text.find("\n## ").expect("it has parts");
    let (contents, parts) = text.split_at(part);
    let anchor = |link: &String| link.strip_prefix('#').map(str::to_owned);
    let named: Vec<_> = links(contents).iter().filter_map(anchor).collect();
    let all = anchors(parts);
    let second = prose(parts).into_iter().filter(|it| it.starts_with('#'));
    let second = second.zip(&all).filter(|(line, _)| line.starts_with("## "));
    let missing: Vec<_> = second.filter(|(_, it)| !named.contains(it)).collect();
    assert!(missing.is_empty(), "not in the contents: {missing:?}");
    let in_order = all.iter().filter(|it| named.contains(it));
    assert!(in_order.eq(named.iter()), "another order than {all:?}");
}

#[test]
fn the_checks_would_notice_a_link_to_nothing() {
    let text = "## A `b`: c\n[x](#a-b-c)\n```\n# no [y](#z)\n```\n## A b c\n";
    assert_eq!(anchors(text), ["a-b-c", "a-b-c-1"]);
    assert_eq!(links(text), ["#a-b-c"]);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    assert!(broken(&readme, "#no-such-part").is_some());
    assert!(broken(&readme, "docs/none.md").is_some());
    assert_eq!(broken(&readme, "docs/rehearsal.md#a-scenarios-keys"), None);
}
