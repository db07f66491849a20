//! The binary under test.

use std::path::Path;
use std::process::Command;

/// `bg` with these arguments and this environment, in `folder`. Nothing of the caller's AWS or `bg`
/// settings reaches it, nor that it may run in GitHub's.
pub(crate) fn bg(folder: &Path, environment: &[(&str, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bg"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let prefixes = ["AWS_", "BG_", "GITHUB_"];
        if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_COLOR", "1")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .args(arguments);
    command
}
