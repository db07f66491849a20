//! Who runs this process.

/// Who started the job in CI, or the user; the last one is Windows'.
const NAMED: [&str; 6] = [
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "CODEBUILD_INITIATOR",
    "USER",
    "LOGNAME",
    "USERNAME",
];

/// The user, or in CI whoever started the job.
pub(super) fn owner() -> String {
    of_environment(&NAMED).unwrap_or_else(|| "unknown".into())
}

/// The machine.
pub(super) fn host() -> String {
    of_environment(&["HOSTNAME", "COMPUTERNAME"])
        .or_else(host_name)
        .unwrap_or_else(|| "this host".to_owned())
}

/// Both: `ada@engine`.
pub(super) fn name() -> String {
    format!("{}@{}", owner(), host())
}

fn of_environment(names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
    values.find(|text| !text.is_empty())
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    None
}
