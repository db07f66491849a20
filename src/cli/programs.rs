//! The programs that gates run, looked for on this machine before a deployment changes anything.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;

use crate::deployment::preflight::Request;
use crate::deployment::problem::Problem;
use crate::gate::{CommandCheck, GateWanted};

/// Which gates' commands can't be run here, and why not.
pub(super) fn problems(request: &Request) -> Vec<Problem> {
    let path = std::env::var_os("PATH");
    let commands = request.command_gates();
    let told = commands.filter_map(|(gate, check)| problem(gate, check, path.as_deref()));
    told.collect()
}

fn problem(gate: &GateWanted, check: &CommandCheck, path: Option<&OsStr>) -> Option<Problem> {
    let program = check.program()?;
    let why = missing(program, path)?;
    let name = &gate.name;
    Some(Problem::new(
        format!("gate {name} can't run {program}: {why}"),
        "put it there on the machine that runs bg, or correct the gate's `command`",
    ))
}

/// Why a program can't be run. Without a PATH the system's own places are nobody's to list.
fn missing(program: &str, path: Option<&OsStr>) -> Option<String> {
    if program.contains('/') {
        return not_at(Path::new(program));
    }
    // Windows finds a program without its ending.
    let names = [program.to_owned(), format!("{program}{EXE_SUFFIX}")];
    let mut folders = std::env::split_paths(path?);
    let is_in = |folder: &Path| {
        names
            .iter()
            .any(|name| not_at(&folder.join(name)).is_none())
    };
    let found = folders.any(|folder| is_in(&folder));
    (!found).then(|| "no folder of PATH has a program of that name".to_owned())
}

/// Why that file can't be run; a relative path is seen from the working folder.
fn not_at(file: &Path) -> Option<String> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(format!("there is no such file, seen from {}", here()))
        }
        Err(error) => Some(format!("it can't be looked at: {error}")),
        Ok(found) if !found.is_file() => Some("that is no file".to_owned()),
        Ok(_) => (!may_run(file))
            .then(|| format!("it may not be executed: `chmod +x {}`", file.display())),
    }
}

#[cfg(unix)]
fn may_run(file: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(file, Access::EXEC_OK).is_ok()
}

/// There files have no such right.
#[cfg(not(unix))]
fn may_run(_: &Path) -> bool {
    true
}

fn here() -> String {
    let here = std::env::current_dir();
    here.map_or_else(
        |_| "the working folder".to_owned(),
        |it| it.display().to_string(),
    )
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_as_the_system_would() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("smoke");
        std::fs::write(&file, "#!/bin/sh\n").expect("it is written");
        let path = folder.path().as_os_str();
        let why = |program: &str, path| missing(program, path).unwrap_or_default();
        assert!(why("smoke", Some(path)).contains("no folder of PATH"));
        let whole = file.to_str().expect("plain letters");
        assert!(why(whole, None).contains("chmod +x"));
        rustix::fs::chmod(&file, rustix::fs::Mode::RWXU).expect("it is ours");
        assert_eq!(missing("smoke", Some(path)), None);
        assert_eq!(missing(whole, None), None);
        assert!(why(folder.path().to_str().unwrap_or_default(), None).contains("no file"));
        assert!(why("./gone", Some(path)).contains("no such file"));
        assert_eq!(missing("gone", None), None, "nothing says where to look");
    }
}
