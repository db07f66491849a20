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
    of_environment(&["HOSTNAME"]).unwrap_or_else(host_name)
}

/// Both: `ada@engine`.
pub(super) fn name() -> String {
    format!("{}@{}", owner(), host())
}

fn of_environment(names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
    values.find(|text| !text.is_empty())
}

fn host_name() -> String {
    std::fs::read_to_string("/etc/hostname")
        .map_or_else(|_| "this host".to_owned(), |name| name.trim().to_owned())
}
