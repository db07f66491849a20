//! The pages in a real browser: the report of a deployment, and the live page of one that runs.
//! Shown, read, pressed; on a screen, on a phone, on paper, in light and dark, with the keyboard
//! alone, and without a word in the console.

#[path = "support/allowed.rs"]
mod allowed;
#[path = "support/bg.rs"]
mod bg;
#[path = "support/iam.rs"]
mod iam;
#[path = "support/process.rs"]
mod process;
#[path = "support/python.rs"]
mod python;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::path::Path;
use std::time::Duration;

use bg::bg;
use process::Process;
use python::Python;
use sandbox::Sandbox;

/// How long a script, or a deployment, may take on a busy machine.
const SCRIPT: Duration = Duration::from_secs(300);

async fn is_content(python: &Python, script: &str, arguments: &[&str]) {
    let ended = Process::start(script, python.script(script, arguments))
        .end(SCRIPT)
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(ended.stdout, "as it should be\n");
}

#[tokio::test]
async fn a_report_is_read_on_a_screen_on_a_phone_and_on_paper() {
    let Some(python) = Python::ready("browser/report.py") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (image, outcome, says) in [
        (
            "shop:v2",
            "Promoted",
            [
                "green (slot b, shop:2) serves everything",
                "containers.app.image",
            ],
        ),
        (
            "shop:bad",
            "Reverted",
            ["alarm shop-b-5xx went off", "the cart has no column"],
        ),
    ] {
        let flags = ["deploy", "--sandbox", "--image", image, "--speed", "100"];
        let more = ["--no-wait-retire", "--report", "report.html"];
        let deploy = bg(folder.path(), &[], &[&flags[..], &more].concat());
        let ended = Process::start("bg deploy", deploy).end(SCRIPT).await;
        let file = folder.path().join("report.html");
        assert!(file.exists(), "{}", ended.told());
        let file = file.to_string_lossy();
        let arguments = [&[&*file, outcome][..], &says].concat();
        is_content(&python, "browser/report.py", &arguments).await;
    }
}

#[tokio::test]
async fn a_deployment_is_followed_and_steered_on_the_live_page() {
    let Some(python) = Python::ready("browser/live.py") else {
        return;
    };
    let mut sandbox = Sandbox::start(&["--speed", "20"]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gate = "gates: [{ name: release, at: 10%, approval: anyone }]\n";
    let config = format!("{}{gate}", sandbox.config().await);
    fs::write(folder.path().join("bg.yaml"), config).expect("a file");
    let environment = sandbox.environment();
    let at = |arguments: &[&str]| bg(folder.path(), &environment, arguments);
    let deploy = Process::start(
        "bg deploy",
        at(&[
            "deploy",
            "--image",
            "shop:v2",
            "--strategy",
            "canary:10%:4h",
        ]),
    );
    journal_of(folder.path()).await;
    let mut ui = Process::start("bg ui", at(&["ui"]));
    let welcome = welcome(&mut ui).await;
    let home = welcome.split("/?").next().expect("an address");
    is_content(&python, "browser/live.py", &[home, &welcome]).await;
    let ended = deploy.end(SCRIPT).await;
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.stdout.contains("(bg ui)"), "{}", ended.told());
    let policy = allowed::policy(folder.path(), &environment);
    allowed::is_all_of(&policy, &allowed::needs(&environment));
}

#[tokio::test]
async fn more_tabs_than_a_browser_has_connections_stop_nothing() {
    let Some(python) = Python::ready("browser/tabs.py") else {
        return;
    };
    let mut sandbox = Sandbox::start(&["--speed", "20"]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = sandbox.config().await;
    fs::write(folder.path().join("bg.yaml"), config).expect("a file");
    let environment = sandbox.environment();
    let at = |arguments: &[&str]| bg(folder.path(), &environment, arguments);
    let slowly = ["--strategy", "canary:10%:20h"];
    let deploy = [&["deploy", "--image", "shop:v2"], &slowly[..]].concat();
    let deploy = Process::start("bg deploy", at(&deploy));
    journal_of(folder.path()).await;
    let mut ui = Process::start("bg ui", at(&["ui", "--offline"]));
    let welcome = welcome(&mut ui).await;
    is_content(&python, "browser/tabs.py", &[&welcome]).await;
    let ended = deploy.end(SCRIPT).await;
    assert_eq!(ended.code, Some(4), "{}", ended.told());
}

#[tokio::test]
async fn a_live_page_says_that_it_is_out_of_date_until_it_is_not() {
    let Some(python) = Python::ready("browser/stale.py") else {
        return;
    };
    let mut sandbox = Sandbox::start(&["--speed", "20"]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = sandbox.config().await;
    let state = "state: dynamodb://bg-state\n";
    let kept = config.lines().filter(|line| !line.starts_with("state:"));
    let config: String = kept.map(|line| format!("{line}\n")).collect();
    fs::write(folder.path().join("bg.yaml"), config + state).expect("a file");
    let environment = sandbox.environment();
    let at = |arguments: &[&str]| bg(folder.path(), &environment, arguments);
    let table = Process::start("bg init --state", at(&["init", "--state"]));
    let table = table.end(SCRIPT).await;
    assert_eq!(table.code, Some(0), "{}", table.told());
    let slowly = ["--strategy", "canary:10%:20h"];
    let deploy = [&["deploy", "--image", "shop:v2"], &slowly[..]].concat();
    let mut deploy = Process::start("bg deploy", at(&deploy));
    deploy
        .wait_for(SCRIPT, |printed| printed.contains("baking").then_some(()))
        .await;
    // The script starts and ends the server itself.
    let ui = at(&["ui", "--offline"]);
    let program = ui.get_program().to_string_lossy().into_owned();
    let number = sandbox.id().to_string();
    let mut script = python.script("browser/stale.py", &[&number, &program]);
    script.args(ui.get_args()).current_dir(folder.path());
    for (name, value) in ui.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let ended = Process::start("browser/stale.py", script).end(SCRIPT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(ended.stdout, "as it should be\n");
}

/// The address that it prints.
async fn welcome(ui: &mut Process) -> String {
    let address = ui.wait_for(SCRIPT, |printed| {
        let line = printed
            .split_inclusive('\n')
            .find(|it| it.ends_with('\n'))?;
        Some(line.trim().to_owned())
    });
    address.await
}

/// Waits until the deployment has begun.
async fn journal_of(folder: &Path) {
    let begun = || {
        let listed = fs::read_dir(folder.join(".bg"));
        listed.is_ok_and(|mut entries| entries.next().is_some())
    };
    let until = tokio::time::Instant::now() + SCRIPT;
    while !begun() {
        assert!(tokio::time::Instant::now() < until, "it doesn't begin");
        tokio::time::sleep(process::LOOK).await;
    }
}
