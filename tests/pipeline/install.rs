//! The action's first step: a release with a checksum, or its own source.

use std::path::Path;

use tempfile::TempDir;

use crate::releases::{Answer, archive, script, served, serving};
use crate::runner::Job;

const RELEASE: &str = "/acme/bg/releases/download/v0.1.0";
const ARCHIVE: &str = "bg-x86_64-unknown-linux-gnu.tar.gz";
const PROGRAM: &str = "#!/bin/sh\necho bg of the release\n";
/// Makes what it is asked for, as cargo would.
const CARGO: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in --root) root=$2 ;; --path) path=$2 ;; esac
  shift
done
[ -e "$path/Cargo.toml" ] || exit 1
printf '#!/bin/sh\necho bg of the source\n' >"$root/bin/bg"
chmod +x "$root/bin/bg"
"#;

/// A job whose action is of the tag v0.1.0, with these checksums on the release page.
fn job(folder: &Path, sums: Option<&str>) -> Job {
    job_with(folder, sums, &[])
}

fn job_with(folder: &Path, sums: Option<&str>, inputs: &[(&str, &str)]) -> Job {
    let (packed, sum) = archive(folder, PROGRAM);
    let sums = sums.map(|sums| sums.replace("{sum}", &sum));
    let mut files = vec![(format!("{RELEASE}/{ARCHIVE}"), packed)];
    files.extend(sums.map(|it| (format!("{RELEASE}/SHA256SUMS"), it.into_bytes())));
    let mut job = Job::new(folder.to_owned(), inputs);
    job.set("GITHUB_SERVER_URL", &served(files.into_iter().collect()));
    job.set("GITHUB_ACTION_REPOSITORY", "acme/bg");
    job.set("GITHUB_ACTION_REF", "v0.1.0");
    script(&job.folder().join("fake/cargo"), CARGO);
    let path = std::env::var("PATH").unwrap_or_default();
    let fake = job.folder().join("fake").display().to_string();
    job.set("PATH", &format!("{fake}:{path}"));
    job
}

#[test]
fn a_release_with_its_checksum_is_installed() {
    let folder = TempDir::new().unwrap();
    let others = "0000000000000000000000000000000000000000000000000000000000000000  other.tar.gz";
    let mut job = job(
        folder.path(),
        Some(&format!("{others}\n{{sum}}  {ARCHIVE}\n")),
    );
    let step = job.step("install").exits(0).says("bg of the release");
    assert!(Path::new(&step.outputs["bg"]).exists());
}

#[test]
fn a_release_that_can_t_be_checked_is_not_run() {
    let wrong = "0".repeat(64);
    for (sums, why) in [
        (Some(format!("{wrong}  {ARCHIVE}\n")), "has the checksum"),
        (Some(format!("{wrong}  other.tar.gz\n")), "doesn't name"),
        (None, "has no SHA256SUMS"),
    ] {
        let folder = TempDir::new().unwrap();
        let mut job = job(folder.path(), sums.as_deref());
        let step = job
            .step("install")
            .exits(1)
            .says(why)
            .says("nothing of it was run");
        assert!(!step.log().stdout.contains("bg of the"), "{}", step.log());
        assert!(step.outputs.is_empty());
        assert_eq!(job.step("run").outcome, "skipped");
        assert_eq!(job.step("settle").outcome, "skipped");
    }
}

#[test]
fn without_a_release_for_it_the_source_makes_it() {
    let none = [
        ("GITHUB_ACTION_REF", "v0.2.0"),
        ("GITHUB_ACTION_REF", "main"),
        (
            "GITHUB_ACTION_REF",
            "1a2b3c4d5e6f708192a3b4c5d6e7f80912345678",
        ),
        ("GITHUB_ACTION_REPOSITORY", ""),
        ("RUNNER_ARCH", "RISCV"),
    ];
    for (variable, value) in none {
        let folder = TempDir::new().unwrap();
        let mut job = job(folder.path(), Some(&format!("{{sum}}  {ARCHIVE}\n")));
        job.set(variable, value);
        let step = job.step("install").exits(0);
        step.says("building it from its source")
            .says("bg of the source");
    }
}

#[test]
fn a_server_that_fails_is_no_reason_to_build_something_else() {
    let folder = TempDir::new().unwrap();
    let mut job = job(folder.path(), None);
    // Nothing listens there.
    job.set("GITHUB_SERVER_URL", "http://127.0.0.1:9");
    let step = job.step("install").exits(1);
    step.says("can't be downloaded; run the job again");
}

#[test]
fn a_version_that_is_named_is_that_or_nothing() {
    let sums = format!("{{sum}}  {ARCHIVE}\n");
    for (version, reference) in [("v0.1.0", "main"), ("0.1.0", "main"), ("v0.1.0", "v0.2.0")] {
        let folder = TempDir::new().unwrap();
        let mut job = job_with(folder.path(), Some(&sums), &[("version", version)]);
        job.set("GITHUB_ACTION_REF", reference);
        job.step("install").exits(0).says("bg of the release");
    }
    for version in ["v0.9.0", "main", "latest"] {
        let folder = TempDir::new().unwrap();
        let mut job = job_with(folder.path(), Some(&sums), &[("version", version)]);
        let step = job.step("install").exits(1);
        step.says(&format!("there is no release {version} of bg"))
            .says("name one that is on the page of releases");
        assert!(!step.log().stdout.contains("bg of the"), "{}", step.log());
    }
}

/// A job whose action is of the tag v0.1.0 of a private repository: its page shows nothing, its API
/// only who has the token, and its files lie elsewhere, where the token is none's business.
fn private_job(folder: &Path, inputs: &[(&str, &str)]) -> Job {
    let (packed, sum) = archive(folder, PROGRAM);
    let sums = format!("{sum}  {ARCHIVE}\n").into_bytes();
    let storage = serving(move |path, headers| {
        let has_token = headers.iter().any(|it| it.starts_with("authorization"));
        match path {
            _ if has_token => Answer::status("400 Bad Request"),
            "/8" => Answer::body(packed.as_slice()),
            "/9" => Answer::body(sums.as_slice()),
            _ => Answer::status("404 Not Found"),
        }
    });
    let storage = storage.replace("127.0.0.1", "localhost");
    let api = serving(move |path, headers| {
        let has = |header: &str| headers.iter().any(|it| it == header);
        let asset = path.strip_prefix("/repos/acme/bg/releases/assets/");
        match (path, asset) {
            _ if !has("authorization: bearer s3cret") => Answer::status("404 Not Found"),
            (_, Some(number)) if has("accept: application/octet-stream") => {
                Answer::see(&format!("{storage}/{number}"))
            }
            ("/repos/acme/bg/releases/tags/v0.1.0", _) => Answer::body(described()),
            _ => Answer::status("404 Not Found"),
        }
    });
    let mut job = job_with(folder, None, inputs);
    job.set("GITHUB_SERVER_URL", &served([].into()));
    job.set("GITHUB_API_URL", &api);
    job
}

/// As GitHub's API describes a release, on one line.
fn described() -> String {
    let asset = |number: u32, name: &str| {
        let url = format!("https://api.github.com/repos/acme/bg/releases/assets/{number}");
        format!(
            r#"{{"url":"{url}","id":{number},"node_id":"RA_{number}","name":"{name}","label":"","uploader":{{"login":"ada","url":"https://api.github.com/users/ada"}},"state":"uploaded"}}"#
        )
    };
    let assets = [(7, "other.tar.gz"), (8, ARCHIVE), (9, "SHA256SUMS")];
    let assets = assets.map(|(number, name)| asset(number, name)).join(",");
    let body = format!(r#"It says \"name\": \"{ARCHIVE}\""#);
    format!(
        r#"{{"url":"https://api.github.com/repos/acme/bg/releases/1","name":"v0.1.0","assets":[{assets}],"body":"{body}"}}"#
    )
}

#[test]
fn a_private_repository_s_release_takes_a_token_which_goes_to_the_api_alone() {
    for (of_job, inputs) in [
        ("s3cret", &[][..]),
        ("of-another", &[("token", "s3cret"), ("version", "v0.1.0")]),
    ] {
        let folder = TempDir::new().unwrap();
        let mut job = private_job(folder.path(), inputs);
        job.set("GITHUB_TOKEN", of_job);
        let step = job.step("install").exits(0).says("bg of the release");
        let log = step.log();
        assert!(!log.to_string().contains("s3cret"), "{log}");
    }
    let folder = TempDir::new().unwrap();
    let mut job = private_job(folder.path(), &[]);
    job.set("GITHUB_TOKEN", "of-another");
    job.step("install").exits(0).says("bg of the source");
    let named = [("version", "v0.1.0")];
    let mut job = private_job(folder.path(), &named);
    job.set("GITHUB_ACTION_REF", "main");
    let step = job.step("install").exits(1);
    step.says("those of a private repository take the input token");
}
