//! What a release is made with: the scripts of `.github/release` with a stand-in for the program, the
//! formula as Ruby reads it, `Dockerfile` against the sources that it copies.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-gnu",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn script(folder: &Path, name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(root().join(".github/release").join(name));
    let command = command.args(arguments).current_dir(folder);
    command.output().expect("it starts")
}

fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr];
    both.map(|it| String::from_utf8_lossy(it)).concat()
}

/// The formula for these checksums, or why there is none.
fn formula(sums: &BTreeMap<&str, String>) -> Result<String, String> {
    let folder = TempDir::new().expect("a folder");
    let lines = sums.iter();
    let lines: String = lines
        .map(|(target, sum)| format!("{sum}  bg-{target}.tar.gz\n"))
        .collect();
    fs::write(folder.path().join("SHA256SUMS"), lines).expect("writable");
    let made = script(
        folder.path(),
        "formula",
        &["you/bg", "v1.2.3", "SHA256SUMS"],
    );
    match made.status.success() {
        true => Ok(said(&made)),
        false => Err(said(&made)),
    }
}

fn sums() -> BTreeMap<&'static str, String> {
    let digits = ["1", "2", "3", "4"].map(|digit| digit.repeat(64));
    TARGETS.into_iter().zip(digits).collect()
}

#[test]
fn an_archive_holds_the_program_at_its_top_and_the_licence() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("bg"), "a program").unwrap();
    let packed = script(folder.path(), "pack", &["x86_64-unknown-linux-gnu", "bg"]);
    assert!(packed.status.success(), "{}", said(&packed));
    let mut tar = Command::new("tar");
    tar.args(["-tzf", "bg-x86_64-unknown-linux-gnu.tar.gz"]);
    let listed = tar.current_dir(folder.path()).output().unwrap();
    assert_eq!(said(&listed), "bg\nLICENSE\nCHANGELOG.md\n");
}

#[test]
fn only_the_tag_of_cargo_toml_s_version_is_released() {
    let version = env!("CARGO_PKG_VERSION");
    let right = script(root(), "is-version", &[&format!("v{version}")]);
    assert!(right.status.success(), "{}", said(&right));
    for wrong in ["v99.0.0", version] {
        let wrong = script(root(), "is-version", &[wrong]);
        assert!(!wrong.status.success());
        let said = said(&wrong);
        assert!(said.contains(&format!("has to be v{version}")), "{said}");
    }
}

#[test]
fn the_formula_has_each_platform_s_own_checksum() {
    let formula = formula(&sums()).unwrap();
    assert!(formula.contains("version \"1.2.3\""));
    for (target, sum) in sums() {
        let url = format!(
            "url \"https://github.com/you/bg/releases/download/v1.2.3/bg-{target}.tar.gz\"\n"
        );
        let (_, after) = formula.split_once(&url).expect(target);
        let next = after.trim_start().lines().next();
        assert_eq!(next, Some(format!("sha256 \"{sum}\"").as_str()));
    }
}

#[test]
fn no_formula_is_made_of_a_release_that_lacks_an_archive() {
    let mut few = sums();
    few.remove("x86_64-apple-darwin");
    let why = formula(&few).unwrap_err();
    assert_eq!(
        why,
        "SHA256SUMS doesn't say what @x86_64-apple-darwin@ is\n"
    );
}

#[test]
fn ruby_reads_the_formula() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bg.rb");
    fs::write(&path, formula(&sums()).unwrap()).unwrap();
    match Command::new("ruby").arg("-wc").arg(&path).output() {
        Ok(ruby) => assert_eq!(said(&ruby), "Syntax OK\n"),
        Err(error) if std::env::var_os("CI").is_some() => panic!("ruby: {error}"),
        Err(error) => println!("the formula was read by nobody: ruby: {error}"),
    }
}

#[test]
fn the_formula_is_of_what_the_workflow_builds() {
    let workflow = text(".github/workflows/release.yml");
    for target in TARGETS {
        assert!(workflow.contains(&format!("target: {target},")), "{target}");
    }
}

#[test]
fn workflows_take_no_action_that_moves_without_a_version() {
    for path in [".github/workflows/release.yml", ".github/workflows/ci.yml"] {
        let text = text(path);
        let used = text.lines().filter_map(|line| line.split_once("uses: "));
        let used: BTreeSet<&str> = used.map(|(_, action)| action.trim()).collect();
        for action in used {
            let (_, version) = action.split_once('@').expect(action);
            let digit = version.trim_start_matches('v').chars().next();
            assert!(digit.is_some_and(|it| it.is_ascii_digit()), "{action}");
        }
    }
}

#[test]
fn the_version_and_the_oldest_rust_are_told() {
    let version = format!("ersion {}", env!("CARGO_PKG_VERSION"));
    let rust = format!("Rust {} or later", env!("CARGO_PKG_RUST_VERSION"));
    for page in ["README.md", "docs/how-to/install.md"] {
        let told = text(page);
        assert!(told.contains(&version) && told.contains(&rust), "{page}");
    }
    let release = format!("/v{}/", env!("CARGO_PKG_VERSION"));
    assert!(text("docs/how-to/install.md").contains(&release));
}

/// `Dockerfile`'s lines, those that go on joined, without comments.
fn instructions() -> Vec<String> {
    let text = text("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// What is copied from the sources.
fn copied() -> Vec<String> {
    let lines = instructions();
    let copies = lines.iter().filter_map(|line| line.strip_prefix("COPY "));
    let ours = copies.filter(|it| !it.starts_with("--from="));
    ours.flat_map(|it| {
        let mut words: Vec<_> = it.split_whitespace().map(str::to_owned).collect();
        words.pop();
        words
    })
    .collect()
}

#[test]
fn the_image_s_last_stage_runs_as_nobody_and_builds_nothing() {
    let lines = instructions();
    let last = lines.iter().rposition(|it| it.starts_with("FROM "));
    let last = &lines[last.unwrap()..];
    let users: Vec<_> = last.iter().filter(|it| it.starts_with("USER ")).collect();
    assert_eq!(users, ["USER 65532:65532"]);
    assert!(last[0].starts_with("FROM gcr.io/distroless/"));
    assert!(!last.iter().any(|it| it.starts_with("RUN ")), "{last:?}");
}

#[test]
fn the_image_is_built_on_the_oldest_rust_that_is_promised() {
    let bases: Vec<_> = instructions()
        .into_iter()
        .filter(|it| it.starts_with("FROM "))
        .collect();
    let rust = format!(
        "FROM rust:{}-bookworm AS build",
        env!("CARGO_PKG_RUST_VERSION")
    );
    assert_eq!(
        bases,
        [rust.as_str(), "FROM gcr.io/distroless/cc-debian12:nonroot"]
    );
}

#[test]
fn the_image_s_sources_are_a_whole_package() {
    let folder = TempDir::new().unwrap();
    for path in copied() {
        copy(&root().join(&path), &folder.path().join(&path));
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--locked"]);
    cargo.args(["--format-version", "1"]);
    let read = cargo.current_dir(folder.path()).output().unwrap();
    assert!(read.status.success(), "{}", said(&read));
    let missing = included(&folder.path().join("src"));
    assert_eq!(missing, Vec::<PathBuf>::new());
}

#[test]
fn docker_is_sent_what_it_copies_and_no_more() {
    let ignore = text(".dockerignore");
    let sent = ignore.lines().filter_map(|line| line.strip_prefix('!'));
    let sent: BTreeSet<_> = sent.map(str::to_owned).collect();
    assert_eq!(sent, copied().into_iter().collect());
    assert!(ignore.lines().any(|line| line == "*"));
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("writable");
        for entry in fs::read_dir(from).expect("readable") {
            let entry = entry.expect("readable");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("it is there");
    }
}

/// Files that the code under `folder` includes and that aren't there; tests are left out.
fn included(folder: &Path) -> Vec<PathBuf> {
    let mut missing = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            missing.extend(included(&path));
            continue;
        }
        let code = fs::read_to_string(&path).unwrap_or_default();
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        let names = code.split("include_str!(\"").skip(1);
        let names = names.filter_map(|rest| rest.split('"').next());
        let beside = names.map(|name| path.with_file_name("").join(name));
        missing.extend(beside.filter(|it| !it.exists()));
    }
    missing
}
