//! The buildspec's commands, in CodeBuild's order: each in a bash that has what the ones before left
//! in their variables; a phase ends at its first failure, and `post_build` comes after `build`
//! whatever became of that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::releases::{archive, served};
use crate::support::{Ended, Process, Scene, until};
use crate::text::{entries, yaml};

const TABLE: (&str, &str) = ("patience: 60m", "patience: 60m\nstate: dynamodb://bg-state");
const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");
const DEFINITIONS: &str = "imagedefinitions.json";

/// A build in CodeBuild.
struct Build {
    spec: Value,
    environment: BTreeMap<String, String>,
    source: PathBuf,
    folder: TempDir,
    log: String,
}

impl Build {
    /// One whose source is the scene's folder, and whose table is there.
    fn of(scene: &Scene) -> Build {
        scene.bg(&["init", "--state"]).exits(0);
        let folder = TempDir::new().expect("a temporary folder");
        let program = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_bg"));
        let (packed, sum) = archive(folder.path(), &program);
        let machine = Command::new("uname")
            .arg("-m")
            .output()
            .expect("it is there");
        let machine = String::from_utf8(machine.stdout).expect("text");
        let name = format!("bg-{}-unknown-linux-gnu.tar.gz", machine.trim());
        let sums = format!("{sum}  {name}\n");
        let url = served(BTreeMap::from([
            (format!("/v0.1.0/{name}"), packed),
            ("/v0.1.0/SHA256SUMS".to_owned(), sums.into_bytes()),
        ]));
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", folder.path().display().to_string()),
            ("CI", "true".to_owned()),
            ("USER", "codebuild".to_owned()),
            (
                "CODEBUILD_BUILD_URL",
                "https://codebuild.example/17".to_owned(),
            ),
            ("AWS_ENDPOINT_URL", format!("http://{}", scene.address())),
            ("AWS_ACCESS_KEY_ID", "sandbox".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
            ("BG_RELEASES", url),
        ];
        let own = environment.map(|(name, value)| (name.to_owned(), value));
        let mut build = Build {
            spec: yaml("examples/codebuild/buildspec.yml"),
            environment: own.into(),
            source: scene.folder().to_owned(),
            folder,
            log: String::new(),
        };
        for (name, value) in entries(&build.spec["env"]["variables"].clone()) {
            let value = value.as_str().expect("a text").to_owned();
            // The project's own variables win.
            build.environment.entry(name.clone()).or_insert(value);
        }
        build
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn commands(&self, phase: &str) -> Vec<String> {
        let commands = self.spec["phases"][phase]["commands"].as_array();
        let commands = commands.expect("commands").iter();
        commands
            .map(|it| it.as_str().expect("a text").to_owned())
            .collect()
    }

    fn start(&self, command: &str) -> Process {
        let state = self.state();
        let script = format!(
            "if [ -e {state} ]; then . {state}; fi\n\
             trap 'code=$?; declare -p | grep -v \"^declare -[a-zA-Z]*r\" >{state}; exit $code' EXIT\n\
             {command}",
            state = state.display()
        );
        assert_eq!(self.spec["env"]["shell"], "bash");
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &script])
            .current_dir(&self.source)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Process::start(&mut shell)
    }

    fn took(&mut self, ended: &Ended) -> bool {
        self.log.push_str(&format!("{ended}\n"));
        ended.code == 0
    }

    /// Whether all of a phase's commands succeed.
    fn phase(&mut self, phase: &str) -> bool {
        for command in self.commands(phase) {
            let ended = self.start(&command).end();
            if !self.took(&ended) {
                return false;
            }
        }
        true
    }

    /// The whole build; whether it succeeds.
    fn run(&mut self) -> bool {
        if !self.phase("install") || !self.phase("pre_build") {
            return false;
        }
        let built = self.phase("build");
        self.phase("post_build") && built
    }

    /// What it exports, once it is over.
    fn exported(&self) -> BTreeMap<String, String> {
        let names = self.spec["env"]["exported-variables"].as_array();
        let names = names.expect("a list").iter();
        let value = |name: &str| {
            let said = self.start(&format!("printf %s \"${{{name}-}}\"")).end();
            said.exits(0).stdout
        };
        let names = names.map(|it| it.as_str().expect("a text"));
        names.map(|name| (name.to_owned(), value(name))).collect()
    }

    /// Runs it up to where its deployment says `phase`, and kills that.
    fn is_killed_at(&mut self, phase: &str) {
        let begins = self.phase("install") && self.phase("pre_build");
        assert!(begins, "{}", self.log);
        let mut commands = self.commands("build");
        let deploys = commands.pop().expect("the last one deploys");
        for command in commands {
            let ended = self.start(&command).end();
            assert!(self.took(&ended));
        }
        let mut shell = self.start(&deploys);
        shell.until_it_says(phase);
        kill_child_of(shell.id());
        let ended = shell.end();
        assert!(!self.took(&ended));
    }

    fn report(&self) -> String {
        let path = self.source.join("bg-report/bg.xml");
        fs::read_to_string(path).expect("the report is there")
    }
}

fn definitions(folder: &Path, image: &str) {
    let text = format!(r#"[{{"name":"app","imageUri":"{image}"}}]"#);
    fs::write(folder.join(DEFINITIONS), text).expect("it can be written");
}

#[test]
fn a_good_version_is_deployed_exported_and_reported() {
    let scene = Scene::at_speed(100);
    scene.configure(&[TABLE]);
    // By its digest: a tag may have moved, and what it means is deployed again.
    let image = format!("shop@sha256:{}", "0".repeat(64));
    definitions(scene.folder(), &image);
    let mut build = Build::of(&scene);
    assert!(build.run(), "{}", build.log);
    let exported = build.exported();
    assert_eq!(exported["BG_OUTCOME"], "promoted");
    assert_eq!(exported["BG_GREEN_WEIGHT"], "100");
    assert!(exported["BG_TASK_DEFINITION_ARN"].ends_with("/shop:2"));
    assert!(!exported["BG_DEPLOYMENT_ID"].is_empty());
    assert!(build.log.contains("Outcome: promoted"), "{}", build.log);
    assert!(build.report().contains("failures=\"0\""));
    assert_eq!(scene.weights(), (0, 100));

    assert!(build.run(), "once more: {}", build.log);
    assert_eq!(build.exported()["BG_OUTCOME"], "unchanged");
}

#[test]
fn a_bad_version_fails_the_build_and_its_report_says_why() {
    let scene = Scene::at_speed(100);
    scene.configure(&[TABLE, LONG]);
    // The image alone, as ECR's source action has it, in an artifact of its own.
    let image = TempDir::new().unwrap();
    fs::write(
        image.path().join("imageDetail.json"),
        r#"{"ImageURI":"shop:bad"}"#,
    )
    .unwrap();
    let mut build = Build::of(&scene);
    let artifact = image.path().display().to_string();
    build
        .environment
        .insert("CODEBUILD_SRC_DIR_Image".to_owned(), artifact);
    assert!(!build.run(), "{}", build.log);
    let exported = build.exported();
    assert_eq!(exported["BG_OUTCOME"], "reverted");
    assert_eq!(exported["BG_GREEN_WEIGHT"], "0");
    let report = build.report();
    assert!(
        report.contains("<failure message=\"alarm shop-b-"),
        "{report}"
    );
    assert!(report.contains("the cart has no column"), "{report}");
    scene.stands_on_blue();
}

#[test]
fn nothing_begins_without_an_image_or_with_a_plan_that_is_refused() {
    let scene = Scene::at_speed(1);
    scene.configure(&[TABLE]);
    let mut build = Build::of(&scene);
    let before = scene.footprint();
    assert!(!build.run());
    assert!(build.log.contains("No image to deploy"), "{}", build.log);
    let text = r#"[{"name":"other","imageUri":"shop:v2"}]"#;
    fs::write(scene.folder().join(DEFINITIONS), text).unwrap();
    assert!(!build.run());
    assert_eq!(scene.footprint(), before);
}

#[test]
fn what_a_kill_leaves_in_the_middle_is_put_back_after_it() {
    let scene = Scene::at_speed(50);
    scene.configure(&[TABLE, LONG]);
    definitions(scene.folder(), "shop:v2");
    let mut build = Build::of(&scene);
    build.is_killed_at("baking");
    assert_eq!(scene.weights(), (90, 10));

    assert!(
        !build.phase("post_build"),
        "what was put back is no success"
    );
    assert_eq!(build.exported()["BG_OUTCOME"], "reverted");
    assert!(build.log.contains("Put back what was left in the middle"));
    scene.stands_on_blue();
}

#[test]
fn what_a_kill_finds_promoted_stays_so_and_is_told_so() {
    let scene = Scene::at_speed(50);
    scene.configure(&[TABLE, ("after: 2m", "after: 24h")]);
    definitions(scene.folder(), "shop:v2");
    let mut build = Build::of(&scene);
    let waits = ("BG_WAIT_RETIRE".to_owned(), "true".to_owned());
    build.environment.extend([waits]);
    build.is_killed_at("Promoted");
    assert!(build.phase("post_build"), "{}", build.log);
    let exported = build.exported();
    assert_eq!(exported["BG_OUTCOME"], "promoted", "{}", build.log);
    assert_eq!(exported["BG_GREEN_WEIGHT"], "100");
    assert!(!exported["BG_DEPLOYMENT_ID"].is_empty());
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn what_another_build_left_as_it_is_stays_so_whatever_becomes_of_this_one() {
    let scene = Scene::at_speed(20);
    scene.configure(&[TABLE, LONG]);
    definitions(scene.folder(), "shop:v3");
    let mut build = Build::of(&scene);
    assert!(
        build.phase("install") && build.phase("pre_build"),
        "{}",
        build.log
    );
    let keeps = ["deploy", "--image", "shop:v2", "--on-interrupt", "keep"];
    let mut kept = scene.start(&keeps);
    kept.until_it_says("baking");
    kept.signal("INT");
    kept.end().exits(7);
    // Refused, and then one that was killed before it drove anything.
    assert!(!build.phase("build"));
    assert!(!build.phase("post_build"), "{}", build.log);
    std::fs::remove_file(scene.folder().join("bg-outcome.env")).unwrap();
    assert!(!build.phase("post_build"), "{}", build.log);
    assert!(
        build.log.contains("Outcome: none, nothing was begun"),
        "{}",
        build.log
    );
    assert!(!build.log.contains("Put back what"), "{}", build.log);
    assert_eq!(scene.weights(), (90, 10));
}

/// Kills the one process that `parent` has started.
fn kill_child_of(parent: u32) {
    let found = until("its child", || {
        let said = Command::new("pgrep")
            .args(["-P", &parent.to_string()])
            .output();
        let said = String::from_utf8(said.expect("procps is there").stdout).expect("text");
        said.split_whitespace().next().map(str::to_owned)
    });
    let killed = Command::new("kill").args(["-KILL", &found]).status();
    assert!(killed.expect("kill is there").success());
}
