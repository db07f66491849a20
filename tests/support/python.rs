//! The programs of other people that the contract tests run, from PyPI, pinned, in a folder under
//! `target/`.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the emulators and clients need.
const REQUIREMENTS: &str = "emulators/requirements.txt";

/// A Python with everything that a `requirements.txt` names.
pub(crate) struct Python {
    /// The folder of its programs.
    pub(crate) bin: PathBuf,
}

impl Python {
    /// Finds it, or installs it, which takes a minute once. None, with a word on standard error,
    /// where it can't be installed.
    ///
    /// # Panics
    /// If it can't be installed and `CI` is set: there a test that did not run is a failure.
    pub(crate) fn ready(test: &str) -> Option<Self> {
        Self::with(test, REQUIREMENTS)
    }

    /// The same with what another list under `tests/` names.
    ///
    /// # Panics
    /// The same.
    pub(crate) fn with(test: &str, requirements: &str) -> Option<Self> {
        match installed(requirements) {
            Ok(folder) => Some(Self {
                bin: folder.join("bin"),
            }),
            Err(why) if std::env::var_os("CI").is_some() => panic!("{test} can't run: {why}"),
            Err(why) => {
                // Not eprintln!, which the harness keeps to itself when a test passes.
                let _ = writeln!(io::stderr(), "{test} DID NOT RUN: {why}");
                None
            }
        }
    }

    /// One of the repository's scripts under `tests/`.
    pub(crate) fn script(&self, path: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("python3"));
        command
            .arg("-u")
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("tests")
                    .join(path),
            )
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// The folder of the virtual environment, made if need be. One process makes it, others wait.
fn installed(requirements: &str) -> Result<PathBuf, String> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(requirements);
    let list = fs::read_to_string(&requirements);
    let list = list.map_err(|error| format!("{}: {error}", requirements.display()))?;
    let mut hasher = DefaultHasher::new();
    list.hash(&mut hasher);
    let py = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("py");
    let folder = py.join(format!("{:016x}", hasher.finish()));
    let complete = folder.join("complete");
    let words = |error: io::Error| format!("{}: {error}", py.display());
    fs::create_dir_all(&py).map_err(words)?;
    let lock = File::create(folder.with_extension("lock")).map_err(words)?;
    lock.lock().map_err(words)?;
    if !complete.exists() {
        make(&folder, &requirements)?;
        File::create(&complete).map_err(words)?;
    }
    Ok(folder)
}

fn make(folder: &Path, requirements: &Path) -> Result<(), String> {
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    run(Command::new(folder.join("bin/python3"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--retries", "2", "--timeout", "20", "-r"])
        .arg(requirements))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{said}", output.status))
}
