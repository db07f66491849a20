//! A runner of GitHub's, as far as a composite action sees it: steps in order, each in a bash of its
//! own, their conditions, inputs and outputs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::expression::{Names, filled, holds};
use crate::support::{Ended, Process, Scene};
use crate::text::{entries, root, yaml};

/// A job that uses the action.
pub(crate) struct Job {
    action: Value,
    inputs: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    folder: TempDir,
    workspace: PathBuf,
    steps: BTreeMap<String, Step>,
    started: usize,
}

/// A step that is over.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// `success`, `failure`, `cancelled` or `skipped`.
    pub(crate) outcome: &'static str,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What it adds to the job's summary.
    pub(crate) summary: String,
    /// All that it wrote; nothing where it was skipped.
    pub(crate) log: Option<Ended>,
}

/// A step that runs.
pub(crate) struct Running {
    id: String,
    files: PathBuf,
    pub(crate) shell: Process,
}

impl Job {
    /// A job on a runner of its own, whose workspace is the scene's folder.
    pub(crate) fn on(scene: &Scene, inputs: &[(&str, &str)]) -> Job {
        let mut job = Job::new(scene.folder().to_owned(), inputs);
        let more = [
            ("AWS_ENDPOINT_URL", format!("http://{}", scene.address())),
            ("AWS_ACCESS_KEY_ID", "sandbox".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
        ];
        for (name, value) in more {
            job.set(name, &value);
        }
        let installed = [("bg".to_owned(), env!("CARGO_BIN_EXE_bg").to_owned())];
        let install = Step {
            outcome: "success",
            outputs: installed.into(),
            ..Step::default()
        };
        job.steps.insert("install".to_owned(), install);
        job
    }

    /// One without a region, and with nothing installed.
    pub(crate) fn new(workspace: PathBuf, inputs: &[(&str, &str)]) -> Job {
        let folder = TempDir::new().expect("a temporary folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let temp = folder.path().join("temp");
        fs::create_dir(&temp).expect("it can be made");
        let environment = [
            ("PATH", path.as_str()),
            ("HOME", &folder.path().display().to_string()),
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTION_PATH", &root().display().to_string()),
            ("GITHUB_SERVER_URL", "https://github.example"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "17"),
            ("GITHUB_ACTOR", "ada"),
            ("HOSTNAME", "runner-1"),
            ("RUNNER_OS", "Linux"),
            ("RUNNER_ARCH", "X64"),
            ("RUNNER_TEMP", &temp.display().to_string()),
        ];
        let own = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            pairs.collect::<BTreeMap<_, _>>()
        };
        Job {
            action: yaml("action.yml"),
            inputs: own(inputs),
            environment: own(&environment),
            workspace,
            folder,
            steps: BTreeMap::new(),
            started: 0,
        }
    }

    /// Sets a variable of all steps.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Where its temporary files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn definition(&self, id: &str) -> &Value {
        let steps = self.action["runs"]["steps"].as_array().expect("steps");
        let mut steps = steps.iter();
        steps
            .find(|step| step["id"] == id)
            .expect("the step is there")
    }

    /// Starts a step; `None` where its condition keeps it from running.
    pub(crate) fn start(&mut self, id: &str) -> Option<Running> {
        let step = self.definition(id).clone();
        let failed = |step: &Step| matches!(step.outcome, "failure" | "cancelled");
        let condition = step["if"].as_str().unwrap_or("success()");
        let runs = match condition.contains("always()") {
            true => holds(condition, self),
            false => !self.steps.values().any(failed),
        };
        if !runs {
            let skipped = Step {
                outcome: "skipped",
                ..Step::default()
            };
            self.steps.insert(id.to_owned(), skipped);
            return None;
        }
        self.started += 1;
        let files = self.folder.path().join(self.started.to_string());
        fs::create_dir(&files).expect("it can be made");
        let script = files.join("script.sh");
        fs::write(&script, step["run"].as_str().expect("a script")).expect("it can be written");
        assert_eq!(step["shell"], "bash");
        let mut shell = Command::new("bash");
        let folder = step["working-directory"].as_str().unwrap_or(".");
        shell
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&script)
            .current_dir(self.workspace.join(filled(folder, self)))
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in entries(&step["env"]) {
            shell.env(name, filled(value.as_str().expect("a text"), self));
        }
        for file in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH"] {
            let path = files.join(file);
            fs::write(&path, "").expect("it can be written");
            shell.env(file, path);
        }
        Some(Running {
            id: id.to_owned(),
            files,
            shell: Process::start(&mut shell),
        })
    }

    /// A step that was started is over.
    pub(crate) fn over(&mut self, running: Running) -> &Step {
        let Running { id, files, shell } = running;
        let log = shell.end();
        let outcome = match log.code {
            0 => "success",
            -1 => "cancelled",
            _ => "failure",
        };
        let read = |file: &str| fs::read_to_string(files.join(file)).expect("it is there");
        let step = Step {
            outcome,
            outputs: outputs(&read("GITHUB_OUTPUT")),
            summary: read("GITHUB_STEP_SUMMARY"),
            log: Some(log),
        };
        self.steps.insert(id.clone(), step);
        &self.steps[&id]
    }

    /// Runs a step to its end.
    pub(crate) fn step(&mut self, id: &str) -> &Step {
        match self.start(id) {
            Some(running) => self.over(running),
            None => &self.steps[id],
        }
    }

    /// What the action gives its user.
    pub(crate) fn output(&self, name: &str) -> String {
        let value = &self.action["outputs"][name]["value"];
        filled(value.as_str().expect("an output of the action"), self)
    }
}

impl Names for Job {
    fn value(&self, path: &str) -> String {
        let parts: Vec<&str> = path.split('.').collect();
        let step = |id: &str| self.steps.get(id);
        match parts[..] {
            ["inputs", name] => {
                let known = &self.action["inputs"][name];
                assert!(known.is_object(), "the action has no input {name}");
                let default = known["default"].as_str().unwrap_or_default();
                self.inputs.get(name).map_or(default, |it| it).to_owned()
            }
            ["steps", id, "outcome"] => step(id).map_or("", |it| it.outcome).to_owned(),
            ["steps", id, "outputs", name] => step(id)
                .and_then(|it| it.outputs.get(name).cloned())
                .unwrap_or_default(),
            ["github", name] => {
                let variable = format!("GITHUB_{}", name.to_uppercase());
                self.environment.get(&variable).cloned().unwrap_or_default()
            }
            _ => panic!("{path} is not known here"),
        }
    }
}

impl Step {
    /// All that it wrote.
    #[track_caller]
    pub(crate) fn log(&self) -> &Ended {
        self.log.as_ref().expect("it was run")
    }

    /// Panics where an output is another.
    #[track_caller]
    pub(crate) fn gives(&self, name: &str, value: &str) -> &Step {
        assert_eq!(
            self.outputs.get(name).map(String::as_str),
            Some(value),
            "{name} of\n{self:?}"
        );
        self
    }

    /// Panics where its exit code is another.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Step {
        assert_eq!(self.log().code, code, "{}", self.log());
        self
    }

    /// Panics where stdout has no such text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Step {
        assert!(
            self.log().stdout.contains(text),
            "no {text:?} in\n{}",
            self.log()
        );
        self
    }

    /// Panics where the summary has no such text.
    #[track_caller]
    pub(crate) fn sums_up(&self, text: &str) -> &Step {
        assert!(
            self.summary.contains(text),
            "no {text:?} in\n{}",
            self.summary
        );
        self
    }
}

/// As the runner reads a file of outputs.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (heredoc, equals) = (line.find("<<"), line.find('='));
        match (heredoc, equals) {
            (Some(at), other) if other.is_none_or(|other| at < other) => {
                let end = &line[at + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|it| *it != end).collect();
                outputs.insert(line[..at].to_owned(), value.join("\n"));
            }
            (_, Some(at)) => {
                outputs.insert(line[..at].to_owned(), line[at + 1..].to_owned());
            }
            _ => panic!("{line:?} is no output"),
        }
    }
    outputs
}
