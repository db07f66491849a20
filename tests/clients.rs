//! The sandbox region under clients that know nothing of it: the AWS CLI and boto3. Each sets a
//! scene in an empty region on a port, deploys on it by hand and checks that it sees what it would
//! see in AWS.

#[path = "support/bg.rs"]
mod bg;
#[path = "support/process.rs"]
mod process;
#[path = "support/python.rs"]
mod python;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::time::Duration;

use process::Process;
use python::Python;
use sandbox::Sandbox;

/// How long one client's whole script may take on a busy machine: the AWS CLI is a process for each call,
/// and makes more than a hundred.
const SCRIPT: Duration = Duration::from_secs(600);

/// Runs a script against an empty region of its own, and expects it to be content.
async fn is_content(script: &str) {
    let Some(python) = Python::ready(script) else {
        return;
    };
    let sandbox = Sandbox::start(&["--empty", "--speed", "60"]).await;
    let mut command = python.script(script, &[]);
    command.envs(sandbox.environment());
    let ended = Process::start(script, command).end(SCRIPT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(ended.stdout, "as in AWS\n");
}

#[tokio::test]
async fn boto3_finds_the_sandbox_as_it_would_find_aws() {
    is_content("clients/by_boto3.py").await;
}

#[tokio::test]
async fn the_aws_cli_finds_the_sandbox_as_it_would_find_aws() {
    is_content("clients/by_cli.py").await;
}
