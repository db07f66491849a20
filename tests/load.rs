//! Deployments under load: while `wrk` asks the sandbox's load balancer for a few hundred pages a
//! second, no request is lost, neither by a good canary nor by one that reverts.

#[path = "support/allowed.rs"]
mod allowed;
#[path = "support/bg.rs"]
mod bg;
#[path = "support/iam.rs"]
mod iam;
#[path = "support/process.rs"]
mod process;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bg::bg;
use process::{Ended, Process};
use sandbox::Sandbox;

/// How long a deployment of a quarter of a virtual hour may take on a busy machine.
const DEPLOYMENT: Duration = Duration::from_secs(180);

/// The demo service with short bakes; blue is put away at the end, which loses requests if it is
/// done too early.
const CONFIG: &str = "\
service: shop
cluster: demo
slots:
  a: { service: shop, target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
strategy: { steps: [{ weight: 10%, bake: 1m }, { weight: 50%, bake: 1m }, { weight: 100% }], bake: 1m }
retire: { after: 0s, then: scale-to-zero, at_most: 10m }
state: file:state
timeout: 2m
";

/// What `wrk` met.
#[derive(Debug, Default)]
struct Met {
    /// Answers.
    requests: u64,
    /// Answers other than 2xx and 3xx.
    bad: u64,
    /// Connections refused or cut, and time-outs.
    lost: u64,
}

/// Says why nothing was tested. In CI that is a failure.
fn wrk_is_missing(test: &str) -> bool {
    let found = Command::new("wrk").arg("--version").output().is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{test} can't run: wrk is not installed"
    );
    if !found {
        let _ = writeln!(io::stderr(), "{test} DID NOT RUN: wrk is not installed");
    }
    !found
}

/// Runs `wrk` again and again until `over`.
async fn load(url: &str, over: &AtomicBool) -> Met {
    let mut met = Met::default();
    while !over.load(Ordering::Relaxed) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/load/steady.lua");
        let mut command = Command::new("wrk");
        command
            .args(["-t1", "-c4", "-d4s", "-s"])
            .arg(script)
            .arg(url);
        let ended = Process::start("wrk", command)
            .end(Duration::from_secs(30))
            .await;
        let [requests, bad, lost] = ["requests=", "bad=", "lost="].map(|name| {
            let word = ended
                .stdout
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name));
            word.and_then(|number| number.parse::<u64>().ok())
                .unwrap_or_else(|| panic!("wrk doesn't say {name}: {}", ended.told()))
        });
        met.requests += requests;
        met.bad += bad;
        met.lost += lost;
    }
    met
}

/// Deploys `image` under load; how it ended and what the load met. None without `wrk`.
async fn deploy_under_load(image: &str) -> Option<(Ended, Met)> {
    if wrk_is_missing(image) {
        return None;
    }
    let sandbox = Sandbox::start(&["--speed", "30"]).await;
    let url = sandbox
        .says("# shop:80 takes requests at ")
        .expect("the data plane's address");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("bg.yaml"), CONFIG).expect("a file in our own folder");
    let arguments = ["deploy", "--image", image, "--wait-retire"];
    let command = bg(folder.path(), &sandbox.environment(), &arguments);

    let over = AtomicBool::new(false);
    let deployment = async {
        let ended = Process::start("bg deploy", command).end(DEPLOYMENT).await;
        over.store(true, Ordering::Relaxed);
        ended
    };
    // Two that begin at different moments: one asks while the other starts again.
    let later = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        load(&url, &over).await
    };
    let (ended, first, second) = tokio::join!(deployment, load(&url, &over), later);
    let policy = allowed::policy(folder.path(), &sandbox.environment());
    allowed::is_all_of(&policy, &allowed::needs(&sandbox.environment()));
    let met = Met {
        requests: first.requests + second.requests,
        bad: first.bad + second.bad,
        lost: first.lost + second.lost,
    };
    Some((ended, met))
}

fn assert_nothing_lost(met: &Met, ended: &Ended) {
    assert!(
        met.requests > 1_000,
        "hardly any load: {met:?}: {}",
        ended.told()
    );
    assert_eq!(
        (met.bad, met.lost),
        (0, 0),
        "of {}: {}",
        met.requests,
        ended.told()
    );
}

#[tokio::test]
async fn a_good_canary_loses_no_request_until_blue_is_put_away() {
    let Some((ended, met)) = deploy_under_load("shop:v2").await else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_nothing_lost(&met, &ended);
}

#[tokio::test]
async fn a_version_that_never_gets_healthy_is_reverted_without_losing_a_request() {
    let Some((ended, met)) = deploy_under_load("shop:unhealthy").await else {
        return;
    };
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert_nothing_lost(&met, &ended);
}

#[tokio::test]
async fn the_load_sees_a_version_that_fails() {
    let Some((ended, met)) = deploy_under_load("shop:bad").await else {
        return;
    };
    // No guard watches its errors here: they must show in the load, or the other tests prove nothing.
    assert!(met.bad > 0, "{met:?}: {}", ended.told());
    assert_eq!(met.lost, 0, "{met:?}: {}", ended.told());
}
