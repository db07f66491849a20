//! The action's first step: a release with a checksum, or its own source.

use std::path::Path;

use tempfile::TempDir;

use crate::releases::{archive, script, served};
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
